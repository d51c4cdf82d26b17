"""Compare two tables and draw the verdict, as the pipelines do."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.evidently import ColumnRoles, drift_snapshot, window_snapshot
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import compare_tables

ROLES = ColumnRoles(
    numerical=("temp", "hum"),
    categorical=("sky",),
    target="cnt",
    prediction="prediction",
    timestamp="at",
)


def table(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Hourly rows; ``shift`` moves the temperature by so many standard deviations."""
    random = np.random.default_rng(seed)
    target = random.gamma(2.0, 50.0, rows).round()
    return pd.DataFrame(
        {
            "at": pd.date_range("2011-01-01", periods=rows, freq="h"),
            "temp": random.normal(shift, 1.0, rows),
            "hum": random.uniform(0, 1, rows),
            "sky": random.choice(["clear", "mist", "rain"], rows, p=[0.6, 0.3, 0.1]),
            "cnt": target,
            "prediction": target + random.normal(0, 10, rows),
        }
    )


def draw_drift(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    roles: ColumnRoles,
    parameters: DriftParameters,
    **facts: Any,
) -> tuple[Any, pd.DataFrame]:
    """The snapshot and the verdict."""
    verdict = compare_tables(reference, current, roles.columns(), parameters)
    return drift_snapshot(reference, current, roles, verdict, parameters, **facts), verdict


def draw_window(
    current: pd.DataFrame,
    reference: pd.DataFrame | None,
    roles: ColumnRoles,
    parameters: DriftParameters,
    **facts: Any,
) -> Any:
    """The snapshot of a window."""
    verdict = None
    if reference is not None:
        verdict = compare_tables(reference, current, roles.columns(), parameters)
    return window_snapshot(current, reference, roles, verdict, parameters, **facts)


def headline(snapshot: Any) -> dict[str, str]:
    """The figures at the head of a report, by label."""
    widgets = snapshot.to_snapshot_model().widgets
    head = takewhile(lambda widget: widget.type == "counter", widgets)
    return {item["label"]: item["value"] for row in head for item in row.params["counters"]}
