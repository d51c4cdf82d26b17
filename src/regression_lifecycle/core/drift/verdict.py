"""What a comparison found: one row per column, and the share of drifted columns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from regression_lifecycle.core.drift.columns import Role
from regression_lifecycle.core.drift.methods import Kind
from regression_lifecycle.core.drift.parameters import DriftParameters


@dataclass(frozen=True)
class ColumnDrift:
    """The verdict on one column: one row of the table that :func:`verdict_frame` makes."""

    column: str
    kind: Kind
    role: Role
    method: str
    score: float
    threshold: float
    drifted: bool | None
    reason: str = ""
    n_reference: int = 0
    n_current: int = 0


VERDICT_DTYPES: dict[str, str] = {
    "column": "str",
    "kind": "str",
    "role": "str",
    "method": "str",
    "score": "float64",
    "threshold": "float64",
    "drifted": "boolean",
    "reason": "str",
    "n_reference": "int64",
    "n_current": "int64",
}
"""Columns of a verdict. ``n_reference`` and ``n_current`` count the values that were compared;
``reason`` is empty, or says ``not computed: ...`` where score and drifted are missing."""


def verdict_frame(rows: Iterable[ColumnDrift]) -> pd.DataFrame:
    """Put the verdicts on single columns into a table.

    Args:
        rows: One verdict per column; may be empty.

    Returns:
        A DataFrame with the columns and dtypes of :data:`VERDICT_DTYPES`.
    """
    verdicts = list(rows)
    return pd.DataFrame(
        {
            name: pd.Series([getattr(verdict, name) for verdict in verdicts], dtype=dtype)
            for name, dtype in VERDICT_DTYPES.items()
        }
    )


def drifted_share(verdict: pd.DataFrame) -> float:
    """Return the share of drifted columns among those that could be compared.

    Args:
        verdict: A table as :func:`verdict_frame` makes it.

    Returns:
        A share from 0 to 1; NaN if no column could be compared.
    """
    computed = verdict["drifted"].dropna()
    return float(computed.mean()) if len(computed) else math.nan


def is_table_drifted(verdict: pd.DataFrame, parameters: DriftParameters) -> bool | None:
    """Decide whether the table as a whole has drifted.

    Args:
        verdict: A table as :func:`verdict_frame` makes it.
        parameters: Its ``drifted_share`` is the limit.

    Returns:
        Whether the share of drifted columns reaches the limit; None if no column was compared.
    """
    share = drifted_share(verdict)
    return None if math.isnan(share) else share >= parameters.drifted_share
