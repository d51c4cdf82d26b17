"""What the service knows of itself without counting, one line a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from regression_lifecycle.serving.active_model import ActiveModel
from regression_lifecycle.serving.model_watcher import UP
from regression_lifecycle.serving.window_state import WindowState

if TYPE_CHECKING:
    from regression_lifecycle.serving.service import Service

Value = float | bool | None | Mapping[str, float]


class ServiceState:
    """What one scrape reads, each thing at most once."""

    def __init__(self, service: Service) -> None:
        """Look at a service."""
        self.service = service
        self.deployed: ActiveModel | None = service.following.deployed

    @cached_property
    def log(self) -> dict[str, Any]:
        """What :meth:`PredictionLog.status` says."""
        return self.service.log.status()

    @property
    def windows(self) -> WindowState | None:
        """What monitoring said of the model that answers."""
        known, deployed = self.service.following.windows.state, self.deployed
        if known is None or deployed is None or known.version != deployed.model.version:
            return None
        return known

    def of_windows(self, name: str) -> float | None:
        """Return a figure of the newest complete window."""
        return None if self.windows is None else getattr(self.windows, name)


@dataclass(frozen=True)
class Figure:
    """A figure that is read when it is asked for.

    Attributes:
        kind: ``counter`` (its name ends in ``_total``), ``gauge``, or ``info``, whose value is 1.
        meaning: What it is, with its unit.
        read: Reads it; None where it is not known, values by the label where there is one.
        label: Name of the label besides ``problem``.
    """

    kind: Literal["counter", "gauge", "info"]
    meaning: str
    read: Callable[[ServiceState], Value]
    label: str = ""

    def sample_name(self, name: str) -> str:
        """Return a name as Prometheus stores it."""
        return f"{name}_info" if self.kind == "info" else name


def _by_metric(state: ServiceState, name: str) -> dict[str, float]:
    value = state.of_windows(name)
    metric = state.service.configuration.problem.error_metric
    return {} if value is None else {metric: value}


# A figure more is a line more; ``make tables`` brings it into the docs.
FIGURES: dict[str, Figure] = {
    "ready": Figure(
        "gauge", "1 if a request would be answered now", lambda it: not it.service.why_not_ready()
    ),
    "predicted_rows_total": Figure(
        "counter", "Rows that were answered", lambda it: it.service.batching.predicted_rows
    ),
    "missing_features_total": Figure(
        "counter",
        "How often a feature did not find all that it looked up in other rows",
        lambda it: it.service.batching.missing_features,
        "feature",
    ),
    "history_end_timestamp_seconds": Figure(
        "gauge",
        "Time of the newest row whose label is known, local time taken for UTC",
        lambda it: (
            None
            if it.deployed is None or it.deployed.history.newest is None
            else it.deployed.history.newest.timestamp()
        ),
    ),
    "queue_rows": Figure(
        "gauge", "Rows that wait for the model", lambda it: it.service.batching.waiting_rows
    ),
    "unlogged_rows_total": Figure(
        "counter",
        "Rows that the prediction log did not keep",
        lambda it: it.log.get("unlogged_rows"),
    ),
    "spool_rows": Figure(
        "gauge", "Rows that wait for the store", lambda it: it.log.get("backlog_rows")
    ),
    "spool_bytes": Figure(
        "gauge", "Bytes that the spool takes", lambda it: it.log.get("used_bytes")
    ),
    "spool_oldest_row_age_seconds": Figure(
        "gauge",
        "How long the oldest row has waited for the store; 0 if none waits",
        lambda it: (it.log["oldest_seconds"] or 0.0) if "oldest_seconds" in it.log else None,
    ),
    "spool_refused_rows": Figure(
        "gauge", "Rows that the store will never take", lambda it: it.log.get("refused_rows")
    ),
    "spool_lost_files_total": Figure(
        "counter",
        "How often the spool's file was deleted or replaced under the service",
        lambda it: it.log.get("lost_files"),
    ),
    "store_up": Figure(
        "gauge",
        "1 if the store was read and took predictions when it was last asked",
        lambda it: (
            it.service.following.store_state == UP and not it.log["store"].startswith("down")
        ),
    ),
    "registry_up": Figure(
        "gauge",
        "1 if the registry answered when it was last asked",
        lambda it: it.service.following.registry_state == UP,
    ),
    "model": Figure(
        "info",
        "The model version that answers",
        lambda it: {} if it.deployed is None else {it.deployed.model.version: 1},
        "version",
    ),
    "level_factor": Figure(
        "gauge",
        "What the model's predictions are multiplied by",
        lambda it: None if it.deployed is None else it.deployed.adjustment.level_factor,
    ),
    "level_shift": Figure(
        "gauge",
        "What is added to them, in the target's unit",
        lambda it: None if it.deployed is None else it.deployed.adjustment.level_shift,
    ),
    "window_error": Figure(
        "gauge",
        "Error in the newest complete window, in the target's unit",
        lambda it: _by_metric(it, "error"),
        "metric",
    ),
    "window_baseline_error": Figure(
        "gauge",
        "The same of the naive forecast",
        lambda it: _by_metric(it, "baseline_error"),
        "metric",
    ),
    "window_coverage_ratio": Figure(
        "gauge",
        "Share of its rows inside the prediction interval",
        lambda it: it.of_windows("coverage"),
    ),
    "interval_level_ratio": Figure(
        "gauge",
        "Share that the prediction interval should hold",
        lambda it: it.service.configuration.adjustment.interval.level,
    ),
    "window_end_timestamp_seconds": Figure(
        "gauge",
        "End of the newest complete window, where the table's local time is taken for UTC",
        lambda it: it.of_windows("end"),
    ),
    "window_alarms": Figure(
        "gauge",
        "Rules of the policy that fired on the newest window, complete or not",
        lambda it: None if it.windows is None else len(it.windows.alarms),
    ),
    "window_alarm": Figure(
        "gauge",
        "1 for each of these rules; no series for the others",
        lambda it: {} if it.windows is None else dict.fromkeys(it.windows.alarms, 1),
        "rule",
    ),
}
