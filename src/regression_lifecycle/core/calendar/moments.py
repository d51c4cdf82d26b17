"""The time of a row: put together from raw columns, told from a mistake, and written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regression_lifecycle.core.durations import AnyDuration, longest

PART_BOUNDS = {
    # What a timestamp of nanoseconds can hold, which other libraries make of it.
    "year": (1678, 2261),
    "quarter": (1, 4),
    "month": (1, 12),
    "week": (1, 53),
    "day": (1, 31),
    # 24 is the midnight behind the day, of tables that name an hour by its end.
    "hour": (0, 24),
}
"""Smallest and largest value of every part but the date."""
# Fewer gaps say nothing about what is usual.
_FEWEST_GAPS = 20
_SHARE = 0.01
_TIMES_LONGER = 10
# Of a whole table: a row that stands a tenth of its length ahead of all others moves its end, and
# is a mistake sooner than a pause. Few, so that a table that goes on is soon believed.
_JUMP = 0.1
_JUMP_SHARE = 0.001


def assemble_moments(parts: Mapping[str, pd.Series]) -> pd.Series:
    """Put the parts of a time together.

    Args:
        parts: By what they hold: ``date`` and ``time`` as datetimes, the others as numbers. A date
            comes alone or with the hour or the time of day, a year alone or with what tells more.

    Returns:
        The starts of what the parts name, as ``datetime64[us]``; missing where a part is missing
        or out of its bounds, or there is no such time, as the 31st of a February.
    """
    numbers = {
        part: values.where(values.between(*PART_BOUNDS[part]))
        for part, values in parts.items()
        if part not in ("date", "time")
    }
    if "date" in parts:
        moments = parts["date"].astype("datetime64[us]")
        if "hour" in numbers or "time" in parts:
            moments = moments.dt.normalize()
    else:
        moments = _dates(numbers)
    if "hour" in numbers:
        moments = moments + pd.to_timedelta(numbers["hour"], unit="h")
    if "time" in parts:
        moments = moments + (parts["time"] - parts["time"].dt.normalize())
    # One unit everywhere, so that joins by time never meet two resolutions.
    return moments.astype("datetime64[us]")


def _dates(parts: Mapping[str, pd.Series]) -> pd.Series:
    index = parts["year"].index
    table = pd.DataFrame({part: parts[part] for part in parts if part != "hour"})
    known = table.notna().all(axis=1).to_numpy()
    filled = table.fillna(1).astype("int64")
    one = pd.Series(1, index=index)
    month = filled.get("month", (filled.get("quarter", one) - 1) * 3 + 1)
    numbers = ((filled["year"] - 1970) * 12 + month - 1).to_numpy()
    starts = numbers.astype("datetime64[M]")
    days = starts.astype("datetime64[D]")
    if "week" in filled:
        # The fourth of January lies in the first week. Day 0 of 1970 was a Thursday.
        fourth = days + 3
        monday = fourth - (fourth.astype("int64") + 3) % 7
        days = monday + 7 * (filled["week"].to_numpy() - 1)
        # A week belongs to the year of its Thursday.
        known = known & ((days + 3).astype("datetime64[Y]") == starts.astype("datetime64[Y]"))
    elif "day" in filled:
        days = days + (filled["day"].to_numpy() - 1)
        known = known & (days.astype("datetime64[M]") == starts)
    moments = np.where(known, days.astype("datetime64[us]"), np.datetime64("NaT", "us"))
    return pd.Series(moments, index=index)


def believed_span(
    moments: pd.Series, maximum_gap: AnyDuration, known: pd.Series | None = None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return between which moments a table lies, without the few that stand far from the rest.

    Their time must be a mistake: 2203 for 2023, 9999-12-31 for "open", 1900-01-01 for unknown. One
    such row would be the newest of the table, and all else would wait for its time to come.

    No clock is asked, so that the same table gives the same answer on every day. A table that goes
    on after a long pause soon has more rows behind it than are taken for strays.

    Args:
        moments: Timestamps that nothing else speaks against, at least one, in any order; it does
            not matter how often each stands there.
        maximum_gap: Longest gap that is believed.
        known: Timestamps that belong to the table and are beyond doubt, if it is not seen whole.

    Returns:
        The first and the last whole second that are believed. Outside lie those behind a gap that
        is longer than ``maximum_gap`` and than ten times every gap of the rest, with at most 1 % of
        all moments (or one) at that end; of a table that is seen whole also those, of at most 0.1 %
        of all moments (or one), behind one that is longer than a tenth of the rest of the table.
        None where the rest has fewer than 20 gaps.
    """
    given = [moments] if known is None else [moments, known]
    seconds = np.unique(np.concatenate([each.to_numpy("datetime64[s]") for each in given]))
    gaps = np.diff(seconds).astype("int64")
    few = max(1, int(len(seconds) * _SHARE))
    inner = gaps[few:-few]
    first, last = seconds[0], seconds[-1]
    if len(inner) < _FEWEST_GAPS:
        return pd.Timestamp(first), pd.Timestamp(last)
    usual = _TIMES_LONGER * int(inner.max())
    rules = [(few, int(longest(maximum_gap).total_seconds()))]
    if known is None:
        rules.append((max(1, int(len(seconds) * _JUMP_SHARE)), int(_JUMP * inner.sum())))
    for few, limit in rules:
        long = np.flatnonzero(gaps > max(limit, usual))
        first = max(first, seconds[long[long < few].max(initial=-1) + 1])
        last = min(last, seconds[long[long >= len(gaps) - few].min(initial=len(gaps))])
    return pd.Timestamp(first), pd.Timestamp(last)


def moment_text(moment: pd.Timestamp) -> str:
    """Write a moment as short as it is: the date, and the time of day only if it is not midnight.

    Returns:
        For example ``2011-01-29`` or ``2011-01-29 06:00``.
    """
    if moment == moment.normalize():
        return str(moment.date())
    whole_minutes = moment == moment.floor("min")
    text: str = moment.isoformat(sep=" ", timespec="minutes" if whole_minutes else "auto")
    return text
