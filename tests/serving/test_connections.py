"""Who connects and says nothing, or too often, keeps nobody else out."""

from __future__ import annotations

import socket
import time
import urllib.request
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from regression_lifecycle.serving import connections
from tests.serving.conftest import Begin, Models, wait_until


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: x\r\nA: "]
)
def test_a_connection_that_never_says_what_it_wants_is_closed(
    registry: Models, begin: Begin, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    _, address, said = begin()
    wait_until(lambda: said)

    with connect(address) as slow:
        slow.sendall(sent)
        begun = time.monotonic()
        assert slow.recv(1000) == b""
    assert time.monotonic() - begun < 10


def test_the_next_request_of_a_connection_has_its_own_time(
    registry: Models, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    _, address, said = begin()
    wait_until(lambda: said)

    with connect(address) as kept:
        for pause in (0.0, 0.8):
            time.sleep(pause)
            kept.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert kept.recv(5000).startswith(b"HTTP/1.1 200")
        kept.sendall(b"GET /health HTTP/1.1\r\n")
        assert kept.recv(5000) == b""


def ask(path: str, kept: socket.socket) -> bytes:
    kept.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return kept.recv(5000)


def test_who_connects_and_says_nothing_makes_room_for_who_asks(
    registry: Models, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address, said = begin()
    wait_until(lambda: said)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)

    with ExitStack() as stack:
        asked = stack.enter_context(connect(address))
        assert ask("/health", asked).startswith(b"HTTP/1.1 200")
        silent = [stack.enter_context(connect(address)) for _ in range(20)]
        # Who has been answered stays while anybody else is silent.
        assert ask("/health", asked).startswith(b"HTTP/1.1 200")
        with connect(address) as new:
            assert ask("/health", new).startswith(b"HTTP/1.1 200")
        with suppress(ConnectionResetError):
            assert silent[0].recv(1000) == b""


def test_while_all_are_at_work_one_too_many_is_turned_away_and_room_is_used_again(
    registry: Models, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address, said = begin()
    wait_until(lambda: said)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    with ExitStack() as stack:
        for _ in range(3):
            working = stack.enter_context(connect(address))
            working.sendall(head + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")
            assert working.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        with connect(address) as refused:
            assert refused.recv(1000).startswith(b"HTTP/1.1 503 Service Unavailable")

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=20) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    wait_until(answers)
