"""Policies side by side: which is best at which price of a retraining, and against equal cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.backtest.summary import ORACLE
from regression_lifecycle.core.metrics import ERROR_LABELS, ErrorMetric, FloatArray


def price_ranges(errors: FloatArray, rates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Find the prices of a retraining at which each policy is the best.

    A policy costs ``error + price * rate``, so that a price is told in errors of one window. The
    best ones are the corners of the lower convex hull of errors over rates.

    Args:
        errors: Error of each policy, shape (n,).
        rates: Retrainings per window of each, shape (n,).

    Returns:
        For every policy the price from which on and until which no other one costs less, shape
        (n,) each; NaN twice where there is none but a single price, infinity where nobody
        retrains less.
    """
    lowest, highest = np.full(len(errors), np.nan), np.full(len(errors), np.nan)
    for place, (error, rate) in enumerate(zip(errors, rates, strict=True)):
        more, less = rates > rate, rates < rate
        gains = (error - errors[more]) / (rates[more] - rate)
        losses = (errors[less] - error) / (rate - rates[less])
        first, last = gains.max(initial=0.0), losses.min(initial=math.inf)
        if first < last and error <= errors[rates == rate].min():
            lowest[place], highest[place] = first, last
    return lowest, highest


def add_price_ranges(summary: pd.DataFrame, metric: ErrorMetric) -> pd.DataFrame:
    """Add at which prices of a retraining each policy is the best.

    Args:
        summary: ``backtest_summary``; the oracle is no policy and stays out of the comparison.
        metric: The problem's main metric.

    Returns:
        The summary with ``best_from`` and ``best_until``, as :func:`price_ranges` finds them.
    """
    rows = summary[(summary["kind"] != ORACLE) & summary[metric].notna()]
    rates = (rows["retrains"] / rows["n_windows"]).to_numpy(dtype="float64")
    lowest, highest = price_ranges(rows[metric].to_numpy(dtype="float64"), rates)
    found = pd.DataFrame({"best_from": lowest, "best_until": highest}, index=rows.index)
    return summary.assign(**found.reindex(summary.index))


def conclusions(
    summary: pd.DataFrame, metric: ErrorMetric, figure: Callable[[float], str]
) -> list[str]:
    """Say what the comparison comes to.

    Args:
        summary: ``backtest_summary``.
        metric: The problem's main metric.
        figure: Writes a number.

    Returns:
        A sentence for each calendar of equal cost, and one about the price of a retraining.
    """
    policies = {row["policy"]: row for row in summary.to_dict("records")}
    pairs = [
        (policies[row["as_often_as"]], row)
        for row in policies.values()
        if row["as_often_as"] in policies
    ]
    said = [_against_equal_cost(policy, calendar, metric, figure) for policy, calendar in pairs]
    best = sorted(
        (row for row in policies.values() if not math.isnan(row["best_from"])),
        key=lambda row: row["best_from"],
    )
    ranges = ", ".join(f"{row['policy']} {price_range(row, figure)}" for row in best)
    if len(best) > 1:
        said.append(
            f"The best where a retraining costs, in {ERROR_LABELS[metric]} of one window: {ranges}."
        )
    return said


def price_range(row: Mapping[Hashable, Any], figure: Callable[[float], str]) -> str:
    """Write at which prices a policy is the best.

    Args:
        row: Its row of ``backtest_summary``.
        figure: Writes a number.

    Returns:
        ``below 3.8``, ``3.8 to 108``, ``above 108``, ``any price``; empty where there is none.
    """
    first, last = row["best_from"], row["best_until"]
    if math.isnan(first):
        return ""
    if math.isinf(last):
        return f"above {figure(first)}" if first else "any price"
    return f"{figure(first)} to {figure(last)}" if first else f"below {figure(last)}"


def _against_equal_cost(
    policy: Mapping[Hashable, Any],
    calendar: Mapping[Hashable, Any],
    metric: ErrorMetric,
    figure: Callable[[float], str],
) -> str:
    name, error = policy["policy"], f"{ERROR_LABELS[metric]} {figure(policy[metric])}"
    if not policy["retrains"]:
        return f"{name}: {error} without a retraining."
    phases = int(calendar["phases"])
    spread = ""
    if phases > 1:
        lowest, highest = figure(calendar["best_phase"]), figure(calendar["worst_phase"])
        spread = (
            f" on average, {lowest} to {highest} by phase; {name} beats "
            f"{int(calendar['beaten_phases'])} of {phases} phases"
        )
    many = "" if policy["retrains"] == 1 else "s"
    return (
        f"{name}: {error} with {policy['retrains']:g} retraining{many}. "
        f"As many evenly spread: {figure(calendar[metric])}{spread}."
    )
