"""Whatever bytes are sent, they are answered in the service's own form, and nothing else changes.

What the description allows and forbids is asked in test_openapi.py; these are bodies and
connections that no description has. ``FUZZ_EXAMPLES=5000`` draws so many new ones per test.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import mlflow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.serving.app import make_app
from regression_lifecycle.serving.service import Service
from tests.fuzzing import examples
from tests.serving.conftest import (
    STAMP,
    Begin,
    Client,
    Models,
    Running,
    copy_registry,
    end,
    make_configuration,
    row,
    wait_until,
)

PATHS = ["/predict", "/labels", "/rows"]
KEYS = ["timestamp", "day", "hr", "temp", "holiday", "sky", "cnt", "rows", "keys", "labels"]
# As they are written: Python's own JSON could not say most of them.
WRITTEN = [
    *("null", "true", "false", "0", "-0.0", "1", "1e400", "-1e400", "1e-400", "1" * 400, "1.5"),
    *("NaN", "Infinity", "-Infinity", "9007199254740993", "9223372036854775808", "0x10", "01"),
    *('""', '"1"', '"nan"', '"now"', '"today"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'),
    *(f'"{STAMP}"', '"2021-03-09"', '"2021-02-30T00:00:00"', '"2021-03-09T07:00:00+02:00"'),
    *('"0001-01-01T00:00:00"', '"9999-12-31T23:00:00"', '"2021-03-09T07:59:60"', "1615273200"),
    *('"clear"', '"CLEAR"', '"<script>"', '"=1+1"', '"\U0001f6b2"', '"' + "x" * 2000 + '"'),
    *("[]", "{}", "[1]", '{"a": 1}', "[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200, ""),
]
ROWS = json.dumps({"rows": [row(), row(timestamp="2021-03-09T08:00:00", sky="rain")]})
LABELS = json.dumps({"labels": [{"timestamp": STAMP, "cnt": 7}]})
COMPLETE = [ROWS, LABELS, json.dumps({"keys": [{"timestamp": STAMP}]})]


@st.composite
def written_bodies(draw: Any) -> bytes:
    """Rows whose names, values and number are anything, written as JSON or nearly so."""
    name = st.sampled_from([json.dumps(key) for key in KEYS])
    names = st.one_of(name, name, st.text(max_size=5).map(json.dumps))
    values = st.one_of(
        st.sampled_from(WRITTEN),
        st.floats().map(str),
        st.integers().map(str),
        st.text(max_size=8).map(json.dumps),
    )
    # As a list of pairs: a name may stand twice.
    rows = draw(st.lists(st.lists(st.tuples(names, values), max_size=7), max_size=22))
    written = ",".join(
        "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}" for pairs in rows
    )
    listed = draw(st.sampled_from(["rows", "rows", "keys", "labels", ""]))
    end = draw(st.sampled_from(["]}", "]}", "]", "]}}", '],"rows":[]}', "]} "]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    return f'{{"{listed}":[{written}{end}'.encode(encoding, "replace")


@st.composite
def damaged_bodies(draw: Any) -> bytes:
    """A complete body in which a value is another one, or some bytes are."""
    text = draw(st.sampled_from(COMPLETE))
    if draw(st.booleans()):
        old = draw(st.sampled_from([f'"{STAMP}"', "12.5", "0", "7", '"rain"']))
        return text.replace(old, draw(st.sampled_from(WRITTEN)), 1).encode("utf-8", "replace")
    found = bytearray(text.encode())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(found) - 1))
        found[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(found) or b" "


BODIES = st.one_of(written_bodies(), damaged_bodies(), damaged_bodies(), st.binary(max_size=99))


@pytest.fixture(scope="module")
def running(
    problem: Problem, models_once: Models, tmp_path_factory: pytest.TempPathFactory, portal: Any
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("fuzzed_requests")
    mlflow.set_tracking_uri(copy_registry(models_once, folder))
    service = Service(make_configuration(problem, folder, maximum_rows=20))
    wait_until(lambda: service.following.deployed is not None)
    yield Running(service, Client(make_app(service), portal))
    end(service)
    mlflow.set_tracking_uri(None)


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def test_any_body_is_answered_and_what_is_answered_is_logged(running: Running) -> None:
    acknowledged = {}

    @examples(60)
    @example(path="/predict", body=ROWS.encode())
    @given(path=st.sampled_from(PATHS), body=BODIES)
    def ask(path: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        response = running.client.post(path, content=body, headers=headers)

        answer = json.loads(response.content, parse_constant=no_constant)
        assert response.status_code in (200, 400, 413, 422), response.text
        if response.status_code != 200:
            assert 1 <= len(answer["detail"]) <= 20
            assert len(response.content) < 10_000
        elif path == "/predict":
            for predicted in answer["predictions"]:
                assert math.isfinite(predicted["prediction"])
            assert answer["logged"]
            acknowledged[answer["request_id"]] = len(answer["predictions"])

    ask()

    # Nothing that was taken is refused by the store afterwards.
    logged = running.logged()
    assert logged.groupby("request_id").size().to_dict() == acknowledged
    assert acknowledged


HEAD = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = ROWS.encode()
LENGTHS = ["0", "1", "-1", "+5", "5, 6", "1e3", "9" * 25, "0x10", "", "5\r\nContent-Length: 7"]
REQUESTS = st.one_of(
    st.binary(min_size=1, max_size=200),
    # What the length says is not what comes.
    st.sampled_from(LENGTHS).map(
        lambda said: f"{HEAD}Content-Length: {said}\r\n\r\n".encode() + BODY
    ),
    st.tuples(
        st.sampled_from(["chunked", "chunked, chunked", "gzip, chunked", "identity", "xchunked"]),
        st.sampled_from(["5", "0", "-1", "ffffffffffffffffff", "zz", "5;a=b", f"{len(BODY):x}"]),
        st.booleans(),
    ).map(
        lambda made: (
            (
                f"{HEAD}Transfer-Encoding: {made[0]}\r\n"
                + "Content-Length: 3\r\n" * made[2]
                + f"\r\n{made[1]}\r\n"
            ).encode()
            + BODY
            + b"\r\n0\r\n\r\n"
        )
    ),
    st.tuples(
        st.sampled_from(["GET", "POST", "PUT", "TRACE", "OPTIONS", "HEAD", "CONNECT", "X", ""]),
        st.sampled_from(["/predict", "/health", "*", "//", "/%00", "/%ff", "/..", "http://a/", ""]),
        st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", ""]),
        st.binary(max_size=40),
    ).map(
        lambda made: (
            " ".join(made[:3]).encode()
            + b"\r\nHost: x\r\nX: "
            + made[3]
            + b"\r\nExpect: 100-continue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )
    ),
    # Two in one, of which the first says nothing of its end.
    st.just(f"{HEAD}\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
)


def test_any_bytes_on_a_connection_leave_the_service_as_it_was(
    registry: Models, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    _, address, said = begin()
    wait_until(lambda: said)
    place = urlsplit(address)

    def send(content: bytes) -> bytes:
        received = b""
        with socket.create_connection((place.hostname, place.port), timeout=20) as sent:
            sent.sendall(content)
            sent.shutdown(socket.SHUT_WR)
            try:
                while part := sent.recv(65536):
                    received += part
            except ConnectionResetError:
                pass
        return received

    @examples(60)
    @given(content=REQUESTS)
    def ask(content: bytes) -> None:
        received = send(content)

        assert not received or received.startswith(b"HTTP/1.1 ")
        assert b"HTTP/1.1 5" not in received
        assert b"Traceback" not in received

    ask()

    health = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert send(health).startswith(b"HTTP/1.1 200")
    assert not [record for record in caplog.records if record.exc_info]
