"""What a replay was worth, and the best that hindsight could have done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.metrics import (
    ErrorMetric,
    FloatArray,
    compute_metrics,
    relative_bias,
    row_losses,
)

ORACLE = "oracle"
_ERRORS = ("rmse", "mae", "rmsle", "bias", "pinball", "quantile_coverage")


def summarise(steps: Sequence[Mapping[str, Any]], fit_cpu_seconds: float) -> dict[str, Any]:
    """Pool the windows of one replay.

    Args:
        steps: What :func:`~regression_lifecycle.core.backtest.replay.replay` yielded.
        fit_cpu_seconds: CPU seconds of the fits that it needed.

    Returns:
        The figures of a row of ``backtest_summary``; they are pooled over all rows that count by
        their weight, not averaged over windows.
    """
    total = {
        name: sum(float(step[name]) for step in steps)
        for name in (
            "n_counted",
            "sum_weight",
            "losses",
            "below",
            "squares",
            "absolutes",
            "log_squares",
            "sum_target",
            "sum_absolute_target",
            "sum_prediction",
        )
    }
    weight = total["sum_weight"]
    framed = [step for step in steps if math.isfinite(step["covered"])]
    rows = sum(step["n_known"] for step in framed)
    changed = [step for step in steps if math.isfinite(step["changes"])]
    size = sum(step["sum_absolute_target"] for step in changed)
    return {
        "n_windows": len(steps),
        "n": int(total["n_counted"]),
        "rmse": math.sqrt(total["squares"] / weight) if weight else math.nan,
        "mae": total["absolutes"] / weight if weight else math.nan,
        "rmsle": math.sqrt(total["log_squares"] / weight) if weight else math.nan,
        "pinball": total["losses"] / weight if weight else math.nan,
        "quantile_coverage": total["below"] / weight if weight else math.nan,
        "bias": relative_bias(
            total["sum_prediction"], total["sum_target"], total["sum_absolute_target"]
        ),
        "coverage": sum(step["covered"] for step in framed) / rows if rows else math.nan,
        "retrains": sum(1 for step in steps[1:] if step["promoted"]),
        "refused": sum(1 for step in steps if step["gate"] == "refuse"),
        "churn": sum(step["changes"] for step in changed) / size if size else math.nan,
        "fit_cpu_seconds": fit_cpu_seconds,
    }


def average_phases(phases: Sequence[Mapping[str, Any]], metric: ErrorMetric) -> dict[str, Any]:
    """Average what the phases of one calendar were worth.

    Args:
        phases: What :func:`summarise` returned for each.
        metric: The problem's main metric, by which the best and the worst phase are found.

    Returns:
        The mean of every figure over the phases that have it, ``phases``, and ``best_phase`` and
        ``worst_phase``, the smallest and the largest error of one.
    """
    table = pd.DataFrame(phases)
    same = {name: phases[0][name] for name in ("n_windows", "n")}
    return {
        **{name: float(mean) for name, mean in table.mean().items()},
        **same,
        "refused": int(table["refused"].sum()),
        "phases": len(phases),
        "best_phase": float(table[metric].min()),
        "worst_phase": float(table[metric].max()),
    }


def typical_phase(phases: Sequence[Mapping[str, Any]], metric: ErrorMetric) -> int:
    """Return the position of the phase whose error is nearest their mean."""
    errors = np.array([phase[metric] for phase in phases], dtype="float64")
    distance = np.abs(errors - errors.mean())
    return int(np.argmin(distance))


def window_losses(
    predictions: Sequence[FloatArray], rows: pd.DataFrame, problem: Problem, bounds: Sequence[int]
) -> FloatArray:
    """Sum what every model adds to the problem's main metric in every window.

    Args:
        predictions: What each model would have served, for all rows; NaN before its own window.
        rows: Target, NaN where unknown, and weight where rows have one.
        bounds: First row of each window, and the end.

    Returns:
        Weighted squared errors, or pinball losses of a quantile, of shape (models, windows); NaN
        where a model is younger than the window.
    """
    table = np.full((len(predictions), len(bounds) - 1), np.nan)
    target = rows[problem.target].to_numpy(dtype="float64")
    weights = problem.weights_of(rows)
    weight = np.ones(len(rows)) if weights is None else weights.to_numpy()
    for model, said in enumerate(predictions):
        found = row_losses(target, said, problem.error_metric, problem.quantile)
        losses = np.where(np.isfinite(target), weight * found, 0.0)
        spans = list(pairwise(bounds))[model:]
        table[model, model:] = [losses[first:end].sum() for first, end in spans]
    return table


def oracle_schedule(errors: FloatArray, retrains: int) -> tuple[list[int], float]:
    """Find the windows before which a retraining would have paid most, knowing everything.

    Args:
        errors: Losses by model and window, as :func:`window_losses` returns them.
        retrains: How many retrainings are allowed after the first model.

    Returns:
        The model deployed in each window, and the total loss. Exact, by dynamic
        programming over the number of retrainings and the window of the last one.
    """
    n = errors.shape[1]
    # cost[m, k]: model m serves the windows m .. k-1.
    cost = np.full((n, n + 1), np.inf)
    for model in range(n):
        cost[model, model + 1 :] = np.cumsum(errors[model, model:])
    best = cost[0].copy()
    came_from: list[list[int]] = []
    for _ in range(min(retrains, n - 1)):
        options = best[:n, None] + cost
        options[0] = best  # no further retraining
        choice = np.argmin(options, axis=0)
        came_from.append([int(c) for c in choice])
        best = options[choice, np.arange(n + 1)]
    end, schedule = n, [0] * n
    for choices in reversed(came_from):
        model = choices[end]
        if model:
            schedule[model:end] = [model] * (end - model)
            end = model
    return schedule, float(best[n])


def oracle_row(
    prediction: FloatArray, rows: pd.DataFrame, problem: Problem, schedule: Sequence[int]
) -> dict[str, Any]:
    """Write the oracle as a row of ``backtest_summary``.

    Args:
        prediction: What the schedule would have served, without level correction.
        rows: Target, and weight where rows have one.
        schedule: The model deployed in each window.

    Returns:
        The row; it has no CPU seconds, since hindsight has no cost.
    """
    metrics = compute_metrics(
        rows[problem.target], prediction, problem.quantile, problem.weights_of(rows)
    )
    retrains = len(set(schedule)) - 1
    return {
        "policy": ORACLE,
        "kind": ORACLE,
        "description": f"best {counted(retrains, 'retraining')} in hindsight, no level "
        "correction: a bound, not a policy",
        "n_windows": len(schedule),
        "n": int(metrics["n"]),
        **{name: metrics.get(name, math.nan) for name in _ERRORS},
        "coverage": math.nan,
        "retrains": retrains,
        "refused": 0,
        "phases": 1,
        "fit_cpu_seconds": math.nan,
    }
