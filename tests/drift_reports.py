"""Compare two tables and draw the verdict, as the pipelines do."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.adapters.evidently import ColumnRoles, drift_snapshot, window_snapshot
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import compare_tables


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
