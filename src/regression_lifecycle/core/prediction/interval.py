"""The prediction interval: how wide, and how the width depends on the prediction.

Half of it is ``width x max(|prediction|, floor) ^ exponent``: an exponent of 0 keeps the width, 0.5
is that of counts, 1 that of errors in percent. The exponent is learnt from the errors of what was
served, the width is their conformal quantile, and the share that this quantile holds follows the
coverage of the windows before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.metrics import FloatArray

# Roots and products alone: they are the same to the last bit wherever they are computed.
EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
# Nearer to zero than a tenth of the mean an error does not get smaller with the prediction.
_FLOOR_SHARE = 0.1
# How far the coverage of one window moves the next one: half as far at 100 rows.
_STEP, _STEP_ROWS = 0.2, 100


class PredictionInterval(StrictModel):
    """A conformal interval around the served prediction.

    Attributes:
        level: Share of observations that the interval should hold.
        windows: Newest served and labelled windows whose errors set its width.
        minimum_rows: Fewest labelled rows among them; with fewer there is no interval.
    """

    level: float = Field(0.9, gt=0, lt=1)
    windows: int = Field(8, ge=1)
    minimum_rows: int = Field(100, ge=10)

    @model_validator(mode="after")
    def _level_can_be_reached(self) -> Self:
        if self.minimum_rows < self.fewest_rows:
            raise ConfigurationError(
                f"minimum_rows {self.minimum_rows} is too small for a level of {self.level:g}; "
                f"use at least {self.fewest_rows}"
            )
        return self

    @property
    def fewest_rows(self) -> int:
        """Smallest number of errors of which one can have the rank that the level asks for."""
        return math.ceil(round(self.level / (1 - self.level), 9))


@dataclass(frozen=True)
class Interval:
    """How far the bounds of a prediction are from it.

    Attributes:
        width: Half the interval where the prediction's scale is 1; NaN without an interval.
        exponent: One of 0, 0.25, 0.5, 0.75 and 1: how it grows with the prediction.
        floor: In the target's unit; predictions nearer to zero have the scale of this one.
    """

    width: float = math.nan
    exponent: float = 0.0
    floor: float = 0.0

    def half(self, prediction: FloatArray) -> FloatArray:
        """Return the distance of each prediction from its bounds, in the target's unit."""
        return self.width * _scale(prediction, self.exponent, self.floor)


def learn_interval(
    targets: Sequence[FloatArray],
    predictions: Sequence[FloatArray],
    share: float,
    usual_exponent: float,
    parameters: PredictionInterval,
) -> Interval:
    """Learn the interval from errors of served predictions.

    Args:
        targets: Labels by window, of the newest served ones; NaN where unknown, each of shape (n,).
        predictions: What was served in these windows, in the same shapes.
        share: Of these errors that the width holds, as :func:`adapted_share` returns it.
        usual_exponent: Kept unless another one is better beyond chance.
        parameters: Level, and fewest rows.

    Returns:
        The width is the conformal quantile of the scaled absolute error, of rank
        ``ceil((n + 1) share)``, at most the largest error. NaN for fewer than ``minimum_rows``
        labelled rows.

    Source:
        Lei et al. (2018), Distribution-Free Predictive Inference for Regression,
        doi:10.1080/01621459.2017.1307116, sections 2.2 and 5.2.
    """
    known = [np.isfinite(y) & np.isfinite(p) for y, p in zip(targets, predictions, strict=True)]
    counts = np.array([rows.sum() for rows in known])
    if counts.sum() < parameters.minimum_rows:
        return Interval()
    said = np.concatenate([p[rows] for p, rows in zip(predictions, known, strict=True)])
    errors = np.abs(
        np.concatenate([y[rows] for y, rows in zip(targets, known, strict=True)]) - said
    )
    floor = _FLOOR_SHARE * float(np.abs(said).mean())
    exponent = 0.0
    if floor > 0:
        scores = _interval_scores(errors, said, floor, parameters.level)
        exponent = _exponent(scores, counts[counts > 0], usual_exponent)
    width = _quantile(errors / _scale(said, exponent, floor), share)
    return Interval(width, exponent, floor)


def adapted_share(coverages: Iterable[float], level: float, rows: float) -> float:
    r"""Find which share of past errors an interval must hold so that its level is kept.

    Errors that grow, and levels that move, make the errors of the past too small a guide. So every
    window moves the share by :math:`\gamma` times what its coverage lacks; what holds too much
    takes it back.

    Args:
        coverages: Of the windows served so far, the oldest first; NaN where none is known.
        level: Share of observations that the interval should hold.
        rows: Mean number of rows of a window: coverage of few rows says little, so that
            :math:`\gamma` is 0.2 rows / (rows + 100).

    Returns:
        A share between ``level - (1 - level)`` and 1. Beyond it a share that cannot help, as with
        ties, would pile up until it does harm.

    Source:
        Gibbs and Candes (2021), Adaptive Conformal Inference Under Distribution Shift,
        arXiv:2106.00170, equation 2, with the mean of a window.
    """
    step = _STEP * rows / (rows + _STEP_ROWS)
    share = level
    for coverage in coverages:
        if math.isfinite(coverage):
            moved = share + step * (level - coverage)
            share = min(max(moved, 2 * level - 1), 1.0)
    return share


def _interval_scores(
    errors: FloatArray, said: FloatArray, floor: float, level: float
) -> FloatArray:
    """Compute what each row costs under each exponent: half the interval score."""
    scores = []
    for exponent in EXPONENTS:
        scale = _scale(said, exponent, floor)
        half = _quantile(errors / scale, level) * scale
        scores.append(half + np.maximum(errors - half, 0) / (1 - level))
    return np.array(scores)


def _exponent(scores: FloatArray, counts: npt.NDArray[np.int64], usual: float) -> float:
    """Find the exponent with the best score, or one nearer to the usual one.

    The nearest to the usual one whose mean score is within a standard error of the best. The rows
    of one window are alike, so the error is that of the sums of windows.

    Args:
        scores: Shape (exponents, rows), window after window.
        counts: Rows of each window.
        usual: The exponent that needs no proof.
    """
    worse = scores - scores[scores.mean(axis=1).argmin()]
    sums = np.add.reduceat(worse, np.r_[0, counts.cumsum()[:-1]], axis=1)
    n = len(counts)
    errors = sums.std(axis=1, ddof=1) / math.sqrt(n) if n > 1 else np.inf
    tied = sums.mean(axis=1) <= errors
    candidates = [exponent for exponent, equal in zip(EXPONENTS, tied, strict=True) if equal]
    return min(candidates, key=lambda exponent: abs(exponent - usual))


def _quantile(errors: FloatArray, share: float) -> float:
    n = len(errors)
    # Rounded, since (99 + 1) * 0.55 is a little more than 55.
    rank = min(max(math.ceil(round((n + 1) * share, 9)), 1), n)
    return float(np.partition(errors, rank - 1)[rank - 1])


def _scale(prediction: FloatArray, exponent: float, floor: float) -> FloatArray:
    if not exponent:
        return np.ones_like(prediction)
    size = np.maximum(np.abs(prediction), floor)
    if exponent == 1:
        return size
    root = np.sqrt(size)
    if exponent == 0.5:
        return root
    fourth = np.sqrt(root)
    return fourth if exponent == 0.25 else root * fourth
