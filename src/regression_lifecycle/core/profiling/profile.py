"""A table's profile: what can be told from its values, and what only a person knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd
from scipy.special import ndtr

from regression_lifecycle.core.calendar.moments import believed_span
from regression_lifecycle.core.data.defaults import longest_gap
from regression_lifecycle.core.data.problem import NUMERIC_TYPES
from regression_lifecycle.core.durations import read_duration
from regression_lifecycle.core.errors import (
    ConfigurationError,
    DataContractError,
    bounded_list,
    unknown_name,
)
from regression_lifecycle.core.evaluation.holdout import OWN_COLUMNS
from regression_lifecycle.core.profiling.columns import (
    ColumnProfile,
    ReadColumn,
    judge_use,
    missing_words,
    read_as_labels,
    read_columns,
)
from regression_lifecycle.core.profiling.evidence import Leak
from regression_lifecycle.core.profiling.keys import find_key
from regression_lifecycle.core.profiling.leaks import find_leaks
from regression_lifecycle.core.profiling.times import (
    WITHOUT_TIME,
    Frequency,
    TimeProfile,
    find_frequency,
    find_times,
    read_as_time,
    time_of,
)

ALL: Literal["all"] = "all"
Assumption = Literal["known_in_advance", "horizon", "label_delay"]
_FEWEST_ROWS = 30
_TIME_NAMES = ("timestamp", "time", "moment", "row_time", "observed_at", "time_of_row")
# Names that derived features take.
_MADE = frozenset(
    {
        "time_index",
        "series_level",
        "series_season",
        *(f"calendar_{part}" for part in ("hour", "weekday", "day_of_year", "month")),
    }
)


@dataclass(frozen=True)
class TableProfile:
    """What a table tells about itself.

    Attributes:
        target: The column to predict.
        n_rows: Rows of the table.
        n_labelled: Rows with a target.
        rejected: Rows that the contract sets aside, by the reason: without a time, with a value
            that cannot be read, or with a key that stands in an earlier row.
        n_unreadable: Values that are nothing of their column's type.
        time: How the time of a row is made.
        time_name: The column that ingestion adds for it.
        frequency: Distance of two rows; None for a table without a time.
        horizon: How far ahead predictions are made; None for a table without a time.
        label_delay: Time from an observation to its label; None if it comes with it.
        weight: Column that says how much a row counts; None if all count alike.
        key: Columns that, with the time, name a row; empty if the time alone does.
        n_series: Different values of ``key``; 1 without one.
        n_times: Different times; rows of a table without one.
        columns: All columns, in the order of the table.
        known_in_advance: Columns whose value is known before the row's own time.
        leaks: Columns that are suspected to give the target away.
        nonnegative: Whether there is evidence that the target cannot be below zero.
        assumed: Answers that only a person knows and that nobody gave.
        notes: What a person should look at, one sentence each.
    """

    target: str
    n_rows: int
    n_labelled: int
    rejected: Mapping[str, int]
    n_unreadable: int
    time: TimeProfile
    time_name: str
    frequency: Frequency | None
    horizon: str | None
    label_delay: str | None
    weight: str | None
    key: tuple[str, ...]
    n_series: int
    n_times: int
    columns: Mapping[str, ColumnProfile]
    known_in_advance: tuple[str, ...]
    leaks: tuple[Leak, ...]
    nonnegative: bool
    assumed: tuple[Assumption, ...]
    notes: tuple[str, ...]

    @property
    def n_rejected(self) -> int:
        """Rows that the contract sets aside; one that two things speak against counts twice."""
        return sum(self.rejected.values())

    @property
    def described(self) -> dict[str, ColumnProfile]:
        """The columns that the description names."""
        needed = {self.target, *self.time.parts.values(), *self.key, self.weight}
        return {
            name: column
            for name, column in self.columns.items()
            if not column.left_out or name in needed
        }

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that the description leaves out, each with its reason."""
        described = self.described
        return {
            name: column.left_out for name, column in self.columns.items() if name not in described
        }


def profile_table(
    table: pd.DataFrame,
    target: str,
    *,
    time: Sequence[str] | None = None,
    key: Sequence[str] | None = None,
    horizon: str | None = None,
    known_in_advance: Sequence[str] | Literal["all"] | None = None,
    label_delay: str | None = None,
    weight: str | None = None,
) -> TableProfile:
    """Profile a table.

    Args:
        table: The table; of text as a CSV file holds it, or typed.
        target: The column to predict.
        time: The column with the time, or those that make it (date and hour; year and month; year
            and quarter). Empty for a table without a time. Found if left out.
        key: Columns that, with the time, name a row. Found if left out.
        horizon: How far ahead predictions are made; guessed from the frequency if left out.
        known_in_advance: Columns that are known before the row's own time; ``all`` are those that
            are of use and not suspected to give the target away. If left out, all are assumed.
        label_delay: Time from an observation to its label; none if left out.
        weight: Column that says how much a row counts; all count alike if left out.

    Returns:
        The profile. ``proposal.propose_parameters`` makes a configuration of it.

    Raises:
        ConfigurationError: If a column that is named is not there or cannot be what it is said to
            be, or a length of time is none.
        DataContractError: If the table is too small, or its target too poor, to learn from.
    """
    table = table.reset_index(drop=True)
    table.columns = table.columns.map(str)
    named = None if known_in_advance == ALL else known_in_advance
    weights = () if weight is None else (weight,)
    _check_names(table, target, time=time, key=key, known_in_advance=named, weight=weights)
    _check_durations(horizon=horizon, label_delay=label_delay)
    columns = read_columns(table)
    columns[target] = _checked_target(columns[target])
    notes: list[str] = []
    # A key that is missing names nothing: in one, NA is Namibia.
    labels_only = {
        name: read_as_labels(name, table[name])
        for name, column in columns.items()
        if column.profile.type == "category" and column.profile.missing_values
    }
    found_time, found_key = _time_and_key(columns | labels_only, target, time, key, notes)
    columns |= {name: labels_only[name] for name in found_key if name in labels_only}
    columns |= read_as_time(columns, found_time)
    labels = columns[target].values
    series = _series(columns, found_key)
    moments = found_time.moments if found_time.has_time else None
    frequency = None if moments is None else find_frequency(moments, series)
    strays = _strays(found_time.moments, frequency)
    believed = replace(found_time, moments=found_time.moments.mask(strays))
    if strays.any():
        moments = believed.moments
        frequency = find_frequency(moments, series)
    made_of = {*found_time.parts.values(), *found_key}
    if weight is not None:
        _check_weight(weight, columns[weight].profile, made_of)
        made_of.add(weight)
    profiles = {name: _judged(name, column, made_of | {target}) for name, column in columns.items()}
    # What is left out may give the target away by the rows in which it is filled.
    candidates = {
        name: columns[name].values
        for name, profile in profiles.items()
        if name not in made_of and (not profile.left_out or profile.n_unique == 1)
    }
    leaks = find_leaks({**candidates, target: labels}, target, moments, series)
    usable = [
        name
        for name, profile in profiles.items()
        if name not in made_of and name != target and not profile.left_out
    ]
    suspected = {leak.column for leak in leaks}
    if named is None:
        known = [name for name in usable if name not in suspected]
    else:
        known = [name for name in usable if name in named]
        # A person who names a column knows it better than its figures do.
        leaks = [leak for leak in leaks if leak.column not in known]
        notes += [
            f"'{name}' is named as known in advance, and cannot be used: {profiles[name].left_out}"
            for name in named
            if profiles[name].left_out
        ]
    rejected, unreadable = _rejected(columns, found_time, found_key, profiles, weight)
    if strays.any():
        rejected["a time far from all others"] = int(strays.sum())
    notes += _notes(columns, profiles, frequency, rejected, len(table))
    has_time = found_time.has_time
    return TableProfile(
        target=target,
        n_rows=len(table),
        n_labelled=int(labels.notna().sum()),
        rejected=rejected,
        n_unreadable=unreadable,
        time=believed,
        time_name=next(name for name in _TIME_NAMES if name not in table.columns),
        frequency=frequency,
        horizon=horizon or (None if frequency is None else usual_horizon(frequency)),
        label_delay=label_delay,
        weight=weight,
        key=found_key,
        n_series=1 if series is None else int(series.nunique()),
        n_times=int(believed.moments.nunique()) if has_time else len(table),
        columns=profiles,
        known_in_advance=tuple(known),
        leaks=tuple(leaks),
        # A row of totals has no time: it is set aside, and it is no value of the target.
        nonnegative=cannot_be_negative(labels if moments is None else labels[moments.notna()]),
        assumed=_assumed(known_in_advance, horizon if has_time else "row", label_delay),
        notes=tuple(notes),
    )


def usual_horizon(frequency: Frequency) -> str:
    """How far ahead tables of a frequency are usually predicted: a day, a week, or one step."""
    words = frequency.text.split()
    if words[1].rstrip("s") in ("month", "quarter", "year"):
        return frequency.text
    step = pd.Timedelta(frequency.text)
    for limit, horizon in (("1 hour", "1 hour"), ("1 day", "1 day"), ("7 days", "7 days")):
        if step < pd.Timedelta(limit) and not pd.Timedelta(horizon) % step:
            return horizon
    return frequency.text


def cannot_be_negative(values: pd.Series) -> bool:
    """Find evidence that values end at zero.

    Args:
        values: Numbers; missing ones are skipped.

    Returns:
        True if none is negative and zero is common, or if a bell curve of their mean and spread
        would have gone below zero and they are lopsided or counts.
    """
    present = values.dropna()
    if present.empty or present.min() < 0:
        return False
    if (present == 0).sum() >= max(3, 0.005 * len(present)):
        return True
    spread = present.std()
    if not spread > 0:
        return False
    expected_below = len(present) * ndtr(-present.mean() / spread)
    counts = bool((present % 1 == 0).all() and present.max() >= 100)
    return bool(expected_below >= 3 and (present.skew() > 0.5 or counts))


def _check_names(table: pd.DataFrame, target: str, **named: Sequence[str] | None) -> None:
    repeated = list(table.columns[table.columns.duplicated()].unique())
    if repeated:
        raise ConfigurationError(f"columns that stand twice in the table: {bounded_list(repeated)}")
    for place, names in {"target": [target], **named}.items():
        option = place.replace("_", "-")
        for name in names or ():
            if name not in table.columns:
                raise ConfigurationError(
                    f"--{option}: {unknown_name('column', name, table.columns, 40)}"
                )
            if place != "target" and place != "time" and name == target:
                raise ConfigurationError(f"--{option}: '{name}' is the target")
            if place in ("target", "key") and name in OWN_COLUMNS:
                raise ConfigurationError(
                    f"--{option}: '{name}' is a column of the tables that predictions are kept in; "
                    "rename it in the file"
                )


def _check_weight(name: str, column: ColumnProfile, made_of: set[str]) -> None:
    if name in made_of or column.spec["type"] not in NUMERIC_TYPES:
        what = "makes the time or the key" if name in made_of else "holds no numbers"
        raise ConfigurationError(f"--weight: '{name}' {what}; a weight has a column of its own")


def _check_durations(**given: str | None) -> None:
    for place, text in given.items():
        try:
            if text is not None:
                read_duration(text)
        except ConfigurationError as error:
            raise ConfigurationError(f"--{place.replace('_', '-')}: {error}") from None


def _checked_target(column: ReadColumn) -> ReadColumn:
    profile, values = column
    if not profile.is_number:
        found = bounded_list(values.dropna().unique()[:50], 3)
        raise ConfigurationError(f"--target: '{profile.name}' holds no numbers but {found}")
    labelled = int(values.notna().sum())
    if labelled < _FEWEST_ROWS:
        raise DataContractError(
            f"too few rows with the target '{profile.name}': {labelled}, and at least "
            f"{_FEWEST_ROWS} are needed"
        )
    if values.nunique() < 2:
        raise DataContractError(
            f"the target '{profile.name}' is {values.dropna().iloc[0]:g} in every row"
        )
    # Two values of a target are a quantity still.
    return column


def _time_and_key(
    columns: Mapping[str, ReadColumn],
    target: str,
    time: Sequence[str] | None,
    key: Sequence[str] | None,
    notes: list[str],
) -> tuple[TimeProfile, tuple[str, ...]]:
    if time is not None and not time:
        return WITHOUT_TIME, ()
    if time is None:
        ways = find_times(columns, target)
    else:
        chosen = time_of(columns, tuple(time))
        if chosen is None:
            raise ConfigurationError(
                f"--time: {bounded_list(time)} make no time; name one column with dates (or dates "
                "and times) in every row, or columns with date and hour, year and month, year and "
                "quarter"
            )
        ways = [chosen]
    for way in ways:
        if key is not None:
            return way, tuple(key)
        candidates = [
            name
            for name in columns
            if name != target and name not in way.parts.values() and name not in OWN_COLUMNS
        ]
        found = find_key(columns, way.moments, candidates)
        if found is not None:
            return way, found
    if not ways:
        return WITHOUT_TIME, ()
    name = " and ".join(f"'{part}'" for part in ways[0].parts.values())
    if time is not None:
        raise ConfigurationError(
            f"--time: a time in {name} stands in several rows, and no one or two columns tell them "
            "apart; name those that do with --key"
        )
    order = (
        "the file is sorted by it"
        if ways[0].moments.dropna().is_monotonic_increasing
        else "sort the file by it, since the order of its rows now stands for time"
    )
    notes.append(
        f"{name} is no time of the rows: nothing tells the rows of one time apart; {order}"
    )
    return WITHOUT_TIME, ()


def _series(columns: Mapping[str, ReadColumn], key: tuple[str, ...]) -> pd.Series | None:
    if not key:
        return None
    return (
        pd.DataFrame({name: columns[name].values for name in key})
        .groupby(list(key), dropna=False, sort=False)
        .ngroup()
    )


def _strays(moments: pd.Series, frequency: Frequency | None) -> pd.Series:
    """Find the rows that stand far from all others, which the contract will set aside."""
    present = moments.dropna()
    if frequency is None or present.empty:
        return pd.Series(False, index=moments.index)
    first, last = believed_span(present, longest_gap(read_duration(frequency.text)))
    return (moments < first) | (moments >= last + pd.Timedelta(seconds=1))


def _judged(name: str, column: ReadColumn, needed: set[str]) -> ColumnProfile:
    profile, values = column
    if name in needed:
        return profile
    if name in OWN_COLUMNS | _MADE:
        return replace(profile, left_out="its name is taken; rename it in the file to use it")
    return judge_use(profile, values)


def _rejected(
    columns: Mapping[str, ReadColumn],
    time: TimeProfile,
    key: tuple[str, ...],
    profiles: Mapping[str, ColumnProfile],
    weight: str | None,
) -> tuple[dict[str, int], int]:
    """Count the rows that will be set aside by the reason, and the values that cannot be read."""
    parts = {*time.parts.values()}
    described = [name for name, p in profiles.items() if not p.left_out or name in parts | {*key}]
    unreadable = {name: profiles[name].n_unreadable for name in described}
    # A time that cannot be read is a time that lacks.
    found = {
        f"no {profiles[name].type} in '{name}'": count
        for name, count in unreadable.items()
        if name not in parts
    }
    lacks = pd.Series(False, index=time.moments.index)
    if weight is not None:
        lacks = columns[weight].values.isna() | (columns[weight].values < 0)
        found[f"no weight in '{weight}'"] = int(lacks.sum())
    if time.has_time:
        without = time.moments.isna() & ~lacks
        found["no time"] = int(without.sum())
        row = pd.DataFrame({"": time.moments, **{f"_{name}": columns[name].values for name in key}})
        named = "time and key" if key else "time"
        repeated = row[~lacks & ~without].duplicated()
        found[f"the {named} of an earlier row"] = int(repeated.sum())
    return {reason: count for reason, count in found.items() if count}, sum(unreadable.values())


def _assumed(
    known: Sequence[str] | None, horizon: str | None, label_delay: str | None
) -> tuple[Assumption, ...]:
    given: dict[Assumption, object] = {
        "known_in_advance": known,
        "horizon": horizon,
        "label_delay": label_delay,
    }
    return tuple(name for name, answer in given.items() if answer is None)


def _notes(
    columns: Mapping[str, ReadColumn],
    profiles: Mapping[str, ColumnProfile],
    frequency: Frequency | None,
    rejected: Mapping[str, int],
    n_rows: int,
) -> list[str]:
    notes = []
    for name, profile in profiles.items():
        if profile.type == "category" and not profile.left_out:
            notes += _notes_of_labels(profile, columns[name].values)
        if profile.other_format and not profile.left_out:
            notes.append(
                f"dates of '{name}' are read as {profile.format}; {profile.other_format} would fit "
                "as well"
            )
        if profile.zoned and not profile.left_out:
            notes.append(
                f"times of '{name}' are counted or offset from UTC and read as UTC; if days and "
                "hours matter, name the place's own zone in the column, such as zone: "
                "Europe/Berlin, which sets aside the hour that autumn repeats"
            )
        if profile.n_unreadable and not profile.left_out:
            notes.append(
                f"rows whose '{name}' is no {profile.type} are set aside: {profile.n_unreadable:,}"
            )
    if frequency is not None and not frequency.regular:
        notes.append(
            f"rows come at no fixed distance; '{frequency.text}' is what most lie apart at most"
        )
    n_rejected = sum(rejected.values())
    if n_rejected > 0.005 * n_rows:
        notes.append(
            f"{n_rejected:,} of {n_rows:,} rows will be set aside ({n_rejected / n_rows:.1%}): "
            f"{list_counts(rejected)}"
        )
    return notes


def _notes_of_labels(profile: ColumnProfile, values: pd.Series) -> list[str]:
    """Say how texts are read that may stand for a missing label."""
    name, labels = profile.name, sorted(missing_words(values))
    missing = [text for text in profile.missing_values if any(map(str.isalpha, text))]
    notes = []
    if labels:
        notes.append(
            f"'{name}' has the labels {bounded_list(labels)}; if they stand for missing ones, say "
            "so by missing_values"
        )
    if missing:
        notes.append(
            f"'{name}' is missing where it says {bounded_list(missing)}; if these are labels, take "
            "them off missing_values"
        )
    return notes


def list_counts(rejected: Mapping[str, int]) -> str:
    """Write counts by reason, the largest first."""
    by_count = sorted(rejected.items(), key=lambda item: -item[1])
    return bounded_list((f"{count:,} with {reason}" for reason, count in by_count), 3)
