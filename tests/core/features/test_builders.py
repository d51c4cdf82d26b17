from __future__ import annotations

import math
from functools import partial
from statistics import fmean

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narwhals.exceptions import ColumnNotFoundError
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.features.builders import build_features, drop_forbidden, features_for
from regression_lifecycle.core.features.feature import Feature
from regression_lifecycle.core.features.specifications import FeatureRecipe
from tests.engines import every_engine, lazy_engine
from tests.examples import with_missing_values

HOUR = pd.Timedelta("1 hour")
REPEATABLE = settings(deadline=None, derandomize=True, database=None, max_examples=20)


def lag(column, *ages, name="made", **more):
    return {"kind": "lag", "name": name, "column": column, "ages": list(ages), **more}


def day(column, name="made", **more):
    return {"kind": "day", "name": name, "column": column, **more}


def times(*moments, **columns):
    """Observations of the tiny problem at given times; columns not given are zero."""
    stamp = pd.to_datetime(list(moments), format="ISO8601").astype("datetime64[us]")
    table = pd.DataFrame({"timestamp": stamp, "temp": 0.0, "load": 0.0, "cnt": 0})
    return table.assign(**columns)


HISTORY = [
    {"kind": "columns", "names": ["temp", "sky", "hour"]},
    {"kind": "calendar", "parts": ["hour", "weekday"]},
    lag("cnt", "6 hours", name="cnt_6h"),
    lag("cnt", "1 day", "6 hours", "7 hours", name="cnt_mean"),
    lag("load", "6 hours", "12 hours", name="load_max", statistic="max"),
    lag("temp", "1 hour", name="temp_1h"),
    day("temp", name="day_temp"),
]


# --- what the table looks like ------------------------------------------------------------------


def test_key_features_kept_columns_and_target_come_in_this_order(observations, problem, recipe):
    table = build_features(
        observations, problem, recipe(*HISTORY), keep=(name for name in ["hour", "load"])
    )
    features = recipe(*HISTORY).feature_names
    assert list(table) == ["timestamp", *features, "load", "cnt"]
    assert set(table.drop(columns=["timestamp", "sky", "cnt"]).dtypes.astype("str")) == {"float64"}
    assert table["cnt"].tolist() == observations["cnt"].tolist()


def test_no_row_is_lost_or_added_and_the_input_stays_as_it_was(observations, problem, recipe):
    before = observations.copy(deep=True)
    table = build_features(observations, problem, recipe(*HISTORY))
    assert table["timestamp"].tolist() == observations["timestamp"].tolist()
    assert_frame_equal(observations, before)


def test_the_order_of_rows_does_not_matter(observations, problem, recipe):
    shuffled = observations.sample(frac=1, random_state=2)
    assert_frame_equal(
        build_features(shuffled, problem, recipe(*HISTORY)).reset_index(drop=True),
        build_features(observations, problem, recipe(*HISTORY)).reset_index(drop=True),
    )


def test_a_blank_stays_blank(observations, problem, recipe):
    holed = observations.assign(sky=observations["sky"].where(observations.index != 3))
    table = build_features(holed, problem, recipe({"kind": "columns", "names": ["sky"]}))
    assert table["sky"].isna().tolist() == [i == 3 for i in range(len(table))]


# --- leakage ------------------------------------------------------------------------------------


def test_a_leaking_recipe_is_refused_before_anything_is_built(observations, problem, recipe):
    for spec in (lag("cnt", "5 hours"), lag("part_a", "1 day"), day("load")):
        with pytest.raises(ConfigurationError):
            build_features(observations, problem, recipe(spec))


def test_forbidden_columns_are_dropped_and_the_others_are_kept(observations, problem):
    left = drop_forbidden(observations, problem)
    assert list(left) == [name for name in observations if name not in ("part_a", "part_b")]
    assert list(drop_forbidden(left, problem)) == list(left)


@pytest.mark.parametrize("name", ["part_a", "part_b"])
def test_a_forbidden_column_cannot_even_be_carried_along(observations, problem, recipe, name):
    with pytest.raises(ColumnNotFoundError, match=name):
        build_features(observations, problem, recipe(lag("cnt", "1 day")), keep=[name])


def test_a_table_without_the_forbidden_columns_gives_the_same(observations, problem, recipe):
    without = observations.drop(columns=["part_a", "part_b"])
    assert_frame_equal(
        build_features(without, problem, recipe(*HISTORY)),
        build_features(observations, problem, recipe(*HISTORY)),
    )


@settings(REPEATABLE, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
def test_forbidden_columns_change_nothing(observations, problem, recipe, seed):
    random = np.random.default_rng(seed)
    other = observations.assign(
        part_a=random.permutation(observations["part_a"]), part_b=random.normal(size=96)
    )
    expected = build_features(observations, problem, recipe(*HISTORY), keep=["load"])
    assert not {"part_a", "part_b"} & set(expected)
    assert_frame_equal(build_features(other, problem, recipe(*HISTORY), keep=["load"]), expected)


# Any recipe that the guard lets through must be honest, so the recipes are drawn too: with the
# late columns, the target, forbidden columns, young ages, and names that the table uses already.
_names = st.sampled_from(["made", "load", "cnt", "temp", "part_a"])
_columns = st.sampled_from(["cnt", "load", "temp", "part_a"])
_ages = st.lists(st.integers(1, 30).map("{} hours".format), min_size=1, max_size=3)
_statistics = st.sampled_from(["mean", "min", "max"])
_features = st.one_of(
    st.builds(
        lambda name, column, ages, statistic: lag(column, *ages, name=name, statistic=statistic),
        *(_names, _columns, _ages, _statistics),
    ),
    st.builds(
        lambda name, column, offset: day(column, name=name, offset_days=offset),
        *(_names, _columns, st.integers(-1, 1)),
    ),
    st.builds(lambda name: {"kind": "columns", "names": [name]}, _columns),
)


@settings(REPEATABLE, max_examples=200)
@given(
    feature=_features,
    changed_from=st.integers(1, 95),
    dropped=st.sets(st.integers(0, 95), max_size=30),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_not_known_yet_never_changes_a_feature(
    observations, problem, feature, changed_from, dropped, seed
):
    recipe = FeatureRecipe(features=[feature])
    try:
        recipe.check(problem)
    except ConfigurationError:
        return  # refused: that is how most leaks end
    moment = observations["timestamp"].iloc[changed_from]
    table = observations.drop(index=list(dropped))
    later = table["timestamp"] >= moment
    random = np.random.default_rng(seed)
    changed = table.assign(
        cnt=table["cnt"].where(~later, random.integers(1000, 2000, len(table))),
        load=table["load"].where(~later, random.normal(5000, 1, len(table))),
        part_a=table["part_a"].where(~later, random.integers(1000, 2000, len(table))),
    )
    names = ["timestamp", *recipe.feature_names]
    before, after = (build_features(t, problem, recipe)[names] for t in (table, changed))
    # A row at t knows what lies before t - horizon, and that moment itself.
    knows_nothing_of_it = before["timestamp"] - problem.horizon < moment
    assert_frame_equal(after[knows_nothing_of_it], before[knows_nothing_of_it])


def test_what_is_just_known_does_change_the_feature(observations, problem, recipe):
    """Keeps the property above from holding for a feature that reads nothing at all."""
    changed = observations.assign(cnt=observations["cnt"].where(observations.index != 10, 9999))
    table = build_features(changed, problem, recipe(lag("cnt", "6 hours")))
    assert table.index[table["made"] == 9999].tolist() == [16]


# --- lags ---------------------------------------------------------------------------------------


@settings(REPEATABLE, max_examples=15)
@given(
    dropped=st.sets(st.integers(0, 95), max_size=60),
    ages=st.lists(st.integers(6, 40), min_size=1, max_size=3, unique=True),
    statistic=_statistics,
)
def test_a_lag_is_looked_up_by_time_and_never_filled(
    observations, problem, dropped, ages, statistic
):
    table = observations.drop(index=list(dropped))
    recipe = FeatureRecipe(
        features=[lag("cnt", *(f"{age} hours" for age in ages), statistic=statistic)]
    )
    made = build_features(table, problem, recipe).set_index("timestamp")["made"]
    known = dict(zip(table["timestamp"], table["cnt"], strict=True))
    combine = {"mean": fmean, "min": min, "max": max}[statistic]
    assert len(made) == len(table)
    for moment, value in made.items():
        past = [known[moment - a * HOUR] for a in ages if moment - a * HOUR in known]
        if past:
            assert value == pytest.approx(combine(past), abs=1e-9)
        else:
            assert math.isnan(value)


def test_a_deleted_hour_changes_only_the_row_that_looks_at_it(observations, problem, recipe):
    recipe = recipe(lag("cnt", "6 hours"))
    full = build_features(observations, problem, recipe).set_index("timestamp")["made"]
    holed = build_features(observations.drop(index=30), problem, recipe).set_index("timestamp")
    differs = full.loc[holed.index].ne(holed["made"]) & full.loc[holed.index].notna()
    assert differs[differs].index.tolist() == [observations["timestamp"].iloc[36]]


def test_the_past_of_the_first_rows_is_missing_and_not_back_filled(observations, problem, recipe):
    made = build_features(observations, problem, recipe(lag("cnt", "1 day")))["made"]
    assert made.isna().tolist() == [True] * 24 + [False] * 72


# --- day statistics -----------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-1, 0, 1, 2])
@pytest.mark.parametrize(("statistic", "combine"), [("mean", fmean), ("min", min), ("max", max)])
def test_a_day_statistic_is_that_of_the_day_so_many_days_away(
    observations, problem, recipe, offset, statistic, combine
):
    table = observations.drop(index=[*range(30, 40), *range(48, 72)])  # a gap and a whole day
    spec = day("temp", statistic=statistic, offset_days=offset)
    made = build_features(table, problem, recipe(spec)).set_index("timestamp")["made"]
    for moment, value in made.items():
        date = (moment + pd.Timedelta(days=offset)).date()
        values = table.loc[table["timestamp"].dt.date == date, "temp"].tolist()
        if values:
            assert value == pytest.approx(combine(values), abs=1e-9)
        else:
            assert math.isnan(value)


# --- the calendar -------------------------------------------------------------------------------


def build(table, problem, *features):
    made = build_features(table, problem, FeatureRecipe(features=features))
    return made.drop(columns=["timestamp", "cnt"])


def test_calendar_parts_are_those_of_the_timestamp(problem):
    table = times("2012-02-29 05:30", "2012-12-31 23:00", "2013-12-29 00:00")
    parts = ["hour", "weekday", "day", "day_of_year", "month", "year"]
    made = build(table, problem, {"kind": "calendar", "parts": parts})
    assert made.to_numpy().tolist() == [
        [5, 3, 29, 60, 2, 2012],  # a Wednesday, in a leap year
        [23, 1, 31, 366, 12, 2012],  # a Monday
        [0, 7, 29, 363, 12, 2013],  # a Sunday
    ]


def test_a_cyclical_part_meets_itself_at_midnight(problem):
    table = times("2021-03-01 23:00", "2021-03-02 00:00", "2021-03-02 06:00")
    made = build(table, problem, {"kind": "cyclical", "part": "hour", "period": 24})
    sine = [round(math.sin(2 * math.pi * hour / 24), 9) for hour in (23, 0, 6)]
    cosine = [round(math.cos(2 * math.pi * hour / 24), 9) for hour in (23, 0, 6)]
    assert made["hour_sin"].tolist() == sine
    assert made["hour_cos"].tolist() == cosine


def test_a_time_index_counts_from_its_origin_in_its_unit_and_backwards_before(problem):
    table = times("2010-12-31 18:00", "2011-01-01 00:00", "2011-01-02 12:00", "2012-01-01 00:00")
    index = {"kind": "time_index", "name": "i", "origin": "2011-01-01"}
    assert build(table, problem, {**index, "unit": "1 day"})["i"].tolist() == [-0.25, 0, 1.5, 365]
    assert build(table, problem, {**index, "unit": "6 hours"})["i"].tolist() == [-1, 0, 6, 1460]


@pytest.mark.parametrize(
    ("first", "last", "inside"),
    [
        ("12-24", "01-02", ["2011-12-24", "2011-12-31 23:00", "2012-01-01", "2012-01-02 23:00"]),
        ("02-29", "03-01", ["2012-02-29", "2012-03-01 23:00"]),
        ("02-28", "02-29", ["2012-02-28 23:00", "2012-02-29"]),
        ("07-04", "07-04", ["2012-07-04 12:00"]),
    ],
)
def test_an_annual_period_holds_both_its_ends_also_over_new_year(problem, first, last, inside):
    moments = sorted(
        {
            *("2011-12-23 23:00", "2011-12-24", "2011-12-31 23:00", "2012-01-01"),
            *("2012-01-02 23:00", "2012-01-03", "2012-02-27", "2012-02-28 23:00"),
            *("2012-02-29", "2012-03-01 23:00", "2012-03-02", "2012-07-04 12:00", "2012-07-05"),
        }
    )
    period = {"kind": "annual_period", "name": "p", "first": first, "last": last}
    made = build(times(*moments), problem, period)["p"]
    assert [moment for moment, value in zip(moments, made, strict=True) if value == 1] == inside
    assert set(made) == {0.0, 1.0}


# --- several groups at one time -----------------------------------------------------------------


@pytest.fixture(scope="module")
def panel(make_problem):
    columns = {
        "day": {"type": "datetime", "known_in_advance": True},
        "station": {"type": "category", "known_in_advance": True},
        "temp": {"type": "float", "known_in_advance": True},
        "cnt": {"type": "integer"},
    }
    return make_problem(
        timestamp={"date": "day"},
        columns=columns,
        forbidden_columns={},
        key=["station", "timestamp"],
    )


def stations(n_hours=30):
    stamp = pd.date_range("2021-03-01", periods=n_hours, freq="h").astype("datetime64[us]")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "timestamp": stamp,
                    "station": name,
                    "temp": np.arange(n_hours) + level,
                    "cnt": np.arange(n_hours) + level,
                }
            )
            for name, level in (("north", 0), ("south", 1000))
        ],
        ignore_index=True,
    )


def test_a_lag_and_a_day_stay_within_their_group(panel, recipe):
    features = recipe(lag("cnt", "6 hours"), day("temp", name="day_temp"))
    table = build_features(stations(), panel, features)
    assert list(table)[:2] == ["station", "timestamp"]
    assert len(table) == 60
    for name, level in (("north", 0), ("south", 1000)):
        rows = table[table["station"] == name]
        assert rows["made"].tolist()[6:] == [i + level for i in range(24)]
        assert rows["made"].iloc[:6].isna().all()
        assert rows["day_temp"].tolist() == [11.5 + level] * 24 + [26.5 + level] * 6


def test_groups_are_sorted_by_time_first(panel, recipe):
    table = build_features(stations(), panel, recipe(lag("cnt", "6 hours")))
    assert table["timestamp"].is_monotonic_increasing
    assert table["station"].tolist()[:4] == ["north", "south", "north", "south"]


def test_a_gap_in_one_group_is_not_filled_from_the_other(panel, recipe):
    table = stations()
    holed = table[~((table["station"] == "north") & (table["cnt"] == 10))]
    made = build_features(holed, panel, recipe(lag("cnt", "6 hours")))
    at_16 = made[made["timestamp"] == "2021-03-01 16:00"].set_index("station")["made"]
    assert math.isnan(at_16["north"])
    assert at_16["south"] == 1010


def test_rows_that_the_champions_own_recipe_made_stay_as_they_are(observations, problem, recipe):
    own = recipe(lag("cnt", "30 hours"))
    rows = build_features(observations, problem, own)

    assert features_for(rows, own, own, observations, problem) is rows


# --- the same on every engine -------------------------------------------------------------------

BIKE_FEATURES = [
    {"kind": "columns", "names": ["hr", "workingday", "weathersit", "temp", "hum", "windspeed"]},
    {"kind": "calendar", "parts": ["hour", "weekday", "day", "day_of_year", "month", "year"]},
    {"kind": "cyclical", "part": "hour", "period": 24},
    {"kind": "cyclical", "part": "day_of_year", "period": 365.25},
    {"kind": "time_index", "name": "day_index", "origin": "2011-01-01", "unit": "1 day"},
    {"kind": "time_index", "name": "third", "origin": "2011-01-01", "unit": "3 hours"},
    {"kind": "annual_period", "name": "new_year", "first": "12-24", "last": "01-06"},
    day("temp", name="day_temp"),
    day("windspeed", name="wind_tomorrow", statistic="max", offset_days=1),
    day("hum", name="hum_yesterday", statistic="min", offset_days=-1),
    lag("cnt", "7 days", name="week_ago"),
    lag("cnt", "7 days", "8 days", "9 days", "14 days", name="cnt_mean"),
    lag("cnt", "7 days", "14 days", name="cnt_min", statistic="min"),
    lag("hum", "1 hour", "2 hours", "3 hours", "5 hours", name="hum_mean"),
    lag("temp", "1 hour", "24 hours", name="temp_max", statistic="max"),
]


def test_every_kind_of_feature_is_tried_on_every_engine():
    assert {spec["kind"] for spec in BIKE_FEATURES} == set(Feature.kinds)


@pytest.fixture(scope="module")
def three_weeks(bike_observations):
    """The first 501 hours with their gaps; the weather of some is missing."""
    table = bike_observations[bike_observations["timestamp"] < "2011-01-22"]
    return with_missing_values(table, "weathersit", "windspeed").reset_index(drop=True)


def to_pandas(native):
    return (
        nw.from_native(native).lazy().collect().to_pandas().astype({"timestamp": "datetime64[us]"})
    )


@lazy_engine
def test_every_engine_gives_the_same_table_and_the_same_predictions(
    engine, three_weeks, bike_problem, recipe
):
    from sklearn.ensemble import HistGradientBoostingRegressor

    build_table = partial(
        build_features,
        problem=bike_problem,
        recipe=recipe(*BIKE_FEATURES),
        keep=["season", "atemp"],
    )
    expected = build_table(three_weeks).reset_index(drop=True)
    made = to_pandas(build_table(engine(three_weeks)))
    features = list(recipe(*BIKE_FEATURES).feature_names)
    assert_frame_equal(made, expected, check_exact=True, check_dtype=False)
    assert not {"casual", "registered", "instant"} & set(made)

    model = HistGradientBoostingRegressor(loss="poisson", max_iter=20, random_state=0)
    model.fit(expected[features], expected["cnt"])
    assert model.predict(made[features]).tobytes() == model.predict(expected[features]).tobytes()


# --- the calendar -------------------------------------------------------------------------------


@every_engine
@pytest.mark.parametrize("anchor", ["MS", "ME", "BME"])
def test_a_month_ago_is_the_row_of_the_month_before(make_problem, recipe, anchor, engine):
    stamps = pd.date_range("2019-01-01", periods=36, freq=anchor).as_unit("us")
    table = times(*stamps, cnt=range(36))
    monthly = make_problem(frequency="1 month", horizon="1 month")
    specs = recipe(
        lag("cnt", "1 month", name="month"),
        lag("cnt", "1 year", "2 years", name="years"),
        {"kind": "time_index", "name": "index", "origin": "2019-01-01", "unit": "1 quarter"},
    )

    made = to_pandas(build_features(engine(table), monthly, specs))

    assert made["month"].tolist()[1:] == list(range(35))
    assert math.isnan(made["month"].iloc[0])
    # Two years ago is missing for the second year.
    assert made["years"].tolist()[12:] == [*range(12), *(i + 6.0 for i in range(12))]
    np.testing.assert_allclose(made["index"], np.arange(36) / 3)


@every_engine
def test_a_month_ago_of_a_day_is_its_day_of_the_month_before_or_the_last(
    make_problem, recipe, engine
):
    stamps = pd.date_range("2021-01-01", "2021-03-31", freq="D").as_unit("us")
    table = times(*stamps, cnt=range(90))
    daily = make_problem(frequency="1 day", horizon="1 day")

    made = to_pandas(build_features(engine(table), daily, recipe(lag("cnt", "1 month"))))

    assert len(made) == 90
    ago = dict(zip(stamps.strftime("%m-%d"), made["made"], strict=True))
    assert (ago["02-01"], ago["02-28"], ago["03-01"]) == (0, 27, 31)
    assert [ago[f"03-{day}"] for day in (28, 29, 30, 31)] == [58] * 4


@pytest.mark.parametrize(
    ("age", "message"),
    [("31 days", "none lies 31 days back; use multiples of 1 month"), ("1 month", "not known yet")],
)
def test_an_age_that_no_row_has_is_refused(make_problem, recipe, age, message):
    monthly = make_problem(frequency="1 month", horizon="2 months")
    with pytest.raises(ConfigurationError, match=message):
        recipe(lag("cnt", age)).check(monthly)


@pytest.mark.parametrize("age", ["27 days", "30 days"])
def test_a_month_ahead_needs_ages_of_the_longest_month(make_problem, recipe, age):
    daily = make_problem(frequency="1 day", horizon="1 month")
    with pytest.raises(ConfigurationError, match="use ages from 1 month on"):
        recipe(lag("cnt", age)).check(daily)
    recipe(lag("cnt", "31 days", "1 month")).check(daily)


def test_a_second_row_of_a_month_doubles_no_other(make_problem, recipe):
    table = times("2021-01-01", "2021-01-20", "2021-02-01", cnt=[2, 4, 0])
    monthly = make_problem(frequency="1 month", horizon="1 month")
    made = build_features(table, monthly, recipe(lag("cnt", "1 month")))
    assert made["made"].tolist()[-1] == 3
    assert len(made) == 3


def test_a_key_that_writes_the_time_in_parts_names_its_series(make_problem, recipe):
    columns = {"yr": {"type": "integer"}, "shop": {"type": "category"}, "cnt": {"type": "integer"}}
    described = make_problem(
        timestamp={"year": "yr"},
        columns=columns,
        forbidden_columns={},
        key=["yr", "shop"],
        frequency="1 year",
        horizon="1 year",
    )
    years = pd.date_range("2000-01-01", periods=3, freq="YS").as_unit("us")
    table = pd.DataFrame({"timestamp": years, "yr": years.year}).merge(
        pd.DataFrame({"shop": ["a", "b"]}), how="cross"
    )
    table["cnt"] = range(6)

    made = build_features(table, described, recipe(lag("cnt", "1 year")))

    assert described.series_columns == ("shop",)
    assert made["made"].tolist()[2:] == [0, 1, 2, 3]


def test_a_key_that_numbers_the_rows_does_not_keep_a_lag_from_the_past(make_problem, recipe):
    columns = {**make_problem().model_dump()["columns"], "instant": {"type": "integer"}}
    described = make_problem(columns=columns, key=["instant"])
    # Two rows stand at midnight.
    table = times("2021-03-01 00:00", "2021-03-01 00:00", "2021-03-01 06:00", cnt=[2, 4, 9])

    made = build_features(table.assign(instant=[1, 2, 3]), described, recipe(lag("cnt", "6 hours")))

    assert made["instant"].tolist() == [1, 2, 3]
    assert made["made"].tolist()[2] == 3


def test_the_weight_is_carried_where_there_is_one_and_is_never_a_feature(
    observations, make_problem, recipe
):
    weighted = make_problem(weight_column="load")

    table = build_features(observations, weighted, recipe(lag("cnt", "6 hours")))
    assert list(table) == ["timestamp", "made", "load", "cnt"]
    # Rows to be predicted need none.
    future = build_features(
        observations.drop(columns="load"), weighted, recipe(lag("cnt", "6 hours"))
    )
    assert list(future) == ["timestamp", "made", "cnt"]
    for feature in (lag("load", "6 hours"), {"kind": "columns", "names": ["load"]}):
        with pytest.raises(ConfigurationError, match=r"'load' is problem\.weight_column"):
            build_features(observations, weighted, recipe(feature))
