"""What the page is made of, cut to what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import (
    BACKTEST_HISTORY,
    BACKTEST_SUMMARY,
    DRIFT_HISTORY,
    SEGMENT_HISTORY,
    WINDOW_HISTORY,
    HistoryTable,
)

# Keeps the drift map below half a megabyte.
_MAXIMUM_CELLS = 6000


@dataclass(frozen=True)
class PageTables:
    """Everything the page may show; whatever is None or empty leaves an honest gap.

    Attributes:
        problem: What is predicted.
        parameters: How much is shown.
        window_history: See :data:`~regression_lifecycle.core.data.tables.WINDOW_HISTORY`.
        drift_history: See :data:`~regression_lifecycle.core.data.tables.DRIFT_HISTORY`.
        segment_history: See :data:`~regression_lifecycle.core.data.tables.SEGMENT_HISTORY`.
        ledger: Decisions, the oldest first, as the SQL store returns them.
        backtest_history: See :data:`~regression_lifecycle.core.data.tables.BACKTEST_HISTORY`.
        backtest_summary: See :data:`~regression_lifecycle.core.data.tables.BACKTEST_SUMMARY`.
        policy_decision: The policy's last decision.
        report_links: ``name``, ``path`` (relative to the page) and ``window``.
        champion: ``version``, ``trained_from``, ``trained_until``, ``n_rows``, ``estimator``.
        nominal_coverage: Share of rows that the prediction interval should hold.
    """

    problem: Problem
    parameters: DashboardParameters = field(default_factory=DashboardParameters)
    window_history: pd.DataFrame | None = None
    drift_history: pd.DataFrame | None = None
    segment_history: pd.DataFrame | None = None
    ledger: pd.DataFrame | None = None
    backtest_history: pd.DataFrame | None = None
    backtest_summary: pd.DataFrame | None = None
    policy_decision: Mapping[str, Any] | None = None
    report_links: pd.DataFrame | None = None
    champion: Mapping[str, Any] | None = None
    nominal_coverage: float | None = None


def all_windows(tables: PageTables) -> pd.DataFrame:
    """Reduce the history to what was deployed: one row per window, the oldest first.

    Args:
        tables: The page's tables.

    Returns:
        ``WINDOW_HISTORY`` rows of this problem: of a window's rows the newest revision, by the
        version that served it first.
    """
    rows = _of_problem(WINDOW_HISTORY, tables.window_history, tables.problem)
    version = pd.to_numeric(rows["model_version"], errors="coerce")
    rows = rows.assign(_version=version, _revision=rows["revision"].fillna(0))
    order = ["window_index", "_version", "_revision"]
    rows = rows.sort_values(order, ascending=[True, True, False], kind="stable")
    kept = rows.drop_duplicates("window", keep="first")
    return kept.drop(columns=["_version", "_revision"]).reset_index(drop=True)


def shown_windows(tables: PageTables) -> pd.DataFrame:
    """Keep the newest windows of :func:`all_windows`.

    Args:
        tables: The page's tables.

    Returns:
        At most ``maximum_windows`` rows.
    """
    return all_windows(tables).tail(tables.parameters.maximum_windows).reset_index(drop=True)


def shown_drift(tables: PageTables, windows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Keep the drift of the shown windows, and of the columns that drifted most.

    Args:
        tables: The page's tables.
        windows: The shown windows.

    Returns:
        ``DRIFT_HISTORY`` rows of the deployed versions with ``end``, and how many columns were
        left out.
    """
    rows = _of_problem(DRIFT_HISTORY, tables.drift_history, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(windows[[*keys, "end"]], on=keys, how="inner")
    alarms = rows.assign(drifted=rows["drifted"].fillna(False).astype("int64"))
    ranked = alarms.groupby("column")["drifted"].sum().sort_values(ascending=False, kind="stable")
    room = min(tables.parameters.maximum_columns, _MAXIMUM_CELLS // max(1, len(windows)))
    kept = rows[rows["column"].isin(ranked.index[:room])]
    return kept.reset_index(drop=True), max(0, len(ranked) - room)


def newest_segments(tables: PageTables, windows: pd.DataFrame) -> pd.DataFrame:
    """Keep the segments of the newest windows that have any.

    Args:
        tables: The page's tables.
        windows: The shown windows.

    Returns:
        ``SEGMENT_HISTORY`` rows of at most ``pooled_windows`` windows.
    """
    rows = _of_problem(SEGMENT_HISTORY, tables.segment_history, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(windows[keys], on=keys, how="inner")
    newest = sorted(rows["window_index"].dropna().unique())[-tables.parameters.pooled_windows :]
    return rows[rows["window_index"].isin(newest)].reset_index(drop=True)


def shown_backtest(tables: PageTables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the most accurate policies and the newest windows of the backtest.

    Args:
        tables: The page's tables.

    Returns:
        ``BACKTEST_SUMMARY`` rows by RMSE, and their ``BACKTEST_HISTORY`` rows.
    """
    summary = BACKTEST_SUMMARY.frame(tables.backtest_summary)
    summary = summary.sort_values("rmse", kind="stable").head(tables.parameters.maximum_policies)
    history = BACKTEST_HISTORY.frame(tables.backtest_history)
    history = history[history["policy"].isin(summary["policy"])]
    newest = sorted(history["window_index"].dropna().unique())[-tables.parameters.maximum_windows :]
    history = history[history["window_index"].isin(newest)]
    return summary.reset_index(drop=True), history.reset_index(drop=True)


def _of_problem(table: HistoryTable, rows: pd.DataFrame | None, problem: Problem) -> pd.DataFrame:
    frame = table.frame(rows)
    return frame[frame["problem"] == problem.name].reset_index(drop=True)
