"""Connections have bounds: how many there are, and how long one may take to say what it wants."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Of one process; each costs a file and some kilobytes, whoever opened it.
MOST_CONNECTIONS = 1000
# From the first byte that is waited for to the end of the headers.
HEADER_SECONDS = 10.0
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b"
)
_BODY = b'{"detail":[{"row":null,"column":null,"message":"too many connections are open"}]}'


class BoundedConnection(HttpToolsProtocol):
    """A connection that is closed if it is one too many, or sends no whole headers in time.

    Neither needs a token, so without bounds anybody could keep all others out by doing nothing.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take the connection, or answer that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(_TOO_MANY % (len(_BODY), _BODY))
            transport.close()
        else:
            self._wait_for_headers()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of the next request of a connection."""
        super().on_message_begin()
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Give the request all the time it takes; its body has a bound of its own."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
