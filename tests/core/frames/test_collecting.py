"""The way from any engine to pandas: the same rows, dtypes and draw."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.frames.collecting import (
    collect,
    count_rows,
    on_engine_of,
    pieces,
    sample,
)
from tests.engines import every_engine, lazy_engine


@pytest.fixture
def problem():
    return Problem.model_validate(
        {
            "name": "stations",
            "description": "Load of stations.",
            "target": "load",
            "timestamp": {"date": "at"},
            "key": ["timestamp", "station"],
            "frequency": "1 hour",
            "horizon": "1 hour",
            "columns": {
                "station": {"type": "category", "known_in_advance": True},
                "at": {"type": "datetime", "known_in_advance": True},
                "promo": {"type": "boolean", "known_in_advance": True},
                "load": {"type": "float", "missing": True},
            },
        }
    )


@pytest.fixture
def table():
    """Three series of 500, 100 and 1 rows."""
    found = []
    for name, n_rows in (("ä|1", 500), ("b", 100), ("c", 1)):
        at = pd.date_range("2024-01-01", periods=n_rows, freq="h", unit="us")
        load = np.where(np.arange(n_rows) % 7 == 0, np.nan, np.arange(n_rows) / 3)
        found.append(
            pd.DataFrame(
                {
                    "timestamp": at,
                    "station": pd.Series([name] * n_rows, dtype="str"),
                    "at": at,
                    "promo": np.arange(n_rows) % 2,
                    "load": load,
                }
            )
        )
    rows = pd.concat(found)
    return rows.sort_values(["timestamp", "station"], ignore_index=True)


@lazy_engine
def test_rows_of_an_engine_come_sorted_in_the_dtypes_of_the_contract(engine, table, problem):
    shuffled = table.sample(frac=1, random_state=0, ignore_index=True)

    assert_frame_equal(collect(engine(shuffled), problem), table)


def test_a_pandas_table_is_not_copied(table, problem):
    assert collect(table, problem) is table


@every_engine
def test_columns_are_chosen_before_rows_come_into_memory(engine, table, problem):
    assert list(collect(engine(table), problem, ["load", "timestamp"])) == ["load", "timestamp"]


@every_engine
def test_rows_are_counted(engine, table):
    assert count_rows(engine(table)) == 601


@every_engine
@pytest.mark.parametrize("rows", [1, 100, 1000])
def test_pieces_put_together_are_the_table(engine, table, problem, rows):
    found = list(pieces(engine(table), problem, rows))

    assert_frame_equal(pd.concat(found, ignore_index=True), table)
    # 73 rows is the first day of three series.
    assert max(map(len, found)) <= max(rows, 49)


@lazy_engine
@pytest.mark.parametrize("missing", [False, True])
def test_pieces_are_sorted_as_the_whole_table_is(engine, table, problem, missing):
    """Also where rows are stored in another order, or a part of their key is missing."""
    table = (
        table.assign(station=table["station"].where(table["station"] != "b")) if missing else table
    )
    shuffled = table.sample(frac=1, random_state=0, ignore_index=True)

    for stored in (table, shuffled):
        found = list(pieces(engine(stored), problem, 100, ["timestamp", "station", "load"]))
        whole = collect(engine(stored), problem, ["timestamp", "station", "load"])
        assert_frame_equal(pd.concat(found, ignore_index=True), whole)


@every_engine
def test_no_row_is_one_empty_piece(engine, table, problem):
    [found] = pieces(engine(table.iloc[:0]), problem, 10)

    assert found.empty
    assert list(found) == list(table)


@every_engine
def test_few_rows_are_all_taken(engine, table, problem):
    assert_frame_equal(sample(engine(table), problem, 601, seed=0), table)
    assert_frame_equal(sample(engine(table), problem, None, seed=0), table)


@lazy_engine
@pytest.mark.parametrize("maximum_rows", [1, 60, 400])
def test_every_engine_draws_the_same_rows(engine, table, problem, maximum_rows):
    shuffled = table.sample(frac=1, random_state=0, ignore_index=True)

    found = sample(engine(shuffled), problem, maximum_rows, seed=3)

    assert len(found) == maximum_rows
    assert_frame_equal(found, sample(table, problem, maximum_rows, seed=3))


def test_every_series_has_its_share_over_all_its_time(table, problem):
    found = sample(table, problem, 120, seed=1)

    shares = found.groupby("station").size() / table.groupby("station").size()
    assert shares[["ä|1", "b"]].between(0.18, 0.22).all()
    # One of five rows each: no stretch of eleven hours goes without one.
    for _, rows in found.groupby("station"):
        assert (rows["timestamp"].diff().dropna() <= pd.Timedelta(hours=10)).all()


def test_no_hour_of_the_day_is_preferred(problem):
    at = pd.date_range("2024-01-01", periods=24 * 3000, freq="h", unit="us")
    rows = pd.DataFrame({"timestamp": at, "station": "a", "at": at, "promo": 0, "load": 1.0})

    found = sample(rows, problem, 3000, seed=0)

    # 125 of each hour are expected, with a deviation of 11.
    hours = found["timestamp"].dt.hour.value_counts().reindex(range(24), fill_value=0)
    assert hours.between(80, 170).all()


def test_another_seed_draws_other_rows(table, problem):
    one, other = (sample(table, problem, 60, seed=seed) for seed in (0, 1))

    assert len(one) == len(other) == 60
    assert not one.equals(other)


@every_engine
def test_a_table_without_series_is_sampled_too(engine, table, problem):
    alone = problem.model_copy(update={"key": None})
    rows = table[table["station"] == "b"].reset_index(drop=True)

    found = sample(engine(rows), alone, 10, seed=0)

    assert len(found) == 10
    assert_frame_equal(found, sample(rows, alone, 10, seed=0))
    assert found["timestamp"].is_monotonic_increasing


@every_engine
def test_a_small_table_is_joined_on_the_engine(engine, table, problem):
    limits = pd.DataFrame({"station": ["ä|1", "b"], "limit": [1.0, None]})
    frame = engine(table)

    other = nw.from_native(on_engine_of(frame, limits))
    joined = nw.from_native(frame).join(other, on="station", how="inner")

    found = collect(joined.filter(~nw.col("limit").is_null()).to_native(), problem)
    assert set(found["station"]) == {"ä|1"}
    assert len(found) == 500


@every_engine
def test_a_table_without_rows_comes_to_the_engine_with_its_types(engine, table, problem):
    limits = pd.DataFrame({"station": ["b"], "at": [pd.Timestamp("2024-01-01")], "limit": [1.0]})

    other = nw.from_native(on_engine_of(engine(table), limits.head(0)))
    joined = nw.from_native(engine(table)).join(other.drop("at"), on="station", how="left")

    assert other.collect_schema().names() == ["station", "at", "limit"]
    found = collect(joined.to_native(), problem)
    assert len(found) == len(table)
    assert found["limit"].isna().all()


@every_engine
@pytest.mark.parametrize("missing", [None, float("nan")], ids=["text", "number"])
def test_a_series_whose_name_is_missing_has_its_share(engine, table, problem, missing):
    names = {"ä|1": "a", "b": missing, "c": "c"} if missing is None else {"ä|1": 1.0, "b": missing}
    rows = table[table["station"] != "c"].reset_index(drop=True)
    station = rows["station"].map(names)
    rows = rows.assign(station=station.astype("str" if missing is None else "float64"))

    found = sample(engine(rows), problem, 120, seed=0)

    assert len(found) == 120
    assert found["station"].isna().sum() == 20
    assert_frame_equal(found, sample(rows, problem, 120, seed=0))
