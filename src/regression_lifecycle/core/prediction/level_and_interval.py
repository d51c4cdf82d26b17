"""What is served besides the model itself: a level correction and a prediction interval.

Both are learnt from the windows that were served before, on labels that were known when the
window began; neither needs a fit. Served is ``model x level factor``, held inside the bounds that
the contract gives the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError

FloatArray = npt.NDArray[np.float64]


def _rank(n: int, level: float) -> int:
    # Rounded, since (99 + 1) * 0.55 is a little more than 55.
    return math.ceil(round((n + 1) * level, 9))


class LevelCorrection(StrictModel):
    """Follow the level of the target between two retrainings.

    Attributes:
        windows: Newest labelled windows of the deployed model that are looked at; 0 switches
            the correction off.
        decay: Weight of a window relative to the next younger one.
        shrinkage: How much a factor of one weighs against what was seen; 0 believes the windows.
        minimum_factor: The factor is never below it.
        maximum_factor: The factor is never above it.
    """

    windows: int = Field(2, ge=0)
    decay: float = Field(0.6, gt=0, le=1)
    shrinkage: float = Field(0.5, ge=0)
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
        if _rank(self.minimum_rows, self.level) > self.minimum_rows:
            fewest = math.ceil(round(self.level / (1 - self.level), 9))
            raise ConfigurationError(
                f"minimum_rows {self.minimum_rows} is too small for a level of {self.level:g}; "
                f"use at least {fewest}"
            )
        return self


class AdjustmentParameters(StrictModel):
    """What is served besides the model itself."""

    level_correction: LevelCorrection = LevelCorrection()
    interval: PredictionInterval = PredictionInterval()


@dataclass(frozen=True)
class Adjustment:
    """What is known about a model's level and errors when a window begins.

    Attributes:
        level_factor: The model's prediction is multiplied by it.
        interval_width: Conformal quantile of the scaled absolute error; NaN without an interval.
    """

    level_factor: float = 1.0
    interval_width: float = math.nan


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
        The factor that the version learnt from its own windows, 1 as long as it has none, and
        the interval width that was learnt last, from the windows of every version.
    """
    valid = adjustments if at is None else adjustments[adjustments["valid_from"] <= at]
    newest = valid.sort_values("valid_from", kind="stable")
    own = newest.loc[newest["model_version"] == version, "level_factor"].dropna()
    widths = newest["interval_width"]
    return Adjustment(
        float(own.iloc[-1]) if len(own) else 1.0,
        float(widths.iloc[-1]) if len(widths) else math.nan,
    )


def level_factor(windows: Sequence[Mapping[str, Any]], parameters: LevelCorrection) -> float:
    r"""Compare what came with what the model said, over its newest windows.

    Args:
        windows: Windows that the model served since it was trained, the oldest first, each with
            ``sum_target`` and ``sum_raw_prediction`` over its labelled rows; only windows whose
            labels were known at the moment of prediction.
        parameters: How many windows, and how much they are believed.

    Returns:
        :math:`(S + s Q) / ((1 + s) Q)` with the weighted sums :math:`S` of targets and :math:`Q`
        of predictions and the shrinkage :math:`s`, within the bounds; 1 if nothing is known, and
        where targets sum to less than nothing, since a factor has no meaning there.
    """
    newest = list(reversed(windows))[: parameters.windows]
    weights = [parameters.decay**age for age in range(len(newest))]
    observed = _weighted(weights, newest, "sum_target")
    predicted = _weighted(weights, newest, "sum_raw_prediction")
    if not (observed >= 0 and predicted > 0):
        return 1.0
    factor = (observed + parameters.shrinkage * predicted) / (
        (1 + parameters.shrinkage) * predicted
    )
    return min(max(factor, parameters.minimum_factor), parameters.maximum_factor)


def _weighted(weights: Sequence[float], windows: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(weight * float(row[name]) for weight, row in zip(weights, windows, strict=True))


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
        adjustment: Level factor and interval width.
        problem: Gives the bounds of the target.
        parameters: How the interval is scaled.

    Returns:
        ``prediction``, ``lower`` and ``upper`` in the target's unit, shape (n, 3); the bounds are
        NaN without an interval.
    """
    spec = problem.columns[problem.target]
    low = -np.inf if spec.minimum is None else spec.minimum
    high = np.inf if spec.maximum is None else spec.maximum
    prediction = np.clip(raw * adjustment.level_factor, low, high)
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
