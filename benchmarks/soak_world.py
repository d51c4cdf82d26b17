"""A world of the soak: a project, its service, what it was told, and what strikes it."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from serving import free_port, wait_for
from serving_faults import Heard, client
from soak_faults import Fault
from soak_project import (
    NAME,
    PATIENCE_SECONDS,
    TARGET,
    Commands,
    Running,
    deliver,
    write_configuration,
)

OK = (0, 10, 20, 21, 22)
# A guess, until a command of the kind has been timed.
FIRST_SECONDS = 10.0
RECOVERY_SECONDS = 240.0
LOAD_PAUSE_SECONDS = 0.5


class ViolationError(Exception):
    """A promise was broken."""


@dataclass
class Tally:
    """What happened.

    Attributes:
        struck: Faults that struck, by place and kind.
        late: Faults that came after the end of what they were meant for.
        checks: Checks that held, by name.
    """

    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    late: int = 0
    checks: Counter[str] = field(default_factory=Counter)


class World:
    """One of the two projects.

    Attributes:
        data: Below it the project writes.
        accepted: Labels that were accepted, by row key.
        came_to_end: Whether the newest command did, and was not only found to have done its work.
        heard: What background load and requests were told.
        tally: What happened to it.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        table: pd.DataFrame,
        say: Callable[[str], None],
        seconds: dict[str, float],
        *,
        forked: bool,
    ) -> None:
        """Write the configuration; nothing runs yet.

        Args:
            folder: A folder that is not there yet.
            data: Where the project writes.
            table: All rows.
            say: Is told every event.
            seconds: How long actions last, as far as any world has found out.
            forked: How commands are started.
        """
        self.folder, self.data, self.table, self.say = folder, data, table, say
        self.conf = write_configuration(folder, data)
        self.commands = Commands(self.conf, folder / "command.log", forked=forked)
        self.accepted: dict[str, float] = {}
        self.came_to_end = True
        self.heard, self.tally = Heard(), Tally()
        self.service: Running | None = None
        self._serving = Commands(self.conf, folder / "service.log", forked=forked)
        self.after_fault: Callable[[], None] = lambda: None
        self._planned: list[Fault] = []
        self._active: Fault | None = None
        self._unnoticed = 0
        self._place = ""
        self._seconds = seconds
        self._over = threading.Event()
        self._load: threading.Thread | None = None

    # --- what is done -----------------------------------------------------------------------------

    def receive(self, table: pd.DataFrame) -> None:
        """Let the raw table arrive."""
        deliver(table, self.folder / "raw")

    def serve(self, load: list[dict[str, Any]]) -> None:
        """Start the service, and clients that ask without an end.

        Args:
            load: Rows that the clients ask for; none leaves them out.
        """
        self.port = free_port()
        self._start_service()
        if load:
            asking = client(self.port, load, self.heard, self._over, LOAD_PAUSE_SECONDS)
            self._load = threading.Thread(target=asyncio.run, args=(asking,), daemon=True)
            self._load.start()

    def _start_service(self) -> None:
        self.service = self._serving.start("serve", "--port", str(self.port))
        ready = f"http://127.0.0.1:{self.port}/ready"
        try:
            wait_for(ready, self.service, self._serving.log, PATIENCE_SECONDS)
        except SystemExit as error:
            raise ViolationError(str(error)) from error

    def command(
        self, *arguments: str, allowed: Collection[int] = OK, is_done: Callable[[], bool] = bool
    ) -> None:
        """Give a command until it has come to its end, through all that strikes it.

        Args:
            *arguments: The command.
            allowed: Exit codes that are no failure.
            is_done: Whether a command that was struck did its work nevertheless, where giving it
                again would do something else.
        """
        kind = self._place
        while self._planned:
            fault = self._planned.pop(0)
            self.came_to_end = self._struck(arguments, fault, kind, allowed)
            if self.came_to_end or is_done():
                break
        else:
            begun = time.monotonic()
            code = self.commands.start(*arguments).wait(PATIENCE_SECONDS)
            self._seconds[kind] = time.monotonic() - begun
            self._require_words(arguments, code, allowed)
            self.came_to_end = True
        self._planned.clear()

    def _struck(
        self, arguments: tuple[str, ...], fault: Fault, kind: str, allowed: Collection[int]
    ) -> bool:
        """Give a command that a fault strikes; return whether it did its work."""
        running = self.commands.start(*arguments)
        moment = fault.share * self._seconds.get(kind, FIRST_SECONDS)
        code = running.wait(moment)
        if code is not None:
            self.tally.late += 1
            self._require_words(arguments, code, allowed)
            return True
        self.say(f"    {fault.name} after {moment:.1f} s")
        fault.strike(self, running)
        code = running.wait(fault.seconds)
        self.heal(fault)
        code = running.wait(PATIENCE_SECONDS) if code is None else code
        self.tally.struck[kind, fault.name] += 1
        killed = code is not None and code < 0
        if not killed:
            self._require_words(arguments, code, (*allowed, 1))
        self.after_fault()
        return code in allowed

    def _require_words(
        self, arguments: tuple[str, ...], code: int | None, allowed: Collection[int]
    ) -> None:
        output = self.commands.output
        said = f"kedro {' '.join(arguments)}: exit code {code}\n{output[-3000:]}"
        if code not in allowed:
            raise ViolationError(said)
        if code == 1 and not re.search(r"^Error: ", output, re.MULTILINE):
            raise ViolationError(f"no words for what went wrong\n{said}")

    def ask(self, path: str, body: bytes, allowed: Collection[int], name: str = "") -> Any:
        """Send a request until it is answered, through all that strikes the service.

        Args:
            path: Where to.
            body: The body.
            allowed: Statuses that end it.
            name: Its X-Request-ID.

        Returns:
            The answer.
        """
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            self._strike_service()
            status, answer = self._send(path, body, name)
            self.heard.statuses[status] += 1
            active = self._active
            if status in allowed and answer.get("logged", True):
                # What is not noticed by the second request is not waited for.
                self._unnoticed += active is not None
                if active is not None and self._unnoticed > 1:
                    self.heal(active)
                return answer
            if status not in (0, 200, 503):
                raise ViolationError(f"{path} answers {status}: {answer}")
            if time.monotonic() > deadline:
                raise ViolationError(f"{path} did not recover: {status} {answer}")
            if status == 0 and active is None:
                raise ViolationError(f"{path}: the service is gone\n{self.service_output}")
            time.sleep(0.3)
            if active is not None:
                self.heal(active)

    def _send(self, path: str, body: bytes, name: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json", **({"X-Request-ID": name} if name else {})}
        try:
            connection.request("POST" if body else "GET", path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()

    # --- what strikes -----------------------------------------------------------------------------

    def expect(self, place: str, faults: list[Fault]) -> None:
        """Plan what strikes the next action.

        Args:
            place: Name of the action.
            faults: In their order.
        """
        self._place, self._planned = place, list(faults)

    def _strike_service(self) -> None:
        if self._active is not None or not self._planned:
            return
        fault = self._active = self._planned.pop(0)
        self._unnoticed = 0
        self.say(f"    {fault.name} under requests")
        # A moment later, so that it strikes the request that is under way.
        self._timer = threading.Timer(0.02 * fault.share, fault.strike, (self, None))
        self._timer.start()

    def heal(self, fault: Fault) -> None:
        """Take a fault back, and start a service that was killed."""
        if self._active is fault:
            self._timer.join()
        fault.heal(self)
        if self._active is fault:
            self.tally.struck[self._place, fault.name] += 1
            self._active = None
        if self.service is not None and self.service.poll() is not None:
            if "service" not in fault.name:
                raise ViolationError(f"the service ended by itself\n{self.service_output}")
            self._start_service()

    def settle(self) -> None:
        """Wait until the service is whole again and knows what the registry and the store know."""
        if self._active is not None:
            self.heal(self._active)
        if self.service is None:
            return
        deadline = time.monotonic() + RECOVERY_SECONDS
        why: Any = "it does not answer"
        while time.monotonic() < deadline:
            why = self._unsettled()
            if not why:
                return
            time.sleep(0.5)
        raise ViolationError(f"the service did not recover: {why}\n{self.service_output}")

    def _unsettled(self) -> str:
        status, ready = self._send("/ready", b"", "")
        if status != 200 or ready["warnings"]:
            return f"/ready {status} {ready}"
        status, model = self._send("/model", b"", "")
        wanted = self.champion()
        if status != 200 or model["model_version"] != wanted:
            return f"/model {status} {model.get('model_version')}, and champion is {wanted}"
        level = self.level(wanted)
        if level is not None and level != (model["level_factor"], model["level_shift"]):
            return f"/model has level {model['level_factor']}, and the store {level}"
        log = self._send("/health", b"", "")[1]["log"]
        if log["backlog_rows"] or not log["accepts"]:
            return f"/health {log}"
        return ""

    # --- what is there ----------------------------------------------------------------------------

    @property
    def service_output(self) -> str:
        """The end of what the service printed."""
        return self._serving.output[-3000:]

    @property
    def store(self) -> Path:
        """The database of the tables."""
        return self.data / "store" / "lifecycle.db"

    @property
    def registry(self) -> Path:
        """MLflow's database."""
        return self.data / NAME / "mlflow" / "mlflow.db"

    def table_of(self, name: str, columns: str = "*") -> pd.DataFrame:
        """Read a table of the store."""
        return read_sql(self.store, f"SELECT {columns} FROM {name}")

    def champion(self) -> str:
        """Version that has the alias; empty without one."""
        found = read_sql(self.registry, "SELECT version FROM registered_model_aliases")
        return "" if found.empty else str(found["version"].item())

    def is_registered(self, version: str) -> bool:
        """Whether the registry has a version."""
        found = read_sql(self.registry, "SELECT version FROM model_versions")
        return version in {str(each) for each in found["version"]}

    def level(self, version: str) -> tuple[float, float] | None:
        """Newest level of a version; None without one."""
        found = self.table_of("adjustments").query("model_version == @version")
        if found.empty:
            return None
        newest = found.sort_values("valid_from").iloc[-1]
        return float(newest["level_factor"]), float(newest["level_shift"])

    def end(self) -> None:
        """End load and service."""
        self._over.set()
        if self._load is not None:
            self._load.join(10)
        if self.service is not None:
            self.service.kill()


def copy_state(source: World, target: World) -> None:
    """Copy all that a world knows into one that knows nothing yet."""
    from regression_lifecycle.adapters.mlflow.relocation import move_artifacts

    shutil.copytree(source.data, target.data, dirs_exist_ok=True)
    move_artifacts(target.registry, source.data.as_uri(), target.data.as_uri())


def read_sql(path: Path, query: str) -> pd.DataFrame:
    """Read a SQLite database that others write to."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        return pd.read_sql_query(query, connection)


def raw_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Write rows as a request does."""
    return [
        {"at": at.isoformat(), "site": int(site), "temp": float(temp)}
        for at, site, temp in zip(rows["at"], rows["site"], rows["temp"], strict=True)
    ]


def labels(rows: pd.DataFrame, plus: float = 0.0) -> list[dict[str, Any]]:
    """Write labels as a request does."""
    return [
        {"at": at.isoformat(), "site": int(site), TARGET: round(float(value) + plus, 1)}
        for at, site, value in zip(rows["at"], rows["site"], rows[TARGET], strict=True)
    ]


def as_body(content: Any) -> bytes:
    """Write the body of a request."""
    return json.dumps(content).encode()
