"""Where windows begin and end, and what they are called, before anything in them is counted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, NamedTuple

import pandas as pd

from regression_lifecycle.core.calendar.moments import moment_text
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    period_start,
    whole_steps,
)
from regression_lifecycle.core.errors import ConfigurationError

Period = Literal["day", "week", "month", "quarter", "year"]

PERIOD_LENGTHS: dict[Period, AnyDuration] = {
    "day": pd.Timedelta("1 day"),
    "week": pd.Timedelta("7 days"),
    "month": CalendarDuration(1),
    "quarter": CalendarDuration(3),
    "year": CalendarDuration(12),
}
"""How long the calendar periods are."""

_PERIOD_CODES = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
# One mistyped year among hourly windows would otherwise list them for minutes.
_MAXIMUM_WINDOWS = 100_000


class Bounds(NamedTuple):
    """The key of a window, its first moment, and the first one after it."""

    key: str
    start: pd.Timestamp
    end: pd.Timestamp


def length_bounds(
    first: pd.Timestamp, last: pd.Timestamp, length: AnyDuration, origin: pd.Timestamp | None
) -> list[Bounds]:
    """Bound windows of one length, from the origin on.

    Without one they begin with the day of the first row, or with its month, quarter or year.

    Raises:
        ConfigurationError: If there would be too many windows.
    """
    if origin is None:
        # Nothing is listed before the first row.
        if isinstance(length, CalendarDuration):
            origin = period_start(first, length)
        else:
            day = first.normalize()
            origin = day + (first - day) // length * length
    count = max(whole_steps(origin, last, length) + 1, 0)
    _refuse_too_many(count, origin, last)
    edges = pairwise(origin + number * length for number in range(count + 1))
    return [
        Bounds(moment_text(start), start.as_unit("us"), end.as_unit("us")) for start, end in edges
    ]


def period_bounds(first: pd.Timestamp, last: pd.Timestamp, period: Period) -> list[Bounds]:
    """Bound the calendar periods from that of one moment to that of another.

    Raises:
        ConfigurationError: If there would be too many windows.
    """
    code = _PERIOD_CODES[period]
    periods = pd.period_range(first.to_period(code), last.to_period(code), freq=code)
    _refuse_too_many(len(periods), first, last)
    starts = periods.append(periods[-1:] + 1).to_timestamp()
    return [
        Bounds(_period_text(start, period), start.as_unit("us"), end.as_unit("us"))
        for start, end in pairwise(starts)
    ]


def _refuse_too_many(count: int, first: pd.Timestamp, last: pd.Timestamp) -> None:
    if count > _MAXIMUM_WINDOWS:
        raise ConfigurationError(
            f"{count:,} windows lie between {first} and {last}, at most {_MAXIMUM_WINDOWS:,} are "
            "listed; make them longer, or begin later with windows.origin"
        )


def row_bounds(bounds: Iterable[Bounds], problem: Problem) -> list[Bounds]:
    """Name windows by the numbers of their rows, of a table whose rows stand for its time."""
    return [
        bound._replace(key=rows_key(first, last)) if first <= last else bound
        for bound in bounds
        for first, last in [(_first_row(bound.start, problem), _first_row(bound.end, problem) - 1)]
    ]


def _first_row(moment: pd.Timestamp, problem: Problem) -> int:
    """Return the number of the first row from a moment on."""
    return -int((pd.Timestamp(0) - moment) // problem.frequency)


def rows_key(first: int, last: int) -> str:
    """Name a window by its first and its last row: ``rows=0-499``."""
    return f"rows={first}-{last}"


def value_text(value: object) -> str:
    """Write a value of a column; 7.0 as 7, since a blank somewhere turns numbers into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _period_text(start: pd.Timestamp, period: Period) -> str:
    if period == "week":
        # The year of an ISO week is that of its Thursday: 2021-01-01 lies in 2020-W53.
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    if period == "quarter":
        return f"{start.year}-Q{start.quarter}"
    return str(start.date())[: {"day": 10, "month": 7, "year": 4}[period]]
