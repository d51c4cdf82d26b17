"""What must hold in a world of the soak: after each fault, after each action, and at the end."""

from __future__ import annotations

import copy
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd

from serving_faults import compare
from soak_project import NAME, PARAMETERS
from soak_world import ViolationError, World, read_sql

# Of a table of the store what differs between two runs of the same work: clocks, runs of MLflow,
# and a hash of both.
_CLOCKS = ("recorded_at", "served_at", "run_id", "fingerprint", "page_fingerprint", "exit_code")
# What the clients ask has random names, and as much of it as there is time.
OWN_REQUESTS = "week"
_STAGED = re.compile(r"^\.\d+\.|\.tmp$|\.rescued$|\.holder\.\d+$|^arriving$")
_DRAIN_SECONDS = 60
_MOVES = "SELECT * FROM ledger WHERE decision IN ('promote', 'approved', 'rollback') ORDER BY rowid"


def check_after_fault(world: World) -> None:
    """Check what holds even before the next command: old or new, and nothing in between.

    Raises:
        ViolationError: If it does not.
    """
    _require(world, "databases are whole", _damage(world))
    _require(world, "files are whole", list(_half_files(world.data)))
    moves = newest_moves(world)
    champion = world.champion() if world.registry.exists() else ""
    allowed = set(moves[-1:] and [moves[-1][0], moves[-1][1]]) or {""}
    wrong = (
        [] if champion in allowed else [f"champion is '{champion}', the ledger says {moves[-1:]}"]
    )
    _require(world, "champion is the old or the new one", wrong)


def check_after_action(world: World, *, is_command: bool) -> None:
    """Check everything that holds once an action has come to its end.

    Raises:
        ViolationError: If it does not.
    """
    check_after_fault(world)
    _require(world, "tables agree (kedro check)", _contradictions(world))
    _require(world, "labels are stored once, with the last value", list(_wrong_labels(world)))
    _require(world, "no key is there twice", list(_repeated_keys(world)))
    if not (is_command and world.came_to_end):
        return
    left = [str(path) for path in world.data.rglob("*") if _STAGED.search(path.name)]
    _require(world, "no temporary file is left", left)
    running = read_sql(world.registry, "SELECT run_uuid, name FROM runs WHERE status = 'RUNNING'")
    _require(world, "no run of MLflow is left running", running.astype(str).values.tolist())


def check_log(world: World) -> None:
    """Check that everything that was acknowledged as logged is in the store, once.

    Raises:
        ViolationError: If it does not.
    """
    heard = copy.copy(world.heard)
    heard.logged = dict(world.heard.logged)
    deadline = time.monotonic() + _DRAIN_SECONDS
    while True:
        _, lost, twice, versions = compare(f"sqlite:///{world.store.as_posix()}", heard)
        if not lost or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    wrong = [f"{lost} lost, {twice} twice or never asked"] if lost or twice else []
    _require(world, "acknowledged predictions are stored once", wrong)
    mixed = [] if versions else ["a request was answered by two versions"]
    _require(world, "a request has one version", mixed)
    failed = {status: n for status, n in heard.statuses.items() if status >= 500 and status != 503}
    _require(world, "the service answers no 5xx but 503", [str(failed)] if failed else [])


def differences(disturbed: World, calm: World) -> list[str]:
    """Compare everything that two worlds know.

    Returns:
        One sentence per table that differs.
    """
    found = []
    one, other = tables_of(disturbed), tables_of(calm)
    for name in sorted(one.keys() | other.keys()):
        try:
            pd.testing.assert_frame_equal(one[name], other[name], check_exact=True)
        except (AssertionError, KeyError) as error:
            marked = [one.get(name), other.get(name)]
            rows = pd.concat(marked, keys=["disturbed", "calm"], names=["world"]).reset_index(0)
            rows = rows.drop_duplicates([n for n in rows if n != "world"], keep=False)
            found.append(f"{name}: {error}\n{rows.head(12).to_json(orient='records', indent=1)}")
    return found


def tables_of(world: World) -> dict[str, pd.DataFrame]:
    """Read what two worlds that did the same must have in common.

    Returns:
        The tables of the store without clocks and names of runs, versions and aliases.
    """
    names = read_sql(world.store, "SELECT name FROM sqlite_master WHERE type = 'table'")["name"]
    found = {}
    for name in names:
        own = f" WHERE request_id LIKE '{OWN_REQUESTS}%'" if name == "service_predictions" else ""
        table = world.table_of(name + own)
        columns = [column for column in table if column not in _CLOCKS]
        found[name] = table[columns].sort_values(columns, ignore_index=True)
    for name in ("model_versions", "registered_model_aliases"):
        found[name] = read_sql(world.registry, f"SELECT name, version FROM {name} ORDER BY version")
    return found


def newest_moves(world: World) -> list[tuple[str, str, str]]:
    """Return what the ledger says of champions, the oldest first.

    Returns:
        The version that came, the one that went, and how.
    """
    if not world.store.exists() or "ledger" not in set(
        read_sql(world.store, "SELECT name FROM sqlite_master")["name"]
    ):
        return []
    moves = read_sql(world.store, _MOVES).fillna("")
    return list(
        zip(
            moves["candidate_version"],
            moves["champion_version_before"],
            moves["decision"],
            strict=True,
        )
    )


def waiting_version(world: World) -> str:
    """Return the version that waits for approval; empty if none does."""
    from regression_lifecycle.core.decisions import waiting

    found = waiting.waiting_version(world.table_of("ledger").convert_dtypes(), NAME)
    return "" if found is None else found.version


def _require(world: World, check: str, wrong: list) -> None:  # type: ignore[type-arg]
    if wrong:
        raise ViolationError(f"{check}: no\n" + "\n".join(str(each) for each in wrong[:20]))
    world.tally.checks[check] += 1


def _damage(world: World) -> list[str]:
    spool = world.data / NAME / "07_model_output" / "spool.db"
    found = []
    for path in filter(Path.exists, (world.store, world.registry, spool)):
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            answer = connection.execute("PRAGMA quick_check").fetchone()[0]
            if answer != "ok":
                found.append(f"{path}: {answer}")
    return found


def _half_files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if _STAGED.search(path.name) or not path.is_file() or "mlflow" in path.parts:
            continue
        content = path.read_bytes()
        whole = True
        if path.suffix == ".json":
            try:
                json.loads(content)
            except ValueError:
                whole = False
        elif path.suffix == ".parquet":
            whole = content[-4:] == b"PAR1"
        elif path.suffix == ".html":
            whole = content.rstrip().endswith(b"</html>")
        if not whole:
            yield f"{path} is half written"


def _contradictions(world: World) -> list[str]:
    from regression_lifecycle.core.data.problem import Problem
    from regression_lifecycle.runtime.store_check import find_contradictions

    problem = Problem.model_validate({"name": NAME, **PARAMETERS["problem"]})
    store = f"sqlite:///{world.store}"
    return find_contradictions(store, problem, world.champion(), world.is_registered)


def _wrong_labels(world: World) -> Iterator[str]:
    stored = dict(world.table_of("labels", "row_key, target").itertuples(index=False))
    for key in sorted(world.accepted.keys() | stored.keys()):
        if stored.get(key) != world.accepted.get(key):
            yield f"{key}: stored {stored.get(key)}, accepted {world.accepted.get(key)}"


def _repeated_keys(world: World) -> Iterator[str]:
    from regression_lifecycle.core.data.tables import STORED_TABLES

    for name, table in STORED_TABLES.items():
        rows = world.table_of(name, ", ".join(f'"{column}"' for column in table.key))
        if rows.duplicated().any():
            yield f"{name}: {rows[rows.duplicated()].head().to_dict('records')}"
