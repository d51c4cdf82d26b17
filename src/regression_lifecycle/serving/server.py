"""The process that listens: one, with an orderly end."""

from __future__ import annotations

import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.serving.app import Service, make_app
from regression_lifecycle.serving.configuration import ServiceConfiguration

# MLflow would ask a server that is away for minutes; here the next look comes anyway.
IMPATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
# Longer than proxies keep an idle connection, so that none sends into a closed one.
KEEP_ALIVE_SECONDS = 75


def serve(configuration: ServiceConfiguration, announce: Callable[[str], None]) -> None:
    """Answer requests until the process is told to end (SIGTERM or Ctrl-C).

    Args:
        configuration: What the service is told.
        announce: Is given the address, once requests are answered.

    Raises:
        LifecycleError: If the address is taken or the prediction log cannot be kept.
    """
    import mlflow

    serving = configuration.serving
    with _listening(serving.host, serving.port) as listener:
        for name, value in IMPATIENCE.items():
            os.environ.setdefault(name, value)
        mlflow.set_tracking_uri(configuration.tracking_uri)
        if configuration.registry_uri:
            mlflow.set_registry_uri(configuration.registry_uri)
        service = Service(configuration)
        server = _Server(
            uvicorn.Config(
                make_app(service),
                http="httptools",
                loop="auto",
                # The project's own logging is set up already.
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=math.ceil(serving.drain_seconds),
            ),
            lambda: announce(_address(listener)),
            lambda: setattr(service, "is_ending", True),
        )
        try:
            with _told_to_end_is_no_error():
                server.run(sockets=[listener])
        finally:
            service.close()


class _Server(uvicorn.Server):
    """uvicorn's server that says when it begins, and is not ready once it is told to end."""

    def __init__(
        self, config: uvicorn.Config, begun: Callable[[], None], ending: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._begun, self._ending = begun, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise LifecycleError(
            f"the service cannot listen on {host}:{port}: {error.strerror or error}. Choose "
            "another with --host and --port, or under serving in parameters_serving.yml"
        ) from error
    with listener:
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _told_to_end_is_no_error() -> Iterator[None]:
    """Take the signal that uvicorn raises once more after an orderly end."""
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(kind, lambda *_: None) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
