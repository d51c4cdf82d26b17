"""The page that a user looks at first, from the tables that outlive a run."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.adapters import dashboard
from regression_lifecycle.adapters.dashboard import (
    Backtest,
    Champion,
    Deployment,
    Monitoring,
    PageTables,
)
from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import to_json
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.prediction.interval import PredictionInterval


def collect_monitoring(
    window_history: pd.DataFrame,
    drift_history: pd.DataFrame,
    segment_history: pd.DataFrame,
    series_history: pd.DataFrame,
) -> Monitoring:
    """Bring together what was recorded of the windows."""
    return Monitoring(window_history, drift_history, segment_history, series_history)


def collect_backtest(backtest_history: pd.DataFrame, backtest_summary: pd.DataFrame) -> Backtest:
    """Bring together what the backtest found."""
    return Backtest(backtest_history, backtest_summary)


def describe_deployment(
    ledger: pd.DataFrame,
    champion: TrainedModel | None,
    error_rates: pd.DataFrame,
    problem: Problem,
    interval: PredictionInterval,
) -> Deployment:
    """Bring together what is in use and what was decided.

    Args:
        ledger: Every decision, the oldest first.
        error_rates: What calibrations found, of every version.
        interval: Knows which share of rows it should hold.
    """
    return Deployment(problem, _describe(champion), ledger, interval.level, error_rates)


def _describe(champion: TrainedModel | None) -> Champion | None:
    if champion is None:
        return None
    steps = getattr(champion.estimator, "steps", None)
    last = steps[-1][1] if steps else champion.estimator
    return Champion(
        version=version_of(champion),
        estimator=type(last).__name__,
        trained_from=champion.metadata.trained_from,
        trained_until=champion.metadata.trained_until,
        n_rows=champion.metadata.n_rows,
    )


def collect_page(
    deployment: Deployment,
    monitoring: Monitoring,
    backtest: Backtest,
    report_links: pd.DataFrame,
    parameters: DashboardParameters,
) -> PageTables:
    """Bring together what the page shows; any table may be empty."""
    return PageTables(deployment, parameters, monitoring, backtest, report_links)


def report_health(tables: PageTables) -> dict[str, Any]:
    """Judge how the model is.

    Returns:
        The verdict as JSON, for the terminal, for other pages and for programs.
    """
    record: dict[str, Any] = to_json(tables.health)
    return record


def bundle_library(stored: str) -> str:
    """Bundle the library that draws on the page, unless an earlier run did."""
    return dashboard.bundle_library(stored)


def make_page(tables: PageTables, library: str, recorded_health: dict[str, Any]) -> str:
    """Render the page as one HTML file that needs nothing else.

    Args:
        recorded_health: Of every problem of the data root.
    """
    return dashboard.render_page(tables, library, has_siblings=len(recorded_health) > 1)


def make_index(health_record: dict[str, Any], recorded_health: dict[str, Any]) -> str:
    """Render the list of all problems of the data root.

    Args:
        health_record: Of this problem; it is stored by now, so the others stand beside it.
        recorded_health: Of every problem, by the folder of its page.
    """
    return dashboard.render_index(recorded_health)
