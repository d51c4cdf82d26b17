"""Days of the week on which a table has rows, so that a weekend is no gap."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

_DAY = pd.Timedelta("1 day")


def count_on_weekdays(
    first: pd.Series, count: pd.Series, step: Any, weekdays: Collection[str]
) -> pd.Series:
    """Count the moments of a regular table that stand on some days of the week.

    Args:
        first: The first moment of each stretch.
        count: How many moments it has, the first among them; 0 or more, none missing.
        step: Their distance, a whole part of a day.
        weekdays: The days that count; all of them if empty.

    Returns:
        Of each stretch the moments on those days, as ``int64``.
    """
    total = count.astype("int64")
    if not weekdays:
        return total
    mask = [day in weekdays for day in WEEKDAYS]
    counts = np.array(mask)
    day = first.dt.normalize()
    of_a_day = _DAY // step
    # What is left of the first day, then whole days, then a part of the last one.
    begun = np.minimum(total, -((first - day - _DAY) // step))
    rest = total - begun
    whole, part = (rest // of_a_day).to_numpy(), rest % of_a_day
    second = (day + _DAY).to_numpy().astype("datetime64[D]")
    last = second + whole
    on_last = counts[(last.astype("int64") + 3) % 7]
    found = (
        begun * counts[day.dt.dayofweek.to_numpy()]
        + np.busday_count(second, last, weekmask=mask) * of_a_day
        + part * on_last
    )
    return found.astype("int64")


def move_to_weekday(
    moments: pd.Series, step: Any, weekdays: Collection[str], forward: bool
) -> pd.Series:
    """Move moments that stand on another day to the next one that stands on some days of the week.

    Args:
        moments: Moments of a regular table.
        step: Their distance, a whole part of a day.
        weekdays: The days that count; all of them if empty.
        forward: Whether the next later one is meant; else the next earlier one.
    """
    if not weekdays or moments.empty:
        return moments
    mask = [day in weekdays for day in WEEKDAYS]
    day = moments.dt.normalize()
    away = ~np.array(mask)[day.dt.dayofweek.to_numpy()]
    roll: Literal["forward", "backward"] = "forward" if forward else "backward"
    days = np.busday_offset(day.to_numpy().astype("datetime64[D]"), 0, roll=roll, weekmask=mask)
    # The first moment of that day, or its last one.
    within = (moments - day) % step
    if not forward:
        within = within + (_DAY // step - 1) * step
    moved = pd.Series(days.astype("datetime64[us]"), index=moments.index) + within
    return moments.where(~away, moved)


def find_weekdays(moments: pd.Series) -> tuple[Weekday, ...]:
    """Find out on which days of the week a table has rows.

    Args:
        moments: Times of the rows; missing ones are skipped.

    Returns:
        The days, if there are four weeks of rows or more and one day at least has hardly any
        (holidays that are worked at); none if rows stand on every day.
    """
    days = moments.dropna().dt.normalize().drop_duplicates()
    if days.empty or days.max() - days.min() < 28 * _DAY:
        return ()
    counts = days.dt.dayofweek.value_counts().reindex(range(7), fill_value=0)
    often = counts >= max(0.1 * counts.max(), 1)
    if often.all() or counts.max() < 4:
        return ()
    return tuple(name for name, kept in zip(WEEKDAYS, often, strict=True) if kept)
