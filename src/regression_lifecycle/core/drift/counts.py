"""How often each value of a column occurs, by group: counted, merged, and walked through in order.

Counts of disjoint rows merge exactly, so a table that does not fit into memory is counted piece by
piece. What is held grows with distinct values, not with rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.drift.statistics import first_of_equals

# Values of each side that are laid beside each other at a time: what fits into a processor's cache.
_STRETCH = 16_384


@dataclass(frozen=True)
class ValueCounts:
    """How often each value occurs in each group.

    Attributes:
        values: The distinct values, sorted, shape (k,): numbers as float64, or categories as text.
        groups: The groups, as text, sorted, shape (g,); one of no name for all rows.
        counts: How often each value occurs in each group, shape (g, k).
    """

    values: Any
    groups: Any
    counts: Any

    @cached_property
    def n(self) -> int:
        """Values that are not missing."""
        return int(self.counts.sum())

    @cached_property
    def std(self) -> float:
        """Standard deviation of numbers, divided by n; NaN for categories and without a value.

        It is made from values and counts, in two passes: the same for any order of rows or pieces,
        and no digit is lost where the mean is large.
        """
        if not self.n or self.values.dtype == object:
            return math.nan
        weights = self.counts.sum(axis=0).astype("float64")
        apart = self.values - self.values @ weights / self.n
        apart -= apart @ weights / self.n
        apart *= apart
        return float(np.sqrt(apart @ weights / self.n))

    @property
    def is_once(self) -> bool:
        """Whether it is known that each value occurs once: see :func:`_once`."""
        return bool(self.counts.size and self.counts.strides[-1] == 0)

    def within(self, groups: Any) -> ValueCounts:
        """Return what occurs in these groups, with a row of counts for each of them."""
        if np.array_equal(self.groups, groups):
            return self
        place = pd.Index(self.groups).get_indexer(pd.Index(groups))
        counts = np.where((place >= 0)[:, np.newaxis], self.counts[place], 0)
        occurs = counts.any(axis=0)
        return ValueCounts(self.values[occurs], groups, counts[:, occurs])

    def of_group(self, place: int) -> tuple[Any, Any]:
        """Return the values that occur in a group, and how often, both of shape (k,)."""
        counts = self.counts[place]
        if len(self.groups) == 1:
            return self.values, counts
        occurs = counts > 0
        return self.values[occurs], counts[occurs]


def no_values(kind: Literal["numerical", "categorical"]) -> ValueCounts:
    """Return the counts of a column without a value."""
    values = np.array([], dtype="float64" if kind == "numerical" else object)
    return ValueCounts(values, np.array([""], dtype=object), np.zeros((1, 0), "int64"))


def count_values(values: Any, groups: Any = None, codes: Any = None) -> ValueCounts:
    """Count the values of a column.

    Args:
        values: float64 or a Categorical of texts whose categories are sorted, shape (n,), NaN
            where one is missing.
        groups: The groups as text, in order; None for one group of all rows.
        codes: The position of each row's group, shape (n,), -1 for none: such rows are left out.

    Returns:
        The counts.
    """
    names = np.array([""], dtype=object) if groups is None else groups
    if isinstance(values, pd.Categorical):
        distinct, place = np.asarray(values.categories, dtype=object), values.codes
    elif groups is None:
        return _count_numbers(np.sort(values), names)
    else:
        order = np.argsort(values)
        ordered = values[order]
        ordered, order = (part[: _known(ordered)] for part in (ordered, order))
        first = first_of_equals(ordered)
        distinct, place, codes = ordered[first], np.cumsum(first) - 1, codes[order]
    if groups is None:
        codes = np.zeros(len(place), "int8")
    present = (place >= 0) & (codes >= 0)
    n_cells = len(names) * len(distinct)
    cells = codes[present].astype("int64") * len(distinct) + place[present]
    counts = np.bincount(cells, minlength=n_cells).reshape(len(names), len(distinct))
    occurs = counts.any(axis=0)
    return ValueCounts(distinct[occurs], names, counts[:, occurs])


def _count_numbers(ordered: Any, names: Any) -> ValueCounts:
    ordered = ordered[: _known(ordered)]
    first = first_of_equals(ordered)
    if first.all():
        return ValueCounts(ordered, names, _once(len(ordered)))
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(ordered))
    return ValueCounts(ordered[starts], names, counts[np.newaxis])


def _known(ordered: Any) -> int:
    """How many numbers of a sorted list are not missing: NaN is sorted behind all others."""
    return int(np.searchsorted(ordered, np.nan))


def _once(n_values: int) -> Any:
    """Counts of values that all occur once: one number in memory, whatever their number."""
    return np.broadcast_to(np.int64(1), (1, n_values))


def merge_counts(parts: Sequence[ValueCounts]) -> ValueCounts:
    """Add the counts of disjoint rows: what one count of all of them finds.

    Args:
        parts: At least one; all of numbers, or all of categories.

    Returns:
        The counts.
    """
    if len(parts) == 1:
        return parts[0]
    names = parts[0].groups
    if any(not np.array_equal(part.groups, names) for part in parts):
        names = np.unique(np.concatenate([part.groups for part in parts]))
    values, is_distinct = _union(parts)
    if is_distinct and all(part.is_once for part in parts):
        return ValueCounts(values, names, _once(len(values)))
    counts = np.zeros((len(names), len(values)), "int64")
    for part in parts:
        rows, places = np.searchsorted(names, part.groups), np.searchsorted(values, part.values)
        counts[np.ix_(rows, places)] += part.counts
    return ValueCounts(values, names, counts)


def side_by_side(reference: ValueCounts, current: ValueCounts) -> tuple[Any, Any, Any]:
    """Put the counts of two samples in the same groups on one list of values.

    Returns:
        The values in order, shape (k,), and the counts of both sides, shape (groups, k).
    """
    values, _ = _union([reference, current])
    sides = []
    for part in (reference, current):
        counts = np.zeros((len(part.groups), len(values)), "int64")
        counts[:, np.searchsorted(values, part.values)] = part.counts
        sides.append(counts)
    return values, *sides


def _union(parts: Sequence[ValueCounts]) -> tuple[Any, bool]:
    """Return the values of all parts in order, and whether no two parts have one in common."""
    # A stable sort merges sorted lists without sorting them again.
    ordered = np.sort(np.concatenate([part.values for part in parts]), kind="stable")
    first = first_of_equals(ordered)
    return (ordered, True) if first.all() else (ordered[first], False)


def walk(
    reference: tuple[Any, Any], current: tuple[Any, Any]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Go through the values of two samples in order, a stretch at a time.

    Nothing as long as the samples is made, so large samples cost no memory and little time.

    Args:
        reference: Sorted distinct numbers and their counts, both of shape (k,), at least one.
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
            gaps = np.cumsum(steps[order])
            gaps += gap
            gap = gaps[-1]
            yield both[order], gaps
