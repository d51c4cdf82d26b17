"""The configuration that a profile leads to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.profiling.profile import profile_table
from regression_lifecycle.core.profiling.proposal import propose_parameters


def table(moments, **columns) -> pd.DataFrame:
    random = np.random.default_rng(0)
    n = len(moments)
    made = {"x": random.normal(size=n).round(3), "y": random.normal(size=n).round(3)}
    return pd.DataFrame({"day": moments, **columns, **made})


def proposed(frame: pd.DataFrame, **kwargs):
    return propose_parameters(profile_table(frame, "y", **kwargs))


def test_a_large_table_needs_nothing_but_its_description():
    found = proposed(table(pd.date_range("2020-01-01", periods=1000)))

    assert set(found) == {"problem"}
    assert found["problem"]["timestamp"] == {"date": "day"}
    assert found["problem"]["columns"]["y"] == {"type": "float"}
    assert found["problem"]["columns"]["x"] == {"type": "float", "known_in_advance": True}


@pytest.mark.parametrize(
    ("freq", "periods", "frequency", "gate"),
    [
        ("MS", 60, "1 month", {"minimum_rows": 14, "comparison": {"block": "1 month"}}),
        ("QS", 40, "1 quarter", {"minimum_rows": 9, "comparison": {"block": "1 quarter"}}),
        ("D", 200, "1 day", {"minimum_rows": 48, "comparison": {"block": "6 days"}}),
        ("h", 1000, "1 hour", {"comparison": {"block": "30 hours"}}),
    ],
)
def test_a_small_table_is_judged_on_more_rows_in_shorter_blocks(freq, periods, frequency, gate):
    found = proposed(table(pd.date_range("1910-01-01", periods=periods, freq=freq)))

    assert found["problem"]["frequency"] == frequency
    assert found["preprocessing"]["split"] == {"kind": "share", "holdout_share": 0.3}
    assert found["evaluation"]["gate"] == gate


@pytest.mark.parametrize(
    ("freq", "periods", "parts"),
    [("15min", 12_000, ["hour", "weekday"]), ("D", 220, ["weekday"]), ("7D", 36, [])],
)
def test_a_year_that_was_not_seen_is_no_feature(freq, periods, parts):
    found = proposed(table(pd.date_range("2025-08-01", periods=periods, freq=freq)))

    features = found["preprocessing"]["features"]
    assert [feature["parts"] for feature in features if feature["kind"] == "calendar"] == (
        [parts] if parts else []
    )
    assert {"columns", "time_index"} <= {feature["kind"] for feature in features}
    longer = proposed(table(pd.date_range("2025-08-01", periods=300)))
    assert "features" not in longer.get("preprocessing", {})


def test_rows_of_tomorrow_come_without_a_target_that_is_late():
    frame = table(pd.date_range("2020-01-01", periods=1000))
    assert proposed(frame, label_delay="2 days")["problem"]["columns"]["y"]["missing"] is True


def test_many_series_of_few_times_are_judged_on_times():
    months = pd.date_range("2019-01-01", periods=60, freq="MS")
    shops = [f"s{number:02d}" for number in range(30)]
    found = proposed(table(months.repeat(30), shop=shops * 60))

    assert found["problem"]["key"] == ["timestamp", "shop"]
    assert found["evaluation"]["gate"] == {"minimum_rows": 14, "comparison": {"block": "1 month"}}


@pytest.mark.parametrize(("freq", "periods"), [("MS", 240), ("QS", 100), ("YS", 80), ("7D", 300)])
def test_what_follows_from_a_slow_frequency_is_not_written(freq, periods):
    assert set(proposed(table(pd.date_range("1910-01-01", periods=periods, freq=freq)))) == {
        "problem"
    }


def test_without_a_time_blocks_are_rows():
    found = proposed(table(range(300)).drop(columns="day"))

    assert found["problem"]["timestamp"] == {"rows": True}
    assert "horizon" not in found["problem"]
    assert found["evaluation"]["gate"] == {"minimum_rows": 72, "comparison": {"block": "9 seconds"}}


def test_a_tiny_table_has_fewer_folds():
    found = proposed(table(pd.date_range("2020-01-01", periods=60)))

    assert found["training"]["cross_validation"]["n_splits"] < 5


@pytest.mark.parametrize("horizon", ["7 days", "10 days"])
def test_thirty_rows_leave_the_first_fold_rows_to_learn_from(horizon):
    profile = profile_table(table(pd.date_range("2020-01-01", periods=30)), "y", horizon=horizon)
    folds = propose_parameters(profile)["training"]["cross_validation"]

    gap, training = pd.Timedelta(horizon).days, 21
    assert training - folds["n_splits"] * folds.get("test_size", training // 3) - gap >= 5


def test_days_of_the_week_without_rows_are_said():
    found = proposed(table(pd.bdate_range("2020-01-01", periods=900)))
    assert found["problem"]["weekdays"] == ["monday", "tuesday", "wednesday", "thursday", "friday"]
    assert found["problem"]["frequency"] == "1 day"

    for slow in ("7D", "MS"):
        moments = pd.date_range("2020-01-06", periods=100, freq=slow)
        assert "weekdays" not in proposed(table(moments))["problem"]


def test_nights_without_rows_are_no_alarm_for_ever():
    """Rows of eight hours a day: at more than 20 % missing every tick would alert."""
    hours = pd.date_range("2020-01-01", periods=24 * 400, freq="h")
    found = proposed(table(hours[(hours.hour >= 9) & (hours.hour < 17)]))

    # Two thirds are missing; of the others a fifth may be missing, as everywhere.
    assert found["policy"] == {"rules": {"data_quality": {"maximum_share": 0.74}}}
    # Blocks of a week are counted by the calendar and not by rows.
    assert "evaluation" not in found
    assert "policy" not in proposed(table(hours[:4000]))
    assert "policy" not in proposed(table(pd.bdate_range("2020-01-01", periods=900)))


def test_rows_at_no_fixed_distance_are_said_to_be_irregular():
    steps = np.cumsum(np.random.default_rng(0).exponential(9, 900))
    found = proposed(table(pd.Timestamp("2020-01-01") + pd.to_timedelta(steps, unit="h")))

    assert found["problem"]["irregular"] is True
    assert "irregular" not in proposed(table(pd.date_range("2020-01-01", periods=900)))["problem"]


def test_a_dirty_table_may_be_set_aside_by_its_share():
    moments = pd.date_range("2020-01-01", periods=1000)
    dirty = table(moments, size=[str(k % 9) for k in range(999)] + ["x"]).astype("str")
    found = proposed(pd.concat([dirty, dirty.head(50)]))

    assert found["ingestion"] == {"maximum_rejected_share": 0.1, "unreadable": "quarantine"}


@pytest.mark.parametrize(("n_copies", "limit"), [(300, 0.47), (800, 0.75)])
def test_a_limit_lets_twice_of_what_is_set_aside_pass_and_never_all(n_copies, limit):
    frame = table(pd.date_range("2020-01-01", periods=1000))
    frame = pd.concat([frame, frame.head(n_copies).assign(y=0.5)])

    assert proposed(frame, time=["day"], key=[])["ingestion"] == {"maximum_rejected_share": limit}


def test_a_description_that_would_set_most_rows_aside_is_refused_with_the_reason():
    frame = table(np.repeat(pd.date_range("2020-01-01", periods=200), 5), shop=list("abcde") * 200)

    said = r"800 of 1,000 rows would be set aside: 800 with the time of an earlier row\. .*--key"
    with pytest.raises(DataContractError, match=said):
        proposed(frame, time=["day"], key=[])


SPELT = ["NA", "null", "None", "nan", "north"]


def with_spelt(**columns) -> pd.DataFrame:
    """Series that are called like what is missing, and a column of labels beside them."""
    days = np.repeat(pd.date_range("2020-01-01", periods=120), len(SPELT))
    labels = ["NA", "red", "blue"] * (40 * len(SPELT))
    return table(days, shop=SPELT * 120, colour=labels, **columns)


@pytest.mark.parametrize(
    ("frame", "colour"),
    [
        (with_spelt(), {"type": "category", "allowed": ["NA", "blue", "red"]}),
        (
            with_spelt().astype("str"),
            {
                "type": "category",
                "missing_values": ["NA"],
                "allowed": ["blue", "red"],
                "missing": True,
            },
        ),
    ],
    ids=["typed", "text"],
)
def test_no_series_is_lost_for_its_name(frame, colour):
    profile = profile_table(frame, "y")
    found = propose_parameters(profile)

    assert found["problem"]["key"] == ["timestamp", "shop"]
    columns = found["problem"]["columns"]
    assert columns["shop"] == {"type": "category", "known_in_advance": True}
    assert columns["colour"] == {**colour, "known_in_advance": True}
    assert "ingestion" not in found
    said = [note for note in profile.notes if "missing_values" in note]
    assert any("'shop' has the labels NA, nan, null" in note for note in said)
    assert any("'colour'" in note for note in said)
    problem = Problem.model_validate({"name": "table", **found["problem"]})
    observations, rejected = enforce_contract(frame, problem, IngestionParameters())
    assert rejected.empty
    assert set(observations["shop"]) == set(SPELT)
    assert int(observations["colour"].isna().sum()) == ("missing" in colour) * 200


def test_rows_of_a_key_that_may_be_missing_are_foreseen_as_the_run_counts_them():
    days = pd.date_range("2020-01-01", periods=200)
    shops = [None, None, "a", "b", "c"]
    frame = table(np.repeat(days, len(shops)), shop=shops * 200)
    profile = profile_table(frame, "y", time=["day"], key=["shop"])

    problem = Problem.model_validate({"name": "t", **propose_parameters(profile)["problem"]})
    _, rejected = enforce_contract(frame, problem, IngestionParameters(maximum_rejected_share=0.5))

    assert profile.n_rejected == len(rejected) == 200


def test_what_only_a_person_knows_is_a_caveat_until_it_is_said():
    moments = pd.date_range("2020-01-01", periods=1000)

    assert len(proposed(table(moments))["problem"]["caveats"]) == 1
    assert "caveats" not in proposed(table(moments), known_in_advance="all")["problem"]


@pytest.mark.parametrize("key", [None, "shop"])
def test_the_table_keeps_the_contract_that_is_proposed_for_it(key):
    days = pd.date_range("2020-01-01", periods=400)
    frame = table(days, flag=np.arange(400) % 2, kind=["a", "b"] * 200)
    frame.loc[3, "x"] = np.nan
    if key is not None:
        frame = pd.concat([frame.assign(shop=shop) for shop in "pqr"], ignore_index=True)

    problem = Problem.model_validate({"name": "t", **proposed(frame)["problem"]})
    result = enforce_contract(frame, problem, IngestionParameters())

    assert len(result.observations) == len(frame)
    assert problem.key == (() if key is None else ("timestamp", "shop"))


def test_a_weight_is_described_as_one_and_its_bad_rows_are_foreseen():
    frame = table(pd.date_range("2020-01-01", periods=1000), w=2.0)
    frame.loc[:19, "w"] = [np.nan, -1.0] * 10

    profile = profile_table(frame, "y", weight="w")

    assert profile.n_rejected == 20
    assert "w" not in profile.known_in_advance
    found = propose_parameters(profile)
    assert found["problem"]["weight_column"] == "w"
    assert found["problem"]["columns"]["w"] == {"type": "float"}
    assert found["ingestion"]["maximum_rejected_share"] >= 0.02
    problem = Problem.model_validate({"name": "table", **found["problem"]})
    parameters = IngestionParameters.model_validate(found["ingestion"])
    assert len(enforce_contract(frame, problem, parameters).rejected) == 20


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("ww", "--weight: unknown column 'ww'"),
        ("y", "--weight: 'y' is the target"),
        ("day", "--weight: 'day' makes the time or the key"),
        ("text", "--weight: 'text' holds no numbers"),
    ],
)
def test_what_is_no_weight_is_answered(weight, message):
    frame = table(pd.date_range("2020-01-01", periods=100), text=["a", "b"] * 50)
    with pytest.raises(ConfigurationError, match=message):
        profile_table(frame, "y", weight=weight)


@pytest.mark.parametrize(("periods", "kinds"), [(200, []), (1200, ["series_season"])])
def test_a_season_that_was_not_seen_is_no_feature(periods, kinds):
    days = pd.date_range("2023-01-01", periods=periods)
    frame = table(days.repeat(3), shop=["a", "b", "c"] * periods)

    found = proposed(frame, horizon="10 days")

    given = found.get("preprocessing", {}).get("features")
    described = Problem.model_validate({"name": "table", **found["problem"]})
    features = given or derive_defaults(described)["features"]
    lags = [feature["name"] for feature in features if feature["kind"] == "lag"]
    assert lags == ["series_level", *kinds]
