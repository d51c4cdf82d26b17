"""The policies of the backtest: the written comparison, and the tables of its two charts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.cells import milliseconds, numbers, texts
from regression_lifecycle.adapters.dashboard.formatting import NOTHING, count, figure, percent, text
from regression_lifecycle.core.backtest.summary import ORACLE

_NAME_LENGTH = 60


def policy_table(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Prepare the comparison of the policies.

    Args:
        summary: ``BACKTEST_SUMMARY`` rows, the lowest RMSE first.

    Returns:
        One row per policy as text, with its letter in the charts and ``frontier``: whether no
        other policy has both a lower RMSE and as few retrainings. The oracle is ``hindsight``,
        a bound and no policy.
    """
    frontier = _frontier(summary)
    return [
        {
            "letter": chr(ord("A") + place),
            "place": place,
            "policy": text(row["policy"], _NAME_LENGTH),
            "description": text(row["description"]),
            "rmse": figure(row["rmse"]),
            "mae": figure(row["mae"]),
            "rmsle": figure(row["rmsle"]),
            "bias": percent(row["bias"], sign=True),
            "coverage": percent(row["coverage"]),
            "retrains": count(row["retrains"]),
            "refused": count(row["refused"]),
            "fit_cpu_seconds": figure(row["fit_cpu_seconds"]),
            "n_windows": count(row["n_windows"]),
            "frontier": frontier[place],
            "hindsight": row["policy"] == ORACLE,
        }
        for place, row in enumerate(summary.to_dict("records"))
    ]


def policy_points(summary: pd.DataFrame) -> pd.DataFrame:
    """Prepare the chart of error against retrainings.

    Args:
        summary: ``BACKTEST_SUMMARY`` rows, the lowest RMSE first.

    Returns:
        One point per policy.
    """
    rows = policy_table(summary)
    return pd.DataFrame(
        {
            "letter": [row["letter"] for row in rows],
            "policy": [row["policy"] for row in rows],
            "retrains": numbers(summary["retrains"]),
            "rmse": numbers(summary["rmse"]),
            "frontier": [bool(row["frontier"]) for row in rows],
            "hindsight": [bool(row["hindsight"]) for row in rows],
            "t_rmse": [row["rmse"] for row in rows],
            "t_retrains": [row["retrains"] for row in rows],
        }
    )


def policy_lines(history: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Prepare the error by window of each policy.

    Args:
        history: ``BACKTEST_HISTORY`` rows.
        summary: ``BACKTEST_SUMMARY`` rows, in the order of the letters.

    Returns:
        One row per policy and window.
    """
    letters = {row["policy"]: row["letter"] for row in policy_table(summary)}
    names = [text(name, _NAME_LENGTH) for name in history["policy"]]
    return pd.DataFrame(
        {
            "letter": [letters.get(name, NOTHING) for name in names],
            "policy": names,
            "window": texts(history["window"]),
            "start": milliseconds(history["start"]),
            "rmse": numbers(history["rmse"]),
            "t_rmse": history["rmse"].map(figure),
        }
    )


def _frontier(summary: pd.DataFrame) -> list[bool]:
    pairs_of_numbers = zip(numbers(summary["rmse"]), numbers(summary["retrains"]), strict=True)
    pairs = [
        None if rmse is None or n is None or policy == ORACLE else (rmse, n)
        for (rmse, n), policy in zip(pairs_of_numbers, summary["policy"], strict=True)
    ]
    known = [pair for pair in pairs if pair is not None]
    return [
        pair is not None
        and not any(rmse <= pair[0] and n <= pair[1] and (rmse, n) != pair for rmse, n in known)
        for pair in pairs
    ]
