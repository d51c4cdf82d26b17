"""Expressions that every engine reads: moments moved in time, conditions combined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.durations import AnyDuration, CalendarDuration


def bounds_of(table: Any, timestamp: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the oldest and the newest moment of a table on any engine; NaT without rows."""
    stamp = nw.col(timestamp)
    frame: Any = nw.from_native(table)
    found = frame.lazy().select(stamp.min().alias("first"), stamp.max().alias("last")).collect()
    first, last = (pd.Timestamp(value) for value in found.row(0))
    return first, last


def later(moment: nw.Expr, duration: AnyDuration) -> nw.Expr:
    """Return the expression of moments so much later; months keep the day, or end at the last."""
    if isinstance(duration, CalendarDuration):
        moment = moment.dt.offset_by(f"{duration.months}mo")
        duration = duration.rest
    return moment + duration.to_pytimedelta() if duration else moment


def any_true(conditions: Iterable[nw.Expr]) -> nw.Expr:
    """Combine conditions into one that holds where any of them does.

    They are combined two by two: one chain of them would be as deep as they are many, and Spark
    Connect reads a hundred levels.

    Args:
        conditions: Any number of them; null counts as false.

    Returns:
        The condition, never null; false without any.
    """
    level = [nw.lit(False), *conditions]
    while len(level) > 1:
        pairs = [level[start : start + 2] for start in range(0, len(level), 2)]
        level = [nw.any_horizontal(*pair, ignore_nulls=True) for pair in pairs]
    return level[0]
