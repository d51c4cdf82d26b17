"""Rows of two tables that have the same key, found on any engine."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import narwhals as nw

from regression_lifecycle.core.data.problem import MOMENT_TYPES, ColumnSpec, Problem

# Values that no key has: labels are read without spaces around them, numbers are smaller.
_NO_LABEL, _NO_NUMBER, _NO_MOMENT = " ", -1e300, datetime(1, 1, 1)


def join_on_key(
    frame: Any, other: Any, problem: Problem, how: Literal["left", "anti", "semi"] = "left"
) -> Any:
    """Join two Narwhals frames by the key and the timestamp.

    Args:
        frame: Rows.
        other: Rows of the same engine. Beside the key its columns have names of their own.
        how: ``left`` keeps the rows of ``frame`` that have none in ``other``, ``anti`` these alone,
            and ``semi`` only those that have one.

    Returns:
        The columns of ``frame``, and of a left join those of ``other`` beside the key. Parts of
        keys that are missing are equal to each other.
    """
    specs = {name: problem.columns.get(name) for name in problem.row_order}
    # No engine finds what is missing.
    filled = {name: f"__key_{name}" for name, spec in specs.items() if spec and spec.missing}
    parts = [
        nw.col(name).fill_null(_filling(problem.columns[name])).alias(alias)
        for name, alias in filled.items()
    ]
    on = [filled.get(name, name) for name in specs]
    if parts:
        frame, other = frame.with_columns(*parts), other.with_columns(*parts).drop(*filled)
    joined = frame.join(other, on=on, how=how)
    return joined.drop(*filled.values()) if parts else joined


def _filling(spec: ColumnSpec) -> Any:
    if spec.type == "category":
        return _NO_LABEL
    return _NO_MOMENT if spec.type in MOMENT_TYPES else _NO_NUMBER
