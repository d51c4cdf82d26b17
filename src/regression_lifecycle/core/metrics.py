"""Metrics of a regression, each with its undefined case stated.

A metric that is undefined on the given rows is NaN, never zero and never an exception, so that
a gate can see that it could not be computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def rmse(target: FloatArray, prediction: FloatArray) -> float:
    """Root mean squared error, in the target's unit; best 0. Undefined for no rows."""
    return float(np.sqrt(np.mean((prediction - target) ** 2))) if target.size else math.nan


def mae(target: FloatArray, prediction: FloatArray) -> float:
    """Mean absolute error, in the target's unit; best 0. Undefined for no rows."""
    return float(np.mean(np.abs(prediction - target))) if target.size else math.nan


def wape(target: FloatArray, prediction: FloatArray) -> float:
    """Weighted absolute percentage error: sum of |error| over sum of |target|; best 0.

    Undefined where the targets sum to nothing.
    """
    total = float(np.sum(np.abs(target)))
    return float(np.sum(np.abs(prediction - target))) / total if total > 0 else math.nan


def r2(target: FloatArray, prediction: FloatArray) -> float:
    """Coefficient of determination; best 1, 0 for the mean of the rows.

    Undefined for fewer than two rows and for a constant target.
    """
    if target.size < 2:
        return math.nan
    total = float(np.sum((target - target.mean()) ** 2))
    return 1.0 - float(np.sum((prediction - target) ** 2)) / total if total > 0 else math.nan


def rmsle(target: FloatArray, prediction: FloatArray) -> float:
    """Root mean squared error of log(1 + value); best 0. Negative predictions count as 0.

    Undefined for no rows and where a target is negative.
    """
    if not target.size or bool((target < 0).any()):
        return math.nan
    return rmse(np.log1p(target), np.log1p(np.maximum(prediction, 0.0)))


def bias(target: FloatArray, prediction: FloatArray) -> float:
    """Relative bias: sum of predictions over sum of targets, minus 1; best 0.

    Positive means too high. Undefined where the targets sum to zero or less.
    """
    total = float(np.sum(target))
    return float(np.sum(prediction)) / total - 1.0 if total > 0 else math.nan


def mean_error(target: FloatArray, prediction: FloatArray) -> float:
    """Mean of prediction minus target, in the target's unit; best 0. Undefined for no rows."""
    return float(np.mean(prediction - target)) if target.size else math.nan


METRICS: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "rmse": rmse,
    "mae": mae,
    "wape": wape,
    "r2": r2,
    "rmsle": rmsle,
    "bias": bias,
    "mean_error": mean_error,
}
ERROR_METRICS = ("rmse", "mae", "wape", "rmsle")
"""Metrics of which less is better and 0 is best."""


def compute_metrics(target: Any, prediction: Any) -> dict[str, float]:
    """Compute every metric on the rows where target and prediction are both known.

    Args:
        target: Observed values, shape (n,).
        prediction: Predicted values, shape (n,).

    Returns:
        ``n`` (rows used) and one entry per name in :data:`METRICS`; NaN where undefined.
    """
    observed = np.asarray(target, dtype=np.float64)
    predicted = np.asarray(prediction, dtype=np.float64)
    known = np.isfinite(observed) & np.isfinite(predicted)
    observed, predicted = observed[known], predicted[known]
    values = {name: metric(observed, predicted) for name, metric in METRICS.items()}
    return {"n": float(known.sum()), **values}
