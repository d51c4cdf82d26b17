"""Metrics of a regression, each registered once with what others must know of it.

A metric that is undefined on the given rows is NaN, never zero and never an exception, so that
a gate can see that it could not be computed. Target and prediction are finite and of shape (n,);
so are weights, where rows count more or less, and they are above 0. Twice the weight is the same
as the row standing there twice, but for a standard error.
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
# Values that lie no further apart, as a share of their size, are equal but for rounding.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Metric:
    """A metric, and how it may be used.

    Attributes:
        compute: From target, prediction and ``weight`` (None weighs all rows alike) to the value.
            Its name and the first line of its docstring are the metric's.
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


def weighted_sum(values: FloatArray, weight: FloatArray | None) -> float:
    """Sum values, each times its weight."""
    return float(np.sum(values if weight is None else weight * values))


def weighted_mean(values: FloatArray, weight: FloatArray | None) -> float:
    """Compute the mean of values; NaN of none, or where no weight is above 0."""
    total = values.size if weight is None else float(np.sum(weight))
    return weighted_sum(values, weight) / total if total > 0 else math.nan


def mean_or_quantile(values: Any, quantile: float | None, weight: Any = None) -> float:
    """Compute the mean of values, or a quantile of theirs.

    Args:
        values: Known values, shape (n,), at least one.
        quantile: Which one, between 0 and 1; None for the mean.
        weight: How much each value counts, shape (n,), at least one above 0; None weighs all
            alike. A weighted quantile is one of the values.
    """
    numbers = np.asarray(values, dtype=np.float64)
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    if quantile is None:
        return weighted_mean(numbers, weights)
    if weights is None:
        return float(np.quantile(numbers, quantile))
    return float(np.quantile(numbers, quantile, method="inverted_cdf", weights=weights))


def rmse(target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> float:
    """Root of the mean squared error."""
    return math.sqrt(weighted_mean((prediction - target) ** 2, weight))


def mae(target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean absolute error."""
    return weighted_mean(np.abs(prediction - target), weight)


def wape(target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> float:
    """Sum of absolute errors over sum of absolute targets."""
    total = weighted_sum(np.abs(target), weight)
    return weighted_sum(np.abs(prediction - target), weight) / total if total > 0 else math.nan


def r2(target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> float:
    """Share of the variance that is explained; 0 for the mean of the rows."""
    # The mean of 0.1 three times is not 0.1, so the sum of squares alone does not tell.
    if target.size < 2 or np.ptp(target) <= _ROUNDING * np.abs(target).max():
        return math.nan
    total = weighted_sum((target - weighted_mean(target, weight)) ** 2, weight)
    return 1.0 - weighted_sum((prediction - target) ** 2, weight) / total if total > 0 else math.nan


def rmsle(target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> float:
    """RMSE of log(1 + value); negative predictions count as 0."""
    if not target.size or bool((target < 0).any()):
        return math.nan
    return rmse(np.log1p(target), np.log1p(np.maximum(prediction, 0.0)), weight)


def bias(target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> float:
    """Sum of errors over sum of absolute targets; positive is too high."""
    sums = (weighted_sum(values, weight) for values in (prediction, target, np.abs(target)))
    return relative_bias(*sums)


def interval_coverage(target: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Compute the share of targets inside of their interval.

    Args:
        target: Labels; NaN where unknown, shape (n,).
        lower: Lower bounds; NaN without an interval, shape (n,).
        upper: Upper bounds, shape (n,).

    Returns:
        A share of the labelled rows with an interval; NaN if there is none.
    """
    framed = np.isfinite(target) & np.isfinite(lower) & np.isfinite(upper)
    inside = (target >= lower) & (target <= upper)
    return float(inside[framed].mean()) if framed.any() else math.nan


def relative_bias(sum_prediction: float, sum_target: float, sum_absolute_target: float) -> float:
    """Compute the bias of any number of rows from their sums.

    The absolute targets are the unit, so that it is defined where targets are negative or sum to
    nothing; of targets that are never negative it is the sum of predictions over theirs, minus 1.

    Returns:
        A share; NaN where a sum is unknown or every target is 0.
    """
    error = sum_prediction - sum_target
    return error / sum_absolute_target if sum_absolute_target > 0 else math.nan


def bias_standard_error(
    target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None
) -> float:
    """Standard error of the bias, if the errors of the rows are independent.

    A row that counts twice is one draw of chance, not two: uneven weights make it larger.
    """
    size = weighted_sum(np.abs(target), weight)
    if target.size < 2 or not size > 0:
        return math.nan
    error = prediction - target
    deviation = error - weighted_mean(error, weight)
    if weight is not None:
        deviation = weight * deviation
    spread = np.sum(deviation**2) * target.size / (target.size - 1)
    return math.sqrt(spread) / size


def mean_error(
    target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None
) -> float:
    """Mean of prediction minus target."""
    return weighted_mean(prediction - target, weight)


def pinball(
    target: FloatArray,
    prediction: FloatArray,
    quantile: float,
    weight: FloatArray | None = None,
) -> float:
    """Mean pinball loss: what a quantile makes least."""
    return weighted_mean(pinball_losses(target, prediction, quantile), weight)


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


def quantile_coverage(
    target: FloatArray,
    prediction: FloatArray,
    quantile: float,
    weight: FloatArray | None = None,
) -> float:
    """Share of targets at or below the predicted quantile."""
    return weighted_mean((target <= prediction).astype(np.float64), weight)


def coverage_error(
    target: FloatArray,
    prediction: FloatArray,
    quantile: float,
    weight: FloatArray | None = None,
) -> float:
    """Share of targets below the predicted quantile, minus the quantile; ties count either way.

    Of a target that is 0 in seven of ten rows the median is 0, with seven of ten rows at or below
    it and none below: what a quantile asks for lies between the two shares.

    Returns:
        Above 0 if more rows than that are below it, below 0 if fewer are at or below it, else 0.
    """
    below = weighted_mean((target < prediction).astype(np.float64), weight) - quantile
    until = quantile_coverage(target, prediction, quantile, weight) - quantile
    return below if below > 0 else float(np.minimum(until, 0.0))


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
        bias_standard_error,
        best=0,
        better="zero",
        undefined="fewer than two rows, every target is 0, a quantile",
        unit="relative",
        gates=False,
        headline=False,
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

ERROR_LABELS: dict[ErrorMetric, str] = {"rmse": "RMSE", "mae": "MAE", "pinball": "pinball loss"}
"""How such an error is called in tables and charts."""


def metric_label(name: str) -> str:
    """Return how a metric is called in tables and sentences: ``RMSE``, ``R2``, ``bias``."""
    is_acronym = name in ("rmse", "mae", "wape", "r2", "rmsle")
    return name.upper() if is_acronym else ERROR_LABELS.get(name, name.replace("_", " "))  # type: ignore[call-overload]


def main_metric(quantile: float | None) -> ErrorMetric:
    """Return what forecasts are compared, ranked and shown by: pinball loss of a quantile, or RMSE.

    Args:
        quantile: The quantile that is predicted; None for a mean.
    """
    return "rmse" if quantile is None else "pinball"


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
    """Choose the headline figures that at least one model has, the main metric first.

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

    names = [name for name in HEADLINE_METRICS if METRICS[name].asks != "quantile"]
    if is_defined("pinball"):
        # RMSE is smallest for the mean, and says nothing for or against a quantile.
        names = [*(name for name in HEADLINE_METRICS if name in QUANTILE_METRICS), "mae"]
    missing = [
        f"{name} is not defined here ({METRICS[name].undefined})"
        for name in names
        if not is_defined(name)
    ]
    return [name for name in names if is_defined(name)], missing


def compute_metrics(
    target: Any, prediction: Any, quantile: float | None = None, weight: Any = None
) -> dict[str, float]:
    """Compute every metric on the rows where target and prediction are both known.

    Args:
        target: Observed values, shape (n,).
        prediction: Predicted values, shape (n,).
        quantile: The quantile that is predicted; None for a mean, a median or the like.
        weight: How much each row counts, shape (n,); None weighs all alike.

    Returns:
        ``n`` (rows used: number of those whose weight is above 0, whatever it is) and one entry
        per metric that judges what is asked, NaN where undefined.
    """
    observed = np.asarray(target, dtype=np.float64)
    predicted = np.asarray(prediction, dtype=np.float64)
    known = np.isfinite(observed) & np.isfinite(predicted)
    weights = None
    if weight is not None:
        weights = np.asarray(weight, dtype=np.float64)
        known &= weights > 0
        weights = weights[known]
    observed, predicted = observed[known], predicted[known]
    values = {}
    for name, metric in METRICS.items():
        if metric.asks == ("quantile" if quantile is None else "mean"):
            continue
        if metric.asks == "quantile":
            values[name] = metric.compute(observed, predicted, quantile, weight=weights)
        else:
            values[name] = metric.compute(observed, predicted, weight=weights)
    return {"n": float(known.sum()), **values}
