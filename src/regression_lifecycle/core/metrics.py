"""Metrics of a regression, each registered once with what others must know of it.

A metric that is undefined on the given rows is NaN, never zero and never an exception, so that
a gate can see that it could not be computed. Target and prediction are finite and of shape (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, WithJsonSchema

from regression_lifecycle.core.errors import ConfigurationError, unknown_name

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric, and how it may be used.

    Attributes:
        compute: From target and prediction to the value. Its name and the first line of its
            docstring are the metric's.
        best: Value of a perfect forecast.
        better: ``lower``, ``higher``, or ``zero`` where either side of zero is worse. Of a metric
            of which lower is better, a share of the baseline's value can be asked for.
        undefined: When there is no value, for people.
        unit: ``target``: the target's; ``relative``: none.
        gates: Whether a check of the gate may bound it.
        per_window: Whether each window has it: a column of ``window_history``, and by step in
            MLflow.
        headline: Whether it stands in the summary of a run and on the model card.
    """

    compute: Callable[[FloatArray, FloatArray], float]
    best: float
    better: Literal["lower", "higher", "zero"]
    undefined: str
    unit: Literal["target", "relative"]
    gates: bool = True
    per_window: bool = True
    headline: bool = True

    @property
    def name(self) -> str:
        """Its key in parameters, documents and tables."""
        return self.compute.__name__

    @property
    def meaning(self) -> str:
        """What is computed, in one line."""
        return (self.compute.__doc__ or "").splitlines()[0]


def rmse(target: FloatArray, prediction: FloatArray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((prediction - target) ** 2))) if target.size else math.nan


def mae(target: FloatArray, prediction: FloatArray) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(prediction - target))) if target.size else math.nan


def wape(target: FloatArray, prediction: FloatArray) -> float:
    """Sum of absolute errors over sum of absolute targets."""
    total = float(np.sum(np.abs(target)))
    return float(np.sum(np.abs(prediction - target))) / total if total > 0 else math.nan


def r2(target: FloatArray, prediction: FloatArray) -> float:
    """Share of the variance that is explained; 0 for the mean of the rows."""
    if target.size < 2:
        return math.nan
    total = float(np.sum((target - target.mean()) ** 2))
    return 1.0 - float(np.sum((prediction - target) ** 2)) / total if total > 0 else math.nan


def rmsle(target: FloatArray, prediction: FloatArray) -> float:
    """RMSE of log(1 + value); negative predictions count as 0."""
    if not target.size or bool((target < 0).any()):
        return math.nan
    return rmse(np.log1p(target), np.log1p(np.maximum(prediction, 0.0)))


def bias(target: FloatArray, prediction: FloatArray) -> float:
    """Sum of errors over sum of absolute targets; positive is too high."""
    return relative_bias(
        float(np.sum(prediction)), float(np.sum(target)), float(np.sum(np.abs(target)))
    )


def relative_bias(sum_prediction: float, sum_target: float, sum_absolute_target: float) -> float:
    """Compute the bias of any number of rows from their sums.

    The absolute targets are the unit, so that it is defined where targets are negative or sum to
    nothing; of targets that are never negative it is the sum of predictions over theirs, minus 1.

    Returns:
        A share; NaN where a sum is unknown or every target is 0.
    """
    error = sum_prediction - sum_target
    return error / sum_absolute_target if sum_absolute_target > 0 else math.nan


def mean_error(target: FloatArray, prediction: FloatArray) -> float:
    """Mean of prediction minus target."""
    return float(np.mean(prediction - target)) if target.size else math.nan


_METRICS = (
    Metric(rmse, best=0, better="lower", undefined="no rows", unit="target"),
    Metric(mae, best=0, better="lower", undefined="no rows", unit="target"),
    Metric(
        wape,
        best=0,
        better="lower",
        undefined="every target is 0",
        unit="relative",
        headline=False,
    ),
    Metric(
        r2,
        best=1,
        better="higher",
        undefined="fewer than two rows, constant target",
        unit="relative",
    ),
    Metric(rmsle, best=0, better="lower", undefined="no rows, a negative target", unit="relative"),
    Metric(bias, best=0, better="zero", undefined="every target is 0", unit="relative"),
    Metric(mean_error, best=0, better="zero", undefined="no rows", unit="target", headline=False),
)
METRICS = {metric.name: metric for metric in _METRICS}
"""Every metric by its name."""

GATE_METRICS = tuple(metric.name for metric in _METRICS if metric.gates)
ERROR_METRICS = tuple(metric.name for metric in _METRICS if metric.better == "lower")
WINDOW_METRICS = tuple(metric.name for metric in _METRICS if metric.per_window)
HEADLINE_METRICS = tuple(metric.name for metric in _METRICS if metric.headline)


def _known(name: str) -> str:
    if name not in GATE_METRICS:
        raise ConfigurationError(unknown_name("metric", name, GATE_METRICS))
    return name


GateMetric = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"enum": list(GATE_METRICS)}, mode="validation")
]
"""Name of a metric that the gate may bound."""


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
    values = {name: metric.compute(observed, predicted) for name, metric in METRICS.items()}
    return {"n": float(known.sum()), **values}
