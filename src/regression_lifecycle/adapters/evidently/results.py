"""Results of Evidently's metrics from figures that are known, without running the metrics.

Evidently draws while it computes and has no other way: a quiet window would pay for a hundred
plots that nobody looks at. A result made here has the type, the name and the value that
Evidently's own run gives, so that its tools treat both alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.evidently.frames import ColumnRoles
from regression_lifecycle.core.drift.methods import METHODS
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import drifted_share
from regression_lifecycle.core.metrics import compute_metrics, mean_or_quantile

if TYPE_CHECKING:
    from evidently.core.metric_types import MetricResult

OVER_THRESHOLD = "score over threshold"
"""Stands for the method where scores of all methods are drawn in one chart."""
HIGHEST_DRAWN = 10.0

Results = dict[str, "MetricResult"]
"""Results by the id of their metric, in the order of the report."""


def collect(found: Iterator[tuple[Any, tuple[float, ...]]]) -> Results:
    """Turn metrics and their values into results.

    Args:
        found: A metric and what it is worth: one value, count and share, or mean and spread.

    Returns:
        The results, each without a drawing.
    """
    results: Results = {}
    for metric, values in found:
        calculation = metric.to_calculation()
        result = calculation.result(*values)
        result.set_metric_location(calculation.to_metric_config())
        results[metric.metric_id] = result
    return results


def row_results(rows: pd.DataFrame, means: pd.DataFrame) -> Iterator[tuple[Any, tuple[float, ...]]]:
    """Count the rows and their blanks, and describe the numerical columns.

    Args:
        rows: Prepared rows of one window, without the timestamp.
        means: Mean and standard deviation (columns) of the numerical columns (index).

    Yields:
        Metrics and values; what is undefined is left out.
    """
    from evidently.metrics import MeanValue, MissingValueCount, RowCount, StdValue

    yield RowCount(), (len(rows),)
    for column in rows:
        missing = int(rows[column].isna().sum())
        yield MissingValueCount(column=column), (missing, missing / len(rows))
    for column, mean, spread in means.itertuples():
        if pd.notna(mean):
            yield MeanValue(column=column), (mean,)
        if pd.notna(spread):
            yield StdValue(column=column), (spread,)


def error_results(figures: Mapping[str, float]) -> Iterator[tuple[Any, tuple[float, ...]]]:
    """Say how far the prediction was from the target.

    Args:
        figures: What :func:`error_figures` gives.

    Yields:
        Metrics and values; what is undefined is left out.
    """
    from evidently.metrics import MAE, RMSE, AbsMaxError, MeanError, R2Score

    # The settings are part of a metric's identity: they must be the same for every window.
    yield MAE(error_distr=False), (figures["mae"], figures["mae_spread"])
    yield AbsMaxError(), (figures["largest_error"],)
    if "pinball" in figures:  # for which Evidently has no metric; the others judge the middle
        return
    yield RMSE(error_distr=False), (figures["rmse"],)
    yield MeanError(error_plot=False), (figures["mean_error"], figures["mean_error_spread"])
    if "r2" in figures:
        yield R2Score(), (figures["r2"],)


def counted(rows: pd.DataFrame, table: pd.DataFrame, roles: ColumnRoles) -> pd.DataFrame:
    """Add what rows count to them, and leave out those that count nothing.

    Args:
        rows: Rows of a prepared table, whose index counts those of the table.
        table: The table before it was prepared.
        roles: Its columns.

    Returns:
        The rows, with the weight if the table says so.
    """
    if roles.weight is None or roles.weight not in table:
        return rows
    weight = table[roles.weight].to_numpy(dtype="float64")[rows.index]
    return rows.assign(**{roles.weight: weight})[weight > 0]


def error_figures(rows: pd.DataFrame, roles: ColumnRoles) -> dict[str, float]:
    """Compute the error figures of rows that have target and prediction.

    Args:
        rows: Target and prediction, none missing, and weight where rows have one; at least one.
        roles: Names them, and the quantile that is predicted.

    Returns:
        Figures in the target's unit, weighted: ``rmse``, ``mae``, ``mean_error`` (prediction minus
        target); ``largest_error``, and the standard deviations ``mae_spread`` and
        ``mean_error_spread`` (0 for one row). ``r2`` is there unless the target is constant,
        ``bias`` (share of the sum of absolute targets) unless every target is 0; of a quantile
        ``pinball`` and ``quantile_coverage`` stand in place of both.
    """
    target, prediction = (rows[name] for name in (roles.target, roles.prediction))
    error = prediction - target
    size = error.abs()
    alone = len(error) < 2
    weight = rows.get(roles.weight)
    found = compute_metrics(target, prediction, roles.quantile, weight)
    figures = {
        "rmse": found["rmse"],
        "mae": found["mae"],
        "mae_spread": 0.0 if alone else float(size.std()),
        "mean_error": mean_or_quantile(error, None, weight),
        "mean_error_spread": 0.0 if alone else float(error.std()),
        "largest_error": float(size.max()),
    }
    others = ("r2", "bias", "pinball", "quantile_coverage")
    return figures | {
        name: found[name] for name in others if math.isfinite(found.get(name, math.nan))
    }


def error_headline(figures: Mapping[str, float], side: str = "") -> dict[str, str]:
    """Format the main error figures for the head of a report.

    Args:
        figures: What :func:`error_figures` gives.
        side: Which table they are about, for the labels; empty for a lone one.

    Returns:
        RMSE, MAE and mean error by label; of a quantile pinball loss, share at or below and MAE.
    """
    labels = {"RMSE": "rmse", "MAE": "mae", "mean error": "mean_error"}
    if "pinball" in figures:
        labels = {
            "pinball loss": "pinball",
            "share at or below": "quantile_coverage",
            "MAE": "mae",
        }
    return {
        (f"{side} {label}" if side else f"{label[0].upper()}{label[1:]}"): _brief(figures[key])
        for label, key in labels.items()
    }


def _brief(value: float) -> str:
    """Four digits, and of a large number all before the point, since 2.267e+04 is hard to read."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def drift_results(
    verdict: pd.DataFrame, parameters: DriftParameters
) -> Iterator[tuple[Any, tuple[float, ...]]]:
    """Put a drift verdict into Evidently's terms.

    Args:
        verdict: As :func:`~regression_lifecycle.core.drift.verdict.verdict_frame` makes it.
        parameters: Where ``drifted_share`` is the limit for the table.

    Yields:
        The number and share of drifted columns, and the score of each; nothing about columns that
        were not compared.
    """
    from evidently.metrics import DriftedColumnsCount, ValueDrift

    computed = verdict.loc[verdict["drifted"].notna()]
    if computed.empty:
        return
    # Its columns, methods and thresholds are those of the scores below. Naming them here too would
    # make another metric of it each time a threshold is calibrated anew.
    yield (
        DriftedColumnsCount(drift_share=parameters.drifted_share),
        (int(computed["drifted"].sum()), drifted_share(verdict)),
    )
    for row in computed.itertuples():
        metric = ValueDrift(column=row.column, method=row.method, threshold=row.threshold)
        yield metric, (row.score,)


def relative_drift_results(
    records: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Any, tuple[float, ...]]]:
    """Put the score of each column over its threshold, for a chart over time.

    To Evidently's UI a metric whose method or threshold changes is another one, and thresholds are
    calibrated anew for every window: of the scores themselves it draws single points.

    Args:
        records: What :func:`~regression_lifecycle.adapters.evidently.figures.drift_records` gives.

    Yields:
        A metric per column, drifted from 1 on, and at most :data:`HIGHEST_DRAWN`, since a p-value
        of nearly 0 would flatten all other lines.
    """
    from evidently.metrics import ValueDrift

    for record in records:
        if record["drifted"] is not None:
            method = METHODS[record["method"]]
            relative = method.relative_score(record["score"], record["threshold"])
            metric = ValueDrift(column=record["column"], method=OVER_THRESHOLD, threshold=1.0)
            yield metric, (min(relative, HIGHEST_DRAWN),)
