from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    add_baseline,
    choose_baseline,
    naive_forecasts,
)

DAILY = BaselineParameters(season="1 day", seasons_back=2)


def forecast(kind, past, rows, mean, problem, parameters):
    """One naive forecast, the mean where it has no value."""
    made = naive_forecasts(past, rows, {"mean": mean}, problem, parameters)
    return add_baseline(rows, made, kind)["baseline"]


def seasonal(*arguments):
    return forecast("seasonal", *arguments)


@pytest.fixture
def history(observations):
    """Four days whose target is the number of hours since the first."""
    return observations[["timestamp"]].assign(cnt=np.arange(96))


def test_the_forecast_is_the_value_one_season_ago(history, problem):
    rows = history.iloc[48:].sample(frac=1, random_state=1)
    made = seasonal(history, rows, -1.0, problem, DAILY)
    assert made.index.equals(rows.index)
    assert made.tolist() == (rows["cnt"] - 24).tolist()


def test_a_gap_shifts_nothing_and_falls_back_season_by_season_then_to_the_mean(history, problem):
    # Hour 50 looks at 26, then 2; hour 60 at 36, then 12; both of the latter are gone for 60.
    past = history.drop(index=[26, 36, 12])
    made = seasonal(past, history.iloc[48:72], -1.0, problem, DAILY)
    expected = {hour: hour - 24.0 for hour in range(48, 72)} | {50: 2.0, 60: -1.0}
    assert made.to_dict() == expected


def test_seasons_beyond_the_allowed_number_are_not_tried(history, problem):
    parameters = BaselineParameters(season="1 day", seasons_back=1)
    made = seasonal(history.drop(index=26), history.loc[[50]], -1.0, problem, parameters)
    assert made.tolist() == [-1.0]


def test_without_a_season_there_is_no_seasonal_forecast(history, problem):
    made = naive_forecasts(history, history, {"mean": 1.0}, problem, BaselineParameters())
    assert list(made) == ["mean", "last_value"]


@pytest.mark.parametrize(
    ("season", "changes", "message"),
    [
        (
            "5 hours",
            {},
            "5 hours is shorter than problem.horizon, 6 hours, so those values",
        ),
        # A day is known a day late, so it is two days old when it is first of use.
        ("1 day", {"label_delay": "1 day"}, "shorter than problem.horizon and .*, 30 hours"),
        (
            "365 days",
            {"frequency": "1 month"},
            "no multiple of .*, 1 month.*'1 year'",
        ),
    ],
)
def test_a_season_that_does_not_fit_is_refused(history, make_problem, season, changes, message):
    parameters = BaselineParameters(season=season)
    with pytest.raises(ConfigurationError, match=message):
        naive_forecasts(history, history, {"mean": 0.0}, make_problem(**changes), parameters)


def test_the_last_value_is_the_newest_that_was_known(history, problem, make_problem):
    rows = history.loc[[50, 60, 3]]
    # Hours 44 and 54 are six hours back; 54 is missing, so it is 53.
    made = forecast("last_value", history.drop(index=54), rows, -1.0, problem, DAILY)
    assert made.tolist() == [44.0, 53.0, -1.0]
    # Labels that come 90 minutes later: 7.5 hours back, and so the hour before.
    late = make_problem(label_delay="90 minutes")
    assert forecast("last_value", history, rows, -1.0, late, DAILY).tolist() == [42.0, 52.0, -1.0]


def test_a_value_without_a_label_is_not_the_last(history, problem):
    past = history.assign(cnt=history["cnt"].where(history.index != 44))
    assert forecast("last_value", past, history.loc[[50]], 0.0, problem, DAILY).tolist() == [43.0]


def test_constants_are_those_of_training(history, problem):
    made = naive_forecasts(history, history, {"mean": 12.5, "median": 3.0}, problem, DAILY)
    assert (made["mean"] == 12.5).all()
    assert (made["median"] == 3.0).all()


def test_the_baseline_is_the_forecast_that_is_the_hardest_to_beat(history, problem):
    rows = history.iloc[48:]
    made = naive_forecasts(history, rows, {"mean": 20.0, "median": 21.0}, problem, DAILY)
    # The target grows by one an hour: the younger the value, the better.
    assert choose_baseline(made, rows["cnt"], "rmse") == "last_value"
    day = pd.Series(rows["timestamp"].dt.hour, index=rows.index)
    past = history.assign(cnt=history["timestamp"].dt.hour)
    made = naive_forecasts(past, rows, {"mean": 11.5, "median": 11.5}, problem, DAILY)
    assert choose_baseline(made, day, "rmse") == "seasonal"
    # Squares are least for the mean, distances for the median.
    skewed = pd.Series([0.0, 0.0, 0.0, 12.0])
    made = pd.DataFrame({"mean": 3.0, "median": 0.0}, index=skewed.index)
    assert choose_baseline(made, skewed, "rmse") == "mean"
    assert choose_baseline(made, skewed, "mae") == "median"
    assert choose_baseline(made, skewed * np.nan, "mae") == "mean"


def test_where_a_value_is_missing_the_row_says_so(history, problem):
    rows = history.iloc[48:52]
    made = naive_forecasts(history.drop(index=[25, 1]), rows, {"mean": -1.0}, problem, DAILY)
    told = add_baseline(rows, made, "seasonal")
    assert told["baseline"].tolist() == [24.0, -1.0, 26.0, 27.0]
    assert told["baseline_source"].tolist() == ["seasonal", "mean", "seasonal", "seasonal"]


def test_later_values_never_change_the_forecast(history, problem):
    moment = history["timestamp"].iloc[70]
    later = history["timestamp"] >= moment
    changed = history.assign(cnt=history["cnt"].where(~later, 9999))
    rows = history[history["timestamp"] - problem.horizon < moment]
    for season in ("6 hours", "1 day"):
        parameters = BaselineParameters(season=season)
        made, other = (
            naive_forecasts(past, rows, {"mean": -1.0}, problem, parameters)
            for past in (history, changed)
        )
        assert made.equals(other)


def test_a_group_repeats_its_own_past(make_problem, history):
    panel = make_problem(key=["sky", "timestamp"])
    table = pd.concat(
        [history.assign(sky="clear"), history.assign(sky="rain", cnt=history["cnt"] + 1000)],
        ignore_index=True,
    )
    rows = table.iloc[[48, 144]]
    assert seasonal(table, rows, -1.0, panel, DAILY).tolist() == [24.0, 1024.0]
    assert forecast("last_value", table, rows, -1.0, panel, DAILY).tolist() == [42.0, 1042.0]


def test_same_hour_last_week_on_the_bike_holdout(bike_raw, bike_observations, bike_problem):
    start = pd.Timestamp("2012-08-07 12:00")
    # The reference a second time, without the project's code: a plain look-up by hour.
    hours = pd.to_datetime(bike_raw["dteday"]) + pd.to_timedelta(bike_raw["hr"], unit="h")
    known = dict(zip(hours, bike_raw["cnt"], strict=True))
    mean = bike_raw.loc[hours < start, "cnt"].mean()
    expected = [
        next(
            (known[at - k * pd.Timedelta("7D")] for k in (1, 2, 3, 4)
             if at - k * pd.Timedelta("7D") in known),
            mean,
        )
        for at in hours[hours >= start]
    ]  # fmt: skip
    holdout = bike_observations[bike_observations["timestamp"] >= start]
    parameters = BaselineParameters(season="7 days", seasons_back=4)
    made = seasonal(bike_observations, holdout, mean, bike_problem, parameters)
    assert made.tolist() == pytest.approx(expected)
    error = math.sqrt(((made - holdout["cnt"]) ** 2).mean())
    assert 110 < error < 114


MONTHLY = {"frequency": "1 month", "horizon": "1 month"}


@pytest.mark.parametrize("anchor", ["MS", "ME", "BME", "SMS"])
def test_months_are_met_by_the_calendar_whatever_their_day(make_problem, anchor):
    stamps = pd.date_range("1999-01-01", periods=240, freq=anchor).as_unit("us")
    if anchor == "SMS":  # the 1st and the 15th: of two rows in a month the newer one is the last
        stamps = stamps[1::2]
    table = pd.DataFrame({"timestamp": stamps, "cnt": np.arange(len(stamps), dtype="float64")})
    parameters = BaselineParameters(season="1 year", seasons_back=1)
    rows = table.iloc[12:]

    made = naive_forecasts(table, rows, {"mean": -1.0}, make_problem(**MONTHLY), parameters)

    assert (made["seasonal"] == rows["cnt"] - 12).all()
    assert (made["last_value"] == rows["cnt"] - 1).all()


@pytest.mark.parametrize(
    ("frequency", "anchor", "horizon", "delay", "steps"),
    [
        ("1 quarter", "QS", "1 quarter", None, 1),
        ("1 quarter", "QE-JAN", "2 quarters", None, 2),
        ("1 year", "YE", "1 year", None, 1),
        # A month and a week, rounded up to the grid of months.
        ("1 month", "MS", "1 month", "7 days", 2),
        ("1 month", "ME", "1 month", "31 days", 3),
        ("7 days", "W", "1 month", None, 5),
    ],
)
def test_the_last_value_is_a_horizon_and_a_delay_old(
    make_problem, frequency, anchor, horizon, delay, steps
):
    stamps = pd.date_range("2000-01-01", periods=40, freq=anchor).as_unit("us")
    table = pd.DataFrame({"timestamp": stamps, "cnt": np.arange(40.0)})
    lengths = {"frequency": frequency, "horizon": horizon, "label_delay": delay}
    made = naive_forecasts(
        table, table.iloc[10:], {"mean": 0.0}, make_problem(**lengths), BaselineParameters()
    )
    back = table["cnt"].iloc[10:] - made["last_value"]
    # A month of 28 days is four weeks.
    assert set(back) <= ({steps} if frequency != "7 days" else {4, 5})


@pytest.fixture
def of_shops(make_problem):
    """The tiny problem by the month, with a shop in its key."""
    columns = {**make_problem().model_dump()["columns"], "shop": {"type": "category"}}
    lengths = {"frequency": "1 month", "horizon": "1 month"}
    return make_problem(columns=columns, key=["timestamp", "shop"], **lengths)


def test_every_series_looks_back_at_itself_and_has_a_mean_of_its_own(of_shops):
    months = pd.date_range("2020-01-01", periods=24, freq="MS").as_unit("us")
    table = pd.DataFrame({"timestamp": months}).merge(
        pd.DataFrame({"shop": ["a", "b"], "cnt": [0.0, 1000.0]}), how="cross"
    )
    table["cnt"] += table["timestamp"].dt.month
    new = pd.DataFrame({"timestamp": months[-1:], "shop": ["new"], "cnt": [5.0]})
    rows = pd.concat([table.iloc[-2:], new]).set_axis([7, 3, 5])

    made = naive_forecasts(
        pd.concat([table, new]),
        rows,
        {"mean": 500.0},
        of_shops,
        BaselineParameters(season="1 year"),
        trained_until=pd.Timestamp("2020-12-01"),
    )

    assert made["seasonal"].tolist()[:2] == [12.0, 1012.0]
    assert made["last_value"].tolist()[:2] == [11.0, 1011.0]
    assert made["series_mean"].tolist()[:2] == [6.5, 1006.5]
    assert made.loc[5, ["seasonal", "last_value", "series_mean"]].isna().all()
    best = add_baseline(rows, made, "series_mean")
    assert best["baseline"].tolist() == [6.5, 1006.5, 500.0]
    assert best["baseline_source"].tolist() == ["series_mean", "series_mean", "mean"]


def test_series_that_are_whole_numbers_are_found_where_features_made_floats_of_them(of_shops):
    months = pd.date_range("2020-01-01", periods=24, freq="MS").as_unit("us")
    table = pd.DataFrame({"timestamp": months}).merge(
        pd.DataFrame({"shop": [1, 2], "cnt": [1.0, 2.0]}), how="cross"
    )
    parameters = BaselineParameters(season="1 year")
    rows = table.iloc[-2:].astype({"shop": "float64"})

    made = naive_forecasts(table, rows, {"mean": 0.0}, of_shops, parameters, table["timestamp"][9])

    assert made[["seasonal", "last_value", "series_mean"]].T.to_numpy().tolist() == [[1.0, 2.0]] * 3


def test_the_mean_of_the_series_stands_in_before_that_of_all_rows(of_shops):
    months = pd.date_range("2020-01-01", periods=3, freq="MS").as_unit("us")
    table = pd.DataFrame({"timestamp": months, "shop": "a", "cnt": [4.0, 6.0, 9.0]})

    made = naive_forecasts(
        table,
        table.iloc[2:],
        {"mean": 500.0},
        of_shops,
        BaselineParameters(season="1 year"),
        trained_until=months[1],
    )

    best = add_baseline(table.iloc[2:], made, "seasonal")
    assert best[["baseline", "baseline_source"]].to_numpy().tolist() == [[5.0, "mean"]]


@pytest.mark.parametrize("name", ["mean", "seasonal", "last_value", "series_mean"])
def test_one_forecast_alone_gives_the_baseline_that_all_of_them_give(of_shops, name):
    months = pd.date_range("2020-01-01", periods=30, freq="MS").as_unit("us")
    shops = pd.DataFrame({"shop": ["a", "b"], "cnt": [0.0, 1000.0]})
    table = pd.DataFrame({"timestamp": months}).merge(shops, how="cross")
    table["cnt"] += table["timestamp"].dt.month
    # One shop is young, so that the mean of its series stands in.
    table = table[(table["shop"] == "a") | (table["timestamp"] >= "2021-12-01")]
    rows, parameters = table.iloc[-6:], BaselineParameters(season="1 year")
    arguments = ({"mean": 500.0}, of_shops, parameters, pd.Timestamp("2022-02-01"))

    alone = naive_forecasts(table, rows, *arguments, only=name)

    every = naive_forecasts(table, rows, *arguments)
    assert_frame_equal(add_baseline(rows, alone, name), add_baseline(rows, every, name))
    assert {*alone} <= {"mean", name, "series_mean"}


def test_the_baseline_of_a_quantile_is_chosen_by_pinball_loss(history, problem):
    target = history["cnt"].astype("float64")
    forecasts = pd.DataFrame(
        {"quantile": float(target.quantile(0.9)), "seasonal": target.mean()}, index=history.index
    )

    # The mean is nearer to most values, and no quantile.
    assert choose_baseline(forecasts, target, "pinball", 0.9) == "quantile"
    assert choose_baseline(forecasts, target, "mae") == "seasonal"
    gaps = forecasts.assign(seasonal=np.nan)
    sources = add_baseline(history, gaps, "seasonal")["baseline_source"]
    assert sources.unique().tolist() == ["quantile"]


def test_the_baseline_is_chosen_on_the_rows_that_count():
    target = pd.Series([1.0, 1.0, 9.0, 9.0])
    forecasts = pd.DataFrame({"mean": [9.0] * 4, "seasonal": [1.0] * 4})

    for weight, best in (([3, 3, 1, 1], "seasonal"), ([1, 1, 3, 3], "mean"), ([0] * 4, "mean")):
        weights = pd.Series(weight, dtype="float64")
        assert choose_baseline(forecasts, target, "rmse", None, weights) == best
    # A row of weight 0 may lack its forecast.
    gaps = forecasts.assign(seasonal=[1.0, 1.0, np.nan, np.nan])
    assert choose_baseline(gaps, target, "rmse", None, pd.Series([1.0, 1, 0, 0])) == "seasonal"


@pytest.mark.parametrize(("quantile", "level"), [(None, 8.0), (0.9, 9.0)])
def test_the_level_of_a_series_is_weighted(make_problem, quantile, level):
    columns = {**make_problem().model_dump()["columns"], "shop": {"type": "category"}}
    problem = make_problem(
        columns=columns, key=["timestamp", "shop"], weight_column="load", quantile=quantile
    )
    times = pd.date_range("2021-03-01", periods=4, freq="h").as_unit("us")
    table = pd.DataFrame(
        {
            "timestamp": times,
            "shop": ["a", "a", "a", "b"],
            "cnt": [5.0, 9.0, 700.0, 3.0],
            "load": [1.0, 3.0, 0.0, 2.0],
        }
    )
    rows = table.iloc[:1].assign(timestamp=times[-1] + pd.Timedelta("9 hours"))
    parameters, until = BaselineParameters(season=None), times[-1]

    for shop, expected in (("a", level), ("b", 3.0), ("new", np.nan)):
        asked = rows.assign(shop=shop)
        made = naive_forecasts(table, asked, {"mean": 0.0}, problem, parameters, until)
        np.testing.assert_equal(made["series_mean"].tolist(), [expected])
