"""How well each of many series was predicted, and which of them make most of the error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.keys import series_names
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.metrics import ErrorMetric, pinball_losses


def sum_series(
    rows: pd.DataFrame, prediction: str, problem: Problem, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Sum up what the figures of every series are made of.

    Args:
        rows: The columns that name the series, target, weight where rows have one, predictions
            and ``baseline``; only rows that count and have a prediction are summed up.
        prediction: Name of the column of predictions.
        by: Columns that name the window of a row; none for rows of one stretch of time.

    Returns:
        One row per window and series: the columns of the window, ``series`` (its name), ``n``, and
        the weighted sums ``sum_weight``, ``sum_squares``, ``sum_absolutes``, ``sum_pinball`` (of
        the errors),
        ``sum_baseline_squares``, ``sum_baseline_pinball``, ``sum_target``,
        ``sum_absolute_target`` and ``sum_prediction``; no row if the problem has no series.
        Without a quantile there is no pinball loss, and of one no sum of predictions, since it is
        above or below the target by design.
    """
    counted = problem.counting(rows)
    known = counted[counted[prediction].notna()]
    named = (problem.target, prediction, "baseline")
    target, predicted, naive = (known[name].astype("float64") for name in named)
    weight, quantile = problem.weights_of(known), problem.quantile
    missing = pd.Series(np.nan, index=known.index)
    values = {
        "weight": pd.Series(1.0, index=known.index),
        "squares": (predicted - target) ** 2,
        "absolutes": (predicted - target).abs(),
        "pinball": missing if quantile is None else pinball_losses(target, predicted, quantile),
        "baseline_squares": (naive - target) ** 2,
        "baseline_pinball": missing
        if quantile is None
        else pinball_losses(target, naive, quantile),
        "target": target,
        "absolute_target": target.abs(),
        "prediction": predicted if quantile is None else missing,
    }
    made = pd.DataFrame({f"sum_{name}": value for name, value in values.items()})
    if weight is not None:
        made = made.mul(weight, axis=0)
    made.insert(0, "n", 1)
    if not problem.series_columns or known.empty:
        return made.iloc[:0].assign(**dict.fromkeys(("series", *by), ""))
    windows = [known[name] for name in by]
    grouped = made.groupby([*windows, series_names(known, problem)], sort=True)
    return grouped.sum(min_count=1).reset_index()


def rank_series(sums: pd.DataFrame, metric: ErrorMetric = "rmse") -> pd.DataFrame:
    """Compute the figures of every series, the one that makes most of the error first.

    Args:
        sums: What :func:`sum_series` returns, of one or several stretches of time.
        metric: The problem's main metric: the error that is shared out.

    Returns:
        One row per series: ``series``, ``n``, ``rmse``, ``mae`` and ``pinball`` (in the target's
        unit), ``wape`` (sum of the absolute errors over that of the absolute targets), ``bias``
        (sum of the errors over the same), ``baseline_rmse``, ``baseline_pinball``, and
        ``error_share`` and ``absolute_share`` (0 to 1): its parts of the error of all series
        (squares of ``rmse``) and of their absolute errors. Missing where a figure is not defined.
    """
    names = ["n", *(c for c in sums if c.startswith("sum_"))]
    total = sums.groupby("series", sort=True)[names].sum(min_count=1).astype("float64")
    size = total["sum_absolute_target"].where(total["sum_absolute_target"] > 0)
    squares, absolutes = total["sum_squares"], total["sum_absolutes"]
    weight = total["sum_weight"]
    shared = {"rmse": squares, "mae": absolutes, "pinball": total["sum_pinball"]}[metric]
    table = pd.DataFrame(
        {
            "n": total["n"].astype("int64"),
            "rmse": np.sqrt(squares / weight),
            "mae": absolutes / weight,
            "pinball": total["sum_pinball"] / weight,
            "wape": absolutes / size,
            "bias": (total["sum_prediction"] - total["sum_target"]) / size,
            "baseline_rmse": np.sqrt(total["sum_baseline_squares"] / weight),
            "baseline_pinball": total["sum_baseline_pinball"] / weight,
            "error_share": shared / (shared.sum() or np.nan),
            "absolute_share": absolutes / (absolutes.sum() or np.nan),
        }
    )
    order = ["error_share", "series"]
    return table.reset_index().sort_values(order, ascending=[False, True], ignore_index=True)
