"""Versions of the store's tables: made with the first write, refused if they are others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic
import pandas as pd
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from regression_lifecycle.adapters.database import (
    append_decisions,
    connect,
    database,
    history,
    ledger,
    read_decisions,
    read_rows,
    schema,
    upsert_rows,
)
from regression_lifecycle.core.data.tables import LABELS, SERVICE_PREDICTIONS, STORED_TABLES
from regression_lifecycle.core.errors import ConfigurationError, LifecycleError

LABEL = pd.DataFrame({"problem": ["tiny"], "row_key": ["a"], "target": [1.0]})


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    engine = connect(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


def tables(url: str) -> set[str]:
    with opened(url) as connection:
        return set(inspect(connection).get_table_names())


def found(connection: Connection) -> dict[str, Any]:
    """What a database has: per table its columns, what must not be missing, its keys."""
    inspector, dialect = inspect(connection), connection.dialect
    return {
        name: (
            {
                column["name"]: (column["type"].compile(dialect=dialect), column["nullable"])
                for column in inspector.get_columns(name)
            },
            inspector.get_pk_constraint(name)["constrained_columns"],
            [unique["column_names"] for unique in inspector.get_unique_constraints(name)],
        )
        for name in inspector.get_table_names()
        if name != schema.VERSION_TABLE
    }


def described(connection: Connection) -> dict[str, Any]:
    """The same as the code describes it."""
    dialect = connection.dialect
    wanted = [*map(history.sql_table, STORED_TABLES.values()), ledger._sql_table()]
    return {
        table.name: (
            {
                column.name: (column.type.compile(dialect=dialect), column.nullable)
                for column in table.columns
            },
            [column.name for column in table.primary_key],
            [[column.name] for column in table.columns if column.unique],
        )
        for table in wanted
    }


def test_the_migrations_make_the_tables_that_the_code_describes(url: str) -> None:
    upsert_rows(url, LABELS, LABEL)

    with opened(url) as connection:
        assert found(connection) == described(connection)
        indexes = {
            name: [index["column_names"] for index in inspect(connection).get_indexes(name)]
            for name in ("predictions", "service_predictions")
        }
    assert ["problem", "window"] in indexes["predictions"]
    assert ["problem", "row_key"] in indexes["service_predictions"]


def test_the_version_that_the_code_knows_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", schema._MIGRATIONS)

    assert ScriptDirectory.from_config(config).get_heads() == [schema.SCHEMA_VERSION]


@pytest.mark.parametrize("version", ["0002", "9999", None])
def test_tables_of_another_version_or_of_none_are_neither_read_nor_written(
    url: str, version: str | None
) -> None:
    upsert_rows(url, LABELS, LABEL)
    with opened(url) as connection:
        statement = f"UPDATE {schema.VERSION_TABLE} SET version_num = '{version}'"
        if version is None:
            statement = f"DROP TABLE {schema.VERSION_TABLE}"
        connection.exec_driver_sql(statement)
    before = tables(url)
    told = rf"have {f'version {version}' if version else 'no version'}, .*point 'store' or 'work"

    with pytest.raises(ConfigurationError, match=told):
        upsert_rows(url, LABELS, LABEL.assign(target=2.0))
    with pytest.raises(ConfigurationError, match=told):
        append_decisions(url, [{"decision_id": "a"}])
    with pytest.raises(ConfigurationError, match=told):
        read_rows(url, LABELS)
    with pytest.raises(ConfigurationError, match=told):
        read_decisions(url)

    assert tables(url) == before
    with opened(url) as connection:
        assert connection.exec_driver_sql("SELECT target FROM labels").scalars().all() == [1]
        assert connection.exec_driver_sql("SELECT count(*) FROM ledger").scalar() == 0


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lifecycle.db"
    path.write_text("no database at all")
    url = f"sqlite:///{path.as_posix()}"

    for access in (lambda: read_decisions(url), lambda: upsert_rows(url, LABELS, LABEL)):
        with pytest.raises(LifecycleError, match=r"lifecycle\.db is damaged"):
            access()
    assert path.read_text() == "no database at all"


@pytest.mark.parametrize("kept", [100, 1.5, 4.5], ids=["the head", "half a page", "some pages"])
def test_a_database_that_is_damaged_behind_its_head_is_named(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "lifecycle.db"
    url = f"sqlite:///{path.as_posix()}"
    upsert_rows(url, LABELS, LABEL)
    with opened(url) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    whole = path.read_bytes()
    good = int(kept * 4096) if kept < 100 else 100
    path.write_bytes(whole[:good] + bytes([165]) * (len(whole) - good))

    for access in (lambda: read_rows(url, LABELS), lambda: upsert_rows(url, LABELS, LABEL)):
        with pytest.raises(LifecycleError, match=r"lifecycle\.db is damaged"):
            access()


def test_a_database_that_is_up_to_date_is_asked_its_version_once(url: str) -> None:
    upsert_rows(url, LABELS, LABEL)
    told: list[str] = []

    def listen(*given: Any) -> None:
        told.append(given[2].split()[0] + (" version" if "version_num" in given[2] else ""))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        upsert_rows(url, LABELS, LABEL)
        written, told[:] = list(told), []
        read_rows(url, LABELS)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)

    turn = "BEGIN" if url.startswith("sqlite") else "SELECT"
    assert written == [turn, "SELECT version", "INSERT"]
    assert told == ["SELECT version", "SELECT"]


def test_a_database_that_is_up_to_date_does_not_need_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'store.db').as_posix()}"
    upsert_rows(url, LABELS, LABEL)
    code = (
        "import sys; sys.modules['alembic'] = None\n"
        "from regression_lifecycle.adapters.database import append_decisions, read_decisions\n"
        f"append_decisions({url!r}, [{{'decision_id': 'a'}}])\n"
        f"print(len(read_decisions({url!r})))"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "1"


def test_a_migration_that_fails_leaves_no_table(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no space left")

    with monkeypatch.context() as patch:
        # The last step of the newest migration.
        patch.setattr(alembic.op, "create_index", fail)
        with pytest.raises(RuntimeError, match="no space left"):
            upsert_rows(url, LABELS, LABEL)

    assert tables(url) == set()
    assert upsert_rows(url, LABELS, LABEL) == 1


def _killed_at_its_last_step(url: str, rows: pd.DataFrame) -> None:
    alembic.op.create_index = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    upsert_rows(url, SERVICE_PREDICTIONS, rows)


def test_a_migration_that_is_killed_leaves_no_table(url: str) -> None:
    rows = SERVICE_PREDICTIONS.frame([{"problem": "tiny", "request_id": "a", "row_number": 0}])
    process = multiprocessing.get_context("fork").Process(
        target=_killed_at_its_last_step, args=(url, rows)
    )
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    assert tables(url) == set()
    # Nothing of the dead one is in the way of the next.
    assert upsert_rows(url, SERVICE_PREDICTIONS, rows) == 1


def _migrate(url: str, writer: int, barrier: Any, counts: Any) -> None:
    try:
        barrier.wait(60)
        counts.put(
            upsert_rows(url, LABELS, LABEL)
            if writer
            else append_decisions(url, [{"decision_id": "new"}])
        )
    except Exception as error:
        counts.put(repr(error))


def test_two_processes_that_make_the_tables_at_once_both_succeed(url: str) -> None:
    context = multiprocessing.get_context("fork")
    barrier, counts = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_migrate, args=(url, writer, barrier, counts)) for writer in range(2)
    ]
    for process in processes:
        process.start()
    results = [counts.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)

    assert results == [1, 1]
    assert len(read_rows(url, LABELS)) == 1
    assert read_decisions(url)["decision_id"].tolist() == ["new"]


def test_tables_that_are_made_while_one_looks_are_read(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = schema.check_version, []

    def a_moment_too_early(connection: Connection) -> None:
        if asked:
            ask(connection)
            return
        asked.append(True)
        # What the database says as long as there is no version.
        with pytest.raises((OperationalError, ProgrammingError)):
            connection.exec_driver_sql("SELECT 1 FROM there_is_no_such_table")
        raise OperationalError("no such table", None, Exception())

    upsert_rows(url, LABELS, LABEL)
    monkeypatch.setattr(database, "check_version", a_moment_too_early)

    assert read_rows(url, LABELS)["row_key"].tolist() == ["a"]
