"""Features of a single row, looked up, are those of the table, joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.data.keys import row_keys, series_names
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.feature import SingleRow
from regression_lifecycle.core.features.row_history import (
    ONLY_SERIES,
    RequestRows,
    RowHistory,
)
from regression_lifecycle.core.features.specifications import FeatureRecipe

COLUMNS = {
    "at": {"type": "datetime", "known_in_advance": True},
    "shop": {"type": "category", "known_in_advance": True},
    "order": {"type": "integer", "known_in_advance": True},
    "heat": {"type": "float", "known_in_advance": True, "missing": True},
    "y": {"type": "float", "missing": True},
}
CLOCK = [
    {"kind": "calendar", "parts": ["hour", "weekday", "day", "day_of_year", "month", "year"]},
    {"kind": "cyclical", "part": "day_of_year", "period": 365.25, "harmonics": [1, 2]},
    {"kind": "time_index", "name": "days", "origin": "2019-12-30", "unit": "1 day", "whole": True},
    {"kind": "time_index", "name": "weeks", "origin": "2020-06-01", "unit": "1 week"},
    {"kind": "time_index", "name": "months", "origin": "2020-06-15", "unit": "1 month"},
    {"kind": "annual_period", "name": "turn", "first": "12-24", "last": "01-06"},
    {"kind": "annual_period", "name": "summer", "first": "06-01", "last": "08-31"},
]
DAYS = [
    {"kind": "day", "name": "heat_day", "column": "heat"},
    {"kind": "day", "name": "top", "column": "heat", "statistic": "max", "offset_days": -1},
    {"kind": "day", "name": "hot", "column": "heat", "at_least": 0.5, "offset_days": 1},
]


def _lags(*ages: str) -> list[dict[str, object]]:
    return [
        {"kind": "lag", "name": "one", "column": "y", "ages": [ages[0]]},
        {"kind": "lag", "name": "several", "column": "y", "ages": list(ages)},
        {"kind": "lag", "name": "low", "column": "y", "ages": list(ages), "statistic": "min"},
        {"kind": "lag", "name": "heat_then", "column": "heat", "ages": [ages[0]]},
    ]


def _problem(frequency: str, horizon: str, key: list[str]) -> Problem:
    return Problem.model_validate(
        {
            "name": "rows",
            "target": "y",
            "timestamp": {"date": "at"},
            "frequency": frequency,
            "horizon": horizon,
            "key": key,
            "columns": COLUMNS,
        }
    )


SHAPES = {
    "hourly": (
        _problem("6 hours", "12 hours", []),
        [*CLOCK, *DAYS, *_lags("12 hours", "1 day", "1 month")],
        pd.Timedelta(hours=6),
    ),
    "hourly, many series": (
        _problem("6 hours", "12 hours", ["shop", "timestamp"]),
        [*CLOCK, *DAYS, *_lags("12 hours", "1 day")],
        pd.Timedelta(hours=6),
    ),
    "monthly, many series": (
        _problem("1 month", "1 month", ["timestamp", "shop"]),
        [*CLOCK, *_lags("1 month", "1 year")],
        pd.Timedelta(days=17),
    ),
    "quarterly": (
        _problem("1 quarter", "1 quarter", []),
        [*CLOCK, *_lags("1 quarter", "1 year")],
        pd.Timedelta(days=40),
    ),
    "a key without its time": (
        _problem("1 day", "1 day", ["order"]),
        [*CLOCK, *DAYS, *_lags("1 day", "7 days")],
        pd.Timedelta(hours=12),
    ),
}


@st.composite
def tables(draw: st.DrawFn, problem: Problem, step: pd.Timedelta) -> pd.DataFrame:
    steps = draw(st.lists(st.integers(0, 60), min_size=1, max_size=40))
    shops = draw(st.lists(st.sampled_from(["a", "b|c", "ü"]), min_size=len(steps)))
    number = st.one_of(st.none(), st.floats(-5, 5, width=16))
    table = pd.DataFrame(
        {
            "timestamp": pd.Timestamp("2020-11-20") + np.array(steps) * step,
            "shop": pd.Series(shops[: len(steps)], dtype="str"),
            "order": np.arange(len(steps)),
            "heat": draw(st.lists(number, min_size=len(steps), max_size=len(steps))),
            "y": draw(st.lists(number, min_size=len(steps), max_size=len(steps))),
        }
    ).astype({"timestamp": "datetime64[us]", "heat": "float64", "y": "float64"})
    table.insert(1, "at", table["timestamp"])
    if problem.key_holds_time:
        table = table.drop_duplicates(list(problem.key_columns))
    return table.sort_values(list(problem.row_order), ignore_index=True)


def _single(row: dict[str, Any], series: str, known: Any, problem: Problem) -> SingleRow:
    plain = {name: None if pd.isna(value) else value for name, value in row.items()}
    moment = plain.pop("timestamp").to_pydatetime()
    return SingleRow(plain, moment, series, known, problem)


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_looked_up_features_are_the_joined_ones(shape: str, data: st.DataObject) -> None:
    problem, features, step = SHAPES[shape]
    recipe = FeatureRecipe.model_validate(
        {"features": [{"kind": "columns", "names": ["heat"]}, *features]}
    )
    table = data.draw(tables(problem, step))
    keys = row_keys(table, problem).tolist()
    series = (
        series_names(table, problem).tolist()
        if problem.series_columns
        else [ONLY_SERIES] * len(table)
    )
    # Some rows are stored, some came since, some stand in the request; some stand twice.
    places = data.draw(st.lists(st.integers(0, 3), min_size=len(table), max_size=len(table)))
    history = RowHistory(problem, recipe.columns_read)
    request = RequestRows(history)
    stored = [place in (0, 3) for place in places]
    history.replace_table(table[stored])
    rows = table.to_dict("records")
    for row, key, name, place in zip(rows, keys, series, places, strict=True):
        single = _single(row, name, history, problem)
        if place in (1, 3):
            history.add(key, name, single.moment, single.row)
        if place == 2:
            request.add(key, name, single.moment, single.row)
    joined = build_features(table, problem, recipe)
    order = row_keys(joined, problem).tolist()
    for row, key, name in zip(rows, keys, series, strict=True):
        single = _single(row, name, request, problem)
        values = [value for feature in recipe.features for value in feature.of_row(single)]
        expected = joined.iloc[order.index(key)][list(recipe.feature_names)].astype("float64")
        np.testing.assert_allclose(
            np.array(values, dtype="float64"), expected.to_numpy(), rtol=0, atol=1e-12
        )


def test_a_row_says_what_it_has_to_do_without() -> None:
    problem, features, _ = SHAPES["hourly"]
    recipe = FeatureRecipe.model_validate({"features": features})
    history = RowHistory(problem, recipe.columns_read)
    moment = pd.Timestamp("2021-03-05 06:00").to_pydatetime()
    history.add("k", ONLY_SERIES, moment, {"heat": 1.0})
    one = SingleRow({"heat": 1.0}, moment, ONLY_SERIES, history, problem)

    values = {
        name: value
        for feature in recipe.features
        for name, value in zip(feature.output_names(), feature.of_row(one), strict=True)
    }

    assert values["heat_day"] == 1.0
    assert one.lacking == {
        "heat_day": ["heat of the day: 1 of 4 rows"],
        "top": ["heat of the day before"],
        "hot": ["heat of the day after"],
        "one": ["y 12 hours before"],
        "several": ["y 12 hours before", "y 1 day before", "y 1 month before"],
        "low": ["y 12 hours before", "y 1 day before", "y 1 month before"],
        "heat_then": ["heat 12 hours before"],
    }


def test_a_label_fills_the_row_that_was_sent_before() -> None:
    problem, _, _ = SHAPES["hourly"]
    history = RowHistory(problem, ["y", "heat"])
    moment = pd.Timestamp("2021-03-05 06:00").to_pydatetime()
    end = pd.Timestamp("2021-03-06").to_pydatetime()
    history.add("k", ONLY_SERIES, moment, {"heat": 1.0})
    history.add("k", ONLY_SERIES, moment, {"y": 3.0})

    assert history.values("heat", ONLY_SERIES, moment, end) == [1.0]
    assert history.values("y", ONLY_SERIES, moment, end) == [3.0]
    assert history.row("k") == {"heat": 1.0, "y": 3.0}


def test_old_rows_are_forgotten_once_the_table_begins_later() -> None:
    problem, _, _ = SHAPES["hourly"]
    history = RowHistory(problem, ["y"])
    for hour, key in ((0, "old"), (12, "young")):
        history.add(key, ONLY_SERIES, pd.Timestamp(2021, 3, 5, hour).to_pydatetime(), {"y": 1.0})
    table = pd.DataFrame({"timestamp": [pd.Timestamp(2021, 3, 5, 6)], "y": [2.0]})

    history.replace_table(table)

    assert history.row("old") is None
    assert history.row("young") == {"y": 1.0}
    assert history.newest == pd.Timestamp(2021, 3, 5, 12)
