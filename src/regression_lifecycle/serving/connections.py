"""Connections have bounds: how many there are, and how long one may take to say what it wants.

Where there are too many, the one that has been silent for longest makes room for the new one.
Turning the new one away would let anybody keep all others out by opening connections and waiting.
"""

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
    """A connection that is closed if it sends no whole headers in time, or silence costs others.

    Neither needs a token, so without bounds anybody could keep all others out by doing nothing.
    """

    _deadline: asyncio.TimerHandle | None = None
    _was_answered = False
    _silent_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        """Take the connection; answer that there are too many only if all others are at work."""
        super().connection_made(transport)
        self._silent_since = self.loop.time()
        if len(self.connections) > MOST_CONNECTIONS and not self._close_a_silent_one():
            transport.write(_TOO_MANY % (len(_BODY), _BODY))
            transport.close()
        else:
            self._wait_for_headers()

    def _close_a_silent_one(self) -> bool:
        """Close the longest silent connection, first of those that have asked nothing so far."""
        others = (each for each in self.connections if each is not self)
        silent = [
            each
            for each in others
            if isinstance(each, BoundedConnection) and each._silent_since is not None
        ]
        if not silent:
            return False
        closed = min(silent, key=lambda each: (each._was_answered, each._silent_since))
        # At once, since a transport that closes in order may wait for who does not read.
        closed.transport.abort()
        closed.connections.discard(closed)
        return True

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of the next request of a connection."""
        super().on_message_begin()
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Give the request all the time it takes; its body has a bound of its own."""
        self._stop_waiting()
        self._silent_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Note when the answer was given, and wait for the next request."""
        self._was_answered = True
        if not self.pipeline:
            self._silent_since = self.loop.time()
        super().on_response_complete()

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
