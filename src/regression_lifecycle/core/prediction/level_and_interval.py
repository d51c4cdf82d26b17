"""What is served besides the model itself: a level correction and a prediction interval.

Both are learnt from the windows that were served before, on labels that were known when the
window began; neither needs a fit. Served is ``model x level factor + level shift``, held inside
the bounds that the contract gives the target. Targets that cannot be negative have a factor and no
shift, all others a shift and no factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError

FloatArray = npt.NDArray[np.float64]
_FEWEST_TRIALS = 2


def _rank(n: int, level: float) -> int:
    # Rounded, since (99 + 1) * 0.55 is a little more than 55.
    return math.ceil(round((n + 1) * level, 9))


class LevelCorrection(StrictModel):
    """Follow the level of the target between two retrainings, as far as that has helped before.

    Attributes:
        windows: Newest labelled windows of the deployed model whose level is followed; 0 switches
            the correction off.
        decay: Weight of a window relative to the next younger one.
        evidence_windows: Newest labelled windows on which the correction must have made the
            error smaller.
        minimum_factor: A factor is never below it.
        maximum_factor: A factor is never above it.
    """

    windows: int = Field(2, ge=0)
    decay: float = Field(0.6, gt=0, le=1)
    evidence_windows: int = Field(8, ge=_FEWEST_TRIALS)
    minimum_factor: float = Field(0.5, gt=0, le=1)
    maximum_factor: float = Field(2.0, ge=1)


class PredictionInterval(StrictModel):
    """A split-conformal interval around the served prediction.

    Attributes:
        level: Share of observations that the interval should hold.
        windows: Newest served and labelled windows whose errors set its width.
        minimum_rows: Fewest labelled rows among them; with fewer there is no interval.
        scale: ``sqrt`` makes the width grow with the root of the prediction, as counts do;
            ``constant`` keeps it.
    """

    level: float = Field(0.9, gt=0, lt=1)
    windows: int = Field(8, ge=1)
    minimum_rows: int = Field(100, ge=10)
    scale: Literal["sqrt", "constant"] = "sqrt"

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


class AdjustmentParameters(StrictModel):
    """What is served besides the model itself."""

    level_correction: LevelCorrection = LevelCorrection()
    interval: PredictionInterval = PredictionInterval()


LevelKind = Literal["factor", "shift", "none"]
"""How a level is followed: times a number, plus a number, or not at all."""


def level_kind(problem: Problem) -> LevelKind:
    """Return how the level of a target is followed.

    Args:
        problem: Gives the bounds of the target.

    Returns:
        ``factor`` where the contract rules negative targets out; ``shift`` where it does not,
        since sums around zero have no ratio; ``none`` of a quantile, which is above or below the
        target by design.
    """
    if problem.quantile is not None:
        return "none"
    minimum = problem.columns[problem.target].minimum
    return "factor" if minimum is not None and minimum >= 0 else "shift"


@dataclass(frozen=True)
class Adjustment:
    """What is known about a model's level and errors when a window begins.

    Attributes:
        level_factor: The model's prediction is multiplied by it.
        interval_width: Conformal quantile of the scaled absolute error; NaN without an interval.
        level_shift: In the target's unit; added to the model's prediction.
    """

    level_factor: float = 1.0
    interval_width: float = math.nan
    level_shift: float = 0.0


def adjustment_of(
    adjustments: pd.DataFrame, version: str, at: pd.Timestamp | None = None
) -> Adjustment:
    """Look up what a model version is served with.

    Args:
        adjustments: ``adjustments`` of one problem, in any order.
        version: The model that serves.
        at: The moment of the rows that are predicted; nothing that holds from a later one on is
            used. None for the newest.

    Returns:
        The level that the version learnt from its own windows, none as long as it has none, and
        the interval width that was learnt last, from the windows of every version.
    """
    valid = adjustments if at is None else adjustments[adjustments["valid_from"] <= at]
    newest = valid.sort_values("valid_from", kind="stable")
    own = newest[newest["model_version"] == version]
    factors, shifts = own["level_factor"].dropna(), own["level_shift"].dropna()
    widths = newest["interval_width"]
    return Adjustment(
        level_factor=float(factors.iloc[-1]) if len(factors) else 1.0,
        interval_width=float(widths.iloc[-1]) if len(widths) else math.nan,
        level_shift=float(shifts.iloc[-1]) if len(shifts) else 0.0,
    )


class LevelSums(NamedTuple):
    r"""What the level of one window needs, over its labelled rows.

    Each row has the error :math:`e` (target minus the model's prediction) and a basis :math:`x`
    that the correction is a multiple of: the prediction itself for a factor, 1 for a shift.

    Attributes:
        error: :math:`\sum e`.
        basis: :math:`\sum x`.
        product: :math:`\sum x e`.
        square: :math:`\sum x^2`.
    """

    error: float
    basis: float
    product: float
    square: float


def level_sums(target: FloatArray, raw: FloatArray, kind: LevelKind) -> LevelSums:
    """Sum up what the level of one window needs.

    Args:
        target: Labels, NaN where unknown, shape (n,).
        raw: The model's own predictions, shape (n,).
        kind: How the level is followed.
    """
    known = np.isfinite(target) & np.isfinite(raw)
    error = target[known] - raw[known]
    basis = raw[known] if kind == "factor" else np.ones_like(error)
    return LevelSums(
        float(error.sum()), float(basis.sum()), float(basis @ error), float(basis @ basis)
    )


def followed_level(newest_first: Sequence[LevelSums], parameters: LevelCorrection) -> float:
    """Compare what came with what the model said, over its newest windows.

    Args:
        newest_first: Windows that the model served since it was trained.
        parameters: How many of them, and their weights.

    Returns:
        Weighted sum of errors over weighted sum of the basis: the share, or the amount in the
        target's unit, by which the model was too low; 0 where nothing is known.
    """
    newest = newest_first[: parameters.windows]
    weights = [parameters.decay**age for age in range(len(newest))]
    error = sum(weight * one.error for weight, one in zip(weights, newest, strict=True))
    basis = sum(weight * one.basis for weight, one in zip(weights, newest, strict=True))
    if not basis > 0:
        return 0.0
    return error / basis


def proven_share(trials: Sequence[tuple[float, LevelSums]]) -> float:
    r"""Find how much of a followed level would have helped in the windows that came after it.

    Args:
        trials: By window the level :math:`c` that was known when it began, and its sums.

    Returns:
        The share from 0 to 1 of the followed levels that makes the squared errors of all these
        rows least, :math:`\sum c \sum x e / \sum c^2 \sum x^2`. No window counts for more than
        the whole level would have gained in it, so that one odd window proves nothing. 0 for fewer
        than two trials, and where the correction did not make the errors smaller.
    """
    if len(trials) < _FEWEST_TRIALS:
        return 0.0
    possible = [level**2 * sums.square for level, sums in trials]
    gained = [
        min(level * sums.product, most)
        for (level, sums), most in zip(trials, possible, strict=True)
    ]
    return max(sum(gained) / sum(possible), 0.0) if sum(possible) > 0 else 0.0


def interval_width(
    target: FloatArray, prediction: FloatArray, parameters: PredictionInterval
) -> float:
    """Find how wide the interval must be, from errors of served predictions.

    Args:
        target: Labels of the newest served windows; NaN where unknown, shape (n,).
        prediction: What was served, shape (n,).
        parameters: Level and scale.

    Returns:
        The conformal quantile of the scaled absolute error, of rank ``ceil((n + 1) level)``; NaN
        for fewer than ``minimum_rows`` labelled rows.

    Source:
        Lei et al. (2018), Distribution-Free Predictive Inference for Regression,
        doi:10.1080/01621459.2017.1307116, section 2.2.
    """
    known = np.isfinite(target) & np.isfinite(prediction)
    n = int(known.sum())
    if n < parameters.minimum_rows:
        return math.nan
    errors = np.abs(target[known] - prediction[known]) / _scale(prediction[known], parameters)
    rank = _rank(n, parameters.level)
    return float(np.partition(errors, rank - 1)[rank - 1])


def apply_adjustment(
    raw: FloatArray, adjustment: Adjustment, problem: Problem, parameters: AdjustmentParameters
) -> pd.DataFrame:
    """Turn a model's predictions into what is served.

    Args:
        raw: The model's predictions, shape (n,).
        adjustment: Level and interval width.
        problem: Gives the bounds of the target.
        parameters: How the interval is scaled.

    Returns:
        ``prediction``, ``lower`` and ``upper`` in the target's unit, shape (n, 3); the bounds are
        NaN without an interval.
    """
    spec = problem.columns[problem.target]
    low = -np.inf if spec.minimum is None else spec.minimum
    high = np.inf if spec.maximum is None else spec.maximum
    prediction = np.clip(raw * adjustment.level_factor + adjustment.level_shift, low, high)
    half = adjustment.interval_width * _scale(prediction, parameters.interval)
    return pd.DataFrame(
        {
            "prediction": prediction,
            "lower": np.clip(prediction - half, low, high),
            "upper": np.clip(prediction + half, low, high),
        }
    )


def _scale(prediction: FloatArray, parameters: PredictionInterval) -> FloatArray:
    if parameters.scale == "constant":
        return np.ones_like(prediction)
    # A prediction near zero still has an error of about one.
    return np.sqrt(np.maximum(prediction, 1.0))
