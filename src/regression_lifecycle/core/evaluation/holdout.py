"""Judging forecasts: overall, by segment, by window, and the hours that went worst."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import PREDICTIONS
from regression_lifecycle.core.metrics import compute_metrics, row_losses
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import Window, window_of_rows

CANDIDATE, CHAMPION, BASELINE = "candidate", "champion", "baseline"
BASELINE_SOURCE = "baseline_source"
"""Column beside the baseline: which naive forecast it is, ``mean`` where a value was missing."""
MODELS = (CANDIDATE, CHAMPION, BASELINE)
# Columns that stand beside those of the table when rows are served, judged and listed; an equal
# name would be overwritten. The moment is the table's own, and the label is taken off by name.
OWN_COLUMNS = frozenset(
    {*PREDICTIONS.columns, *MODELS, BASELINE_SOURCE, "error"} - {"timestamp", "target"}
)


def present_models(predictions: pd.DataFrame) -> list[str]:
    """The models that have predictions in a table, in the order candidate, champion, baseline.

    Args:
        predictions: A table with one column per model.

    Returns:
        Their names.
    """
    return [name for name in MODELS if name in predictions.columns]


def overall_metrics(predictions: pd.DataFrame, problem: Problem) -> dict[str, dict[str, float]]:
    """Metrics of every model on all rows.

    Args:
        predictions: Target, weight where rows have one, and one column per model.

    Returns:
        By model and metric, with the row count ``n``.
    """
    return {
        name: compute_metrics(
            predictions[problem.target],
            predictions[name],
            problem.quantile,
            problem.weights_of(predictions),
        )
        for name in present_models(predictions)
    }


def segment_metrics(
    predictions: pd.DataFrame, problem: Problem, segments: Sequence[str]
) -> pd.DataFrame:
    """Metrics of every model for each value of each segment column.

    Args:
        predictions: Target, weight where rows have one, one column per model, the segment columns.

    Returns:
        ``segment``, ``value`` (text; "missing" for blanks), ``model``, ``n`` and the metrics.
    """
    rows = []
    for segment in segments:
        labels = segment_labels(predictions[segment], problem)
        order = predictions[segment].groupby(labels).first().sort_values(na_position="last")
        for value in order.index:
            part = predictions[labels == value]
            for model, metrics in overall_metrics(part, problem).items():
                rows.append({"segment": segment, "value": value, "model": model, **metrics})
    table = pd.DataFrame(rows)
    return table.astype({"n": "int64"}) if len(table) else table


def window_metrics(
    predictions: pd.DataFrame,
    windows: Sequence[Window],
    problem: Problem,
    parameters: WindowParameters,
) -> pd.DataFrame:
    """Metrics of every model in each window.

    Args:
        predictions: Timestamps, target, weight where rows have one, and one column per model.
        windows: Windows of these rows.
        parameters: How the windows were cut.

    Returns:
        ``window`` (its label), ``start``, ``end``, ``n``, ``status``, ``model`` and the metrics.
        A window that is empty, underpopulated or without enough labels keeps its row with
        empty figures.
    """
    place = window_of_rows(predictions, windows, problem, parameters)
    rows = []
    for window in windows:
        usable = window.status in ("complete", "partial")
        inside = predictions[place == window.index] if usable else predictions.iloc[:0]
        for model, metrics in overall_metrics(inside, problem).items():
            rows.append(
                {
                    "window": window.label,
                    "start": window.start,
                    "end": window.end,
                    "n": window.n,
                    "status": window.status,
                    "model": model,
                    **{name: value for name, value in metrics.items() if name != "n"},
                }
            )
    return pd.DataFrame(rows)


def worst_rows(predictions: pd.DataFrame, problem: Problem, count: int) -> pd.DataFrame:
    """The rows that add most to the candidate's error: by the main metric, times their weight.

    Args:
        predictions: Target, weight where rows have one, candidate and whatever else is worth
            showing.

    Returns:
        Those rows, the worst first, with ``error`` (prediction minus target).
    """
    target, said = predictions[problem.target], predictions[CANDIDATE]
    losses = row_losses(target, said, problem.error_metric, problem.quantile)
    weight = problem.weights_of(predictions)
    losses = losses if weight is None else losses * weight
    table = predictions.assign(error=said - target)
    order = losses.sort_values(ascending=False, kind="stable").index[:count]
    return table.loc[order].reset_index(drop=True)


def segment_labels(values: pd.Series, problem: Problem) -> pd.Series:
    """Write the values of a segment column as text.

    Args:
        values: Numbers, texts or blanks, named as the column.
        problem: Says which columns are true or false, and how that is written.

    Returns:
        The texts; "missing" for a blank, ``yes`` and ``no`` or the raw table's words for 1 and 0
        of a boolean.
    """
    spec = problem.columns.get(str(values.name))
    if spec is not None and spec.type == "boolean":
        words = {0: (*spec.false_values, "no")[0], 1: (*spec.true_values, "yes")[0]}
        return values.map(lambda value: "missing" if pd.isna(value) else words[int(value)])
    if isinstance(values.dtype, pd.StringDtype):
        # One by one a million rows take a second and more.
        return values.fillna(segment_label(None))
    return values.map(segment_label)


def segment_label(value: object) -> str:
    """Write a value of a segment column as text; "missing" for a blank."""
    if pd.isna(value):
        return "missing"
    # 15 digits: what a float holds, so that large numbers stay apart and 0.1 + 0.2 is 0.3.
    return f"{value:.15g}" if isinstance(value, int | float) else str(value)
