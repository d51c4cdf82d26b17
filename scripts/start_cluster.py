"""Start a Spark cluster and a Dask cluster on this machine, each with two workers.

Both listen on the loopback interface alone. They end with Ctrl-C, and with the process that has
started this one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

HOST = "127.0.0.1"
WORKERS = 2
SECONDS = 60
LINES_OF_A_LOG = 5


@dataclass
class Processes:
    """What was started, with a log file each.

    Attributes:
        folder: Where the logs lie.
        running: The processes by name, in the order of their start.
    """

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process, away from the Ctrl-C of the terminal."""
        environment = os.environ | {
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "256m",
            # Workers need the libraries of this project, and one native thread each.
            "PYSPARK_PYTHON": sys.executable,
            "OMP_NUM_THREADS": "1",
        }
        with self._log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )

    def require_alive(self) -> None:
        """End the program if one of them has ended.

        Raises:
            SystemExit: With the end of its log.
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                lines = self._log(name).read_text(errors="replace").splitlines()
                said = "\n  ".join(lines[-LINES_OF_A_LOG:])
                sys.exit(f"the {name} has ended (exit code {process.returncode}):\n  {said}")

    def wait_for(self, what: str, is_there: Callable[[], bool]) -> None:
        """Wait until something is there.

        Raises:
            SystemExit: If it does not come in time, or a process has ended.
        """
        end = time.monotonic() + SECONDS
        while not is_there():
            self.require_alive()
            if time.monotonic() > end:
                sys.exit(f"{what} did not come in {SECONDS} seconds; logs: {self.folder}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop all of them and what they have started, the last first."""
        for process in reversed(self.running.values()):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '_')}.log"


def start_spark(processes: Processes, port: int) -> dict[str, str]:
    """Start a master and two workers of one core.

    Args:
        processes: Takes them up.
        port: Of the master.

    Returns:
        The environment variables by which a run finds them.
    """
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        sys.exit("Spark needs Java 17 or 21, and there is no java on the PATH; install one")
    launcher = spark_launcher()
    deploy, address, page = "org.apache.spark.deploy", f"spark://{HOST}:{port}", free_port()
    master = [f"{deploy}.master.Master", "--host", HOST, "--port", str(port)]
    processes.start("Spark master", [launcher, *master, "--webui-port", str(page)])
    processes.wait_for("the Spark master", lambda: answers(port))
    for number in range(1, WORKERS + 1):
        folder = processes.folder / f"spark_worker_{number}"
        own = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(folder)]
        worker = [f"{deploy}.worker.Worker", "--host", HOST, *own, address]
        processes.start(f"Spark worker {number}", [launcher, *worker])
    processes.wait_for("the workers of Spark", lambda: spark_workers(page) == WORKERS)
    # The workers call the driver by its address.
    return {"LIFECYCLE_SPARK_MASTER": address, "SPARK_LOCAL_IP": HOST}


def spark_launcher() -> str:
    """Return the program that starts Java with what Spark needs."""
    import pyspark

    return str(Path(pyspark.__file__).parent / "bin" / "spark-class")


def spark_workers(page: int) -> int:
    """Return how many workers the master knows, by the port of its page."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{page}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])
    except OSError:
        return 0


def start_dask(processes: Processes, port: int) -> dict[str, str]:
    """Start a scheduler and two workers of one thread.

    Args:
        processes: Takes them up.
        port: Of the scheduler.

    Returns:
        The environment variable by which a run finds them.
    """
    from distributed import Client

    address, dask = f"tcp://{HOST}:{port}", [sys.executable, "-m", "dask"]
    shared = ["--host", HOST, "--no-dashboard"]
    processes.start("Dask scheduler", [*dask, "scheduler", *shared, "--port", str(port)])
    processes.wait_for("the Dask scheduler", lambda: answers(port))
    own = ["--nworkers", str(WORKERS), "--nthreads", "1", "--local-directory"]
    folder = str(processes.folder / "dask_workers")
    processes.start("Dask workers", [*dask, "worker", address, *shared, *own, folder])
    with Client(address, timeout=SECONDS) as client:
        processes.wait_for(
            "the workers of Dask", lambda: len(client.scheduler_info()["workers"]) == WORKERS
        )
    return {"LIFECYCLE_DASK_SCHEDULER": address}


def answers(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port: int = taken.getsockname()[1]
        return port


PARTS = {
    "spark": ("pyspark", start_spark, 7077),
    "dask": ("distributed", start_dask, 8786),
}
"""By name: the library that a cluster needs, what starts it, and its usual port."""


@contextmanager
def clusters(ports: dict[str, int]) -> Iterator[tuple[Processes, dict[str, str]]]:
    """Start clusters, and stop them at the end.

    Args:
        ports: Of the clusters to start, by name.

    Yields:
        What runs, and the environment variables by which a run finds it.
    """
    for name, port in ports.items():
        if find_spec(PARTS[name][0]) is None:
            sys.exit(f"the library {PARTS[name][0]} is missing: uv sync --locked --extra {name}")
        if answers(port):
            sys.exit(f"port {port} is taken; choose another: --{name}-port")
    with TemporaryDirectory(prefix="lifecycle-cluster-", ignore_cleanup_errors=True) as folder:
        processes, variables = Processes(Path(folder)), {}
        try:
            for name, port in ports.items():
                variables |= PARTS[name][1](processes, port)
            yield processes, variables
        finally:
            processes.stop()


def main() -> None:
    """Start what is asked for, print the variables to export, and wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="spark|dask", help="both unless one is named")
    for name, (_, _, port) in PARTS.items():
        parser.add_argument(f"--{name}-port", type=int, default=port, help=f"{port} unless given")
    given = parser.parse_args()
    parts = given.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown cluster {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parent = os.getppid()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.default_int_handler)
    ports = {name: getattr(given, f"{name}_port") for name in parts}
    with suppress(KeyboardInterrupt), clusters(ports) as (processes, variables):
        for name, value in variables.items():
            print(f"export {name}={value}")
        print(f"\nkedro run --env=bike_hourly,{','.join(parts)}   # in another terminal")
        print(f"Ctrl-C stops the cluster. Logs: {processes.folder}", flush=True)
        while os.getppid() == parent:
            processes.require_alive()
            time.sleep(1)


if __name__ == "__main__":
    main()
