"""The reference, counted once: what every later window is scored against.

Comparing two tables sorts both of them for each window. A profile keeps what the drift methods
need of the reference, its values with their counts, so that a window costs one pass over its own
rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.drift.columns import (
    ColumnError,
    ColumnRole,
    Role,
    read_column,
    read_groups,
    sample_rows,
)
from regression_lifecycle.core.drift.methods import Kind, Samples
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.statistics import first_of_equals, spread_of_reference
from regression_lifecycle.core.drift.verdict import ColumnDrift, verdict_frame
from regression_lifecycle.core.errors import ConfigurationError

PROFILE_DTYPES: dict[str, str] = {
    "column": "str",
    "kind": "str",
    "role": "str",
    "reason": "str",
    "n": "int64",
    "std": "float64",
    "group": "str",
    "value": "float64",
    "label": "str",
    "count": "int64",
}
"""Columns of a stored profile: one row per column, group and value that occurs. ``group`` is empty
of a column that is compared as a whole. ``value`` belongs to numerical columns, ``label`` to
categorical ones; a column without values has one row with ``count`` 0."""


@dataclass(frozen=True)
class ColumnProfile:
    """What is known of one column of the reference.

    Attributes:
        name: Name of the column.
        kind: What it holds.
        role: What it is for.
        values: The distinct values, sorted: numbers, or the categories as text.
        groups: The groups within which it is compared, as text, sorted; one of no name for all.
        counts: How often each value occurs in each group, shape (groups, values).
        std: Standard deviation of the values (not of a sample: divided by n); NaN for categories.
        reason: Why the column cannot be used, empty if it can.
    """

    name: str
    kind: Kind
    role: Role
    values: Any
    groups: Any
    counts: Any
    std: float = math.nan
    reason: str = ""

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return int(self.counts.sum())

    def has_values(self, parameters: DriftParameters) -> bool:
        """Whether it can be read and has enough values."""
        return self.n >= parameters.minimum_rows

    def to_frame(self) -> pd.DataFrame:
        """Write the profile as rows of a table: see :meth:`ReferenceProfile.to_frame`."""
        group, place = np.nonzero(self.counts)
        what: dict[str, Any] = {"value": math.nan, "label": ""}
        what["value" if self.kind == "numerical" else "label"] = self.values[place]
        found = {"group": self.groups[group], **what, "count": self.counts[group, place]}
        if not self.n:
            found = {"group": [""], "value": math.nan, "label": "", "count": 0}
        shared = ("column", self.name), ("kind", self.kind), ("role", self.role)
        about = dict(shared, reason=self.reason, n=self.n, std=self.std)
        frame = pd.DataFrame(found).assign(**about)
        return frame[list(PROFILE_DTYPES)].astype(PROFILE_DTYPES)


@dataclass(frozen=True)
class ReferenceProfile:
    """The columns of a reference, in the order in which they are to be judged."""

    columns: tuple[ColumnProfile, ...]

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
        if not self.columns:
            return pd.DataFrame(columns=list(PROFILE_DTYPES)).astype(PROFILE_DTYPES)
        return pd.concat([column.to_frame() for column in self.columns], ignore_index=True)


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
    rows = sample_rows(reference, parameters.maximum_rows, parameters.seed)
    profiles: dict[str, ColumnProfile] = {}
    for name, kind, role in columns:
        if name in profiles:
            raise ConfigurationError(f"more than one role for column {name}")
        try:
            read = read_column(rows, name, kind)[0]
            groups, place = read_groups(rows, parameters.given_of(name))
        except ColumnError as error:
            nothing = np.array([], dtype="float64" if kind == "numerical" else object)
            counts = np.zeros((1, 0), "int64")
            groups = np.array([""], dtype=object)
            profiles[name] = ColumnProfile(
                name, kind, role, nothing, groups, counts, reason=f"{error} in reference"
            )
            continue
        values, counts, std = _count(read, kind, place, len(groups))
        profiles[name] = ColumnProfile(name, kind, role, values, groups, counts, std)
    return ReferenceProfile(tuple(profiles.values()))


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
    current = sample_rows(rows, parameters.maximum_rows, parameters.seed)
    included = {
        "feature": True,
        "target": parameters.include_target,
        "prediction": parameters.include_prediction,
    }
    return verdict_frame(
        _score_column(column, current, parameters)
        for column in profile.columns
        if included[column.role]
    )


def compare_tables(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: Iterable[ColumnRole],
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Compare two tables once, without keeping the profile: see :func:`score_window`."""
    return score_window(make_profile(reference, columns, parameters), current, parameters)


def _score_column(
    column: ColumnProfile, rows: pd.DataFrame, parameters: DriftParameters
) -> ColumnDrift:
    choice = parameters.choice(column.name, column.kind)
    method = choice.drift_method

    def answer(found: float = math.nan, reason: str = "", n_current: int = 0) -> ColumnDrift:
        return ColumnDrift(
            column=column.name,
            kind=column.kind,
            role=column.role,
            method=parameters.name_of_method(column.name, column.kind),
            score=found,
            threshold=choice.threshold,
            drifted=None if reason else method.is_drifted(found, choice.threshold),
            reason=f"not computed: {reason}" if reason else "",
            # A column that cannot be read on one side is compared on neither.
            n_reference=0 if unread else column.n,
            n_current=n_current,
        )

    unread = True
    if column.reason:
        return answer(reason=column.reason)
    try:
        read = read_column(rows, column.name, column.kind)[0]
        groups, codes = read_groups(rows, parameters.given_of(column.name))
    except ColumnError as error:
        return answer(reason=f"{error} in current")
    values, counts, _ = _count(
        read, column.kind, _places(groups, codes, column.groups), len(column.groups)
    )
    unread = False
    n_current = int(counts.sum())
    for side, size in (("reference", column.n), ("current", n_current)):
        if size < parameters.minimum_rows:
            few = f"{size} values in {side}, minimum_rows is {parameters.minimum_rows}"
            return answer(reason=few, n_current=n_current)
    both, before, after = _side_by_side(column, values, counts)
    if refusal := method.refusal(len(both)):
        return answer(reason=refusal, n_current=n_current)
    spread = math.nan
    if column.kind == "numerical":
        spread = float(spread_of_reference(both, before.sum(axis=0), column.std))
    found = method.score(Samples(both, before, after, spread))
    undefined = f"{method.name} is undefined for these values" if math.isnan(found) else ""
    return answer(found, undefined, n_current)


def _places(groups: Any, codes: Any, known: Any) -> Any:
    """Position of each row's group among the known ones, -1 for another."""
    if np.array_equal(groups, known):
        return codes
    place = pd.Index(known).get_indexer(pd.Index(groups))
    return np.append(place, -1)[codes]


def _count(values: Any, kind: Kind, place: Any, n_groups: int) -> tuple[Any, Any, float]:
    """Distinct values in order, their counts by group, and the standard deviation of numbers.

    Rows of no group (-1) are left out.
    """
    present = ~pd.isna(values) & (place >= 0)
    found = values[present]
    std = float(found.std()) if kind == "numerical" and len(found) else math.nan
    if kind == "numerical" and n_groups == 1:
        # Sorting numbers is several times faster than looking each of them up.
        ordered = np.sort(found)
        first = first_of_equals(ordered)
        counts = np.diff(np.flatnonzero(first), append=len(ordered))
        return ordered[first], counts[np.newaxis], std
    codes, distinct = pd.factorize(found, sort=True)
    cells = place[present] * len(distinct) + codes
    counts = np.bincount(cells, minlength=n_groups * len(distinct))
    return np.asarray(distinct), counts.reshape(n_groups, len(distinct)), std


def _side_by_side(column: ColumnProfile, values: Any, counts: Any) -> tuple[Any, Any, Any]:
    """Put the counts of the reference and of a window on one sorted list of values."""
    together = np.concatenate([column.values, values])
    # A stable sort merges two sorted lists without sorting them again.
    order = np.argsort(together, kind="stable")
    ordered = together[order]
    first = first_of_equals(ordered)
    place = np.empty(len(order), "int64")
    place[order] = np.cumsum(first) - 1
    before, after = (np.zeros((len(counts), int(first.sum())), "int64") for _ in range(2))
    before[:, place[: len(column.values)]] = column.counts
    after[:, place[len(column.values) :]] = counts
    return ordered[first], before, after
