"""Lengths of time: fixed ones, and those of the calendar, which differ from month to month.

A fixed length is a ``pd.Timedelta``. Months, quarters and years are a :class:`CalendarDuration`,
which is added to and taken from moments with the same signs; what the signs cannot say (how long
it is, how many fit between two moments) the functions here say for both.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from numbers import Real
from typing import Annotated, Any, TypeAlias

import numpy as np
import pandas as pd
from pydantic import PlainSerializer, PlainValidator

from regression_lifecycle.core.errors import ConfigurationError

_NONE = pd.Timedelta(0)
_FIXED_UNITS = {
    "second": pd.Timedelta(seconds=1),
    "minute": pd.Timedelta(minutes=1),
    "hour": pd.Timedelta(hours=1),
    "day": pd.Timedelta(days=1),
    "week": pd.Timedelta(weeks=1),
}
_CALENDAR_UNITS = {"month": 1, "quarter": 3, "year": 12}
_UNITS = (*_FIXED_UNITS, *_CALENDAR_UNITS)
_LONGEST_MONTHS = 12 * 1000
# What people write instead of a unit. A lone m is read by some as a minute, by others as a month.
_OTHER_WORDS = {
    **dict.fromkeys(("s", "sec", "secs"), ("second",)),
    **dict.fromkeys(("min", "mins", "t"), ("minute",)),
    "m": ("minute", "month"),
    **dict.fromkeys(("h", "hr", "hrs", "hourly"), ("hour",)),
    **dict.fromkeys(("d", "b", "daily"), ("day",)),
    **dict.fromkeys(("w", "wk", "wks", "weekly"), ("week",)),
    **dict.fromkeys(("ms", "me", "mo", "mos", "mon", "mth", "mths", "monthly"), ("month",)),
    **dict.fromkeys(("q", "qs", "qe", "qtr", "qtrs", "quarterly"), ("quarter",)),
    **dict.fromkeys(("y", "ys", "ye", "yr", "yrs", "a", "yearly", "annual", "annually"), ("year",)),
}
_ROWS = re.compile(r"rows=(\d+)-(\d+)")
_ISO = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
_ISO_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")


@dataclass(frozen=True)
class CalendarDuration:
    """Some months, and a fixed time beside them.

    A month after 31 January is the last day of February.

    Attributes:
        months: Whole months, three for a quarter, twelve for a year.
        rest: The fixed time that is added after the months.
    """

    months: int
    rest: pd.Timedelta = _NONE

    # pandas then leaves the sum of a column and a duration to this class.
    __pandas_priority__ = 5000

    def __add__(self, other: Any) -> Any:
        """Move moments (one, or a column of them) later, or add up two durations."""
        if isinstance(other, CalendarDuration):
            return CalendarDuration(self.months + other.months, self.rest + other.rest)
        if isinstance(other, timedelta):
            return CalendarDuration(self.months, self.rest + other)
        moved = other + pd.DateOffset(months=self.months)
        # A zero of nanoseconds would turn a column of microseconds into one of nanoseconds.
        return moved + self.rest.as_unit("us") if self.rest else moved

    __radd__ = __add__

    def __neg__(self) -> CalendarDuration:
        """Turn it round."""
        return CalendarDuration(-self.months, -self.rest)

    def __rsub__(self, other: Any) -> Any:
        """Move moments earlier, or take it from another duration."""
        return other + -self

    def __sub__(self, other: Any) -> Any:
        """Take another duration from it."""
        return self + -other

    def __mul__(self, count: int) -> CalendarDuration:
        """Take it so many times."""
        return CalendarDuration(self.months * int(count), self.rest * int(count))

    __rmul__ = __mul__

    def __str__(self) -> str:
        """As :func:`duration_text`."""
        return duration_text(self)


AnyDuration: TypeAlias = pd.Timedelta | CalendarDuration


def read_duration(value: Any) -> AnyDuration:
    """Read a length of time.

    Args:
        value: A number and a unit: ``7 days``, ``1.5 hours``, ``1 month``. Months, quarters and
            years are whole.

    Returns:
        A Timedelta, or a :class:`CalendarDuration`.

    Raises:
        ConfigurationError: With the nearest right spelling, if there is one.
    """
    if isinstance(value, CalendarDuration):
        duration: AnyDuration = value
    elif isinstance(value, timedelta):
        duration = pd.Timedelta(value)
    else:
        duration = _parse(value)
    if shortest(duration) <= _NONE:
        raise ConfigurationError(f"'{value}' must be a duration above zero")
    return duration


def _parse(value: Any) -> AnyDuration:
    text = str(value)
    if isinstance(value, Real) or re.fullmatch(r"[\s\d.+-]+", text):
        raise ConfigurationError(f"'{value}' has no unit; write for example '7 days' or '1 month'")
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?) ([a-z]+?)s?", text)
    count, unit = (found[1], found[2]) if found else ("", "")
    try:
        if unit in _FIXED_UNITS:
            microseconds = Decimal(count) * (_FIXED_UNITS[unit] // pd.Timedelta(microseconds=1))
            return pd.Timedelta(microseconds=int(microseconds))
        if unit in _CALENDAR_UNITS and "." not in count:
            months = int(count) * _CALENDAR_UNITS[unit]
            if abs(months) <= _LONGEST_MONTHS:
                return CalendarDuration(months)
            raise OverflowError
    except (OverflowError, ValueError):
        raise ConfigurationError(f"'{value}' is longer than any table") from None
    if unit in _CALENDAR_UNITS:
        raise ConfigurationError(
            f"'{value}': a {unit} has no fixed length, so only whole ones can be counted; write a "
            "smaller unit, for example '6 months' or '15 days'"
        )
    advice = " or ".join(f"'{spelling}'" for spelling in _spellings(text))
    raise ConfigurationError(
        f"'{value}' is not a duration; "
        + (f"did you mean {advice}?" if advice else "write for example '7 days' or '1 month':")
        + f" a number, a blank and one of {', '.join(_UNITS)}"
    )


def _spellings(text: str) -> list[str]:
    """Return how a duration is written that somebody wrote otherwise, as well as can be guessed."""
    iso = _ISO.fullmatch(text.strip().upper())
    if iso and any(iso.groups()):
        parts = [(int(n), unit) for n, unit in zip(iso.groups(), _ISO_UNITS, strict=True) if n]
        if len(parts) == 1:
            return [_counted(*parts[0])]
        if not {unit for _, unit in parts} & {*_CALENDAR_UNITS}:
            return [duration_text(sum((n * _FIXED_UNITS[unit] for n, unit in parts), _NONE))]
        return []
    word = re.fullmatch(r"\s*(\d+(?:\.\d+)?)?[\s_-]*([a-z]+?)\.?\s*", text.lower())
    if word:
        count = float((word[2] and word[1]) or 1)
        near = (word[2], word[2].removesuffix("s"))
        units = next((_OTHER_WORDS[name] for name in near if name in _OTHER_WORDS), ())
        if not units:
            known = difflib.get_close_matches(word[2].removesuffix("s"), _UNITS, n=1, cutoff=0.6)
            units = tuple(known)
        whole = count.is_integer()
        return [_counted(count, unit) for unit in units if whole or unit in _FIXED_UNITS]
    try:
        duration = pd.Timedelta(text)
    except (ValueError, OverflowError):
        return []
    return [duration_text(duration)] if duration is not pd.NaT and duration > _NONE else []


def duration_text(duration: AnyDuration) -> str:
    """Write a duration for people.

    Args:
        duration: A length of time.

    Returns:
        In years, quarters or months; in days, hours, minutes or seconds: the largest unit of
        which it is a whole number, so that reading it again gives the same length.
    """
    if isinstance(duration, CalendarDuration):
        unit = next(
            unit
            for unit, months in reversed(_CALENDAR_UNITS.items())
            if not duration.months % months and (unit != "quarter" or duration.months == 3)
        )
        text = _counted(duration.months // _CALENDAR_UNITS[unit], unit)
        return text if not duration.rest else f"{text} and {duration_text(duration.rest)}"
    for unit in ("day", "hour", "minute", "second"):
        count, rest = divmod(duration, _FIXED_UNITS[unit])
        if not rest:
            return _counted(count, unit)
    return f"{duration.total_seconds()} seconds"


def _counted(count: float, unit: str) -> str:
    return f"{count:g} {unit}{'' if count == 1 else 's'}" if count < 1e6 else f"{count:.0f} {unit}s"


@cache
def _extremes(months: int) -> tuple[pd.Timedelta, pd.Timedelta]:
    """Return the shortest and the longest time that so many months take."""
    # These years hold both four and eight years between two leap days.
    starts = np.arange("1890-01", "1920-01", dtype="datetime64[M]")
    days = (starts + months).astype("datetime64[D]") - starts.astype("datetime64[D]")
    return pd.Timedelta(days.min()), pd.Timedelta(days.max())


def shortest(duration: AnyDuration) -> pd.Timedelta:
    """Return how long it is at least: 28 days for a month."""
    if isinstance(duration, CalendarDuration):
        return _extremes(duration.months)[0] + duration.rest
    return duration


def longest(duration: AnyDuration) -> pd.Timedelta:
    """Return how long it is at most: 31 days for a month."""
    if isinstance(duration, CalendarDuration):
        return _extremes(duration.months)[1] + duration.rest
    return duration


def usual_length(duration: AnyDuration) -> pd.Timedelta:
    """Return how long it is on average: 30.436875 days for a month."""
    if isinstance(duration, CalendarDuration):
        return duration.months * pd.Timedelta(days=365.2425) / 12 + duration.rest
    return duration


def is_at_least(duration: AnyDuration, other: AnyDuration) -> bool:
    """Return whether one is never shorter than the other, wherever in the calendar both begin.

    A month is no less than 28 days, and 31 days are no less than a month; 30 days are.
    """
    return bool(shortest(duration - other) >= _NONE)


def is_multiple(duration: AnyDuration, step: AnyDuration) -> bool:
    """Return whether some whole number of steps takes as long."""
    if isinstance(duration, CalendarDuration) and isinstance(step, CalendarDuration):
        return not duration.months % step.months and not duration.rest
    if isinstance(duration, pd.Timedelta) and isinstance(step, pd.Timedelta):
        return not duration % step
    return False


def whole_steps(start: Any, end: Any, step: AnyDuration) -> Any:
    """Return how many whole steps fit between two moments, as a number or a column of them.

    Args:
        start: A moment, or a column of moments.
        end: The same.

    Returns:
        The largest n with ``start + n * step <= end``.
    """
    if isinstance(step, pd.Timedelta):
        return (end - start) // step
    if not isinstance(start, pd.Series):
        count = (month_number(end) - month_number(start)) // step.months
        if not isinstance(end, pd.Series):
            return count - int(start + count * step > end)
        reached = count.map({number: start + number * step for number in count.unique()})
        return count - (reached > end)
    index = start.index if isinstance(start, pd.Series) else end.index
    starts, ends = (pd.Series(side, index=index).astype("datetime64[us]") for side in (start, end))
    counts = [
        pd.NA if pd.isna(one) or pd.isna(other) else whole_steps(one, other, step)
        for one, other in zip(starts, ends, strict=True)
    ]
    return pd.Series(counts, index=index, dtype="Int64")


def month_number(moments: Any) -> Any:
    """Return the months since January of year 0, of a moment or a column of moments."""
    parts = moments.dt if isinstance(moments, pd.Series) else moments
    return parts.year * 12 + parts.month - 1


def steps_to_cover(duration: AnyDuration, step: AnyDuration) -> int:
    """Return the fewest steps that are never shorter than a duration."""
    count = max(int(shortest(duration) // longest(step)), 1)
    while not is_at_least(count * step, duration):
        count += 1
    return count


def period_number(moments: pd.Series, step: AnyDuration) -> pd.Series:
    """Number the stretches of time that moments lie in.

    Args:
        step: Length of a stretch. Fixed ones are counted from 1970 on; months, quarters and years
            are those of the calendar, whatever day of them a moment is.

    Returns:
        Whole numbers that grow by one per stretch.
    """
    if isinstance(step, CalendarDuration):
        return month_number(moments) // step.months
    return (moments - pd.Timestamp(0)) // step


def shift_rows(
    moments: pd.Series, step: AnyDuration, counts: pd.Series, month_ends: bool
) -> pd.Series:
    """Return the moments of a table that stand some steps later.

    Args:
        counts: How many steps, per moment.
        month_ends: Whether all rows of the table stand at the ends of months.
    """
    if isinstance(step, pd.Timedelta):
        return moments + counts * step
    pairs = zip(moments, counts, strict=True)
    later = pd.Series(
        [moment + count * step for moment, count in pairs], moments.index, "datetime64[us]"
    )
    return later + pd.offsets.MonthEnd(0) if month_ends else later


def rows_label(key: str) -> str:
    """Write the name of a window of rows for people, ``rows 0 to 499`` for ``rows=0-499``.

    Any other name stays as it is.
    """
    found = _ROWS.fullmatch(key)
    return f"rows {found[1]} to {found[2]}" if found else key


def period_start(moment: pd.Timestamp, length: CalendarDuration) -> pd.Timestamp:
    """Return where the month, the quarter, the year, or so many of them, begin around a moment."""
    months = length.months
    number = month_number(moment)
    number -= number % (months if 12 % months == 0 else 12 if months % 12 == 0 else 1)
    return pd.Timestamp(year=number // 12, month=number % 12 + 1, day=1).as_unit("us")


Duration = Annotated[
    AnyDuration,
    PlainValidator(read_duration, json_schema_input_type=str),
    PlainSerializer(duration_text),
]
"""A length of time above zero: a number and a unit, as ``7 days``, ``1 hour``, ``1 month``."""
