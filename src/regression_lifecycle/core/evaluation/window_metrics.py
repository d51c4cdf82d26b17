"""What a served window was worth: error, bias, coverage, segments, data quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.evaluation.holdout import segment_label
from regression_lifecycle.core.metrics import (
    WINDOW_METRICS,
    compute_metrics,
    relative_bias,
)


def measure_rows(rows: pd.DataFrame, target: str, quantile: float | None = None) -> dict[str, Any]:
    """Compute the figures of one window's served predictions.

    Args:
        rows: Target (NaN where unknown), ``prediction``, ``raw_prediction``, ``lower``, ``upper``
            and ``baseline``; only labelled rows count.
        quantile: The quantile that is predicted; its sums of predictions are NaN, since it is
            above or below the target by design.

    Returns:
        The figures of a row of ``window_history``: metrics, the baseline's errors, sums, coverage
        and interval width; NaN where not defined.
    """
    names = (target, "prediction", "raw_prediction", "lower", "upper", "baseline")
    table = rows[list(names)].to_numpy(dtype="float64")
    observed, said = table[:, 0], table[:, 1]
    known = np.isfinite(observed) & np.isfinite(said)
    observed, said, raw, lower, upper, naive = table[known].T
    metrics = compute_metrics(observed, said, quantile)
    framed = np.isfinite(lower) & np.isfinite(upper)
    inside = (observed >= lower) & (observed <= upper)
    compared = np.isfinite(naive)
    naive_metrics = compute_metrics(observed[compared], naive[compared], quantile)
    summed = math.nan if quantile is not None else 1.0
    return {
        **{name: metrics.get(name, math.nan) for name in WINDOW_METRICS},
        **{
            f"baseline_{name}": naive_metrics.get(name, math.nan)
            for name in ("rmse", "mae", "pinball")
        },
        "sum_target": float(observed.sum()),
        "sum_absolute_target": float(np.abs(observed).sum()),
        "sum_prediction": summed * float(said.sum()),
        "sum_raw_prediction": summed * float(raw.sum()),
        "coverage": float(inside[framed].mean()) if framed.any() else math.nan,
        "interval_width": float((upper - lower)[framed].mean()) if framed.any() else math.nan,
    }


def measure_segments(
    rows: pd.DataFrame, target: str, segments: Sequence[str], quantile: float | None = None
) -> pd.DataFrame:
    """Compute error and bias of one window by the values of its segment columns.

    Args:
        rows: Target, ``prediction`` and the segment columns; only labelled rows count.

    Returns:
        ``segment``, ``value``, ``n``, ``rmse``, ``bias``, ``sum_target``,
        ``sum_absolute_target`` and ``sum_prediction``, one row per segment and value.
    """
    known = rows[rows[target].notna() & rows["prediction"].notna()]
    tables = []
    for segment in segments:
        made = pd.DataFrame(
            {
                "value": known[segment].map(segment_label),
                "n": 1,
                "squares": (known["prediction"] - known[target]) ** 2,
                "sum_target": known[target],
                "sum_absolute_target": known[target].abs(),
                "sum_prediction": known["prediction"],
            }
        )
        sums = made.groupby("value", sort=True).sum().reset_index()
        sums.insert(0, "segment", segment)
        tables.append(sums)
    if not tables:
        return pd.DataFrame(columns=["segment", "value", "n", "rmse", "bias"])
    table = pd.concat(tables, ignore_index=True)
    table["rmse"] = np.sqrt(table.pop("squares") / table["n"])
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


def segment_extremes(segments: pd.DataFrame, minimum_rows: int) -> dict[str, Any]:
    """Name the segment with the largest error and the one with the largest bias.

    Args:
        segments: What :func:`measure_segments` returned.
        minimum_rows: Segments with fewer rows are passed over: one odd row is no segment.

    Returns:
        ``worst_segment`` (as ``hr=8``), ``worst_segment_rmse``, ``most_biased_segment`` and
        ``most_biased_segment_bias``; missing where there is none.
    """
    large = segments[segments["n"] >= minimum_rows] if len(segments) else segments
    found: dict[str, Any] = {}
    for name, column in (("worst_segment", "rmse"), ("most_biased_segment", "bias")):
        sizes = large[column].abs().dropna() if len(large) else pd.Series(dtype="float64")
        row = None if sizes.empty else large.loc[sizes.idxmax()]
        found[name] = None if row is None else f"{row['segment']}={row['value']}"
        found[f"{name}_{column}"] = math.nan if row is None else float(row[column])
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
