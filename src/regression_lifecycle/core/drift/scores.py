"""The drift methods in numbers: from counts of two samples to a statistic and to a score.

Every method looks at two samples only through how often each value occurs in them, so that is what
the functions take: one sorted list of values, and the counts of the two samples on it. They work
on the last axis, so one call scores one window or a thousand resamples.

A statistic grows with the difference for every method. A score is what is reported and compared
with a threshold: the p-value for a test, the statistic itself for a distance. The scores are those
of Evidently 0.7, which calls SciPy for the tests.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regression_lifecycle.core.drift.parameters import METHODS

Floats = NDArray[np.float64]
Counts = NDArray[Any]

# Below it Evidently calls a spread zero.
SMALLEST_STD = 0.001
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


def score(method: str, values: Floats, reference: Counts, current: Counts, std: float) -> float:
    """Score one sample against another.

    Args:
        method: A name of :data:`~regression_lifecycle.core.drift.parameters.METHODS`.
        values: The sorted values of a numerical column; their spacing matters to wasserstein
            only. Not looked at for a categorical column.
        reference: How often each value occurs in the reference.
        current: How often each value occurs in the current sample.
        std: Standard deviation of the reference; only wasserstein uses it.

    Returns:
        The p-value or distance, to twelve digits.
    """
    if method == "ks":
        below, above = np.cumsum(reference), np.cumsum(current)
        place = int(np.argmax(np.abs(below / below[-1] - above / above[-1])))
        found = ks_p_value(int(below[place]), int(above[place]), int(below[-1]), int(above[-1]))
    else:
        statistic = float(statistics(method, values, reference, current, std))
        sizes = int(np.sum(reference)), int(np.sum(current))
        found = score_of_statistic(method, statistic, *sizes)
    # Sums in another order end in other digits; a stored score must not.
    return float(f"{found:.12g}")


def statistics(
    method: str, values: Floats, reference: Counts, current: Counts, std: float | Floats
) -> Floats:
    """Compute what a method measures; it is larger the more the samples differ.

    Args:
        method: A name of :data:`~regression_lifecycle.core.drift.parameters.METHODS`.
        values: The sorted values, shape (k,).
        reference: Counts of the reference, shape (..., k).
        current: Counts of the current sample, shape (..., k).
        std: Standard deviation of the reference, shape (...).

    Both samples must hold a value. Anderson-Darling takes the largest total size for all of them.

    Returns:
        Shape (...): Kolmogorov's D, the standardised A2 of Anderson and Darling, the standard
        score of two proportions without its sign, or the distance.
    """
    from scipy import special

    if METHODS[method].kind == "numerical":
        if method == "anderson":
            return _anderson(reference, current)
        below = np.cumsum(_shares(reference), axis=-1)
        gap = np.abs(below - np.cumsum(_shares(current), axis=-1))
        if method == "ks":
            return np.asarray(gap.max(axis=-1))
        return np.asarray(gap[..., :-1] @ np.diff(values) / np.maximum(std, SMALLEST_STD))
    if method == "z":
        return _two_proportions(reference, current)
    before, after = _shares(reference), _shares(current)
    if method == "jensenshannon":
        middle = (before + after) / 2
        divergence = special.rel_entr(before, middle) + special.rel_entr(after, middle)
        return np.asarray(np.sqrt(np.maximum(divergence.sum(axis=-1), 0) / 2))
    if method == "hellinger":
        return np.asarray(np.sqrt(np.clip(1 - np.sqrt(before * after).sum(axis=-1), 0, 1)))
    nowhere = (before == 0) & (after == 0)
    before, after = _without_zeros(before), _without_zeros(after)
    terms = (before - after) * np.log(before / after)
    return np.asarray(np.where(nowhere, 0, terms).sum(axis=-1))


def score_of_statistic(method: str, statistic: float, n_reference: int, n_current: int) -> float:
    """Turn a statistic into the score that a threshold is compared with.

    Args:
        method: A name of :data:`~regression_lifecycle.core.drift.parameters.METHODS`.
        statistic: What :func:`statistics` gives.
        n_reference: Values in the reference.
        n_current: Values in the current sample.

    Returns:
        A p-value for a test, the statistic itself for a distance.
    """
    from scipy import special

    if method == "ks":
        below = min(n_reference, math.ceil(statistic * n_reference))
        return ks_p_value(below, 0, n_reference, n_current)
    if method == "anderson":
        if statistic < _CRITICAL[0]:
            return float(_LEVELS[0])
        if statistic > _CRITICAL[-1]:
            return float(_LEVELS[-1])
        return float(np.exp(np.polyval(_PARABOLA, statistic)))
    if method == "z":
        return float(2 * (1 - special.ndtr(statistic)))
    return statistic


def widen(method: str, statistic: float, factor: float, n_reference: int, n_current: int) -> float:
    """Move a statistic away from "no difference", as if every difference were larger.

    Args:
        method: A name of :data:`~regression_lifecycle.core.drift.parameters.METHODS`.
        statistic: What :func:`statistics` gives.
        factor: By how much the differences between the two samples grow.
        n_reference: Values in the reference.
        n_current: Values in the current sample.

    Returns:
        The statistic of the larger differences. A2 and psi are quadratic in them, the other
        statistics are linear; D ends at 1.
    """
    if method == "ks":
        return min(1.0, factor * statistic)
    if method == "psi":
        return factor**2 * statistic
    if method == "anderson":
        spread = math.sqrt(
            _anderson_variance(n_reference + n_current, 1 / n_reference + 1 / n_current)
        )
        return (factor**2 * (statistic * spread + 1) - 1) / spread
    return factor * statistic


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

    # The p-value depends on sizes and gap alone, and samples of zeros and ones have any gap.
    samples = [
        np.repeat([0.0, 1.0], [part, whole - part])
        for part, whole in ((below, n_reference), (below_current, n_current))
    ]
    with warnings.catch_warnings():
        # Where the exact value under- or overflows SciPy takes the asymptotic one and says so.
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(stats.ks_2samp(*samples).pvalue)


def _shares(counts: Counts) -> Floats:
    return np.asarray(counts / np.sum(counts, axis=-1, keepdims=True))


def _without_zeros(shares: Floats) -> Floats:
    smallest = np.where(shares > 0, shares, np.inf).min(axis=-1, keepdims=True)
    filling = np.where(smallest <= EMPTY_SHARE, smallest / 1e6, EMPTY_SHARE)
    return np.where(shares == 0, filling, shares)


def _two_proportions(reference: Counts, current: Counts) -> Floats:
    n_reference, n_current = np.sum(reference, axis=-1), np.sum(current, axis=-1)
    # All but the first category, so that a column with one category has the share 0.
    ones, ones_current = n_reference - reference[..., 0], n_current - current[..., 0]
    pooled = (ones + ones_current) / (n_reference + n_current)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n_reference + 1 / n_current))
    gap = np.abs(ones / n_reference - ones_current / n_current)
    return np.asarray(np.divide(gap, spread, out=np.zeros(np.shape(gap)), where=spread > 0))


def _anderson(reference: Counts, current: Counts) -> Floats:
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
    return np.asarray((raw - 1) / np.sqrt(_anderson_variance(n, 1 / sizes[0] + 1 / sizes[1])))


def _anderson_variance(n: int, reciprocal: Any) -> Any:
    """Variance of A2 for two samples: equation 4 of Scholz and Stephens (1987) at k = 2.

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
