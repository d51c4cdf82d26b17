"""Metrics of a regression, each registered once with what others must know of it.

A metric that is undefined on the given rows is NaN, never zero and never an exception, so that
a gate can see that it could not be computed. Target and prediction are finite and of shape (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
        asks: What it judges: ``distance`` of any forecast; ``mean``: a forecast of the middle, so
            that there is no value of a quantile; ``quantile``: a quantile alone, and its function
            takes that as a third argument.
    """

    compute: Callable[..., float]
    best: float
    better: Literal["lower", "higher", "zero"]
    undefined: str
    unit: Literal["target", "relative"]
    gates: bool = True
    per_window: bool = True
    headline: bool = True
    asks: Literal["distance", "mean", "quantile"] = "distance"

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


def pinball(target: FloatArray, prediction: FloatArray, quantile: float) -> float:
    """Mean pinball loss: what a quantile makes least."""
    return float(np.mean(pinball_losses(target, prediction, quantile))) if target.size else math.nan


def pinball_losses(target: Any, prediction: Any, quantile: float) -> Any:
    """Compute the pinball loss of every row.

    Args:
        target: Observed values, shape (n,).
        prediction: Predicted quantiles, shape (n,).
        quantile: Which one, above 0 and below 1.

    Returns:
        ``quantile`` times what a prediction is too low, or ``1 - quantile`` times what it is too
        high, in the target's unit.
    """
    error = target - prediction
    return np.maximum(quantile * error, (quantile - 1) * error)


def quantile_coverage(target: FloatArray, prediction: FloatArray, quantile: float) -> float:
    """Share of targets at or below the predicted quantile."""
    return float(np.mean(target <= prediction)) if target.size else math.nan


def coverage_error(target: FloatArray, prediction: FloatArray, quantile: float) -> float:
    """Share of targets at or below the predicted quantile, minus the quantile."""
    return quantile_coverage(target, prediction, quantile) - quantile


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
        undefined="fewer than two rows, constant target, a quantile",
        unit="relative",
        asks="mean",
    ),
    Metric(
        rmsle,
        best=0,
        better="lower",
        undefined="no rows, a negative target, a quantile",
        unit="relative",
        asks="mean",
    ),
    Metric(
        bias,
        best=0,
        better="zero",
        undefined="every target is 0, a quantile",
        unit="relative",
        asks="mean",
    ),
    Metric(
        mean_error,
        best=0,
        better="zero",
        undefined="no rows, a quantile",
        unit="target",
        headline=False,
        asks="mean",
    ),
    Metric(
        pinball,
        best=0,
        better="lower",
        undefined="no rows, no quantile",
        unit="target",
        asks="quantile",
    ),
    Metric(
        quantile_coverage,
        best=1,
        better="higher",
        undefined="no rows, no quantile",
        unit="relative",
        gates=False,
        asks="quantile",
    ),
    Metric(
        coverage_error,
        best=0,
        better="zero",
        undefined="no rows, no quantile",
        unit="relative",
        per_window=False,
        headline=False,
        asks="quantile",
    ),
)
METRICS = {metric.name: metric for metric in _METRICS}
"""Every metric by its name."""

GATE_METRICS = tuple(metric.name for metric in _METRICS if metric.gates)
ERROR_METRICS = tuple(metric.name for metric in _METRICS if metric.better == "lower")
QUANTILE_METRICS = tuple(metric.name for metric in _METRICS if metric.asks == "quantile")
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


ErrorMetric = Literal["rmse", "mae", "pinball"]
"""The error by which models are compared; ``pinball`` of quantiles, and of nothing else."""


def row_losses(target: Any, prediction: Any, metric: ErrorMetric, quantile: float | None) -> Any:
    """Compute what every row adds to an error: its mean is the error, or its square of ``rmse``.

    Args:
        target: Observed values, shape (n,).
        prediction: Predicted values, shape (n,).
        metric: The error.
        quantile: The quantile that ``pinball`` asks for.

    Returns:
        Losses, shape (n,); NaN where a value is missing.
    """
    if metric == "pinball":
        return pinball_losses(target, prediction, 0.5 if quantile is None else quantile)
    error = np.abs(prediction - target)
    return error**2 if metric == "rmse" else error


def headline_metrics(
    metrics: Mapping[str, Mapping[str, float | None]],
) -> tuple[list[str], list[str]]:
    """Choose the headline figures that at least one model has.

    Args:
        metrics: By model and name; None or NaN where not defined.

    Returns:
        Their names, and one sentence about each of the others that someone may miss.
    """
    if not metrics:
        return [name for name in HEADLINE_METRICS if METRICS[name].asks != "quantile"], []

    def is_defined(name: str) -> bool:
        values = [found.get(name) for found in metrics.values()]
        return any(value is not None and math.isfinite(value) for value in values)

    other = "mean" if is_defined("pinball") else "quantile"
    missing = [
        f"{name} is not defined here ({METRICS[name].undefined})"
        for name in HEADLINE_METRICS
        if not is_defined(name) and METRICS[name].asks != other
    ]
    return [name for name in HEADLINE_METRICS if is_defined(name)], missing


def compute_metrics(
    target: Any, prediction: Any, quantile: float | None = None
) -> dict[str, float]:
    """Compute every metric on the rows where target and prediction are both known.

    Args:
        target: Observed values, shape (n,).
        prediction: Predicted values, shape (n,).
        quantile: The quantile that is predicted; None for a mean, a median or the like.

    Returns:
        ``n`` (rows used) and one entry per metric that judges what is asked, NaN where undefined.
    """
    observed = np.asarray(target, dtype=np.float64)
    predicted = np.asarray(prediction, dtype=np.float64)
    known = np.isfinite(observed) & np.isfinite(predicted)
    observed, predicted = observed[known], predicted[known]
    values = {}
    for name, metric in METRICS.items():
        if metric.asks == ("quantile" if quantile is None else "mean"):
            continue
        if metric.asks == "quantile":
            values[name] = metric.compute(observed, predicted, quantile)
        else:
            values[name] = metric.compute(observed, predicted)
    return {"n": float(known.sum()), **values}
