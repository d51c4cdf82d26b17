"""The Spark session of this process: on this machine, on a cluster, or behind Spark Connect."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import socket
import sys
import time
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from regression_lifecycle.core.errors import ConfigurationError, StateError

_MASTER, _REMOTE = "spark.master", "spark.remote"
_SECONDS = 10
_SECONDS_FOR_WORKERS = 30
_CONNECT_PORT = 15002
_LOGGING = Path(__file__).with_name("spark_logging.properties")


class SparkSettings:
    """Properties of a session, checked; the session itself starts when it is asked for."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        """Take what ``spark.yml`` says.

        Args:
            properties: Spark's own names and their values; what is null or empty is left out. A
                ``spark.remote`` is preferred to a ``spark.master``.

        Raises:
            ConfigurationError: If a name is none of Spark's, or a value is no single one.
            ModuleNotFoundError: If the library is missing.
        """
        for name, value in properties.items():
            if not str(name).startswith("spark."):
                raise ConfigurationError(
                    f"  {name}: properties of Spark begin with 'spark.', such as {_MASTER}"
                )
            if isinstance(value, Mapping | list):
                raise ConfigurationError(
                    f"  {name}: a single value is needed; write {name}.<name>: <value>"
                )
        if find_spec("pyspark") is None:
            # The catalog would say that a class is not found.
            raise ModuleNotFoundError("No module named 'pyspark'", name="pyspark")
        self._properties: dict[str, Any] = {
            str(name): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in properties.items()
            if value not in (None, "")
        }

    def start(self) -> Any:
        """Start the session, which ends with the process.

        Returns:
            A ``pyspark.sql.SparkSession``.

        Raises:
            StateError: If Java is missing, nothing answers in time, or no worker is free.
        """
        self._require_reachable()
        from pyspark.errors import PySparkException

        # Tables cross as Arrow tables, which have nothing to do with the version of pandas.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        # It repeats every error as one line of 20,000 characters.
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
        # Workers need the libraries of this project.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        try:
            session = self._connect() if _REMOTE in self._properties else self._start_driver()
        except PySparkException as error:
            raise StateError(f"Spark does not start: {_first_line(error)}") from error
        atexit.register(session.stop)
        return session

    def _require_reachable(self) -> None:
        if _REMOTE in self._properties:
            _require_answer(_REMOTE, self._properties[_REMOTE])
            return
        _require_java()
        if self._master.startswith("spark://"):
            _require_answer(_MASTER, self._master)

    @property
    def _master(self) -> str:
        return str(self._properties.get(_MASTER, "local[2]"))

    def _connect(self) -> Any:
        from pyspark.sql import SparkSession

        # A server has its own master, memory and packages; a client may say how to compute.
        own = {k: value for k, value in self._properties.items() if k.startswith("spark.sql.")}
        # Kedro's dataset looks for the session under this name.
        os.environ["SPARK_REMOTE"] = self._properties[_REMOTE]
        return SparkSession.builder.remote(self._properties[_REMOTE]).config(map=own).getOrCreate()

    def _start_driver(self) -> Any:
        from pyspark.sql import SparkSession

        properties, master = {**self._properties, _MASTER: self._master}, self._master
        if master.startswith("local"):
            # Nobody else has to reach the driver.
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        options = properties.get("spark.driver.extraJavaOptions", "")
        if "log4j2.configurationFile" not in options:
            quiet = f"{options} -Dlog4j2.configurationFile={_LOGGING.as_uri()}"
            properties["spark.driver.extraJavaOptions"] = quiet.strip()
        session = SparkSession.builder.config(map=properties).getOrCreate()
        if master.startswith("spark://") and not _is_true(
            properties.get("spark.dynamicAllocation.enabled")
        ):
            _require_executor(session, master)
        return session


_settings: SparkSettings | None = None
_session: Any = None


def configure(properties: Mapping[str, Any]) -> None:
    """Say how the session of this process is to be started, once it is needed.

    Args:
        properties: As :class:`SparkSettings` takes them.

    Raises:
        ConfigurationError: If a property cannot be meant.
        ModuleNotFoundError: If the library is missing.
    """
    global _settings
    _settings = SparkSettings(properties)


def get_session() -> Any:
    """Return the session of this process, and start it first where it is not there yet.

    Raises:
        StateError: If nothing was configured, or Spark does not start.
    """
    global _session
    if _session is None:
        if _settings is None:
            raise StateError("no spark.yml was read; add the environment: --env=...,spark")
        _session = _settings.start()
    return _session


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        place = f"under JAVA_HOME ({home})" if home else "on the PATH"
        raise StateError(f"Spark needs Java 17 or 21, and no java is {place}; install one")


def _require_answer(name: str, address: str) -> None:
    """Refuse addresses of which none answers, for which Spark itself would wait a minute."""
    hosts = re.findall(r"([\w.-]+|\[[\da-fA-F:]+\])(?::(\d+))?", address.partition("://")[2])
    reason: OSError | None = None
    for host, port in hosts:
        try:
            place = (host.strip("[]"), int(port or _CONNECT_PORT))
            with socket.create_connection(place, timeout=_SECONDS):
                return
        except OSError as error:
            reason = error
    raise StateError(
        f"{name}: no Spark answers at {address} ({reason}). Start one, or mend the address; "
        "python scripts/start_cluster.py starts one on this machine"
    )


def _require_executor(session: Any, master: str) -> None:
    """Refuse a cluster on which a run would wait for workers without end."""
    status = session.sparkContext._jsc.sc()
    end = time.monotonic() + _SECONDS_FOR_WORKERS
    # The driver is one of those that are listed.
    while status.getExecutorMemoryStatus().size() < 2:
        if time.monotonic() > end:
            session.stop()
            raise StateError(
                f"{_MASTER}: {master} has given this run no worker for {_SECONDS_FOR_WORKERS} "
                "seconds. Start some, or ask for less by spark.executor.memory and spark.cores.max"
            )
        time.sleep(0.2)


def _is_true(value: str | None) -> bool:
    return str(value).lower() == "true"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
