"""How long a column remembers, and so how many windows a reference is worth.

Where neighbouring windows are alike, a reference of many windows is worth few independent ones: its
mean strays further than it seems to, and its windows differ less among each other than from a
window elsewhere. Both are made good by the variances of means of a process that forgets
geometrically (AR(1)): see :meth:`Memory.understatement`.

Memory is measured from one part of a window to the next, such as the days of a week, and where
there are windows enough from one window to the next, which sees it behind the noise of single rows;
the longer one counts. Each part is taken relative to the same part of all other windows, so seasons
that fit into a window, as day and week do, are no memory. That takes some memory away with it; the
share that is left from one part to the next is the one of which the autocorrelation that was found
is expected (indirect inference: Gourieroux, Monfort and Renault 1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.drift.methods import Kind
from regression_lifecycle.core.drift.statistics import first_of_equals

Floats = NDArray[np.float64]

# Parts of a window: the days of a week.
MAXIMUM_PARTS = 7
# A reference must be worth so many independent windows, or what a shorter one has but for a sixth:
# four windows of a column without memory are found to be worth fewer by chance.
FEWEST_WINDOWS = 10 / 3
SHARE_OF_WINDOWS = 5 / 6
# Fewer windows tell nothing of how alike they are.
FEWEST_NEIGHBOURS = 26
_SHARES = np.concatenate([[0.0], 1 - np.geomspace(0.95, 0.0005, 100)])
_SEASONS = (pd.Timedelta(days=7), pd.Timedelta(days=1))


@dataclass(frozen=True)
class Parts:
    """Which part of which window each row of a reference lies in.

    Attributes:
        place: Window times ``n_parts`` plus part, shape (n,); windows without rows are left out.
        n_windows: Windows with rows.
        n_parts: Parts of a window.
    """

    place: NDArray[np.int64]
    n_windows: int
    n_parts: int


@dataclass(frozen=True)
class Memory:
    """What a column remembers.

    Attributes:
        share: Correlation of the levels of a part and the next one, from 0 to below 1.
        n_parts: Parts of a window.
        n_windows: Windows of the reference, one after the other.
    """

    share: float
    n_parts: int
    n_windows: float

    @property
    def independent_windows(self) -> float:
        """How many independent windows have a mean as certain as the reference's."""
        return self._variance(self.n_parts) / self._variance(self.n_parts * self.n_windows)

    @property
    def fewest_windows(self) -> float:
        """How many independent windows are needed to say how windows differ."""
        return min(FEWEST_WINDOWS, SHARE_OF_WINDOWS * self.n_windows)

    @property
    def outlasts(self) -> bool:
        """Whether the reference is too short for what the column remembers."""
        return self.independent_windows < self.fewest_windows

    def understatement(self, blocks_of_window: float = 1) -> float:
        """Return how much farther a new window is from the reference than resamples are.

        With V(m) for the variance of the mean of m parts, the mean of a window w and that of a
        reference n differ by V(w) + V(n). Blocks of m parts around their own mean show V(m) - V(n),
        and resamples of k and K of them (1 / k + 1 / K) times that. Without memory this comes to
        ``1 / sqrt(1 - 1 / b)`` for b blocks.

        Args:
            blocks_of_window: Blocks that a window was drawn from.
        """
        spread, lost = self._variances(blocks_of_window)
        n_blocks = self.n_windows * blocks_of_window
        drawn = (spread - lost) * (1 / blocks_of_window + 1 / n_blocks)
        return math.sqrt((self._variance(self.n_parts) + lost) / drawn)

    def uncertainty(self, rate: float, blocks_of_window: float = 1) -> float:
        """Return how much wider than usual is safe, because few blocks know the spread badly.

        The spread of b overlapping blocks has about 1.5 b degrees of freedom (Meketon and Schmeiser
        1984, "Overlapping batch means: something for nothing?"), and (1 - r^2) / (1 + r^2) times as
        many where blocks correlate by r (Bartlett 1946); so this is a quantile of Student's t over
        that of a normal variable.

        Args:
            rate: Share of windows without drift that may alarm.
            blocks_of_window: Blocks that a window was drawn from.
        """
        from scipy import special

        spread, _ = self._variances(blocks_of_window)
        alike = 2 * self._variance(2 * self.n_parts / blocks_of_window) / spread - 1
        n_blocks = self.n_windows * blocks_of_window
        freedom = max(1.0, 1.5 * n_blocks * (1 - alike**2) / (1 + alike**2))
        return float(special.stdtrit(freedom, 1 - rate / 2) / special.ndtri(1 - rate / 2))

    def _variances(self, blocks_of_window: float) -> tuple[float, float]:
        """Variance of the mean of a block, and of that of the reference."""
        whole = self.n_parts * self.n_windows
        return self._variance(self.n_parts / blocks_of_window), self._variance(whole)

    def _variance(self, n: float) -> float:
        """Variance of the mean of ``n`` parts, relative to that of one."""
        rest = 1 - self.share
        total = (1 + self.share) / rest - 2 * self.share * (1 - self.share**n) / n / rest**2
        return float(total / n)


def cut_parts(moments: Any, window_rows: int) -> Parts:
    """Cut the time of a reference into windows, and these into parts.

    Args:
        moments: When each row was observed, in order, shape (n,), datetime64.
        window_rows: Rows of a window.

    Returns:
        The parts. Windows are cut from the newest row backwards. They last as long as so many rows
        usually do, and whole weeks or days where that is not less than half of one, so that a
        window of few rows does not take the season for memory.
    """
    distinct = moments[first_of_equals(moments)]
    if len(distinct) < 2:
        return Parts(np.zeros(len(moments), "int64"), 1, 1)
    usual = pd.Timedelta(np.median(np.diff(distinct)))
    length = usual * (window_rows * len(distinct) / len(moments))
    for season in _SEASONS:
        if length >= season / 2:
            # Half a week is as near to no week as to one, and `round` takes the even number.
            length = season * max(1, round(length / season))
            break
    n_parts = max(1, min(MAXIMUM_PARTS, round(length / usual)))
    # Whole numbers, since a day is not quite the seventh part of a week.
    age = (moments[-1] - moments).astype("timedelta64[ns]").astype("int64")
    window, rest = np.divmod(age, length.value)
    part = rest * n_parts // length.value
    # The oldest row is in the last window, counted from the newest.
    first = first_of_equals(window)
    n_windows = int(first.sum())
    return Parts((n_windows - first.cumsum()) * n_parts + part, n_windows, n_parts)


def measure_memory(
    points: Any, codes: Any, kind: Kind, parts: Parts, n_windows: float, groups: Any
) -> Memory:
    """Estimate what a column remembers from one part of a window to the next.

    Args:
        points: The value of each cell, shape (k,).
        codes: The cell of each row, in the order of time, shape (n,); -1 for a missing value.
        kind: Of numbers the means of the parts are looked at, of categories their shares.
        parts: The part of each row.
        n_windows: Windows that fit into the reference.
        groups: The group of each row, shape (n,), -1 for none: rows are taken relative to it.

    Returns:
        The memory, of parts or of windows: that to which the reference is worth less.
    """
    n_parts, sizes = parts.n_parts, [parts.n_parts]
    if parts.n_windows >= FEWEST_NEIGHBOURS and n_parts > 1:
        sizes.append(1)
    found = []
    for size in sizes:
        place = parts.place if size == n_parts else parts.place // n_parts
        cut = Parts(place, parts.n_windows, size)
        share = _share(_levels(points, codes, kind, cut, groups))
        found.append(Memory(share, size, n_windows))
    return min(found, key=lambda memory: memory.independent_windows)


def _share(levels: Floats) -> float:
    """Find the share of which the autocorrelation of levels is expected."""
    n_windows, n_parts, _ = levels.shape
    levels = levels.reshape(n_windows * n_parts, -1)
    variance = np.sum(levels**2)
    if n_windows < 2 or not variance > 0:
        return 0.0
    found = np.sum(levels[1:] * levels[:-1]) / variance
    return float(_SHARES[np.abs(_expected(n_windows, n_parts) - found).argmin()])


def _levels(points: Any, codes: Any, kind: Kind, parts: Parts, groups: Any) -> Floats:
    """Level of each part beyond that of its place in the window, (windows, parts, k or 1)."""
    known = (codes >= 0) & (groups >= 0)
    place, group = parts.place[known], groups[known]
    n_places, n_groups = parts.n_windows * parts.n_parts, int(groups.max(initial=0)) + 1
    column = codes[known] if kind == "categorical" else np.zeros(len(place), "int64")
    weights = None if kind == "categorical" else points[codes[known]]
    width = len(points) if kind == "categorical" else 1

    def sums(rows: Any, n: int) -> Floats:
        cells = np.bincount(rows * width + column, weights, n * width)
        return np.asarray(cells.reshape(n, width))

    sizes = np.bincount(place * n_groups + group, minlength=n_places * n_groups)
    sizes = sizes.reshape(n_places, n_groups)
    usual = sums(group, n_groups) / np.maximum(sizes.sum(axis=0), 1)[:, None]
    n = sizes.sum(axis=1)[:, None]
    levels = np.where(n > 0, (sums(place, n_places) - sizes @ usual) / np.maximum(n, 1), np.nan)
    levels = levels.reshape(parts.n_windows, parts.n_parts, width)
    there = np.maximum((~np.isnan(levels)).sum(axis=0), 1)
    # A part without values stays at the level of its place.
    return np.asarray(np.nan_to_num(levels - np.nansum(levels, axis=0) / there))


def _expected(n_windows: int, n_parts: int) -> Floats:
    """Expect the autocorrelation of such levels for each share, as a ratio of means."""
    b, s, phi = n_windows, n_parts, _SHARES[:, None]
    apart = np.arange(1 - b, b)

    def across(delta: int) -> Floats:
        # Mean covariance of two places that are ``delta`` parts apart, over all pairs of windows.
        return np.asarray((phi ** np.abs(s * apart + delta) @ (b - np.abs(apart))) / b**2)

    # The same of the first place of the first window with the last place of all windows.
    ends = np.mean(phi ** np.abs(s * np.arange(b) + s - 1), axis=1)
    within = (s - 1) * b * (_SHARES - across(1))
    between = (b - 1) * _SHARES - (b + 1) * across(1 - s) + 2 * ends
    return np.asarray((within + between) / (s * b * (1 - across(0))))
