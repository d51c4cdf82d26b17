"""The statistics of two samples, from counts of their values.

All functions work on the last axis, so one call takes one pair of samples or a thousand resamples.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[Any]

# What stands in for the spread of one value: this share of the range of both samples. Evidently
# takes 0.001 itself as the smallest spread, in which a column of size 1e-5 never drifts.
_SHARE_OF_RANGE = 0.001
# Values that lie no further apart, as a share of their size, are equal but for rounding.
_ROUNDING = 1e-12
# More values per side, and SciPy takes the asymptotic distribution.
_LARGEST_EXACT = 10_000
# So many terms of the sum that SciPy takes up to so large samples are enough.
_ADDED_TERMS = 2000
_LARGEST_SUM = 1_000_000
# The share that psi gives to a category which one side does not have.
EMPTY_SHARE = 0.0001

# Scholz and Stephens (1987), K-sample Anderson-Darling tests, table 2: for two samples the sum of
# the three columns is the critical value at each level. SciPy joins the levels by a parabola.
_LEVELS = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
_CRITICAL = (
    np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
    + np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
    + np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
)
_PARABOLA = np.polyfit(_CRITICAL, np.log(_LEVELS), 2)


def first_of_equals(ordered: Any) -> NDArray[np.bool_]:
    """Mark each value of a sorted list, shape (n,), that differs from the one before it."""
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first


def shares(counts: Counts) -> Floats:
    """Divide counts, shape (..., k), by their sums."""
    return np.asarray(counts / np.sum(counts, axis=-1, keepdims=True))


def without_zeros(parts: Floats) -> Floats:
    """Fill empty shares with a small one, as Evidently does."""
    smallest = np.where(parts > 0, parts, np.inf).min(axis=-1, keepdims=True)
    filling = np.where(smallest <= EMPTY_SHARE, smallest / 1e6, EMPTY_SHARE)
    return np.where(parts == 0, filling, parts)


def gaps(reference: Counts, current: Counts) -> Floats:
    """Return the distance of the two distribution functions at each value, shape (..., k)."""
    below, above = (np.cumsum(shares(counts), axis=-1) for counts in (reference, current))
    return np.asarray(np.abs(below - above))


def spread_of_reference(values: Floats, reference: Counts, std: float | Floats) -> Floats:
    """Return the standard deviation of a reference, or what stands in for one that is zero.

    Args:
        values: Distinct values of both samples in order, shape (k,), at least one.
        reference: How often each occurs in the reference, shape (..., k).
        std: Standard deviation of the reference, shape (...).

    Returns:
        In the unit of the values and above 0, shape (...): in another unit it is the same spread.
    """
    alone = np.count_nonzero(reference, axis=-1) == 1
    spread = np.where(alone, _SHARE_OF_RANGE * (values[-1] - values[0]), std)
    smallest = max(_ROUNDING * float(np.abs(values).max()), float(np.finfo(np.float64).tiny))
    return np.asarray(np.maximum(spread, smallest))


def ks_p_value(below: int, below_current: int, n_reference: int, n_current: int) -> float:
    """Find the two-sided p-value of a Kolmogorov-Smirnov test from its largest gap.

    Args:
        below: Values of the reference up to the place of the largest gap.
        below_current: Values of the current sample up to that place.
        n_reference: Values in the reference.
        n_current: Values in the current sample.

    Returns:
        Exact up to 10,000 values per side, by SciPy; beyond them the asymptotic value.
    """
    from scipy import stats

    if max(n_reference, n_current) > _LARGEST_EXACT:
        gap = abs(below / n_reference - below_current / n_current)
        harmonic = round(n_reference * n_current / (n_reference + n_current))
        if _ADDED_TERMS < harmonic <= _LARGEST_SUM and 2.2 <= harmonic * gap**2 < 340:
            return _smirnov(gap, harmonic)
        return float(stats.kstwo.sf(gap, harmonic))
    # The p-value depends on sizes and gap alone, and samples of zeros and ones have any gap.
    samples = [
        np.repeat([0.0, 1.0], [part, whole - part])
        for part, whole in ((below, n_reference), (below_current, n_current))
    ]
    with warnings.catch_warnings():
        # Where the exact value under- or overflows SciPy takes the asymptotic one and says so.
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(stats.ks_2samp(*samples).pvalue)


def _smirnov(gap: float, n: int) -> float:
    """Return twice the one-sided p-value, as SciPy does for gaps that are not small.

    It is a sum of n terms (Birnbaum and Tingey 1951), each a binomial probability over its p, which
    SciPy adds one by one in more than a second. They change slowly from one to the next and vanish
    towards both ends, where every k-th of them, times k, adds up to the same (trapezoidal rule).
    """
    step = n // _ADDED_TERMS
    j = np.arange(step, math.floor(n * (1 - gap)), step, dtype="float64")
    rest, apart = n - j, n * gap
    # Loader's form (2000, "Fast and accurate computation of binomial probabilities") keeps the
    # digits that the logarithms of factorials lose.
    exponent = j * np.log1p(apart / j) + rest * np.log1p(-apart / rest)
    exponent += _stirling_error(n) - _stirling_error(j) - _stirling_error(rest)
    terms = np.exp(exponent) * np.sqrt(n / (2 * np.pi * j * rest)) / (gap + j / n)
    return float(2 * gap * step * terms.sum())


def _stirling_error(n: Any) -> Any:
    """Logarithm of n! over Stirling's formula, for n of some hundred at least."""
    return (1 / 12 - 1 / 360 / n**2) / n


def two_proportions(reference: Counts, current: Counts) -> Floats:
    """Return the standard score, without its sign, of the share of all but the first category."""
    n_reference, n_current = np.sum(reference, axis=-1), np.sum(current, axis=-1)
    # All but the first category, so that a column with one category has the share 0.
    ones, ones_current = n_reference - reference[..., 0], n_current - current[..., 0]
    pooled = (ones + ones_current) / (n_reference + n_current)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n_reference + 1 / n_current))
    gap = np.abs(ones / n_reference - ones_current / n_current)
    return np.asarray(np.divide(gap, spread, out=np.zeros(np.shape(gap)), where=spread > 0))


def anderson_darling(reference: Counts, current: Counts) -> Floats:
    """Return the standardised A2 of two samples, for the largest total size of all pairs."""
    both = reference + current
    total = np.sum(both, axis=-1, keepdims=True)
    rank = np.cumsum(both, axis=-1) - both / 2
    spread = rank * (total - rank) - total * both / 4
    result = np.zeros(np.shape(both)[:-1])
    for sample in (reference, current):
        size = np.sum(sample, axis=-1, keepdims=True)
        gap = total * (np.cumsum(sample, axis=-1) - sample / 2) - rank * size
        terms = np.divide(both * gap**2, spread, out=np.zeros(np.shape(both)), where=spread > 0)
        result = result + terms.sum(axis=-1) / (size * total)[..., 0]
    n = int(np.max(total))
    sizes = np.sum(reference, axis=-1), np.sum(current, axis=-1)
    raw = result * (n - 1) / n
    return np.asarray((raw - 1) / np.sqrt(anderson_variance(n, 1 / sizes[0] + 1 / sizes[1])))


def anderson_p_value(statistic: float) -> float:
    """Return the p-value of a standardised A2, clipped to 0.001 ... 0.25 as SciPy does."""
    if statistic < _CRITICAL[0]:
        return float(_LEVELS[0])
    if statistic > _CRITICAL[-1]:
        return float(_LEVELS[-1])
    return float(np.exp(np.polyval(_PARABOLA, statistic)))


def anderson_variance(n: int, reciprocal: Any) -> Any:
    """Return the variance of A2: equation 4 of Scholz and Stephens (1987) for two samples.

    Args:
        n: Values of both samples together.
        reciprocal: One over the size of each sample, summed.

    Returns:
        The variance, in the shape of ``reciprocal``.
    """
    harmonic = np.cumsum(1 / np.arange(n - 1, 1, -1.0))
    h = harmonic[-1] + 1
    g = np.sum(harmonic / np.arange(2.0, n))
    a = 4 * g - 6 + (10 - 6 * g) * reciprocal
    b = 12 * g + 8 * h - 22 + (2 * g - 14 * h - 4) * reciprocal
    c = 36 * h + 4 + (2 * h - 6) * reciprocal
    d = 24
    return (a * n**3 + b * n**2 + c * n + d) / ((n - 1.0) * (n - 2.0) * (n - 3.0))
