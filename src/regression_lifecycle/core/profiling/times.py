"""Which columns hold the time of a row, and how far two rows lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.calendar.moment_formats import EXCEL, UNIX, from_count
from regression_lifecycle.core.calendar.weekdays import Weekday, count_on_weekdays, find_weekdays
from regression_lifecycle.core.durations import duration_text
from regression_lifecycle.core.profiling.columns import ReadColumn, words_of

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
    "hour": (0, 24),
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
# The days of spreadsheets in the years 1954 to 2119.
_EXCEL_DAYS = (20_000, 80_000)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S.%f")
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
            ``time``, ``year``, ``quarter``, ``month``, ``week``, ``day``. Empty for a table without
            a time.
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
        weekdays: Days of the week that have rows; empty if all have, or no day comes twice a week.
        missing: Share of the rows that are not there, of those that it asks for.
    """

    text: str
    regular: bool
    share: float
    weekdays: tuple[Weekday, ...] = ()
    missing: float = 0.0


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
        if profile.type in ("integer", "float") and profile.format is None:
            found += _of_spreadsheets(name, values, named)
    found += _of_parts(columns, target)
    hours = _columns_of_part(columns, "hour", target)
    days = [time for time in found if _is_of_days(time)]
    found += [_with_hour(time, hours[0], columns) for time in days if hours]
    clocks = [name for name in columns if name != target and clock_format(columns[name])]
    found += [_with_clock(time, clocks[0], columns) for time in days if clocks]
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
    """Read whole numbers that are moments, and times of day, as what they are.

    Args:
        columns: All columns of the table.
        time: The time that was found.

    Returns:
        The columns by name; empty if the time is made of no such column.
    """
    found = {}
    if "time" in time.parts:
        clock, values = columns[time.parts["time"]]
        form = str(clock_format(columns[clock.name]))
        read = replace(clock, type="datetime", format=form)
        found[clock.name] = ReadColumn(read, _times_of_day(values, form))
    if time.format is None:
        return found
    profile, _ = columns[time.parts["date"]]
    moments = time.moments.dt.normalize() if len(time.parts) > 1 else time.moments
    read = replace(
        profile,
        type="date" if (moments == moments.dt.normalize()).all() else "datetime",
        format=time.format,
        minimum=None,
        zoned=time.format in UNIX,
    )
    return {**found, profile.name: ReadColumn(read, moments)}


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
        within_a_day = not pd.Timedelta("1 day") % commonest
        weekdays = find_weekdays(table["moment"]) if within_a_day else ()
        spans = table.groupby("series")["moment"].agg(["min", "max", "size"])
        asked = (spans["max"] - spans["min"]) // commonest + 1
        asked = count_on_weekdays(spans["min"], asked, commonest, weekdays)
        missing = max(1 - float(spans["size"].sum() / asked.sum()), 0.0)
        return Frequency(duration_text(commonest), True, share, weekdays, missing)
    median = distances.median()
    # A clock that wavers by a few seconds leaves hours hours.
    usual = next((step for step in _STEPS if 1.02 * pd.Timedelta(step) >= median), _STEPS[-1])
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
            evident = sure or words_of(name) & _UNIX_WORDS or not (counts % _MINUTE).any()
            return [TimeProfile({"date": name}, from_count(values, form), form)] if evident else []
    return []


def _of_spreadsheets(name: str, values: pd.Series, sure: bool) -> list[TimeProfile]:
    """Days as spreadsheets count them, by name alone: they look like any other number."""
    if values.isna().any() or not values.between(*_EXCEL_DAYS).all():
        return []
    if not (sure or words_of(name) & _TIME_WORDS):
        return []
    return [TimeProfile({"date": name}, from_count(values, EXCEL), EXCEL)]


def _of_digits(name: str, values: pd.Series, sure: bool) -> list[TimeProfile]:
    """Whole numbers such as 20120131, 201201 or 2012, where the name or the digits say dates."""
    digits = np.floor(np.log10(values.where(values > 0))) + 1
    if digits.isna().any() or digits.nunique() != 1:
        return []
    count = int(digits.iloc[0])
    if count not in _DIGIT_FORMATS:
        return []
    words = words_of(name)
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


def clock_format(column: ReadColumn) -> str | None:
    """Return the ``strptime`` format of times of day, or None if a column holds anything else."""
    profile, values = column
    if profile.type != "category" or profile.n_missing:
        return None
    labels = pd.Series(values.unique(), dtype="str")
    return next((form for form in _CLOCKS if _times_of_day(labels, form).notna().all()), None)


def _times_of_day(text: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(text, format=form, errors="coerce").astype("datetime64[us]")


def _is_of_days(time: TimeProfile) -> bool:
    if set(time.parts) not in ({"date"}, {"year", "month", "day"}):
        return False
    return bool((time.moments.dropna() == time.moments.dropna().dt.normalize()).all())


def _with_clock(time: TimeProfile, clock: str, columns: Mapping[str, ReadColumn]) -> TimeProfile:
    read = _times_of_day(columns[clock].values, str(clock_format(columns[clock])))
    moments = time.moments + (read - read.dt.normalize())
    return TimeProfile({**time.parts, "time": clock}, moments, time.format)


def _with_hour(time: TimeProfile, hour: str, columns: Mapping[str, ReadColumn]) -> TimeProfile:
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
        and words_of(name) <= _PART_WORDS[part]
        and values.between(low, high).all()
    ]


def _likelihood(time: TimeProfile) -> tuple[Any, ...]:
    present = time.moments.dropna()
    name = next(iter(time.parts.values()))
    return (
        # A day that stands in 24 rows is no time yet if a column has the hour.
        len(time.parts) if not present.is_unique or len(time.parts) > 1 else 2,
        present.is_unique,
        bool(words_of(name) & _TIME_WORDS),
        present.is_monotonic_increasing,
        present.nunique(),
    )
