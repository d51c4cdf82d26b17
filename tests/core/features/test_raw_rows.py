"""Raw rows: read as ingestion reads them, and given the features that the whole table gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.features import raw_rows
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.raw_rows import (
    features_of,
    lay_over,
    make_contract,
    read_rows,
    recent_observations,
)
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from tests.core.conftest import _tiny_problem, _tiny_raw

PROBLEM = _tiny_problem()
RAW = _tiny_raw(24 * 8)
OBSERVATIONS = enforce_contract(RAW, PROBLEM, IngestionParameters()).observations
COLUMNS = {"kind": "columns", "names": ["temp", "sky", "hour"]}
DAY = {"kind": "day", "name": "temp_day", "column": "temp"}
LAG = {"kind": "lag", "name": "cnt_before", "column": "cnt", "ages": ["6 hours", "1 day"]}
LOAD = {"kind": "lag", "name": "load_before", "column": "load", "ages": ["6 hours"]}
TEMP = {"kind": "lag", "name": "temp_before", "column": "temp", "ages": ["1 hour"]}


def recipe_of(*features: dict[str, Any]) -> FeatureRecipe:
    return FeatureRecipe.model_validate({"features": features})


EVERYTHING = recipe_of(COLUMNS, DAY, LAG, LOAD, TEMP)


def features(raw: pd.DataFrame, past: pd.DataFrame, recipe: FeatureRecipe = EVERYTHING) -> Any:
    return features_of(read_rows(raw, recipe, PROBLEM), past, recipe, PROBLEM)


def expected(positions: Any, recipe: FeatureRecipe = EVERYTHING) -> pd.DataFrame:
    whole = build_features(OBSERVATIONS, PROBLEM, recipe)
    return whole.iloc[positions][["timestamp", *recipe.feature_names]]


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(positions=st.lists(st.integers(0, len(RAW) - 1), min_size=1, max_size=40))
def test_rows_in_any_order_and_number_have_the_features_of_the_whole_table(
    positions: list[int],
) -> None:
    raw = RAW.iloc[positions].drop(columns=["cnt", "load"])

    made = features(raw, OBSERVATIONS)

    assert made.index.equals(raw.index)
    pd.testing.assert_frame_equal(made, expected(positions))


def test_what_was_observed_of_a_row_is_read_by_the_rows_after_it() -> None:
    raw = RAW.iloc[[50, 56, 74]].drop(columns=["cnt", "load"])

    pd.testing.assert_frame_equal(features(raw, OBSERVATIONS), expected([50, 56, 74]))


def test_what_is_told_of_a_row_takes_nothing_away_that_was_observed_of_it() -> None:
    told = OBSERVATIONS.loc[[5, 6]].assign(temp=np.nan, cnt=[-1.0, np.nan])

    laid = lay_over(told, OBSERVATIONS.head(9), PROBLEM, "temp", "cnt").sort_values("timestamp")

    assert laid["temp"].tolist() == OBSERVATIONS["temp"].head(9).tolist()
    counts = OBSERVATIONS["cnt"].head(9).tolist()
    assert laid["cnt"].tolist() == [*counts[:5], -1, *counts[6:]]


def test_lags_and_days_come_from_the_other_rows_where_nothing_was_observed() -> None:
    # A recipe whose features look back no further than the rows given.
    raw = RAW.iloc[24:72].sample(frac=1, random_state=1)

    made = features(raw, OBSERVATIONS.iloc[:0]).sort_index()

    pd.testing.assert_frame_equal(made.iloc[24:], expected(slice(48, 72)))


def test_the_time_may_be_said_by_the_timestamp_or_by_its_parts_row_by_row() -> None:
    both = RAW.iloc[100:104].drop(columns=["cnt", "load"])
    stamps = OBSERVATIONS["timestamp"].iloc[100:104].astype("str")
    stamped = both.drop(columns=["day", "hour"]).assign(timestamp=stamps)
    mixed = both.astype({"hour": "object", "day": "object"}).assign(timestamp=stamps)
    mixed.loc[100, ["day", "hour"]] = None
    mixed.loc[101, "timestamp"] = None

    for raw in (both, stamped, mixed):
        # The hour is a feature too, so it is read off the timestamp.
        pd.testing.assert_frame_equal(features(raw, OBSERVATIONS), expected(slice(100, 104)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hour": None}, r"timestamp cannot be made from the raw columns \(1 .*first in row 2\)"),
        ({"hour": 25}, r"hour is not an hour from 0 to 24 \(1 row, first in row 2"),
        ({"timestamp": "soon"}, r"timestamp is not a datetime .* row 2: 'soon'"),
        ({"timestamp": "2021-03-01 09:00"}, r"timestamp is not the time that day and hour make"),
        ({"temp": "warm"}, r"temp is not a number \(1 row, first in row 2: 'warm'\)"),
        ({"load": "much"}, r"load is not a number .* row 2: 'much'"),
    ],
)
def test_what_cannot_be_read_is_named_with_row_and_column(change: Any, message: str) -> None:
    raw = RAW.head(3).astype("object")
    if "timestamp" in change:
        raw["timestamp"] = OBSERVATIONS["timestamp"].head(3).astype("str")
    raw = raw.set_index(pd.Index([7, 8, 9]))
    raw.loc[8, list(change)] = list(change.values())

    with pytest.raises(DataContractError, match=message):
        read_rows(raw, EVERYTHING, PROBLEM)


def test_a_timestamp_at_which_no_row_can_stand_is_refused() -> None:
    raw = pd.DataFrame({"timestamp": ["2021-03-01 09:30"], "temp": [1.0], "sky": ["rain"]})

    with pytest.raises(DataContractError, match=r"not the time that day and hour make .*09:30"):
        read_rows(raw, EVERYTHING, PROBLEM)


def test_a_column_that_is_missing_is_named_and_so_are_the_ways_to_say_the_time() -> None:
    with pytest.raises(DataContractError, match=r"missing columns: temp, sky"):
        read_rows(RAW[["day", "hour", "cnt"]], EVERYTHING, PROBLEM)
    with pytest.raises(DataContractError, match="no time: give 'timestamp', or day and hour"):
        read_rows(RAW.drop(columns="day"), EVERYTHING, PROBLEM)


def test_inputs_may_be_missing_and_out_of_bounds() -> None:
    raw = RAW.head(2).assign(temp=[None, 99.0], sky=["snow", None])

    rows = read_rows(raw, EVERYTHING, PROBLEM)

    assert rows["temp"].tolist() == pytest.approx([np.nan, 99.0], nan_ok=True)
    assert rows["sky"].isna().tolist() == [False, True]


def test_values_are_read_as_ingestion_reads_them() -> None:
    columns = {name: spec.model_dump(mode="json") for name, spec in PROBLEM.columns.items()}
    columns["temp"] |= {"format": "1.234,5"}
    columns["sky"] |= {"allowed": None}
    columns["open"] = {"type": "boolean", "known_in_advance": True}
    problem = _tiny_problem(columns=columns)
    recipe = recipe_of({"kind": "columns", "names": ["temp", "sky", "open"]})
    raw = RAW.head(3).assign(temp=["1,5", 2.5, "-3"], sky=["001", 1, "1"], open=[True, 0, "no"])

    rows = read_rows(raw, recipe, problem)

    assert rows["temp"].tolist() == [1.5, 2.5, -3.0]
    assert rows["sky"].tolist() == ["001", "1", "1"]
    assert rows["open"].tolist() == [1, 0, 0]


def test_two_rows_of_one_key_keep_their_own_columns_and_double_no_other() -> None:
    raw = RAW.iloc[[50, 50, 51]].reset_index(drop=True)
    raw["temp"] = [1.0, 2.0, 3.0]

    made = features(raw, OBSERVATIONS)

    assert made["temp"].tolist() == [1.0, 2.0, 3.0]
    assert made["temp_before"].iloc[2] == 2.0
    assert made["cnt_before"].iloc[0] == made["cnt_before"].iloc[1]


def test_what_is_told_of_many_series_is_laid_over_each_of_them() -> None:
    columns = PROBLEM.model_dump(mode="json", exclude_unset=True)["columns"]
    shop = {"type": "category", "known_in_advance": True}
    problem = _tiny_problem(columns={**columns, "shop": shop}, key=["timestamp", "shop"])
    known = pd.concat([OBSERVATIONS.head(2).assign(shop=name) for name in ("a", "b")])
    told = known.iloc[[3]].assign(cnt=-1.0, temp=np.nan)

    laid = lay_over(told, known, problem, *problem.columns).sort_values(["shop", "timestamp"])

    counts = OBSERVATIONS["cnt"].head(2).tolist()
    assert laid["cnt"].tolist() == [*counts, counts[0], -1]
    assert laid["temp"].tolist() == OBSERVATIONS["temp"].head(2).tolist() * 2


def test_series_of_a_key_are_kept_apart() -> None:
    shop = {"type": "category", "known_in_advance": True}
    columns = {name: spec.model_dump(mode="json") for name, spec in PROBLEM.columns.items()}
    problem = _tiny_problem(columns={**columns, "shop": shop}, key=["shop", "day", "hour"])
    raw = pd.concat([RAW.assign(shop="01"), RAW.assign(shop="1", cnt=RAW["cnt"] + 1000)])
    past = enforce_contract(raw, problem, IngestionParameters()).observations
    recipe = recipe_of(TEMP, LAG)
    coming = RAW[["day", "hour", "temp"]].iloc[[60, 60]].assign(shop=["1", "01"])

    made = features_of(read_rows(coming, recipe, problem), past, recipe, problem)

    assert made["cnt_before"].tolist()[0] == made["cnt_before"].tolist()[1] + 1000
    with pytest.raises(DataContractError, match=r"missing columns: shop"):
        read_rows(coming.drop(columns="shop"), recipe, problem)
    with pytest.raises(DataContractError, match="shop is missing"):
        read_rows(coming.assign(shop=None), recipe, problem)


def test_rows_without_a_time_stand_behind_the_newest() -> None:
    problem = Problem.model_validate(
        {
            "name": "rows",
            "target": "y",
            "timestamp": {"rows": True},
            "columns": {"x": {"type": "float", "known_in_advance": True}, "y": {"type": "float"}},
        }
    )
    lag = {"kind": "lag", "name": "y_before", "column": "y", "ages": ["2 seconds"]}
    recipe = recipe_of({"kind": "columns", "names": ["x"]}, lag)
    raw = pd.DataFrame({"x": np.arange(10.0), "y": np.arange(10.0) * 2})
    past = enforce_contract(raw, problem, IngestionParameters()).observations

    coming = read_rows(pd.DataFrame({"x": [1, 2]}), recipe, problem, past["timestamp"].max())
    made = features_of(coming, past, recipe, problem)
    named = read_rows(pd.DataFrame({"timestamp": [11, "10"], "x": [2, 1]}), recipe, problem)

    assert made["y_before"].tolist() == [16.0, 18.0]
    # Who knows the number of a row may say it, as to the service and in labels.
    assert named["timestamp"].tolist() == coming["timestamp"].tolist()[::-1]
    with pytest.raises(DataContractError, match="timestamp is not a datetime"):
        read_rows(pd.DataFrame({"timestamp": [-1], "x": 1.0}), recipe, problem)


@pytest.mark.parametrize(
    ("parts", "frequency", "moments", "row"),
    [
        (["year", "month"], "1 month", ["2021-02-01"], [2021, 2]),
        (["year", "quarter"], "1 quarter", ["2021-04-01"], [2021, 2]),
        # Monday of the first week of 2021, which began in January, and of the last of 2020.
        (["year", "week"], "7 days", ["2021-01-04", "2020-12-28"], [2021, 1, 2020, 53]),
        (["year", "month", "day", "hour"], "1 hour", ["2021-02-03 04:00"], [2021, 2, 3, 4]),
        (["date"], "1 hour", ["2021-02-03 04:00"], [pd.Timestamp("2021-02-03 04:00")]),
    ],
)
def test_parts_are_read_off_the_timestamp(
    parts: list[str], frequency: str, moments: list[str], row: list[Any]
) -> None:
    kinds = {"date": {"type": "datetime"}}
    columns = {f"raw_{part}": kinds.get(part, {"type": "integer"}) for part in parts}
    x = {"type": "float", "known_in_advance": True}
    problem = Problem.model_validate(
        {
            "name": "calendar",
            "target": "y",
            "timestamp": {part: f"raw_{part}" for part in parts},
            "frequency": frequency,
            "horizon": frequency,
            "columns": {**columns, "x": x, "y": {"type": "float"}},
        }
    )
    recipe = recipe_of({"kind": "columns", "names": ["x"]})

    rows = read_rows(pd.DataFrame({"timestamp": moments, "x": 1.0}), recipe, problem)

    assert rows["timestamp"].tolist() == [pd.Timestamp(moment) for moment in moments]
    assert rows[list(columns)].to_numpy().ravel().tolist() == row


def test_the_contract_of_a_model_is_a_problem_of_its_own_with_the_columns_that_it_reads() -> None:
    contract = make_contract(recipe_of(TEMP, LOAD), PROBLEM)

    assert list(contract.columns) == ["day", "hour", "temp", "load", "cnt"]
    again = Problem.model_validate_json(contract.model_dump_json())
    assert again == contract
    raw = RAW.head(3)
    recipe = recipe_of(TEMP, LOAD)
    pd.testing.assert_frame_equal(read_rows(raw, recipe, again), read_rows(raw, recipe, PROBLEM))


def test_the_history_of_a_model_reaches_as_far_back_as_its_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day_before = {**DAY, "name": "day_before", "offset_days": -1}
    newest = OBSERVATIONS["timestamp"].max()

    lags = recent_observations(OBSERVATIONS, recipe_of(LAG), PROBLEM)
    days = recent_observations(OBSERVATIONS, recipe_of(day_before), PROBLEM)
    nothing = recent_observations(OBSERVATIONS, recipe_of(COLUMNS), PROBLEM)
    monkeypatch.setattr(raw_rows, "HISTORY_ROWS", 5)
    few = recent_observations(OBSERVATIONS, recipe_of(LAG), PROBLEM)

    assert list(lags) == ["timestamp", "day", "hour", "cnt"]
    assert lags["timestamp"].min() == newest - pd.Timedelta("1 day")
    assert days["timestamp"].min() == newest - pd.Timedelta("3 days")
    assert nothing["timestamp"].tolist() == [newest]
    pd.testing.assert_frame_equal(few, lags.tail(5).reset_index(drop=True))
