"""The process that listens: one, with an orderly end."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.serving.app import make_app
from regression_lifecycle.serving.configuration import ServiceConfiguration
from regression_lifecycle.serving.connections import BoundedConnection
from regression_lifecycle.serving.service import Service

# MLflow would ask a server that is away for minutes; here the next look comes anyway.
IMPATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
# Longer than proxies keep an idle connection, so that none sends into a closed one.
KEEP_ALIVE_SECONDS = 75
# Callers wait in the socket's queue while the first model is loaded, and not for a registry that
# is away.
FIRST_LOOK_SECONDS = 10.0
LOOK_SECONDS = 0.1


def serve(configuration: ServiceConfiguration, announce: Callable[[str], None]) -> None:
    """Answer requests until the process is told to end (SIGTERM or Ctrl-C).

    Args:
        configuration: What the service is told.
        announce: Is told once that requests are answered, with the address, and before that,
            once, what is lacking if they are not from the beginning.

    Raises:
        LifecycleError: If the address is taken or the prediction log cannot be kept.
    """
    import mlflow

    serving = configuration.serving
    with listening(serving.host, serving.port) as listener:
        for name, value in IMPATIENCE.items():
            os.environ.setdefault(name, value)
        mlflow.set_tracking_uri(configuration.tracking_uri)
        if configuration.registry_uri:
            mlflow.set_registry_uri(configuration.registry_uri)
        service = Service(configuration)
        server = AnnouncingServer(
            uvicorn.Config(
                make_app(service),
                http=BoundedConnection,
                loop="auto",
                # The project's own logging is set up already.
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=math.ceil(serving.drain_seconds),
            ),
            service,
            address_of(listener),
            announce,
        )
        try:
            with _told_to_end_is_no_error():
                server.run(sockets=[listener])
        finally:
            service.close()


class AnnouncingServer(uvicorn.Server):
    """uvicorn's server that says when it answers, and is not ready once it is told to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        address: str,
        announce: Callable[[str], None],
    ) -> None:
        """Prepare to listen.

        Args:
            config: uvicorn's own.
            service: Whose readiness is announced.
            address: URL that is announced.
            announce: Is told.
        """
        super().__init__(config)
        self._service, self._address, self._announce = service, address, announce
        self._telling: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen as soon as the first look at the registry is over."""
        # The description and its example belong to a model, so who comes first should see one.
        deadline = time.monotonic() + FIRST_LOOK_SECONDS
        while not (
            self._service.following.has_looked() or self.should_exit or time.monotonic() > deadline
        ):
            await asyncio.sleep(LOOK_SECONDS)
        await super().startup(sockets)
        if self.started:
            self._telling = asyncio.create_task(self._tell())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and say so under ``/ready`` until then."""
        self._service.is_ending = True
        if self._telling is not None:
            self._telling.cancel()
        await super().shutdown(sockets)

    async def _tell(self) -> None:
        lacking = self._service.why_not_ready()
        if lacking is not None:
            self._announce(f"Listening on {self._address} and waiting: {lacking}")
            while self._service.why_not_ready() is not None:
                await asyncio.sleep(LOOK_SECONDS)
        self._announce(f"Serving on {self._address}")


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open a port.

    Args:
        host: Address to listen on.
        port: TCP port; 0 takes a free one.

    Yields:
        The socket, whose queue takes callers already.

    Raises:
        LifecycleError: If the address is taken or is none of this machine.
    """
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


def address_of(listener: socket.socket) -> str:
    """Return the URL of a socket."""
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
