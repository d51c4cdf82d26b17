"""The time of a row, put together from the raw columns that hold parts of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

PART_BOUNDS = {
    # What a timestamp of nanoseconds can hold, which other libraries make of it.
    "year": (1678, 2261),
    "quarter": (1, 4),
    "month": (1, 12),
    "week": (1, 53),
    "day": (1, 31),
    "hour": (0, 23),
}
"""Smallest and largest value of every part but the date."""


def assemble_moments(parts: Mapping[str, pd.Series]) -> pd.Series:
    """Put the parts of a time together.

    Args:
        parts: By what they hold: ``date`` as datetimes, the others as numbers. A date comes alone
            or with the hour, a year alone or with what tells more.

    Returns:
        The starts of what the parts name, as ``datetime64[us]``; missing where a part is missing
        or out of its bounds, or there is no such time, as the 31st of a February.
    """
    numbers = {
        part: values.where(values.between(*PART_BOUNDS[part]))
        for part, values in parts.items()
        if part != "date"
    }
    if "date" in parts:
        moments = parts["date"].astype("datetime64[us]")
        if "hour" in numbers:
            moments = moments.dt.normalize()
    else:
        moments = _dates(numbers)
    if "hour" in numbers:
        moments = moments + pd.to_timedelta(numbers["hour"], unit="h")
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
