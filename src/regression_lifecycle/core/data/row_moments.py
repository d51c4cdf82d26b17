"""The time of a row: as one moment, as the raw columns that it is made of, and as its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd

from regression_lifecycle.core.calendar.moment_formats import start_of
from regression_lifecycle.core.calendar.moments import PART_BOUNDS
from regression_lifecycle.core.data.problem import MOMENT_PARTS, Problem
from regression_lifecycle.core.durations import shortest
from regression_lifecycle.core.errors import ConfigurationError, DataContractError, bounded_list

NO_DAY = datetime(1900, 1, 1)
"""The day on which a time of day stands that is read by a format such as ``%H:%M``."""
_DAY = timedelta(days=1)


class RowMoments:
    """Completes rows that say their time in one of the two ways."""

    def __init__(self, problem: Problem, *, needed: bool) -> None:
        """Look at how time is written.

        Args:
            problem: Names the timestamp and its parts.
            needed: Whether a row without a time is refused.
        """
        self._stamp = problem.timestamp.name
        self._parts = problem.timestamp.parts
        self._needed = needed
        self._hours_from_one = counts_hours_from_one(problem)
        self._stands_at = row_starts(problem)

    def complete(self, row: MutableMapping[str, Any]) -> None:
        """Add the timestamp to a row that has its parts, and the parts to one that has it.

        Args:
            row: Moments as ``datetime``, numbers as numbers.

        Raises:
            DataContractError: If both are there and differ, or neither is there as a whole.
        """
        stamp = row.get(self._stamp)
        given = {part: row[name] for part, name in self._parts.items() if row.get(name) is not None}
        if stamp is None and not given and not self._needed:
            return
        if stamp is None:
            stamp = self._made(given)
            row[self._stamp] = stamp
        if not self._parts:
            return
        parts = parts_of(stamp, self._parts, hours_from_one=self._hours_from_one)
        whole = moment_of(parts)
        if self._stands_at is not None:
            whole = self._stands_at(whole)
        if whole != stamp:
            raise DataContractError(
                f"no row stands at {stamp}, since {self._stamp} is made of "
                f"{bounded_list(self._parts.values())}; the row before it is {whole}"
            )
        try:
            agrees = moment_of({**parts, **given}) == stamp
        except (ValueError, OverflowError):
            agrees = False
        if not agrees:
            differing = {part: value for part, value in given.items() if value != parts[part]}
            raise DataContractError(
                f"{self._stamp} is {stamp}, but {self._said(differing)}; correct one of them"
            )
        # What was sent stays as it was: 24 o'clock is 0 o'clock of the day after.
        row.update({self._parts[part]: value for part, value in {**parts, **given}.items()})

    def _made(self, given: Mapping[str, Any]) -> datetime:
        missing = [name for part, name in self._parts.items() if part not in given]
        if missing or not self._parts:
            raw = f", or {bounded_list(self._parts.values())}" if self._parts else ""
            what = f"{bounded_list(missing)} is missing" if given else "the time is missing"
            raise DataContractError(f"{what}; send {self._stamp}{raw}")
        try:
            return moment_of(given)
        except (ValueError, OverflowError):
            raise DataContractError(f"there is no such time: {self._said(given)}") from None

    def _said(self, parts: Mapping[str, Any]) -> str:
        return ", ".join(
            f"{self._parts[part]} {value if isinstance(value, datetime) else f'{value:g}'}"
            for part, value in parts.items()
        )


def read_row_numbers(table: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Turn the numbers of rows into the moments that stand for them.

    Args:
        table: Rows as they were handed in.

    Returns:
        The same where the table has a time, or the timestamp is not given. What is no number of a
        row stays as it is.
    """
    stamp = problem.timestamp
    if not stamp.rows or stamp.name not in table:
        return table
    given = table[stamp.name]
    numbered = given.astype("str").str.strip().str.fullmatch(r"\d{1,12}").fillna(False)
    if not numbered.any():
        return table
    moments = given.astype("object")
    # What is no row stays, and is told to be no moment.
    for place in numbered[numbered].index:
        with suppress(ConfigurationError):
            moments[place] = str(problem.moment_of_row(int(given[place])))
    return table.assign(**{stamp.name: moments})


def row_starts(problem: Problem) -> Callable[[datetime], datetime] | None:
    """Return what finds the start of what a date column names, where it names no moment.

    Returns:
        From a moment to the row that it falls into; None where any moment may have a row, or more
        columns than the date make it.
    """
    stamp = problem.timestamp
    if set(stamp.parts) != {"date"}:
        return None
    date = problem.columns[stamp.parts["date"]]
    if date.format is not None:
        return partial(start_of, form=date.format)
    # Declared as a date and read of rows by the hour, it holds the hour all the same.
    is_day = date.type == "date" and shortest(problem.frequency) >= _DAY
    return _midnight if is_day else None


def counts_hours_from_one(problem: Problem) -> bool:
    """Return whether midnight is 24 o'clock of the day before, as the contract bounds the hour."""
    hours = problem.columns.get(problem.timestamp.hour or "")
    return hours is not None and (hours.minimum or 0) >= 1


def moment_of(parts: Mapping[str, Any]) -> datetime:
    """Put the parts of a time together, as ``assemble_moments`` does for columns.

    Args:
        parts: By what they hold, as ``TimestampSpec`` names them.

    Returns:
        The start of what the parts name.

    Raises:
        ValueError: If there is no such time, as the 31st of a February.
    """
    whole = {part: _whole(value) for part, value in parts.items() if part not in MOMENT_PARTS}
    low_and_high = ((whole[part], *PART_BOUNDS[part]) for part in whole)
    if any(not low <= value <= high for value, low, high in low_and_high):
        raise ValueError
    if "date" in parts:
        moment: datetime = parts["date"]
        if "hour" in whole or "time" in parts:
            moment = _midnight(moment)
    elif "week" in whole:
        moment = datetime.fromisocalendar(whole["year"], whole["week"], 1)
    else:
        month = whole.get("month", (whole.get("quarter", 1) - 1) * 3 + 1)
        moment = datetime(whole["year"], month, whole.get("day", 1))
    if "time" in parts:
        moment += parts["time"] - _midnight(parts["time"])
    return moment + timedelta(hours=whole.get("hour", 0))


def parts_of(
    moment: datetime, parts: Mapping[str, str], *, hours_from_one: bool = False
) -> dict[str, Any]:
    """Take a moment apart into what the raw columns hold.

    Args:
        parts: What is asked for.
        hours_from_one: Whether midnight is 24 o'clock of the day before.

    Returns:
        By part a moment for the date and for the time of day, else a number; a date that stands
        beside an hour or a time is that of midnight.
    """
    day, hour = moment, moment.hour
    if hours_from_one and "hour" in parts and hour == 0:
        day, hour = moment - timedelta(days=1), 24
    week = day.isocalendar()
    values: dict[str, Any] = {
        "date": _midnight(day) if {"hour", "time"} & parts.keys() else day,
        "year": float(week.year if "week" in parts else day.year),
        "quarter": float((day.month - 1) // 3 + 1),
        "month": float(day.month),
        "week": float(week.week),
        "day": float(day.day),
        "hour": float(hour),
        "time": NO_DAY + (moment - _midnight(moment)),
    }
    return {part: values[part] for part in parts}


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _whole(value: float) -> int:
    if value != int(value):
        raise ValueError
    return int(value)
