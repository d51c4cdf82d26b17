"""The reference, counted once: what every later window is scored against.

Comparing two tables sorts both of them for each window. A profile keeps what the drift methods
need of the reference, its values with their counts, so that a window costs one pass over its own
rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.drift.columns import (
    ColumnError,
    ColumnRole,
    Role,
    read_column,
    sample_rows,
)
from regression_lifecycle.core.drift.methods import Kind, Samples
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import ColumnDrift, verdict_frame
from regression_lifecycle.core.errors import ConfigurationError

PROFILE_DTYPES: dict[str, str] = {
    "column": "str",
    "kind": "str",
    "role": "str",
    "reason": "str",
    "n": "int64",
    "std": "float64",
    "value": "float64",
    "label": "str",
    "count": "int64",
}
"""Columns of a stored profile: one row per column and value. ``value`` belongs to numerical
columns, ``label`` to categorical ones; a column without values has one row with ``count`` 0."""


@dataclass(frozen=True)
class ColumnProfile:
    """What is known of one column of the reference.

    Attributes:
        name: Name of the column.
        kind: What it holds.
        role: What it is for.
        values: The distinct values, sorted: numbers, or the categories as text.
        counts: How often each of them occurs.
        std: Standard deviation of the values (not of a sample: divided by n); NaN for categories.
        reason: Why the column cannot be used, empty if it can.
    """

    name: str
    kind: Kind
    role: Role
    values: Any
    counts: Any
    std: float = math.nan
    reason: str = ""

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return int(self.counts.sum())

    def can_be_compared(self, parameters: DriftParameters) -> bool:
        """Whether it can be read and has enough values."""
        return not self.reason and self.n >= parameters.minimum_rows


@dataclass(frozen=True)
class ReferenceProfile:
    """The columns of a reference, in the order in which they are to be judged."""

    columns: tuple[ColumnProfile, ...]

    def to_frame(self) -> pd.DataFrame:
        """Write the profile as a table that Parquet can hold.

        Returns:
            One row per column and value, as in :data:`PROFILE_DTYPES`.
        """
        records = []
        for column in self.columns:
            shared = (column.name, column.kind, column.role, column.reason, column.n, column.std)
            numerical = column.kind == "numerical"
            for value, count in zip(column.values, column.counts, strict=True):
                where = (float(value), "") if numerical else (math.nan, value)
                records.append((*shared, *where, int(count)))
            if not len(column.values):
                records.append((*shared, math.nan, "", 0))
        return pd.DataFrame(records, columns=list(PROFILE_DTYPES)).astype(PROFILE_DTYPES)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> ReferenceProfile:
        """Read a profile from its table.

        Args:
            frame: What :meth:`to_frame` wrote.

        Returns:
            The same profile.
        """
        columns = []
        for name, rows in frame.groupby("column", sort=False):
            first, filled = rows.iloc[0], rows[rows["count"] > 0]
            numerical = first["kind"] == "numerical"
            values = filled["value"].to_numpy("float64") if numerical else filled["label"]
            columns.append(
                ColumnProfile(
                    name=str(name),
                    kind=first["kind"],
                    role=first["role"],
                    values=values if numerical else np.array(values.to_list(), dtype=object),
                    counts=filled["count"].to_numpy("int64"),
                    std=float(first["std"]),
                    reason=first["reason"],
                )
            )
        return cls(tuple(columns))


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
            values, counts, std = _count(read_column(rows, name, kind)[0], kind)
        except ColumnError as error:
            nothing = np.array([], dtype="float64" if kind == "numerical" else object)
            profiles[name] = ColumnProfile(
                name, kind, role, nothing, np.array([], "int64"), reason=f"{error} in reference"
            )
            continue
        profiles[name] = ColumnProfile(name, kind, role, values, counts, std)
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
            method=method.name,
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
        values, counts, _ = _count(read_column(rows, column.name, column.kind)[0], column.kind)
    except ColumnError as error:
        return answer(reason=f"{error} in current")
    unread = False
    n_current = int(counts.sum())
    for side, size in (("reference", column.n), ("current", n_current)):
        if size < parameters.minimum_rows:
            few = f"{size} values in {side}, minimum_rows is {parameters.minimum_rows}"
            return answer(reason=few, n_current=n_current)
    both, before, after = _side_by_side(column, values, counts)
    if refusal := method.refusal(len(both)):
        return answer(reason=refusal, n_current=n_current)
    found = method.score(Samples(both, before, after, column.std))
    undefined = f"{method.name} is undefined for these values" if math.isnan(found) else ""
    return answer(found, undefined, n_current)


def _count(values: Any, kind: Kind) -> tuple[Any, Any, float]:
    """Distinct values in order, their counts, and the standard deviation of numbers."""
    present = values[~pd.isna(values)]
    if kind == "categorical":
        counted = sorted(Counter(present.tolist()).items())
        labels = np.array([label for label, _ in counted], dtype=object)
        return labels, np.array([count for _, count in counted], "int64"), math.nan
    distinct, counts = np.unique(present, return_counts=True)
    return distinct, counts, float(present.std()) if len(present) else math.nan


def _side_by_side(column: ColumnProfile, values: Any, counts: Any) -> tuple[Any, Any, Any]:
    """Put the counts of the reference and of a window on one sorted list of values."""
    known = column.values
    place = np.searchsorted(known, values)
    new = known[np.minimum(place, len(known) - 1)] != values
    both = np.insert(known, place[new], values[new])
    before = np.insert(column.counts, place[new], 0)
    after = np.zeros(len(both), "int64")
    after[np.searchsorted(both, values)] = counts
    return both, before, after
