"""The reference, counted once: what every later window is scored against.

Comparing two tables sorts both of them for each window. A profile keeps what the drift methods
need of the reference, its values with their counts, so that a window costs one pass over its own
rows. Profiles of disjoint rows merge into the profile of all of them, exactly: a table that is
larger than memory is counted piece by piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.drift.columns import (
    ColumnError,
    ColumnRole,
    Role,
    read_column,
    read_groups,
    refuse_many_groups,
    sample_rows,
)
from regression_lifecycle.core.drift.counts import (
    ValueCounts,
    count_values,
    merge_counts,
    no_values,
)
from regression_lifecycle.core.drift.methods import Kind
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import ColumnDrift, verdict_frame
from regression_lifecycle.core.errors import ConfigurationError

PROFILE_DTYPES: dict[str, str] = {
    "column": "category",
    "kind": "category",
    "role": "category",
    "reason": "category",
    "n": "int64",
    "std": "float64",
    "group": "category",
    "value": "float64",
    "label": "category",
    "count": "int64",
}
"""Columns of a stored profile: one row per column, group and value that occurs. ``group`` is empty
of a column that is compared as a whole. ``value`` belongs to numerical columns, ``label`` to
categorical ones; a column without values has one row with ``count`` 0."""


@dataclass(frozen=True)
class ColumnProfile:
    """What is known of one column of a table.

    Attributes:
        name: Name of the column.
        kind: What it holds.
        role: What it is for.
        found: How often each value occurs in each group within which it is compared.
        reason: Why the column cannot be used, empty if it can.
    """

    name: str
    kind: Kind
    role: Role
    found: ValueCounts
    reason: str = ""

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return self.found.n

    @property
    def std(self) -> float:
        """Standard deviation of numbers; NaN for categories."""
        return self.found.std if self.kind == "numerical" else math.nan

    def has_values(self, parameters: DriftParameters) -> bool:
        """Whether it can be read and has enough values."""
        return self.n >= parameters.minimum_rows

    def cells(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield each group with its values and their counts; one of no value if there is none."""
        if not self.n:
            yield "", np.array([math.nan if self.kind == "numerical" else ""]), np.zeros(1, "int64")
        for group, (values, counts) in self.found.by_group.items():
            if len(values):
                yield group, values, counts


@dataclass(frozen=True)
class ReferenceProfile:
    """The columns of a table, in the order in which they are to be judged."""

    columns: tuple[ColumnProfile, ...]

    @property
    def n_values(self) -> int:
        """Counts that are held: distinct values, for each group."""
        return sum(column.found.n_cells for column in self.columns)

    def without(self, reasons: Mapping[str, str]) -> ReferenceProfile:
        """Return the profile with columns that are not to be compared, and why.

        Args:
            reasons: By name of the column.
        """
        columns = (
            replace(column, reason=reasons[column.name]) if column.name in reasons else column
            for column in self.columns
        )
        return ReferenceProfile(tuple(columns))

    def to_frame(self) -> pd.DataFrame:
        """Write the profile as a table that Parquet can hold.

        Returns:
            As in :data:`PROFILE_DTYPES`.
        """
        cells = [(column, *cell) for column in self.columns for cell in column.cells()]
        sizes = [len(counts) for *_, counts in cells]
        numbers, labels, lengths = [], [], []
        for column, _, values, _ in cells:
            is_number = column.kind == "numerical"
            numbers.append(values if is_number else np.full(len(values), np.nan))
            labels += [""] if is_number else [*values]
            lengths += [len(values)] if is_number else [1] * len(values)
        found = {
            "column": _repeated([column.name for column, *_ in cells], sizes),
            "kind": _repeated([column.kind for column, *_ in cells], sizes),
            "role": _repeated([column.role for column, *_ in cells], sizes),
            "reason": _repeated([column.reason for column, *_ in cells], sizes),
            "n": np.repeat([column.n for column, *_ in cells], sizes),
            "std": np.repeat([column.std for column, *_ in cells], sizes),
            "group": _repeated([group for _, group, _, _ in cells], sizes),
            "value": np.concatenate(numbers),
            "label": _repeated(labels, lengths),
            "count": np.concatenate([counts for *_, counts in cells]),
        }
        return pd.DataFrame(found, copy=False)


def _repeated(texts: list[str], times: list[int]) -> pd.Categorical:
    """Repeat each text so many times, without holding it as often."""
    return pd.Categorical(pd.array(texts, dtype="str")).repeat(times)


def make_profile(
    reference: pd.DataFrame,
    columns: Iterable[ColumnRole],
    parameters: DriftParameters,
) -> ReferenceProfile:
    """Count the values of a reference.

    Args:
        reference: The rows that drift is measured against; its predictions should be out of
            sample.
        columns: Name, kind and role of each column to profile.
        parameters: ``maximum_rows`` and ``seed`` decide which rows are looked at: the ones that
            a report on the same reference draws.

    Returns:
        The profile. A column that cannot be read is in it with a reason.

    Raises:
        ConfigurationError: If a column is named twice.
    """
    counter = _Counter(sample_rows(reference, parameters.maximum_rows, parameters.seed), parameters)
    profiles: dict[str, ColumnProfile] = {}
    for name, kind, role in columns:
        if name in profiles:
            raise ConfigurationError(f"more than one role for column {name}")
        profiles[name] = counter.count(name, kind, role, "reference")
    return ReferenceProfile(tuple(profiles.values()))


def merge_profiles(
    profiles: Iterable[ReferenceProfile], parameters: DriftParameters
) -> ReferenceProfile:
    """Add the profiles of disjoint rows: what one profile of all of them finds.

    They are taken one after the other. What is in memory grows with the distinct values of the
    result, and not with the number of profiles or their rows.

    Args:
        profiles: At least one, all of the same columns and made by these parameters.
        parameters: Name the column within whose values the others are counted.

    Returns:
        The profile. A column that cannot be read in one of them has that one's reason.
    """
    merged: list[ReferenceProfile] = []
    waiting: list[ReferenceProfile] = []
    for profile in profiles:
        waiting.append(profile)
        # So each merge doubles what is merged, or finds little that is new.
        if sum(each.n_values for each in waiting) >= sum(each.n_values for each in merged):
            merged, waiting = [_merge([*merged, *waiting], parameters)], []
    return _merge([*merged, *waiting], parameters)


def _merge(profiles: list[ReferenceProfile], parameters: DriftParameters) -> ReferenceProfile:
    columns = zip(*(profile.columns for profile in profiles), strict=True)
    return ReferenceProfile(tuple(_merge_column(parts, parameters) for parts in columns))


def _merge_column(parts: tuple[ColumnProfile, ...], parameters: DriftParameters) -> ColumnProfile:
    unread = next((part for part in parts if part.reason), None)
    if unread is not None:
        return unread
    column = replace(parts[0], found=merge_counts([part.found for part in parts]))
    try:
        refuse_many_groups(column.found.by_group, parameters.given)
    except ColumnError as error:
        return replace(column, found=no_values(column.kind), reason=f"{error} in reference")
    return column


def score_window(
    profile: ReferenceProfile, rows: pd.DataFrame, parameters: DriftParameters
) -> pd.DataFrame:
    """Judge the rows of a window against a profile.

    Scores equal those of Evidently's registered tests to a relative 1e-9, or to an absolute 1e-12
    where that is more. Hellinger's distance is the square root of a difference from 1, so near
    0 it is certain to 1e-7 only, in both places. Where the reference spreads by less than 0.001
    ``wasserstein`` is no longer Evidently's, which depends on the column's unit there.

    Args:
        profile: The reference.
        rows: The rows to judge; more than ``maximum_rows`` are sampled as in a report.
        parameters: Methods, thresholds and bounds.

    Returns:
        One row per column of the profile, as in
        :data:`~regression_lifecycle.core.drift.verdict.VERDICT_DTYPES`.

    Raises:
        ConfigurationError: If ``per_column`` names a column that is not in the profile, or a
            method that is not for its kind.
    """
    parameters.refuse_unknown_columns(column.name for column in profile.columns)
    current = _Counter(sample_rows(rows, parameters.maximum_rows, parameters.seed), parameters)
    included = {
        "feature": True,
        "target": parameters.include_target,
        "prediction": parameters.include_prediction,
    }
    # One column is counted at a time, so that a large window does not fill memory.
    return verdict_frame(
        _score_column(column, current) for column in profile.columns if included[column.role]
    )


def compare_tables(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: Iterable[ColumnRole],
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Compare two tables once, without keeping the profile: see :func:`score_window`."""
    return score_window(make_profile(reference, columns, parameters), current, parameters)


@dataclass(frozen=True)
class _Counter:
    """Counts the columns of some rows, one at a time."""

    rows: pd.DataFrame
    parameters: DriftParameters

    @cached_property
    def _groups(self) -> dict[str, Any]:
        """The places of each group's rows."""
        names, codes = read_groups(self.rows, self.parameters.given)
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
        places = (order[slice(*ends)] for ends in pairwise(bounds))
        return dict(zip(names, places, strict=True))

    def count(self, name: str, kind: Kind, role: Role, side: str) -> ColumnProfile:
        """Count one column; the side is for the message of one that cannot be read."""
        is_grouped = self.parameters.given_of(name) is not None
        try:
            values = read_column(self.rows, name, kind)[0]
            groups = self._groups if is_grouped else None
        except ColumnError as error:
            return ColumnProfile(name, kind, role, no_values(kind), f"{error} in {side}")
        return ColumnProfile(name, kind, role, count_values(values, groups))


def _score_column(column: ColumnProfile, current: _Counter) -> ColumnDrift:
    parameters = current.parameters
    choice = parameters.choice(column.name, column.kind)
    method = choice.drift_method

    def answer(
        found: float = math.nan, reason: str = "", sizes: tuple[int, int] = (0, 0)
    ) -> ColumnDrift:
        return ColumnDrift(
            column=column.name,
            kind=column.kind,
            role=column.role,
            method=parameters.name_of_method(column.name, column.kind),
            score=found,
            threshold=choice.threshold,
            drifted=None if reason else method.is_drifted(found, choice.threshold),
            reason=f"not computed: {reason}" if reason else "",
            n_reference=sizes[0],
            n_current=sizes[1],
        )

    # A column that cannot be read on one side is compared on neither.
    if column.reason:
        return answer(reason=column.reason)
    read = current.count(column.name, column.kind, column.role, "current")
    if read.reason:
        return answer(reason=read.reason)
    before, now = column.found, read.found.within(column.found.by_group)
    sizes = before.n, now.n
    for side, size in zip(("reference", "current"), sizes, strict=True):
        if size < parameters.minimum_rows:
            few = f"{size} values in {side}, minimum_rows is {parameters.minimum_rows}"
            return answer(reason=few, sizes=sizes)
    if column.kind == "categorical" and (
        refusal := method.refusal(len({*before.values, *now.values}))
    ):
        return answer(reason=refusal, sizes=sizes)
    found = method.score(before, now)
    undefined = f"{method.name} is undefined for these values" if math.isnan(found) else ""
    return answer(found, undefined, sizes)
