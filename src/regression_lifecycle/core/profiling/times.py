"""Which columns hold the time of a row, and how far two rows lie apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.moment_formats import UNIX, from_unix
from regression_lifecycle.core.durations import duration_text
from regression_lifecycle.core.profiling.columns import ReadColumn

_TIME_WORDS = frozenset(
    {
        "time", "timestamp", "datetime", "date", "day", "ts", "dt", "datum", "zeit", "zeitpunkt",
        "fecha", "period", "week", "month",
    }
)  # fmt: skip
_PART_WORDS = {
    "year": frozenset({"year", "yr", "yyyy", "jahr", "ano", "año", "annee", "année", "anno"}),
    "quarter": frozenset({"quarter", "qtr", "quartal", "trimestre", "q"}),
    "month": frozenset({"month", "mo", "mon", "mnth", "monat", "mes", "mois", "mm"}),
    "week": frozenset({"week", "wk", "woche", "kw", "semaine", "semana"}),
    "day": frozenset({"day", "dy", "dd", "tag", "jour", "dia", "día"}),
    "hour": frozenset({"hour", "hr", "h", "hh", "stunde", "hora", "heure"}),
}
_PART_RANGES = {
    "year": (1700, 2200),
    "quarter": (1, 4),
    "month": (1, 12),
    "week": (1, 53),
    "day": (1, 31),
    "hour": (0, 23),
}
# What stands within a year, and how the whole is read.
_WITHIN_A_YEAR = {
    ("quarter",): "%Y-%m",
    ("month",): "%Y-%m",
    ("week",): "%G-%V-%u",
    ("month", "day"): "%Y-%m-%d",
}
# Counts from 1970 that lie in the years 1973 to 2103, and a minute of each.
_UNIX_FROM, _UNIX_UNTIL, _MINUTE = 10**14, 42 * 10**14, 60 * 10**6
_UNIX_WORDS = _TIME_WORDS | {"epoch", "unix", "at", "utc"}
# What a column of whole numbers may be, by the number of its digits.
_DIGIT_FORMATS = {8: "%Y%m%d", 6: "%Y%m", 4: "%Y"}
_STEPS = (
    "1 second", "5 seconds", "10 seconds", "15 seconds", "30 seconds", "1 minute", "5 minutes",
    "10 minutes", "15 minutes", "30 minutes", "1 hour", "2 hours", "3 hours", "6 hours",
    "12 hours", "1 day", "7 days", "28 days", "91 days", "364 days",
)  # fmt: skip
_REGULAR = 0.5


@dataclass(frozen=True)
class TimeProfile:
    """How the time of a row is made.

    Attributes:
        parts: Raw columns by the key of ``problem.timestamp`` that takes them: ``date``, ``hour``,
            ``year``, ``quarter``, ``month``, ``week``, ``day``. Empty for a table without a time.
        format: How whole numbers are a moment (``moment_formats``); None otherwise.
        moments: The time of every row; empty for a table without a time.
    """

    parts: Mapping[str, str]
    moments: pd.Series
    format: str | None = None

    @property
    def has_time(self) -> bool:
        """Whether the table has a time."""
        return bool(self.parts)


@dataclass(frozen=True)
class Frequency:
    """Distance between two observations when none is missing.

    Attributes:
        text: As the configuration writes it.
        regular: Whether most rows keep it.
        share: Share of the distances that are this long (calendar months of any length).
    """

    text: str
    regular: bool
    share: float


WITHOUT_TIME = TimeProfile({}, pd.Series(dtype="datetime64[us]"))


def find_times(
    columns: Mapping[str, ReadColumn], target: str, *, named: bool = False
) -> list[TimeProfile]:
    """Find the ways in which the columns of a table make a time.

    Args:
        columns: All columns of the table.
        target: The target, which is none.
        named: Whether a person says that these columns are the time, whatever they are called.

    Returns:
        The ways, the likeliest first; a column that misses values or holds what is no date makes
        none.
    """
    found = []
    for name, (profile, values) in columns.items():
        if name == target or not profile.n_unique > 1:
            continue
        if profile.is_time:
            # A few rows without a time are set aside; a column of open ends is no time.
            if values.isna().mean() <= 0.01:
                found.append(TimeProfile({"date": name}, values))
        elif profile.type == "integer" and not profile.n_missing:
            found += _of_digits(name, values, named) + _of_counts(name, values, named)
    found += _of_parts(columns, target)
    hours = _columns_of_part(columns, "hour", target)
    found += [_with_hour(time, hours, columns) for time in found if _may_have_hour(time, hours)]
    return sorted(found, key=_likelihood, reverse=True)


def time_of(columns: Mapping[str, ReadColumn], names: tuple[str, ...]) -> TimeProfile | None:
    """Make the time of the columns that a person names.

    Args:
        columns: All columns of the table.
        names: One column, or several that hold parts of the time.

    Returns:
        The time, or None if these columns make none.
    """
    chosen = {name: columns[name] for name in names}
    for time in find_times(chosen, target="", named=True):
        if set(time.parts.values()) == set(names):
            return time
    return None


def read_as_time(columns: Mapping[str, ReadColumn], time: TimeProfile) -> dict[str, ReadColumn]:
    """Read the column of whole numbers that are moments as what it is.

    Args:
        columns: All columns of the table.
        time: The time that was found.

    Returns:
        The column by its name; empty if the time is made of no such column.
    """
    if time.format is None:
        return {}
    profile, _ = columns[time.parts["date"]]
    moments = time.moments.dt.normalize() if "hour" in time.parts else time.moments
    read = replace(
        profile,
        type="date" if (moments == moments.dt.normalize()).all() else "datetime",
        format=time.format,
        minimum=None,
        zoned=time.format in UNIX,
    )
    return {profile.name: ReadColumn(read, moments)}


def find_frequency(moments: pd.Series, series: pd.Series | None = None) -> Frequency:
    """Find how far two observations lie apart.

    Args:
        moments: Times of the rows, in any order; missing ones are skipped.
        series: Names the series that each row belongs to; None for a single one.

    Returns:
        The commonest distance, months counted by the calendar. Where no distance is common the
        median, rounded up to a usual length.
    """
    table = pd.DataFrame({"moment": moments, "series": 0 if series is None else series})
    table = table.dropna().drop_duplicates().sort_values(["series", "moment"])
    following = table["series"].eq(table["series"].shift())
    distances = table["moment"].diff()[following]
    distances = distances[distances > pd.Timedelta(0)]
    if distances.empty:
        return Frequency("1 day", False, 0.0)
    months = _months(table["moment"], following)
    if months is not None:
        return months
    counts = distances.value_counts(normalize=True)
    commonest, share = counts.index[0], float(counts.iloc[0])
    if share >= _REGULAR:
        return Frequency(duration_text(commonest), True, share)
    median = distances.median()
    usual = next((step for step in _STEPS if pd.Timedelta(step) >= median), _STEPS[-1])
    return Frequency(usual, False, share)


def _months(moments: pd.Series, following: pd.Series) -> Frequency | None:
    """The distance in whole months, where all moments stand on one day of the month or its end."""
    day, last = moments.dt.day, moments.dt.days_in_month
    on_one_day = day.nunique() == 1 and day.iloc[0] <= 28
    if not (on_one_day or (day == last).mean() > 0.95 or _near_month_ends(day, last)):
        return None
    numbers = moments.dt.year * 12 + moments.dt.month
    distances = numbers.diff()[following]
    distances = distances[distances > 0].astype("int64")
    if distances.empty:
        return None
    step = int(np.gcd.reduce(distances.to_numpy()))
    names = {1: "1 month", 3: "1 quarter", 12: "1 year"}
    share = float((distances == step).mean())
    return Frequency(names.get(step, f"{step} months"), share >= _REGULAR, share)


def _near_month_ends(day: pd.Series, last: pd.Series) -> bool:
    """Last business days of months: at most three days before the end."""
    return bool(((last - day) <= 3).mean() > 0.95)


def _of_counts(name: str, values: pd.Series, sure: bool) -> list[TimeProfile]:
    """Seconds, or thousandths of them and smaller, since 1970: by name, or all of whole minutes."""
    for form, size in UNIX.items():
        counts = (values * size).round()
        if counts.between(_UNIX_FROM, _UNIX_UNTIL).all():
            evident = sure or _words(name) & _UNIX_WORDS or not (counts % _MINUTE).any()
            return [TimeProfile({"date": name}, from_unix(values, form), form)] if evident else []
    return []


def _of_digits(name: str, values: pd.Series, sure: bool) -> list[TimeProfile]:
    """Whole numbers such as 20120131, 201201 or 2012, where the name or the digits say dates."""
    digits = np.floor(np.log10(values.where(values > 0))) + 1
    if digits.isna().any() or digits.nunique() != 1:
        return []
    count = int(digits.iloc[0])
    if count not in _DIGIT_FORMATS:
        return []
    words = _words(name)
    named = bool(words & (_TIME_WORDS | _PART_WORDS["year"]))
    if count == 4 and not (sure or (words & _PART_WORDS["year"] and len(words) == 1)):
        return []
    if count == 6 and not (sure or named):
        return []
    text = values.astype("int64").astype("str")
    moments = pd.to_datetime(text, format=_DIGIT_FORMATS[count], errors="coerce")
    if moments.isna().any() or not moments.dt.year.between(1700, 2200).all():
        return []
    return [TimeProfile({"date": name}, moments.astype("datetime64[us]"), _DIGIT_FORMATS[count])]


def _of_parts(columns: Mapping[str, ReadColumn], target: str) -> list[TimeProfile]:
    """Parts of the time in columns of their own: a year, and what stands within it."""
    found = []
    for within, form in _WITHIN_A_YEAR.items():
        candidates = (_columns_of_part(columns, part, target) for part in ("year", *within))
        for chosen in product(*candidates):
            numbers = [columns[name].values.astype("int64") for name in chosen]
            if within == ("quarter",):
                numbers[1] = numbers[1] * 3 - 2
            text = numbers[0].astype("str")
            for number in numbers[1:]:
                text = text + "-" + number.astype("str").str.zfill(2)
            # ISO weeks begin on a Monday.
            text = text + "-1" if within == ("week",) else text
            moments = pd.to_datetime(text, format=form, errors="coerce").astype("datetime64[us]")
            if moments.isna().mean() <= 0.01:
                found.append(
                    TimeProfile(dict(zip(("year", *within), chosen, strict=True)), moments)
                )
    return found


def _may_have_hour(time: TimeProfile, hours: list[str]) -> bool:
    if set(time.parts) not in ({"date"}, {"year", "month", "day"}) or not hours:
        return False
    return bool((time.moments.dropna() == time.moments.dropna().dt.normalize()).all())


def _with_hour(
    time: TimeProfile, hours: list[str], columns: Mapping[str, ReadColumn]
) -> TimeProfile:
    hour = hours[0]
    moments = time.moments + pd.to_timedelta(columns[hour].values, unit="h")
    return TimeProfile({**time.parts, "hour": hour}, moments, time.format)


def _columns_of_part(columns: Mapping[str, ReadColumn], part: str, target: str) -> list[str]:
    low, high = _PART_RANGES[part]
    return [
        name
        for name, (profile, values) in columns.items()
        if name != target
        and profile.type == "integer"
        and not profile.n_missing
        and _words(name) <= _PART_WORDS[part]
        and values.between(low, high).all()
    ]


def _likelihood(time: TimeProfile) -> tuple[Any, ...]:
    present = time.moments.dropna()
    name = next(iter(time.parts.values()))
    return (
        # A day that stands in 24 rows is no time yet if a column has the hour.
        len(time.parts) if not present.is_unique or len(time.parts) > 1 else 2,
        present.is_unique,
        bool(_words(name) & _TIME_WORDS),
        present.is_monotonic_increasing,
        present.nunique(),
    )


def _words(name: str) -> frozenset[str]:
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return frozenset(word for word in re.split(r"[\W_\d]+", parted.lower()) if word)
