"""The tables that the page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import versions_text, window_name
from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import (
    BACKTEST_HISTORY,
    BACKTEST_SUMMARY,
    DRIFT_HISTORY,
    ERROR_RATES,
    SEGMENT_HISTORY,
    SERIES_HISTORY,
    WINDOW_HISTORY,
    HistoryTable,
)
from regression_lifecycle.core.decisions.health import Health, Subject, assess_health
from regression_lifecycle.core.metrics import ERROR_LABELS


@dataclass(frozen=True)
class Champion:
    """The model in use; ``estimator`` is the name of its class."""

    version: str
    estimator: str
    trained_from: pd.Timestamp
    trained_until: pd.Timestamp
    n_rows: int


@dataclass(frozen=True)
class Deployment:
    """What is in use, and what was decided.

    Attributes:
        champion: None before the first promotion.
        ledger: Every decision of every problem, the oldest first.
        nominal_coverage: Share of rows that the prediction interval should hold.
        error_rates: How often rules, gate and interval of each version are wrong.
    """

    problem: Problem
    champion: Champion | None = None
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    nominal_coverage: float | None = None
    error_rates: pd.DataFrame = field(default_factory=ERROR_RATES.frame)


@dataclass(frozen=True)
class Monitoring:
    """``window_history`` and what belongs to its windows; each may be empty."""

    windows: pd.DataFrame = field(default_factory=WINDOW_HISTORY.frame)
    drift: pd.DataFrame = field(default_factory=DRIFT_HISTORY.frame)
    segments: pd.DataFrame = field(default_factory=SEGMENT_HISTORY.frame)
    series: pd.DataFrame = field(default_factory=SERIES_HISTORY.frame)


@dataclass(frozen=True)
class Backtest:
    """``backtest_history`` and ``backtest_summary``; both may be empty."""

    history: pd.DataFrame = field(default_factory=BACKTEST_HISTORY.frame)
    summary: pd.DataFrame = field(default_factory=BACKTEST_SUMMARY.frame)


@dataclass(frozen=True)
class PageTables:
    """Everything the page may show; whatever is empty leaves an honest gap.

    Attributes:
        parameters: How much is shown.
        report_links: ``name``, ``path`` (relative to the page) and ``window``.
    """

    deployment: Deployment
    parameters: DashboardParameters = field(default_factory=DashboardParameters)
    monitoring: Monitoring = field(default_factory=Monitoring)
    backtest: Backtest = field(default_factory=Backtest)
    report_links: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def problem(self) -> Problem:
        """What is predicted."""
        return self.deployment.problem

    @cached_property
    def health(self) -> Health:
        """The verdict on the model."""
        champion = self.deployment.champion
        subject = Subject(
            problem=self.problem.name,
            champion_version="" if champion is None else champion.version,
            metric=self.problem.error_metric,
            environment=self.parameters.environment,
            as_of=self.parameters.as_of or "",
        )
        return assess_health(self.deployment.ledger, self.all_windows, subject)

    @property
    def error_name(self) -> str:
        """How the problem's main metric is called, which the page shows and ranks by."""
        return ERROR_LABELS[self.problem.error_metric]

    @property
    def nominal_coverage(self) -> float | None:
        """Share of rows that the interval should hold, or that should be at or below a quantile."""
        quantile = self.problem.quantile
        return self.deployment.nominal_coverage if quantile is None else quantile

    def with_errors(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add the main metric as ``error``, and of the baseline as ``baseline_error``."""
        metric = self.problem.error_metric
        named = {"error": metric, "baseline_error": f"baseline_{metric}"}
        return rows.assign(**{name: rows[of] for name, of in named.items() if of in rows})

    @property
    def unit(self) -> str:
        """Unit of the target; empty if it has none."""
        return self.problem.columns[self.problem.target].unit

    @cached_property
    def all_windows(self) -> pd.DataFrame:
        """One row per window of the problem, the oldest first.

        Of a window's rows the newest revision counts, by the version that served it first.
        ``error`` and ``baseline_error`` are the main metric, ``coverage`` of a quantile is the
        share of rows at or below it.
        """
        rows = of_problem(WINDOW_HISTORY, self.monitoring.windows, self.problem)
        version = pd.to_numeric(rows["model_version"], errors="coerce")
        rows = rows.assign(_version=version, _revision=rows["revision"].fillna(0))
        order = ["window_index", "_version", "_revision"]
        rows = rows.sort_values(order, ascending=[True, True, False], kind="stable")
        kept = rows.drop_duplicates("window", keep="first")
        kept = kept.drop(columns=["_version", "_revision"]).reset_index(drop=True)
        if self.problem.quantile is not None:
            kept["coverage"] = kept["quantile_coverage"]
        return self.with_errors(kept)

    @cached_property
    def windows(self) -> pd.DataFrame:
        """The newest ``maximum_windows`` of them."""
        return self.all_windows.tail(self.parameters.maximum_windows).reset_index(drop=True)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        content: What the template shows, in its own names.
        charts: Vega-Lite specifications of the charts that there is data for.
        data: The tables that the charts draw.
    """

    content: dict[str, Any]
    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: dict[str, pd.DataFrame] = field(default_factory=dict)


def describe_windows(windows: pd.DataFrame) -> str:
    """Name windows that are taken together, and whose predictions they judge.

    Args:
        windows: ``window`` and ``model_version`` of every window, the oldest first.

    Returns:
        For example ``8 windows, 2012-09-22 to 2012-11-10, of version 1``; empty without a window.
    """
    names = [window_name(name) for name in windows["window"]]
    if not names:
        return ""
    of = versions_text(windows["model_version"])
    if len(names) == 1:
        return f"window {names[0]}, of {of}"
    return f"{len(names)} windows, {names[0]} to {names[-1]}, of {of}"


def of_problem(table: HistoryTable, rows: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return a problem's rows with the columns of their table and ``recorded_at``, if given."""
    frame = table.frame(rows)
    frame["recorded_at"] = list(rows["recorded_at"]) if "recorded_at" in rows else None
    return frame[frame["problem"] == problem.name].reset_index(drop=True)


def complete(windows: pd.DataFrame) -> pd.DataFrame:
    """Return the windows whose figures are final: with all their rows and labels."""
    return windows[windows["status"].eq("complete").fillna(False).astype(bool)]
