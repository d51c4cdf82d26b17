"""Moments moved in time, on any engine."""

from __future__ import annotations

import narwhals as nw

from regression_lifecycle.core.durations import AnyDuration, CalendarDuration


def later(moment: nw.Expr, duration: AnyDuration) -> nw.Expr:
    """Return the expression of moments so much later; months keep the day, or end at the last."""
    if isinstance(duration, CalendarDuration):
        moment = moment.dt.offset_by(f"{duration.months}mo")
        duration = duration.rest
    return moment + duration.to_pytimedelta() if duration else moment
