"""A tiny hourly table with its problem, and the real one, for the tests of the core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract

ROOT = Path(__file__).parents[2]


def _tiny_problem(**changes: Any) -> Problem:
    content: dict[str, Any] = {
        "name": "tiny",
        "description": "Visitors per hour.",
        "target": "cnt",
        "timestamp": {"date": "day", "hour": "hour"},
        "frequency": "1 hour",
        "horizon": "6 hours",
        # Declared ahead on purpose: being forbidden must be stronger than that.
        "forbidden_columns": {"part_a": "a part of the target", "part_b": "the other part"},
        "columns": {
            "day": {"type": "date", "known_in_advance": True},
            "hour": {"type": "integer", "minimum": 0, "maximum": 23, "known_in_advance": True},
            "temp": {"type": "float", "minimum": -50, "maximum": 60, "known_in_advance": True},
            "sky": {
                "type": "category",
                "allowed": ["clear", "rain"],
                "missing": True,
                "known_in_advance": True,
            },
            "load": {"type": "float"},
            "part_a": {"type": "integer", "known_in_advance": True},
            "part_b": {"type": "integer"},
            "cnt": {"type": "integer", "minimum": 0},
        },
    }
    return Problem.model_validate({**content, **changes})


def _tiny_raw(n_rows: int = 96, start: str = "2021-03-01") -> pd.DataFrame:
    moments = pd.date_range(start, periods=n_rows, freq="h")
    random = np.random.default_rng(1)
    part_a, part_b = random.integers(0, 50, n_rows), random.integers(0, 50, n_rows)
    return pd.DataFrame(
        {
            "day": moments.strftime("%Y-%m-%d"),
            "hour": moments.hour.astype("int64"),
            "temp": random.normal(15, 5, n_rows).round(2),
            "sky": random.choice(["clear", "rain"], n_rows),
            "load": random.normal(100, 10, n_rows).round(3),
            "part_a": part_a,
            "part_b": part_b,
            "cnt": part_a + part_b,
        }
    )


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., Problem]:
    """Builds the tiny problem with some of its keys replaced."""
    return _tiny_problem


@pytest.fixture(scope="session")
def problem() -> Problem:
    """The tiny problem: hourly, six hours ahead, two forbidden columns."""
    return _tiny_problem()


@pytest.fixture
def raw() -> pd.DataFrame:
    """Four days of the tiny table as it would be read from a file; free to be changed."""
    return _tiny_raw()


@pytest.fixture(scope="session")
def observations(problem: Problem) -> pd.DataFrame:
    """The tiny table after the contract. Not to be changed."""
    return enforce_contract(_tiny_raw(), problem, IngestionParameters()).observations


@pytest.fixture(scope="session")
def recipe() -> Callable[..., FeatureRecipe]:
    """Builds a recipe from feature specifications."""
    return lambda *features: FeatureRecipe(features=features)


@pytest.fixture(scope="session")
def bike_problem() -> Problem:
    """The problem of the repository's example."""
    from tests.shipped import parameters

    return Problem.model_validate(parameters()["problem"])


@pytest.fixture(scope="session")
def bike_raw() -> pd.DataFrame:
    """The repository's table as it is read. Not to be changed."""
    return pd.read_csv(ROOT / "data/01_raw/hour.csv")


@pytest.fixture(scope="session")
def bike_observations(bike_raw: pd.DataFrame, bike_problem: Problem) -> pd.DataFrame:
    """The repository's table after the contract. Not to be changed."""
    return enforce_contract(bike_raw, bike_problem, IngestionParameters()).observations
