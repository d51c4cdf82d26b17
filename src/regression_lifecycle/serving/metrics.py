"""What the service tells Prometheus under ``/metrics``.

Requests are counted as they come. Everything else is known elsewhere already and is only read when
somebody asks: one line in :data:`FIGURES` each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI, Response
from fastapi.params import Depends
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regression_lifecycle.serving.active_model import ActiveModel
from regression_lifecycle.serving.model_watcher import UP
from regression_lifecycle.serving.openapi import refusals
from regression_lifecycle.serving.window_state import WindowState

if TYPE_CHECKING:
    from regression_lifecycle.serving.app import Service

PREFIX = "regression_lifecycle_"
# Whatever callers make up is one series, and not one each.
OTHER_PATHS = "other"
# One row takes milliseconds, a thousand rows tenths of a second.
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# When each series began is told by nobody's question, and would double their number.
disable_created_metrics()

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
        known, deployed = self.service.following.windows, self.deployed
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


# A figure more is a line more; ``make tables`` brings it into the docs.
FIGURES: dict[str, Figure] = {
    "ready": Figure(
        "gauge", "1 if a request would be answered now", lambda it: not it.service.why_not_ready()
    ),
    "predicted_rows_total": Figure(
        "counter", "Rows that were answered", lambda it: it.service.batching.predicted_rows
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


class ServiceMetrics:
    """The metrics of one service, in a registry of its own."""

    def __init__(self, service: Service) -> None:
        """Begin to count.

        Args:
            service: Whose figures are read.
        """
        self._problem = service.configuration.problem.name
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}http_requests_total",
            "Requests that were answered",
            ["problem", "path", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}http_request_duration_seconds",
            "Time from the head of a request to the end of its answer",
            ["problem", "path"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Figures(service))
        ProcessCollector(registry=self._registry)

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            path: Its path, one of a few.
            status: HTTP status of the answer.
            seconds: How long it took.
        """
        self._requests.labels(self._problem, path, str(status)).inc()
        self._seconds.labels(self._problem, path).observe(seconds)

    def text(self) -> bytes:
        """Write everything in Prometheus's text format."""
        return generate_latest(self._registry)


class RequestMeter:
    """Counts every request, those that are turned away too."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, paths: frozenset[str]) -> None:
        """Stand in front of an application.

        Args:
            app: The application.
            metrics: Where requests are counted.
            paths: Paths that are counted by name.
        """
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What the server answers to an error that nobody handles.
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            path = scope["path"] if scope["path"] in self._paths else OTHER_PATHS
            self._metrics.count(path, status, time.perf_counter() - begun)


def add_metrics(app: FastAPI, service: Service, secured: list[Depends]) -> None:
    """Count all requests of an application, and tell Prometheus.

    Args:
        app: The application, with all its other paths.
        service: What stands behind it.
        secured: Dependencies that describe the token.
    """
    metrics = ServiceMetrics(service)

    # No coroutine: it looks at the spool on the disk, and nobody's prediction waits for that.
    @app.get(
        "/metrics",
        summary="Figures for Prometheus.",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **refusals([], has_token=bool(secured)),
        },
        dependencies=secured,
    )
    def tell() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    paths = frozenset(getattr(route, "path", OTHER_PATHS) for route in app.routes)
    app.add_middleware(RequestMeter, metrics=metrics, paths=paths)


class _Figures(Collector):
    """Reads all figures of a service when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterator[Metric]:
        """Name the figures without reading them."""
        for name, figure in FIGURES.items():
            yield _family(name, figure)

    def collect(self) -> Iterator[Metric]:
        """Read the figures."""
        state = ServiceState(self._service)
        problem = {"problem": self._service.configuration.problem.name}
        for name, figure in FIGURES.items():
            family = _family(name, figure)
            found = figure.read(state)
            values = found if isinstance(found, Mapping) else {"": found}
            for text, value in values.items():
                if value is not None:
                    labels = {**problem, **({figure.label: text} if figure.label else {})}
                    family.add_sample(PREFIX + figure.sample_name(name), labels, float(value))
            yield family


def _family(name: str, figure: Figure) -> Metric:
    # The suffix belongs to the samples.
    return Metric(f"{PREFIX}{name.removesuffix('_total')}", figure.meaning, figure.kind)


def _by_metric(state: ServiceState, name: str) -> dict[str, float]:
    value = state.of_windows(name)
    metric = state.service.configuration.problem.error_metric
    return {} if value is None else {metric: value}
