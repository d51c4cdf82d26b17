"""What a served window was worth: error, bias, coverage, segments, data quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.evaluation.holdout import segment_labels
from regression_lifecycle.core.metrics import (
    WINDOW_METRICS,
    ErrorMetric,
    compute_metrics,
    interval_coverage,
    pinball_losses,
    relative_bias,
)


def measure_rows(rows: pd.DataFrame, problem: Problem) -> dict[str, Any]:
    """Compute the figures of one window's served predictions.

    Args:
        rows: Target (NaN where unknown), weight where rows have one, ``prediction``,
            ``raw_prediction``, ``lower``, ``upper`` and ``baseline``; only labelled rows count.
        problem: Names target, weight and quantile. The sums of predictions of a quantile are NaN,
            since it is above or below the target by design.

    Returns:
        The figures of a row of ``window_history``: metrics, the baseline's errors, sums, coverage
        and interval width; NaN where not defined. Errors and sums are weighted; coverage and width
        are those of the labelled rows, which each have an interval of their own.
    """
    names = (problem.target, "prediction", "raw_prediction", "lower", "upper", "baseline")
    weights = problem.weights_of(rows)
    weight = np.ones(len(rows)) if weights is None else weights.to_numpy()
    table = np.column_stack([rows[list(names)].to_numpy(dtype="float64"), weight])
    known = np.isfinite(table[:, :2]).all(axis=1)
    observed, said, raw, lower, upper, naive, weight = table[known].T
    given = None if weights is None else weight
    metrics = compute_metrics(observed, said, problem.quantile, given)
    framed = np.isfinite(lower) & np.isfinite(upper)
    naive_metrics = compute_metrics(observed, naive, problem.quantile, given)
    summed = math.nan if problem.quantile is not None else 1.0
    return {
        **{name: metrics.get(name, math.nan) for name in WINDOW_METRICS},
        **{
            f"baseline_{name}": naive_metrics.get(name, math.nan)
            for name in ("rmse", "mae", "pinball")
        },
        "sum_weight": float(weight.sum()),
        "sum_target": float((weight * observed).sum()),
        "sum_absolute_target": float((weight * np.abs(observed)).sum()),
        "sum_prediction": summed * float((weight * said).sum()),
        "sum_raw_prediction": summed * float((weight * raw).sum()),
        "coverage": interval_coverage(observed, lower, upper),
        "interval_width": float((upper - lower)[framed].mean()) if framed.any() else math.nan,
    }


def measure_segments(
    rows: pd.DataFrame, problem: Problem, segments: Sequence[str], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Compute error and bias of windows by the values of their segment columns.

    Args:
        rows: Target, weight where rows have one, ``prediction`` and the segment columns; only rows
            that count are measured.
        by: Columns that name the window of a row; none for rows of one window.

    Returns:
        ``segment``, ``value``, ``n``, ``rmse``, ``pinball`` (of a quantile), ``bias``, and the
        weighted sums ``sum_weight``, ``sum_target``, ``sum_absolute_target`` and
        ``sum_prediction``, one row per segment and value of each window, whose columns stand in
        front.
    """
    counted = problem.counting(rows)
    known = counted[counted["prediction"].notna()]
    target, said, quantile = known[problem.target], known["prediction"], problem.quantile
    weights = problem.weights_of(known)
    weight = pd.Series(1.0, index=known.index) if weights is None else weights
    losses = math.nan if quantile is None else pinball_losses(target, said, quantile)
    sums = pd.DataFrame(
        {
            "n": 1,
            "squares": weight * (said - target) ** 2,
            "losses": weight * losses,
            "sum_weight": weight,
            "sum_target": weight * target,
            "sum_absolute_target": weight * target.abs(),
            "sum_prediction": weight * said,
        }
    )
    tables = []
    for segment in segments:
        labels = segment_labels(known[segment], problem).rename("value")
        windows = [known[name] for name in by]
        made = sums.groupby([*windows, labels], sort=True).sum(min_count=1).reset_index()
        made.insert(len(by), "segment", segment)
        tables.append(made)
    if not tables:
        return pd.DataFrame(columns=[*by, "segment", "value", "n", "rmse", "pinball", "bias"])
    table = pd.concat(tables, ignore_index=True)
    table["rmse"] = np.sqrt(table.pop("squares") / table["sum_weight"])
    table["pinball"] = table.pop("losses") / table["sum_weight"]
    if quantile is not None:
        table["sum_prediction"] = math.nan
    table["bias"] = bias_of_sums(table)
    return table


def bias_of_sums(rows: pd.DataFrame, prediction: str = "sum_prediction") -> pd.Series:
    """Compute the bias of windows, segments, or several of them together.

    Args:
        rows: ``sum_target``, ``sum_absolute_target`` and the sums of predictions.
        prediction: Name of the column with the sums of predictions.

    Returns:
        Shares on the index of ``rows``, missing where there is none.
    """
    names = [prediction, "sum_target", "sum_absolute_target"]
    sums = rows[names].itertuples(index=False)
    return pd.Series([relative_bias(*map(float, row)) for row in sums], rows.index, "float64")


def segment_extremes(
    segments: pd.DataFrame, minimum_rows: int, metric: ErrorMetric = "rmse"
) -> dict[str, Any]:
    """Name the segment with the largest error and the one with the largest bias.

    Args:
        segments: What :func:`measure_segments` returned.
        minimum_rows: Segments with fewer rows are passed over: one odd row is no segment.
        metric: The problem's main metric, by which the worst is found.

    Returns:
        ``worst_segment`` (as ``hr=8``), ``worst_segment_error``, ``most_biased_segment`` and
        ``most_biased_segment_bias``; missing where there is none.
    """
    large = segments[segments["n"] >= minimum_rows] if len(segments) else segments
    found: dict[str, Any] = {}
    extremes = (("worst_segment", "error", metric), ("most_biased_segment", "bias", "bias"))
    for name, figure, column in extremes:
        sizes = large[column].abs().dropna() if len(large) else pd.Series(dtype="float64")
        row = None if sizes.empty else large.loc[sizes.idxmax()]
        found[name] = None if row is None else f"{row['segment']}={row['value']}"
        found[f"{name}_{figure}"] = math.nan if row is None else float(row[column])
    return found


def data_quality(
    rows: pd.DataFrame, columns: Sequence[str], expected_rows: int | None, n_rejected: int
) -> dict[str, Any]:
    """Count what is missing in one window.

    Args:
        rows: The window's rows.
        columns: Columns that are watched.
        expected_rows: Rows that the frequency asks for; None where nothing is expected, as in
            windows that are not cut by time.
        n_rejected: Rows of the window that broke the contract.

    Returns:
        ``n_missing_rows``, ``n_rejected`` and ``missing_share`` (blank cells among the watched
        columns).
    """
    present = [name for name in columns if name in rows.columns]
    blank = rows[present].isna().to_numpy().mean() if len(rows) and present else math.nan
    missing = None if expected_rows is None else max(expected_rows - len(rows) - n_rejected, 0)
    return {
        "n_missing_rows": missing,
        "n_rejected": n_rejected,
        "missing_share": float(blank),
    }
