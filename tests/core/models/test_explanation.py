"""Contributions of raw columns to a prediction."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.explanation import BACKGROUND_ROWS, Explainer

AHEAD = {"type": "float", "known_in_advance": True}
PROBLEM = Problem.model_validate(
    {
        "name": "tiny",
        "target": "y",
        "timestamp": {"date": "day"},
        "frequency": "1 day",
        "horizon": "1 day",
        "columns": {
            "day": {"type": "date", "known_in_advance": True},
            "temp": AHEAD,
            "wind": AHEAD,
            "shop": {"type": "category", "known_in_advance": True},
            "y": {"type": "float"},
        },
    }
)
RECIPE = FeatureRecipe.model_validate(
    {
        "features": [
            {"kind": "columns", "names": ["temp", "wind", "shop"]},
            {"kind": "calendar", "parts": ["weekday", "month"]},
            {"kind": "day", "name": "temp_day", "column": "temp"},
            {"kind": "lag", "name": "before", "column": "y", "ages": ["1 day"]},
        ]
    }
)


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(1)
    names = [name for name in RECIPE.feature_names if name != "shop"]
    rows = pd.DataFrame(random.normal(size=(80, len(names))), columns=names)
    return rows.assign(shop=pd.Series(random.choice(["a", "b"], 80), dtype="str"))


def additive(rows: pd.DataFrame) -> Any:
    return (
        2 * rows["temp"]
        + rows["temp_day"] ** 2
        - rows["wind"]
        + 3 * (rows["shop"] == "a")
        + np.sin(rows["calendar_weekday"])
        + rows["before"]
    ).to_numpy()


def test_features_count_for_the_column_that_they_are_made_of(table: pd.DataFrame) -> None:
    explainer = Explainer(RECIPE, PROBLEM, table, additive)
    assert explainer.columns == ("temp", "wind", "shop", "timestamp", "y")


def test_what_columns_add_is_exact_where_they_act_additively(table: pd.DataFrame) -> None:
    explainer = Explainer(RECIPE, PROBLEM, table.head(BACKGROUND_ROWS), additive)
    rows = table.tail(7)

    found = explainer.explain(rows)

    known = table.head(BACKGROUND_ROWS)
    np.testing.assert_allclose(found["wind"], known["wind"].mean() - rows["wind"])
    squares = 2 * rows["temp"] + rows["temp_day"] ** 2
    mean = (2 * known["temp"] + known["temp_day"] ** 2).mean()
    np.testing.assert_allclose(found["temp"], squares - mean)
    is_a = (rows["shop"] == "a") - (known["shop"] == "a").mean()
    np.testing.assert_allclose(found["shop"], 3 * is_a)
    assert list(found.index) == list(rows.index)


def mixed(rows: pd.DataFrame) -> Any:
    return (rows["temp"] * rows["wind"] + (rows["before"] > 0) * rows["temp_day"]).to_numpy()


def test_the_sum_is_the_prediction_minus_the_base_whatever_is_sampled(table: pd.DataFrame) -> None:
    explainer = Explainer(RECIPE, PROBLEM, table, mixed)

    found = explainer.explain(table)

    np.testing.assert_allclose(found.sum(axis=1) + explainer.base, mixed(table), atol=1e-12)
    np.testing.assert_allclose(found[["shop", "timestamp"]], 0)


def test_sampled_values_are_near_those_of_all_orders(table: pd.DataFrame) -> None:
    known, row = table.head(BACKGROUND_ROWS), table.iloc[[-1]]
    groups = {"temp": ["temp", "temp_day"], "wind": ["wind"], "y": ["before"]}
    exact = dict.fromkeys(groups, 0.0)
    orders = list(permutations(groups))
    for order in orders:
        rows = known.copy()
        before = mixed(rows).mean()
        for column in order:
            rows = rows.assign(**{name: row[name].iloc[0] for name in groups[column]})
            after = mixed(rows).mean()
            exact[column] += (after - before) / len(orders)
            before = after

    found = Explainer(RECIPE, PROBLEM, known, mixed).explain(row).iloc[0]

    spread = mixed(table).std()
    for column, value in exact.items():
        assert found[column] == pytest.approx(value, abs=0.15 * spread)
