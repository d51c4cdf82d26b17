"""The service beside MLflow's own: the same champion, the same rows, in turn.

``kedro serve`` checks every row, applies level factor and interval and logs every prediction;
``mlflow models serve`` predicts. Both are one process with one native thread and answer clients
that keep their connection. Before anything is timed, both must give the same numbers.

The champion is made by ``kedro run`` in a folder of its own, unless the folder has one already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from project import KEDRO, PROBLEM, RAW_TABLE, ROOT, own_configuration, workspace

OURS, THEIRS, EXPLAINED = "kedro serve", "mlflow models serve", "kedro serve, explained"
RAW_ROWS = 1000
# The service remembers the past of the oldest rows, which the registered model does not carry.
OLDEST_ROWS = 72
NOT_SENT = ["instant", "casual", "registered", "cnt"]
# Rows per request, and clients that ask at the same time.
LOADS = ((1, 1), (1, 16), (1000, 1), (1000, 4))
WARM_UP_REQUESTS = 20
GOAL = 3.0


@dataclass(frozen=True)
class Server:
    """A service that answers.

    Attributes:
        port: Its port on the local host.
        path: Where predictions are asked for.
        bodies: Body of a request by its number of rows.
    """

    port: int
    path: str
    bodies: dict[int, bytes]


@dataclass(frozen=True)
class Round:
    """What one load measured.

    Attributes:
        seconds: Its length.
        latencies: Seconds per request.
    """

    seconds: float
    latencies: list[float]


def environment(**more: str) -> dict[str, str]:
    """Give the environment of the servers: one native thread, compiled files.

    Args:
        **more: Further variables.

    Returns:
        The variables.
    """
    found = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    # MLflow starts uvicorn by name.
    found["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{found['PATH']}"
    return found


def make_champion(folder: Path) -> Path:
    """Run the pipelines once in a folder, unless that was done before.

    Args:
        folder: The folder.

    Returns:
        The configuration folder.
    """
    conf = own_configuration(folder)
    if not database_of(conf).exists():
        print("kedro run makes a champion ...", flush=True)
        with (folder / "run.log").open("wb") as log:
            subprocess.run(
                [str(KEDRO), "run", f"--conf-source={conf}"],
                cwd=ROOT,
                env=environment(),
                stdout=log,
                stderr=log,
                check=True,
            )
    return conf


def database_of(conf: Path) -> Path:
    """MLflow's database."""
    return workspace(conf) / "mlflow" / "mlflow.db"


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], log: Path, asked: str, **variables: str) -> Iterator[None]:
    """Start a server and end it.

    Args:
        command: Program and arguments.
        log: Where its output goes.
        asked: URL that answers with status 200 once it is ready.
        **variables: Environment variables.

    Yields:
        Nothing; it is ready inside.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**variables),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(asked, process, log)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait_for(url: str, process: Any, log: Path, seconds: float = 120) -> None:
    """Ask until a server is ready.

    Args:
        url: What is asked.
        process: The server.
        log: Its output.
        seconds: How long.

    Raises:
        SystemExit: If it ends, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{url} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


def ask(server: Server, n_rows: int) -> dict[str, object]:
    """Send one request.

    Args:
        server: To whom.
        n_rows: Rows of the request.

    Returns:
        The answer.
    """
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{server.path}",
        data=server.bodies[n_rows],
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        found: dict[str, object] = json.load(response)
        return found


async def load(server: Server, n_rows: int, clients: int, seconds: float) -> Round:
    """Ask for some time, each client as fast as it is answered.

    Args:
        server: Whom.
        n_rows: Rows per request.
        clients: Clients at the same time, each with a connection that it keeps.
        seconds: How long.

    Returns:
        What was measured.
    """
    body = server.bodies[n_rows]
    head = (
        f"POST {server.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    message = head.encode() + body
    latencies: list[float] = []

    async def client(deadline: float | None, requests: int | None) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**24)
        done = 0
        while (deadline is None or time.perf_counter() < deadline) and done != requests:
            began = time.perf_counter()
            writer.write(message)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not answered: {answer!r}")
            lines = answer.decode("latin-1").lower().split("\r\n")
            length = next(line for line in lines if line.startswith("content-length:"))
            await reader.readexactly(int(length.split(":")[1]))
            if deadline is not None:
                latencies.append(time.perf_counter() - began)
            done += 1
        writer.close()

    await asyncio.gather(*(client(None, WARM_UP_REQUESTS // clients + 1) for _ in range(clients)))
    began = time.perf_counter()
    await asyncio.gather(*(client(began + seconds, None) for _ in range(clients)))
    return Round(time.perf_counter() - began, latencies)


def percentile(values: list[float], share: float) -> float:
    """Give the smallest value that this share of the values does not exceed.

    Args:
        values: At least one value.
        share: From 0 to 1.

    Returns:
        One of the values.
    """
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def require_same_numbers(servers: dict[str, Server]) -> None:
    """Refuse to compare two servers that do not predict the same.

    Args:
        servers: Servers by name.

    Raises:
        SystemExit: If a prediction differs.
    """
    for n_rows in sorted({rows for rows, _ in LOADS}):
        ours, theirs = (ask(servers[name], n_rows)["predictions"] for name in (OURS, THEIRS))
        n_compared = max(1, n_rows - OLDEST_ROWS)
        for left, right in zip(ours[:n_compared], theirs[:n_compared], strict=True):
            if not math.isclose(left["prediction"], right["prediction"], rel_tol=1e-9):
                raise SystemExit(f"not the same numbers: {left} and {right}")


def raw_rows() -> list[dict[str, Any]]:
    """Take the newest rows of the raw table, without the target and its parts."""
    table = pd.read_csv(RAW_TABLE).tail(RAW_ROWS).drop(columns=NOT_SENT)
    rows: list[dict[str, Any]] = table.iloc[::-1].to_dict("records")
    return rows


def measure(conf: Path, scratch: Path, rounds: int, seconds: float) -> dict[str, list[list[Round]]]:
    """Start both servers and load them in turn.

    Args:
        conf: Configuration with a champion.
        scratch: Folder for the output of the servers.
        rounds: How often each load is repeated.
        seconds: Length of one.

    Returns:
        By server the rounds per load.
    """
    ours, theirs = free_port(), free_port()
    database = database_of(conf).as_posix()
    serve = [str(KEDRO), "serve", f"--conf-source={conf}", "--port", str(ours)]
    mlflow = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{PROBLEM}@champion"),
        *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(theirs)),
    ]
    with (
        running(serve, scratch / "ours.log", f"http://127.0.0.1:{ours}/ready"),
        running(
            mlflow,
            scratch / "theirs.log",
            f"http://127.0.0.1:{theirs}/health",
            MLFLOW_TRACKING_URI=f"sqlite:///{database}",
        ),
    ):
        example = raw_rows()
        tables = {
            n_rows: (example * n_rows)[:n_rows] for n_rows in sorted({rows for rows, _ in LOADS})
        }
        servers = {
            OURS: Server(
                ours,
                "/predict",
                {n: json.dumps({"rows": rows}).encode() for n, rows in tables.items()},
            ),
            THEIRS: Server(
                theirs,
                "/invocations",
                {
                    n: json.dumps({"dataframe_split": split(rows)}).encode()
                    for n, rows in tables.items()
                },
            ),
        }
        require_same_numbers(servers)
        one = json.dumps({"rows": example[:1]}).encode()
        servers[EXPLAINED] = Server(ours, "/predict?explain=true", {1: one})
        found: dict[str, list[list[Round]]] = {name: [[] for _ in LOADS] for name in servers}
        for number in range(rounds):
            for place, (n_rows, clients) in enumerate(LOADS):
                for name, server in servers.items():
                    if n_rows not in server.bodies:
                        continue
                    done = asyncio.run(load(server, n_rows, clients, seconds))
                    found[name][place].append(done)
            print(f"round {number + 1} of {rounds} is over", flush=True)
    return found


def split(rows: list[dict[str, Any]]) -> dict[str, object]:
    """Write rows in MLflow's shortest form.

    Args:
        rows: Raw rows.

    Returns:
        Columns and data.
    """
    return {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}


def show(found: dict[str, list[list[Round]]]) -> list[float]:
    """Print a table of what was measured.

    Args:
        found: By server the rounds per load.

    Returns:
        By load, how many times as many requests our service answers.
    """
    print(
        f"\n{'server':<22}{'rows':>6}{'clients':>9}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}"
        f"{'times':>8}"
    )
    times = []
    for place, (n_rows, clients) in enumerate(LOADS):
        rates = {
            name: median(len(r.latencies) / r.seconds for r in rounds[place])
            for name, rounds in found.items()
            if rounds[place]
        }
        times.append(rates[OURS] / rates[THEIRS])
        for name in rates:
            rounds = found[name]
            latencies = [value for r in rounds[place] for value in r.latencies]
            print(
                f"{name:<22}{n_rows:>6}{clients:>9}{rates[name]:>12.1f}"
                f"{percentile(latencies, 0.5) * 1000:>10.2f}"
                f"{percentile(latencies, 0.99) * 1000:>10.2f}"
                f"{rates[name] / rates[THEIRS]:>8.1f}"
            )
    return times


def main() -> int:
    """Measure, and say whether the goal is kept.

    Returns:
        0 if it is, 1 if not.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one load")
    parser.add_argument("--folder", type=Path, help="where the champion is or will be; kept")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch, "project")
        folder.mkdir(parents=True, exist_ok=True)
        conf = make_champion(folder.resolve())
        times = show(measure(conf, Path(scratch), options.rounds, options.seconds))
    worst = min(value for value, (n_rows, _) in zip(times, LOADS, strict=True) if n_rows == 1)
    kept = worst >= GOAL
    print(f"at least {GOAL:g} times as many requests of one row: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
