"""Moments moved in time, on any engine."""

from __future__ import annotations

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
