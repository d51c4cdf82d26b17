"""How often each value of a column occurs, by group: counted, merged, and walked through in order.

Counts of disjoint rows merge exactly, so a table that does not fit into memory is counted piece by
piece. What is held grows with distinct values, not with rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.drift.statistics import first_of_equals

# Values of each side that are laid beside each other at a time: what fits into a processor's cache.
_STRETCH = 16_384


Cells = tuple[Any, Any]
"""Distinct values, sorted, and how often each occurs, both of shape (k,). Numbers are float64."""


@dataclass(frozen=True)
class ValueCounts:
    """How often each value occurs in each group.

    Attributes:
        by_group: Values and counts by the group's name, in the order of the names; one group of no
            name for all rows. A group may be without values.
    """

    by_group: Mapping[str, Cells]

    @cached_property
    def n(self) -> int:
        """Values that are not missing."""
        return sum(int(counts.sum()) for _, counts in self.by_group.values())

    @property
    def n_cells(self) -> int:
        """Counts that are held: distinct values, for each group."""
        return sum(len(values) for values, _ in self.by_group.values())

    @cached_property
    def values(self) -> Any:
        """The distinct values of all groups in order, shape (k,)."""
        return _union([values for values, _ in self.by_group.values()])[0]

    @cached_property
    def ends(self) -> tuple[Any, Any]:
        """The first and the last value, of which there must be one."""
        found = [values for values, _ in self.by_group.values() if len(values)]
        return min(values[0] for values in found), max(values[-1] for values in found)

    @cached_property
    def std(self) -> float:
        """Standard deviation of numbers, divided by n; NaN without a value.

        It is made from values and counts: the same for any order of rows or pieces. Values are
        taken relative to the mean, and what rounding has left of it is taken off again, so no digit
        is lost where the mean is large.
        """
        if not self.n:
            return math.nan
        mean = sum(_sum(*cells) for cells in self.by_group.values()) / self.n
        rest = squares = 0.0
        for values, counts in self.by_group.values():
            apart = values - mean
            rest += _sum(apart, counts)
            squares += _sum(np.square(apart, out=apart), counts)
        return math.sqrt(max(0.0, squares / self.n - (rest / self.n) ** 2))

    def within(self, groups: Iterable[str]) -> ValueCounts:
        """Return what occurs in these groups."""
        nothing = next(iter(self.by_group.values()), (np.array([]), np.array([], "int64")))
        nothing = nothing[0][:0], nothing[1][:0]
        return ValueCounts({group: self.by_group.get(group, nothing) for group in groups})


def no_values(kind: Literal["numerical", "categorical"]) -> ValueCounts:
    """Return the counts of a column without a value."""
    values = np.array([], dtype="float64" if kind == "numerical" else object)
    return ValueCounts({"": (values, np.array([], "int64"))})


def count_values(values: Any, groups: Mapping[str, Any] | None = None) -> ValueCounts:
    """Count the values of a column.

    Args:
        values: float64 or a Categorical of texts whose categories are sorted, shape (n,), NaN
            where one is missing.
        groups: The places of each group's rows; None for one group of all rows.

    Returns:
        The counts.
    """
    if groups is None:
        return ValueCounts({"": _count(values)})
    return ValueCounts({group: _count(values[rows]) for group, rows in sorted(groups.items())})


def _count(values: Any) -> Cells:
    if isinstance(values, pd.Categorical):
        distinct = np.asarray(values.categories, dtype=object)
        counts = np.bincount(values.codes[values.codes >= 0], minlength=len(distinct))
        return distinct[counts > 0], counts[counts > 0]
    ordered = np.sort(values)
    # NaN is sorted behind all numbers.
    ordered = ordered[: np.searchsorted(ordered, np.nan)]
    first = first_of_equals(ordered)
    if first.all():
        return ordered, _once(len(ordered))
    starts = np.flatnonzero(first)
    return ordered[starts], np.diff(starts, append=len(ordered))


def _once(n_values: int) -> Any:
    """Counts of values that all occur once: one number in memory, whatever their number."""
    return np.broadcast_to(np.int64(1), n_values)


def _is_once(counts: Any) -> bool:
    return bool(counts.strides == (0,))


def _sum(numbers: Any, counts: Any) -> float:
    return float(numbers.sum() if _is_once(counts) else numbers @ counts)


def merge_counts(parts: Sequence[ValueCounts]) -> ValueCounts:
    """Add the counts of disjoint rows: what one count of all of them finds.

    Args:
        parts: At least one; all of numbers, or all of categories.

    Returns:
        The counts.
    """
    groups = sorted({group for part in parts for group in part.by_group})
    return ValueCounts(
        {
            group: _merge([part.by_group[group] for part in parts if group in part.by_group])
            for group in groups
        }
    )


def _merge(parts: list[Cells]) -> Cells:
    if len(parts) == 1:
        return parts[0]
    values, is_distinct = _union([values for values, _ in parts])
    if is_distinct and all(_is_once(counts) for _, counts in parts):
        return values, _once(len(values))
    return values, sum(_counts_at(values, part) for part in parts)


def side_by_side(reference: ValueCounts, current: ValueCounts) -> tuple[Any, Any, Any]:
    """Put the counts of two samples in the same groups on one list of values.

    Returns:
        The values in order, shape (k,), and the counts of both sides, shape (groups, k).
    """
    values, _ = _union([reference.values, current.values])
    before, after = (
        np.array([_counts_at(values, cells) for cells in side.by_group.values()])
        for side in (reference, current)
    )
    return values, before, after


def _union(lists: Sequence[Any]) -> tuple[Any, bool]:
    """Return the values of sorted lists in order, and whether no two have one in common."""
    # A stable sort merges sorted lists without sorting them again.
    ordered = lists[0] if len(lists) == 1 else np.sort(np.concatenate(lists), kind="stable")
    first = first_of_equals(ordered)
    return (ordered, True) if first.all() else (ordered[first], False)


def _counts_at(values: Any, cells: Cells) -> Any:
    """Return the counts of values, all of which are on a longer list, at their places there."""
    found = np.zeros(len(values), "int64")
    found[np.searchsorted(values, cells[0])] = cells[1]
    return found


def walk(
    reference: Cells, current: Cells
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Go through the values of two samples in order, a stretch at a time.

    Nothing as long as the samples is made, so large samples cost no memory and little time.

    Args:
        reference: Numbers and their counts, at least one.
        current: The same of the other sample.

    Yields:
        The numbers of a stretch, twice where both samples have them, and at each of them the
        difference of the distribution functions times both sizes: whole numbers, which are exact as
        long as the product of the sizes is below 2**53. Equal numbers are in one stretch, and the
        difference counts from the last of them on.
    """
    (before, n_before), (after, n_after) = reference, current
    sizes = float(n_before.sum()), float(n_after.sum())
    # Both are cut at the same values, so that no stretch is long on either side.
    cuts = np.unique(np.concatenate([before[_STRETCH::_STRETCH], after[_STRETCH::_STRETCH]]))
    ends = zip(
        [*np.searchsorted(before, cuts), len(before)],
        [*np.searchsorted(after, cuts), len(after)],
        strict=True,
    )
    i = j = 0
    gap = 0.0
    for end, other_end in ends:
        here, there = slice(i, end), slice(j, other_end)
        both = np.concatenate([before[here], after[there]])
        steps = np.concatenate([n_before[here] * sizes[1], n_after[there] * -sizes[0]])
        order = np.argsort(both, kind="stable")
        i, j = end, other_end
        if len(order):
            gaps = np.cumsum(steps.take(order))
            gaps += gap
            gap = gaps[-1]
            yield both.take(order), gaps
