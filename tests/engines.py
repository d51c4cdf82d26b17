"""For tests of engines: a pandas table as a frame of each, and what they must agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.spark import to_spark, together

ENGINES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda table: table,
    "polars": lambda table: nw.from_native(table).lazy("polars").to_native(),
    "duckdb": lambda table: nw.from_native(table).lazy("duckdb").to_native(),
    "spark": to_spark,
}
_PARAMS = [
    pytest.param(engine, marks=together if name == "spark" else (), id=name)
    for name, engine in ENGINES.items()
]
every_engine = pytest.mark.parametrize("engine", _PARAMS)
lazy_engine = pytest.mark.parametrize("engine", _PARAMS[1:])

# What belongs to a run and not to what it found: where, when, and of which files.
VOLATILE = ["recorded_at", "run_id", "mlflow_run_id", "code_revision"]
OF_INGESTION = ["rejected_observations", "observation_gaps", "observation_changes"]
OF_TICKS = [
    *("window_history", "drift_history", "segment_history", "predictions", "adjustments"),
    *("error_rates", "drift_thresholds"),
]


def assert_equal_tables(found: Any, expected: Any, names: list[str]) -> None:
    """Hold tables of two catalogs against each other."""
    ledgers = [catalog.load("ledger") for catalog in (found, expected)]
    same = ["kind", "decision", "as_of", "candidate_fingerprint", "champion_version", "reasons"]
    assert_frame_equal(*(table[[name for name in same if name in table]] for table in ledgers))
    for name in names:
        tables = [catalog.load(name) for catalog in (found, expected)]
        tables = [table.drop(columns=VOLATILE, errors="ignore") for table in tables]
        assert_frame_equal(*tables, check_exact=False, rtol=1e-9, atol=1e-9, obj=name)
