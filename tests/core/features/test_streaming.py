from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.feature import Reach
from regression_lifecycle.core.features.raw_rows import columns_read
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.features.streaming import BatchReader
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from tests.core.conftest import _tiny_problem, _tiny_raw
from tests.engines import every_engine
from tests.examples import with_missing_values

PROBLEM = _tiny_problem()
RAW = _tiny_raw(24 * 8)
OBSERVATIONS = enforce_contract(RAW, PROBLEM, IngestionParameters()).observations
COLUMNS = {"kind": "columns", "names": ["temp", "sky"]}
DAY = {"kind": "day", "name": "temp_day", "column": "temp"}
DAY_BEFORE = {"kind": "day", "name": "temp_before", "column": "temp", "offset_days": -1}
DAY_AFTER = {"kind": "day", "name": "temp_after", "column": "temp", "offset_days": 1}
LAG = {"kind": "lag", "name": "cnt_before", "column": "cnt", "ages": ["6 hours", "1 day"]}
LOAD = {"kind": "lag", "name": "load_before", "column": "load", "ages": ["6 hours"]}
EVERYTHING = FeatureRecipe(features=[COLUMNS, DAY, DAY_BEFORE, DAY_AFTER, LAG, LOAD])
FIRST = OBSERVATIONS["timestamp"].min()


def recipe_of(*features: dict) -> FeatureRecipe:
    return FeatureRecipe(features=features)


def cut(raw: pd.DataFrame, sizes: list[int]) -> list[pd.DataFrame]:
    ends = np.cumsum(sizes).clip(max=len(raw))
    return [raw.iloc[a:b] for a, b in zip([0, *ends], [*ends, len(raw)], strict=True)]


def read(raw, *, chunks=(), recipe=EVERYTHING, observations=OBSERVATIONS, start=FIRST, end=None):
    reader = BatchReader(recipe, PROBLEM, observations, start, end)
    pieces = list(reader.pieces(cut(raw, list(chunks))))
    rows = [piece.rows for piece in pieces if len(piece.rows)]
    rejected = [piece.rejected for piece in pieces if len(piece.rejected)]
    return (
        pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(),
        pd.concat(rejected, ignore_index=True) if rejected else pd.DataFrame(),
    )


def expected(recipe: FeatureRecipe, observations: pd.DataFrame = OBSERVATIONS) -> pd.DataFrame:
    table = build_features(observations, PROBLEM, recipe)
    return table[["timestamp", *recipe.feature_names]]


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(
    sizes=st.lists(st.integers(0, 70), max_size=8),
    first=st.integers(0, 190),
    n=st.integers(1, 100),
    kinds=st.sets(st.sampled_from(["day", "before", "after", "lag"])),
)
def test_however_the_table_is_cut_the_features_are_those_of_the_whole(sizes, first, n, kinds):
    made = {"day": DAY, "before": DAY_BEFORE, "after": DAY_AFTER, "lag": LAG}
    recipe = recipe_of(COLUMNS, *(made[kind] for kind in sorted(kinds)))
    start = FIRST + pd.Timedelta(hours=first)
    end = start + pd.Timedelta(hours=n)

    rows, rejected = read(RAW, chunks=sizes, recipe=recipe, start=start, end=end)

    whole = expected(recipe)
    asked = whole[whole["timestamp"].between(start, end, inclusive="left")]
    pd.testing.assert_frame_equal(rows, asked.reset_index(drop=True))
    assert rejected.empty


@every_engine
def test_the_past_may_be_on_any_engine(engine) -> None:
    half = OBSERVATIONS["timestamp"][96]
    coming = RAW.iloc[96:]

    rows, _ = read(coming, chunks=[40], observations=engine(OBSERVATIONS), start=half)

    whole = expected(EVERYTHING)
    asked = whole[whole["timestamp"] >= half].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, asked)


def test_missing_values_stay_where_they_are_however_the_table_is_cut() -> None:
    blank = with_missing_values(RAW, "sky")
    observations = enforce_contract(blank, PROBLEM, IngestionParameters()).observations

    # Pieces without a blank, with some, and of one blank alone.
    rows, rejected = read(blank, chunks=[4, 1, 40, 100], observations=observations)

    assert rejected.empty
    assert rows["sky"].isna().tolist() == blank["sky"].isna().tolist()
    pd.testing.assert_frame_equal(rows, expected(EVERYTHING, observations))


def test_rows_that_are_still_to_come_look_back_at_what_was_observed() -> None:
    # Weather and calendar are known ahead, everything else is not there yet.
    coming = RAW.iloc[-24:].drop(columns=["cnt", "part_a", "part_b", "load"])
    past = OBSERVATIONS.iloc[:-24]

    rows, _ = read(coming, chunks=[5, 5], observations=past, start=past["timestamp"].max())

    unknown = OBSERVATIONS.astype({"cnt": "float64"})
    unknown.loc[unknown.index[-24:], ["cnt", "load"]] = np.nan
    whole = expected(EVERYTHING, unknown)
    pd.testing.assert_frame_equal(rows, whole.iloc[-24:].reset_index(drop=True))


def test_what_the_batch_says_counts_more_than_what_was_observed_for_what_is_known_ahead() -> None:
    other = RAW.assign(temp=1.0)

    rows, _ = read(other.iloc[48:72], recipe=recipe_of(COLUMNS, DAY))

    assert set(rows["temp"]) == {1.0}
    assert set(rows["temp_day"]) == {1.0}


def test_hours_that_the_batch_does_not_hold_count_in_the_statistics_of_a_day() -> None:
    rows, _ = read(RAW.iloc[50:51], recipe=recipe_of(DAY, DAY_AFTER))

    whole = expected(recipe_of(DAY, DAY_AFTER))
    pd.testing.assert_frame_equal(rows, whole.iloc[50:51].reset_index(drop=True))


def test_bad_rows_are_set_aside_with_their_place_in_the_whole_table() -> None:
    broken = RAW.astype({"temp": "object"})
    broken.loc[130, "temp"] = "warm"
    broken.loc[131, "sky"] = "green"

    rows, rejected = read(broken, chunks=[100, 50])

    assert list(rejected["raw_row"]) == [131, 132]
    assert list(rejected["rejection_reason"]) == [
        "temp is not a number",
        "sky is not one of clear, rain",
    ]
    assert rejected["temp"].iloc[0] == "warm"
    assert len(rows) == len(RAW) - 2


def test_bad_rows_outside_the_range_are_nobodys_concern() -> None:
    broken = RAW.astype({"temp": "object"})
    broken.loc[[3, 60, 150], "temp"] = "warm"
    start, end = FIRST + pd.Timedelta(hours=48), FIRST + pd.Timedelta(hours=96)

    _, rejected = read(broken, start=start, end=end)

    assert list(rejected["raw_row"]) == [61]


def test_a_row_without_a_time_belongs_to_the_rows_around_it() -> None:
    broken = RAW.copy()
    broken.loc[[3, 60], "day"] = None
    start, end = FIRST + pd.Timedelta(hours=48), FIRST + pd.Timedelta(hours=96)

    _, rejected = read(broken, start=start, end=end)

    assert list(rejected["raw_row"]) == [61]


@pytest.mark.parametrize("at", [49, 50, 51])
def test_a_row_that_stands_twice_is_set_aside_even_in_another_piece(at: int) -> None:
    twice = pd.concat([RAW.iloc[:50], RAW.iloc[49:]], ignore_index=True)

    rows, rejected = read(twice, chunks=[at])

    assert len(rows) == len(RAW)
    assert list(rejected["raw_row"]) == [51]
    assert "stands in an earlier row already" in rejected["rejection_reason"][0]


def test_rows_of_one_piece_may_stand_in_any_order() -> None:
    shuffled = pd.concat([RAW.iloc[:60].sample(frac=1, random_state=1), RAW.iloc[60:]])

    rows, _ = read(shuffled, chunks=[60])

    pd.testing.assert_frame_equal(rows, expected(EVERYTHING))


def test_pieces_that_go_back_in_time_are_refused() -> None:
    with pytest.raises(DataContractError, match=r"not in the order of time: .* before row 61"):
        read(pd.concat([RAW.iloc[60:120], RAW.iloc[:60]]), chunks=[60])


def test_a_missing_column_is_named_and_one_that_the_model_does_not_read_is_not_missed() -> None:
    needless = RAW.drop(columns=["part_a", "part_b", "load"])
    assert len(read(needless, recipe=recipe_of(COLUMNS))[0]) == len(RAW)

    with pytest.raises(DataContractError, match=r"missing columns: sky"):
        read(RAW.drop(columns="sky"))


def test_a_value_that_is_known_after_the_fact_says_nothing_against_its_row() -> None:
    odd = RAW.astype({"cnt": "float64"})
    odd.loc[10, "cnt"] = -5

    rows, rejected = read(odd, recipe=recipe_of(COLUMNS, LAG))

    assert len(rows) == len(RAW)
    assert rejected.empty


def test_no_more_of_the_past_is_kept_than_is_read() -> None:
    reader = BatchReader(recipe_of(COLUMNS, LAG), PROBLEM, OBSERVATIONS.iloc[:0], FIRST)
    longest = 0
    for _ in reader.pieces(RAW.iloc[at : at + 8] for at in range(0, len(RAW), 8)):
        longest = max(longest, len(reader._held))

    assert longest <= 24 + 8


def test_the_reach_is_that_of_the_features() -> None:
    assert recipe_of(COLUMNS).reach == Reach(pd.Timedelta(0), 0)
    assert EVERYTHING.reach == Reach(pd.Timedelta(days=2), 2)


def test_only_what_the_model_reads_is_looked_at() -> None:
    read_columns = set(columns_read(recipe_of(LOAD), PROBLEM))

    assert read_columns == {"day", "hour", "load"}


def test_a_model_whose_features_are_not_known_in_time_is_not_asked() -> None:
    late = PROBLEM.model_copy(update={"label_delay": pd.Timedelta("1 day")})

    with pytest.raises(ConfigurationError, match="use ages from 30 hours on"):
        BatchReader(recipe_of(LOAD), late, OBSERVATIONS, OBSERVATIONS["timestamp"].min())


@pytest.mark.parametrize(
    ("frequency", "anchor", "n"),
    [("1 month", "MS", 60), ("1 month", "BME", 60), ("1 day", "D", 500)],
)
def test_pieces_of_a_calendar_reach_back_as_far_as_its_months(frequency, anchor, n):
    lags = [
        {"kind": "lag", "name": "month", "column": "cnt", "ages": ["1 month"]},
        {"kind": "lag", "name": "year", "column": "cnt", "ages": ["1 year"]},
    ]
    stamps = pd.date_range("2019-01-31", periods=n, freq=anchor).as_unit("us")
    raw = pd.DataFrame({"day": stamps.strftime("%Y-%m-%d"), "cnt": np.arange(n)})
    described = Problem.model_validate(
        {
            "name": "tiny",
            "target": "cnt",
            "timestamp": {"date": "day"},
            "frequency": frequency,
            "horizon": frequency,
            "columns": {"day": {"type": "date"}, "cnt": {"type": "integer"}},
        }
    )
    recipe = recipe_of(*lags)
    table = enforce_contract(raw, described, IngestionParameters()).observations

    reader = BatchReader(recipe, described, table.iloc[:0], stamps[0])
    pieces = [piece.rows for piece in reader.pieces(cut(raw, [n // 5] * 5))]
    made = pd.concat([rows for rows in pieces if len(rows)], ignore_index=True)

    whole = build_features(table, described, recipe)[["timestamp", *recipe.feature_names]]
    pd.testing.assert_frame_equal(made, whole.reset_index(drop=True))
    assert whole["year"].notna().any()


def test_rows_to_be_predicted_need_no_weight(make_problem, recipe):
    weighted = make_problem(weight_column="load")
    wanted = recipe({"kind": "columns", "names": ["temp"]})

    assert "load" in weighted.columns
    assert "load" not in columns_read(wanted, weighted)
