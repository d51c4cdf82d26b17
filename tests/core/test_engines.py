"""The steps between ingestion and the models: the same rows and figures on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.as_of import first_and_last, known_at
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import DateSplit, RowsSplit, ShareSplit, split_by_time
from regression_lifecycle.core.durations import read_duration
from regression_lifecycle.core.evaluation.baseline import BaselineParameters, naive_forecasts
from regression_lifecycle.core.evaluation.challenger import training_rows
from regression_lifecycle.core.features import builders
from regression_lifecycle.core.features.builders import (
    build_feature_table,
    build_features,
    build_row_features,
    features_for,
)
from regression_lifecycle.core.features.raw_rows import recent_observations
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.frames import collecting
from regression_lifecycle.core.frames.collecting import Pieces, collect, sample
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, place_features
from tests.engines import ENGINES

IN_PIECES = {name: ENGINES[name] for name in ("polars", "duckdb")}
on_engines = pytest.mark.parametrize("engine", IN_PIECES.values(), ids=IN_PIECES)
RECIPE = FeatureRecipe.model_validate(
    {
        "features": [
            {"kind": "columns", "names": ["station", "temp"]},
            {"kind": "lag", "name": "load_day", "column": "load", "ages": ["1 day", "2 days"]},
            {"kind": "day", "name": "temp_mean", "column": "temp"},
            {"kind": "calendar", "parts": ["hour", "weekday"]},
        ]
    }
)


def make_problem(**changes: Any) -> Problem:
    return Problem.model_validate(
        {
            "name": "stations",
            "description": "Load of stations.",
            "target": "load",
            "timestamp": {"date": "at"},
            "key": ["timestamp", "station"],
            "frequency": "1 hour",
            "horizon": "6 hours",
            "weight_column": "weight",
            "columns": {
                "station": {"type": "category", "known_in_advance": True},
                "at": {"type": "datetime", "known_in_advance": True},
                "temp": {"type": "float", "missing": True, "known_in_advance": True},
                "weight": {"type": "float"},
                "load": {"type": "float", "missing": True},
            },
            **changes,
        }
    )


@pytest.fixture(scope="module")
def table():
    """Forty days of seven stations: gaps, missing values, equal values and odd names."""
    random = np.random.default_rng(0)
    found = []
    for name in ("a", "A", "ä|b", " c", "", "10", "9"):
        at = pd.date_range("2024-01-20", periods=960, freq="h", unit="us")
        at = at[random.random(len(at)) > 0.1]
        found.append(
            pd.DataFrame(
                {
                    "timestamp": at,
                    "station": pd.Series([name] * len(at), dtype="str"),
                    "at": at,
                    "temp": random.normal(10, 5, len(at)).round(1),
                    "weight": random.integers(0, 3, len(at)) / 3,
                    "load": random.integers(-3, 9, len(at)).astype("float64"),
                }
            )
        )
    rows = pd.concat(found)
    for name in ("temp", "load"):
        rows[name] = rows[name].mask(random.random(len(rows)) < 0.05)
    return rows.sort_values(["timestamp", "station"], ignore_index=True)


@on_engines
@pytest.mark.parametrize("delay", [None, "2 days", "1 month"])
@pytest.mark.parametrize("as_of", [None, "2024-02-25 03:00"])
def test_the_same_is_known(engine, table, as_of, delay):
    problem = make_problem(label_delay=delay)
    expected, moment = known_at(as_of, table, problem)

    known, same_moment = known_at(as_of, engine(table), problem)

    assert same_moment == moment
    assert_frame_equal(collect(known, problem), expected)
    assert first_and_last(known, problem) == (table["timestamp"].min(), moment - pd.Timedelta("1h"))


@on_engines
@pytest.mark.parametrize(
    "parameters",
    [
        DateSplit(kind="date", holdout_start="2024-02-10"),
        ShareSplit(kind="share", holdout_share=0.2, training_start="2024-01-25"),
        RowsSplit(kind="rows", holdout_rows=500, holdout_end="2024-02-20"),
    ],
    ids=["date", "share", "rows"],
)
def test_the_table_is_cut_at_the_same_moment(engine, table, parameters):
    problem = make_problem()
    expected = split_by_time(table, "timestamp", parameters, target="load")

    found = split_by_time(engine(table), "timestamp", parameters, target="load")

    for side, same in zip(found, expected, strict=True):
        assert_frame_equal(collect(side, problem), same)


@on_engines
@pytest.mark.parametrize("length", [None, "7 days", "1 month"])
@pytest.mark.parametrize("delay", [None, "1 day"])
def test_the_same_rows_train(engine, table, length, delay, monkeypatch):
    problem, before = make_problem(), pd.Timestamp("2024-02-20")
    durations = [None if text is None else read_duration(text) for text in (length, delay)]
    expected = training_rows(table, problem, before, *durations)

    found = training_rows(engine(table), problem, before, *durations)

    assert (expected["weight"] > 0).all()
    assert_frame_equal(collect(found, problem), expected)
    drawn = sample(expected, problem, 300, 5)
    for rows_at_once in (500, 10**6):
        monkeypatch.setattr(collecting, "_ROWS_AT_ONCE", rows_at_once)
        assert_frame_equal(sample(found, problem, 300, 5), drawn)


@on_engines
def test_the_same_history_travels_with_a_model(engine, table):
    problem = make_problem()

    found = recent_observations(engine(table), RECIPE, problem)

    assert_frame_equal(found, recent_observations(table, RECIPE, problem))
    assert found["timestamp"].min() >= pd.Timestamp("2024-02-25")


@on_engines
def test_naive_forecasts_are_the_same(engine, table):
    problem, rows = make_problem(), table[table["timestamp"] >= "2024-02-20"]
    arguments = {
        "rows": rows,
        "constants": {"mean": 3.0},
        "problem": problem,
        "parameters": BaselineParameters(season="1 day", seasons_back=3),
        "trained_until": pd.Timestamp("2024-02-19 23:00"),
    }

    found = naive_forecasts(engine(table), **arguments)

    assert_frame_equal(found, naive_forecasts(table, **arguments))


@on_engines
@pytest.mark.parametrize("rows_at_once", [1, 2000, 10**6])
def test_features_in_pieces_are_the_table_at_once(engine, table, rows_at_once, monkeypatch):
    problem = make_problem()
    monkeypatch.setattr(builders, "_ROWS_AT_ONCE", rows_at_once)
    expected = build_features(table, problem, RECIPE, keep=["temp"])

    made = build_feature_table(engine(table), problem, RECIPE, keep=["temp"])

    assert isinstance(made, Pieces)
    for _ in range(2):
        assert_frame_equal(pd.concat(made, ignore_index=True), expected)


@on_engines
@pytest.mark.parametrize("rows_at_once", [1000, 10**6])
def test_features_of_some_rows_are_those_of_the_table(engine, table, rows_at_once, monkeypatch):
    problem, rows = make_problem(), table.iloc[100:-100:7]
    monkeypatch.setattr(builders, "_MOST_ROWS_AT_ONCE", rows_at_once)

    made = build_row_features(rows, engine(table), problem, RECIPE)

    whole = build_features(table, problem, RECIPE)
    key = ["timestamp", "station"]
    assert_frame_equal(made, whole.merge(rows[key], on=key))
    assert_frame_equal(build_row_features(rows, table, problem, RECIPE), made)


@on_engines
@pytest.mark.parametrize(
    "parameters",
    [{"kind": "length", "length": "7 days"}, {"kind": "rows", "rows": 500}],
    ids=["length", "rows"],
)
@pytest.mark.parametrize("as_of", [None, pd.Timestamp("2024-02-20")])
def test_windows_are_counted_alike(engine, table, parameters, as_of):
    problem = make_problem()
    windows = WindowParameters.model_validate({**parameters, "minimum_rows": 10})
    expected = list_windows(table, problem, windows, as_of=as_of)
    assert 0 < expected[1].n_labelled < expected[1].n

    assert list_windows(engine(table), problem, windows, as_of=as_of) == expected

    places = [
        place_features(table[::9], known, expected, problem, windows).tolist()
        for known in (engine(table), table)
    ]
    assert places[0] == places[1]


@on_engines
def test_features_of_no_row_are_an_empty_table(engine, table):
    problem = make_problem()

    [made] = build_feature_table(engine(table.iloc[:0]), problem, RECIPE)

    assert made.empty
    assert list(made) == list(build_features(table, problem, RECIPE))


def test_pandas_makes_features_at_once(table):
    problem = make_problem()

    assert isinstance(build_feature_table(table, problem, RECIPE), pd.DataFrame)


@on_engines
def test_another_recipe_reads_the_table_around_the_rows(engine, table):
    problem = make_problem()
    own = RECIPE.model_copy(update={"features": RECIPE.features[:1]})
    rows = build_features(table, problem, own)
    asked = rows[rows["timestamp"].between("2024-02-10 05:00", "2024-02-12 07:00")]
    whole = build_features(table, problem, RECIPE)

    found = features_for(asked, own, RECIPE, engine(table), problem)

    expected = asked[["timestamp", "station"]].merge(whole, on=["timestamp", "station"])
    names = ["timestamp", *RECIPE.feature_names]
    assert_frame_equal(found[names], expected[names])
    assert found["load_day"].notna().any()
