"""The prediction interval: how wide, and how the width depends on the prediction.

Half of it is ``width x max(|prediction|, floor) ^ exponent``: an exponent of 0 keeps the width, 0.5
is that of counts, 1 that of errors in percent. The exponent is learnt from the errors of what was
served, the width is their conformal quantile, and the share that this quantile holds follows the
coverage of the windows before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.metrics import FloatArray

# Roots and products alone: they are the same to the last bit wherever they are computed.
EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
# Nearer to zero than a tenth of the mean an error does not get smaller with the prediction.
_FLOOR_SHARE = 0.1
# A row whose error decided the width is inside; rounding must not leave it out.
_ROUNDING = 1 + 1e-9
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
    target: FloatArray,
    prediction: FloatArray,
    share: float,
    usual_exponent: float,
    parameters: PredictionInterval,
) -> Interval:
    """Learn the interval from errors of served predictions.

    Args:
        target: Labels of the newest served windows; NaN where unknown, shape (n,).
        prediction: What was served, shape (n,).
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
    known = np.isfinite(target) & np.isfinite(prediction)
    if known.sum() < parameters.minimum_rows:
        return Interval()
    said = prediction[known]
    errors = np.abs(target[known] - said)
    floor = _FLOOR_SHARE * float(np.abs(said).mean())
    exponent = 0.0
    if floor > 0:
        exponent = _exponent(errors, said, floor, usual_exponent, parameters.level)
    width = _quantile(errors / _scale(said, exponent, floor), share)
    return Interval(width * _ROUNDING, exponent, floor)


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


def _exponent(
    errors: FloatArray, said: FloatArray, floor: float, usual: float, level: float
) -> float:
    """Find the exponent with the best interval score, or one nearer to the usual one.

    The nearest to the usual one whose mean score is within a standard error of the best: with few
    rows, or predictions that are all alike, it is the usual one.
    """
    scores = []
    for exponent in EXPONENTS:
        scale = _scale(said, exponent, floor)
        half = _quantile(errors / scale, level) * scale
        # Half the interval score, of an interval that is as far up as down.
        scores.append(half + np.maximum(errors - half, 0) / (1 - level))
    worse = np.array(scores) - min(scores, key=np.mean)
    tied = worse.mean(axis=1) <= worse.std(axis=1) / math.sqrt(len(errors))
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
