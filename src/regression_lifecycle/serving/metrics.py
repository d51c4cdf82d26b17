"""What the service tells Prometheus under ``/metrics``.

Requests are counted as they come. Everything else is known elsewhere already and is only read when
somebody asks (``figures.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

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

from regression_lifecycle.serving.figures import FIGURES, Figure, ServiceState
from regression_lifecycle.serving.openapi import refusals

if TYPE_CHECKING:
    from regression_lifecycle.serving.service import Service

PREFIX = "regression_lifecycle_"
# Whatever callers make up is one series, and not one each.
OTHER_PATHS = "other"
# One row takes milliseconds, a thousand rows tenths of a second.
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# When each series began is told by nobody's question, and would double their number.
disable_created_metrics()


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
