"""No number turns into another one on the way to 64 bits: it is kept, or its row is set aside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_observations,
    enforce_contract,
)
from tests.examples import tiny_problem

N = 40
LENIENT = IngestionParameters(maximum_rejected_share=1, unreadable="quarantine")
HUGE: list[Any] = [
    *(sign * number for sign in (1, -1) for number in (1e308, 1e39, 1e19, 2**64, 2**63, 10**400)),
    *(2**63 - 1, -(2**63), 2**53, 2**53 + 1, 9.3e18, np.inf, -np.inf),
]
SPECS: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "integer or missing": {"type": "integer", "missing": True},
    "counts": {"type": "integer", "minimum": 0},
    "formatted": {"type": "integer", "format": "1,234.5"},
    "boolean": {"type": "boolean"},
    "seconds since 1970": {"type": "datetime", "format": "unix s"},
    "nanoseconds since 1970": {"type": "datetime", "format": "unix ns"},
    "day of a spreadsheet": {"type": "date", "format": "excel"},
    "float": {"type": "float"},
}


def table(good: int, kind: str) -> pd.DataFrame:
    """The numbers among good ones, as a reader of texts, objects or floats gives them."""
    values: list[Any] = [*HUGE, *[good] * N]
    moments = pd.date_range("2021-03-01", periods=len(values), freq="h").astype(str)
    read = {"text": str, "objects": lambda one: one, "decimal": lambda one: Decimal(str(one))}
    given = [float(str(one)) if kind == "float" else read[kind](one) for one in values]
    x = pd.Series(given, dtype="float64" if kind == "float" else "object")
    return pd.DataFrame({"day": moments, "temp": 5.0, "cnt": 10.0, "x": x})


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("kind", ["text", "objects", "decimal", "float"])
def test_a_huge_number_is_kept_as_it_is_or_its_row_alone_is_set_aside(
    spec: dict[str, Any], kind: str
) -> None:
    problem = tiny_problem(x=spec)
    good = 44927 if spec["type"] == "date" else 1

    rows, rejected = enforce_contract(table(good, kind), problem, LENIENT)

    check_observations(rows, problem)
    assert len(rows) + len(rejected) == len(HUGE) + N
    reasons = dict(zip(rejected["raw_row"] - 1, rejected["rejection_reason"], strict=True))
    kept = rows.set_index("timestamp")["x"]
    for place, value in enumerate(HUGE):
        if place in reasons:
            assert reasons[place].startswith("x ")
            assert value < 0 or "below" not in reasons[place]
        elif spec["type"] == "integer":
            as_read = float(str(value)) if kind == "float" else value
            assert int(kept[pd.Timestamp("2021-03-01") + pd.Timedelta(hours=place)]) == int(as_read)
    assert not set(reasons) & set(range(len(HUGE), len(HUGE) + N))


@pytest.mark.parametrize("column", ["year", "month"])
@pytest.mark.parametrize("value", ["1e308", str(10**30), str(-(2**63)), "2e9"])
def test_a_part_of_the_time_that_no_calendar_has_is_set_aside(column: str, value: str) -> None:
    problem = Problem.model_validate(
        {
            "name": "months",
            "target": "cnt",
            "timestamp": {"year": "year", "month": "month"},
            "frequency": "1 month",
            "horizon": "1 month",
            "columns": {name: {"type": "integer"} for name in ("year", "month", "cnt")},
        }
    )
    raw = pd.DataFrame({"year": 1990 + np.arange(N) // 12, "month": 1 + np.arange(N) % 12})
    raw = raw.assign(cnt=1).astype(str)
    raw.loc[7, column] = value

    rows, rejected = enforce_contract(raw, problem, LENIENT)

    assert len(rows) == N - 1
    assert rejected["raw_row"].tolist() == [8]
