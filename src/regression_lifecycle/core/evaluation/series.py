"""How well each of many series was predicted, and which of them make most of the error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.keys import series_names
from regression_lifecycle.core.data.problem import Problem

SUMS = ("n", "squares", "absolutes", "baseline_squares", "target", "absolute_target", "prediction")


def sum_series(rows: pd.DataFrame, prediction: str, problem: Problem) -> pd.DataFrame:
    """Sum up what the figures of every series are made of.

    Args:
        rows: The columns that name the series, target, predictions and ``baseline``; only rows
            with a target and a prediction count.
        prediction: Name of the column of predictions.

    Returns:
        One row per series: ``series`` (its name) and the columns ``n``, ``sum_squares``,
        ``sum_absolutes`` and ``sum_baseline_squares`` (of the errors), ``sum_target``,
        ``sum_absolute_target`` and ``sum_prediction``; no row if the problem has no series.
    """
    names = [f"sum_{name}" if name != "n" else name for name in SUMS]
    known = rows[rows[problem.target].notna() & rows[prediction].notna()]
    if not problem.series_columns or known.empty:
        return pd.DataFrame(columns=["series", *names])
    target, predicted = (known[name].astype("float64") for name in (problem.target, prediction))
    error, naive = predicted - target, known["baseline"].astype("float64") - target
    values = (1, error**2, error.abs(), naive**2, target, target.abs(), predicted)
    made = pd.DataFrame(dict(zip(names, values, strict=True)), index=known.index)
    return made.groupby(series_names(known, problem), sort=True).sum().reset_index()


def rank_series(sums: pd.DataFrame) -> pd.DataFrame:
    """Compute the figures of every series, the one that makes most of the error first.

    Args:
        sums: What :func:`sum_series` returns, of one or several stretches of time.

    Returns:
        One row per series: ``series``, ``n``, ``rmse`` and ``mae`` (in the target's unit),
        ``wape`` (sum of the absolute errors over that of the absolute targets), ``bias`` (sum of
        the errors over the same), ``baseline_rmse``, and ``error_share`` and ``absolute_share``
        (0 to 1): its parts of the squared and of the absolute errors of all series. Missing where
        a figure is not defined.
    """
    total = sums.groupby("series", sort=True).sum(numeric_only=True)
    total = total.reindex(columns=[c for c in sums if c.startswith("sum_") or c == "n"])
    total = total.astype("float64")
    size = total["sum_absolute_target"].where(total["sum_absolute_target"] > 0)
    squares, absolutes = total["sum_squares"], total["sum_absolutes"]
    table = pd.DataFrame(
        {
            "n": total["n"].astype("int64"),
            "rmse": np.sqrt(squares / total["n"]),
            "mae": absolutes / total["n"],
            "wape": absolutes / size,
            "bias": (total["sum_prediction"] - total["sum_target"]) / size,
            "baseline_rmse": np.sqrt(total["sum_baseline_squares"] / total["n"]),
            "error_share": squares / (squares.sum() or np.nan),
            "absolute_share": absolutes / (absolutes.sum() or np.nan),
        }
    )
    order = ["error_share", "series"]
    return table.reset_index().sort_values(order, ascending=[False, True], ignore_index=True)
