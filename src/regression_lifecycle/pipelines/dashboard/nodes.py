"""The page that a user looks at first, from the tables that outlive a run."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from regression_lifecycle.adapters import dashboard as page
from regression_lifecycle.adapters.dashboard import PageTables
from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import POLICY
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.prediction.adjustment import PredictionInterval


def collect_tables(
    window_history: pd.DataFrame,
    drift_history: pd.DataFrame,
    segment_history: pd.DataFrame,
    ledger: pd.DataFrame,
    backtest_history: pd.DataFrame,
    backtest_summary: pd.DataFrame,
    report_links: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    interval: PredictionInterval,
    parameters: DashboardParameters,
) -> PageTables:
    """Bring together what the page shows; any table may be empty.

    Args:
        window_history: Windows as they were served.
        drift_history: Drift by window and column.
        segment_history: Error and bias by window and segment.
        ledger: Every decision, the oldest first; the policy's last one is read from it.
        backtest_history: Windows of the backtest.
        backtest_summary: Policies compared.
        report_links: Reports beside the page.
        champion: The model in use; None before the first promotion.
        problem: What is predicted.
        interval: Says what share of rows the prediction interval should hold.
        parameters: How much is shown.

    Returns:
        The page's tables.
    """
    return PageTables(
        problem=problem,
        parameters=parameters,
        window_history=window_history,
        drift_history=drift_history,
        segment_history=segment_history,
        ledger=ledger,
        backtest_history=backtest_history,
        backtest_summary=backtest_summary,
        report_links=report_links,
        policy_decision=last_policy_decision(ledger, problem),
        champion=describe_champion(champion),
        nominal_coverage=interval.level,
    )


def make_page(tables: PageTables) -> str:
    """Render the page.

    Args:
        tables: What it shows.

    Returns:
        One HTML file that needs nothing else.
    """
    return page.render_page(tables)


def draw_error_by_window(tables: PageTables) -> bytes:
    """Draw the page's first chart for those who do not open it.

    Args:
        tables: What the page shows.

    Returns:
        A PNG.
    """
    return page.hero_png(tables)


def last_policy_decision(ledger: pd.DataFrame, problem: Problem) -> dict[str, Any] | None:
    """Read the policy's last decision off the ledger.

    Args:
        ledger: Every decision, the oldest first.
        problem: Whose decision.

    Returns:
        ``decision``, ``as_of``, ``window``, ``champion_version``, ``reasons`` and ``rules``; None
        if it has not decided yet.
    """
    rows = ledger[(ledger["kind"] == POLICY) & (ledger["problem"] == problem.name)]
    if rows.empty:
        return None
    last = rows.iloc[-1].dropna().to_dict()
    return {
        "decision": last.get("decision"),
        "as_of": last.get("as_of"),
        "window": last.get("window"),
        "champion_version": last.get("champion_version_before"),
        "reasons": str(last["reasons"]).split("; ") if "reasons" in last else [],
        "rules": json.loads(last.get("policy") or "[]"),
    }


def describe_champion(champion: TrainedModel | None) -> dict[str, Any] | None:
    """Say which model is in use.

    Args:
        champion: The model; None before the first promotion.

    Returns:
        ``version``, ``estimator``, ``trained_from``, ``trained_until`` and ``n_rows``.
    """
    if champion is None:
        return None
    steps = getattr(champion.estimator, "steps", None)
    last = steps[-1][1] if steps else champion.estimator
    return {
        "version": version_of(champion),
        "estimator": type(last).__name__,
        "trained_from": champion.metadata.trained_from,
        "trained_until": champion.metadata.trained_until,
        "n_rows": champion.metadata.n_rows,
    }
