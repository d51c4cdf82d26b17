"""How a figure of windows varies and remembers on a model that is as good as new.

A model that ages says with its later windows what a rule is there to find, and not what is usual.
So where values grow with the windows since the training, what counts is where they begin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LARGEST_MEMORY = 0.95
_SMALLEST_MEMORY = -0.5
# Standard errors that values must grow by before they count as growing.
_PROOF = 3.0
_ROUNDS = 20
_ROUNDING, _LARGEST = 1e-9, 1e100


@dataclass(frozen=True)
class Variation:
    """How values of consecutive windows vary.

    Attributes:
        mean: Their mean; 0 where a right model has none.
        variance: Around it.
        memory: Correlation of a window with the one before.
        n_windows: How many windows say so.
        n_independent: Independent windows that would tell mean or variance as exactly, but for
            the memory: fewer than there are if values grow with age.
        n_pairs: Pairs of neighbours that tell the memory.
    """

    mean: float
    variance: float
    memory: float
    n_windows: int
    n_independent: float
    n_pairs: int


def varies(stretches: Sequence[FloatArray]) -> bool:
    """Whether values differ by more than rounding, and are not so large that squares overflow."""
    values = np.concatenate(stretches)
    size = np.abs(values).max()
    return bool(_ROUNDING * size < np.ptp(values) and size < _LARGEST)


def measure_variation(stretches: Sequence[FloatArray], *, signed: bool) -> Variation:
    """Measure how values of windows vary and remember.

    Signed values lie around zero, and their squares are a line over the windows since the training
    if that rises by more than three standard errors; of others the values themselves are. The
    correlation of few values is too small on average; ``(1 + 3 r) / n`` is added, or ``2 r / n``
    where the mean is known (Kendall 1954, Note on bias in the estimation of autocorrelation).

    Args:
        stretches: Values of the windows since the training, by one model each; three in all, which
            :func:`varies` holds of.
        signed: Whether a right model has values around zero.
    """
    values = np.concatenate(stretches)
    age = np.concatenate([np.arange(len(part), dtype="float64") for part in stretches])
    pairs = sum(len(part) - 1 for part in stretches)
    mean = 0.0 if signed else float(values.mean())
    variance = float(((values - mean) ** 2).sum()) / (len(values) - (not signed))
    memory = _correlation([part - mean for part in stretches], variance)
    growth = _find_growth(values, age, memory, signed=signed)
    n_independent = float(len(values))
    if growth is not None:
        begin, slope, n_independent = growth
        # A level that wanders makes neighbours alike as well, the more the older they are.
        if signed:
            variance, shared = begin, slope
            centred: list[FloatArray] = list(stretches)
        else:
            mean, shared = begin, 0.0
            centred = [part - begin - slope * np.arange(len(part)) for part in stretches]
            variance = sum(float(part @ part) for part in centred) / (len(values) - 2)
        memory = max(_correlation(centred, variance, shared), 0.0)
    memory += (2 * memory if signed else 1 + 3 * memory) / max(pairs, 1)
    return Variation(
        mean=mean,
        variance=variance,
        memory=min(max(memory, _SMALLEST_MEMORY), LARGEST_MEMORY),
        n_windows=len(values),
        n_independent=n_independent,
        n_pairs=max(pairs, 1),
    )


def _correlation(centred: Sequence[FloatArray], variance: float, growth: float = 0.0) -> float:
    """The correlation of neighbours, less what they share by a variance that grows with age."""
    products = weights = 0.0
    for part in centred:
        shared = growth * np.arange(len(part) - 1)
        weight = 1 / (variance + shared) if variance > 0 else np.zeros(len(shared))
        products += float((weight * (part[1:] * part[:-1] - shared)).sum())
        weights += float(weight.sum()) * variance
    return min(products / weights, LARGEST_MEMORY) if weights > 0 else 0.0


def _find_growth(
    values: FloatArray, age: FloatArray, memory: float, *, signed: bool
) -> tuple[float, float, float] | None:
    """Fit a line over the age, of squares by their own size (as of normal values).

    Returns:
        Value at age 0, slope and independent windows that would tell the first as exactly; None if
        it does not rise beyond chance.
    """
    y = values**2 if signed else values
    level = np.full(len(y), y.mean())
    if level[0] <= 0 or np.ptp(age) == 0:
        return None
    design = np.column_stack([np.ones(len(age)), age])
    smallest = level[0] / 20
    for _ in range(_ROUNDS):
        weight = 1 / level**2 if signed else np.ones(len(y))
        spread = np.linalg.inv(design.T @ (weight[:, None] * design))
        begin, slope = (spread @ (design.T @ (weight * y))).tolist()
        if slope <= 0:
            return None
        begin = max(begin, smallest)
        level = begin + slope * age
    # A square of a normal value has the variance of twice its mean's square.
    unit = 2.0 if signed else float(((y - level) ** 2).sum()) / max(len(y) - 2, 1)
    r = min(max(memory, 0.0), 0.9)
    inflation = (1 + r**2) / (1 - r**2) if signed else (1 + r) / (1 - r)
    if slope < _PROOF * math.sqrt(unit * spread[1, 1] * inflation):
        return None
    n_independent = begin**2 / spread[0, 0] if signed else 1 / spread[0, 0]
    return begin, slope, float(n_independent)
