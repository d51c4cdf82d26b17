"""Versions of the store's tables: a database of any earlier release becomes one of this release."""

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
from regression_lifecycle.core.data.tables import (
    DRIFT_HISTORY,
    LABELS,
    PREDICTIONS,
    SERVICE_PREDICTIONS,
    WINDOW_HISTORY,
)
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.datasets.database_table import TABLES

LABEL = pd.DataFrame({"problem": ["tiny"], "row_key": ["a"], "target": [1.0]})
WORDS = {
    "sqlite": {"moment": "DATETIME", "number": "DOUBLE", "counter": "INTEGER", "yes": "1"},
    "postgresql": {
        "moment": "TIMESTAMP WITHOUT TIME ZONE",
        "number": "DOUBLE PRECISION",
        "counter": "SERIAL",
        "yes": "TRUE",
    },
}


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


@pytest.fixture
def old_url(url: str) -> str:
    """A database that was made before versions existed."""
    make_old_tables(url)
    return url


def make_old_tables(url: str) -> None:
    script = Path(__file__).with_name("store_before_versions.sql").read_text()
    script = script[script.index("CREATE") :]
    with opened(url) as connection:
        for statement in script.format(**WORDS[connection.dialect.name]).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def tables(url: str) -> set[str]:
    with opened(url) as connection:
        return set(inspect(connection).get_table_names())


def columns(url: str, table: str) -> set[str]:
    with opened(url) as connection:
        return {column["name"] for column in inspect(connection).get_columns(table)}


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
    wanted = [*map(history._sql_table, TABLES.values()), ledger._sql_table()]
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


@pytest.mark.parametrize("state", ["new", "old"])
def test_the_migrations_make_the_tables_that_the_code_describes(url: str, state: str) -> None:
    if state == "old":
        make_old_tables(url)

    upsert_rows(url, LABELS, LABEL)

    with opened(url) as connection:
        assert found(connection) == described(connection)
        indexes = inspect(connection).get_indexes("service_predictions")
        assert ["problem", "row_key"] in [index["column_names"] for index in indexes]


def test_the_version_that_the_code_knows_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", schema._MIGRATIONS)
    scripts = ScriptDirectory.from_config(config)

    names = [script.revision for script in scripts.walk_revisions()]

    assert scripts.get_heads() == [schema.SCHEMA_VERSION]
    # Which release is newer is told by the text alone.
    assert names == sorted(names, reverse=True)


def test_rows_of_a_database_without_a_version_are_read_as_they_are(old_url: str) -> None:
    before = tables(old_url)

    assert list(read_rows(old_url, WINDOW_HISTORY)["rmse"]) == [4.25]
    assert list(read_decisions(old_url)["decision_id"]) == ["id-1"]
    assert read_rows(old_url, LABELS).empty

    assert tables(old_url) == before


def test_rows_of_a_database_without_a_version_are_found_again(old_url: str) -> None:
    before = {
        table.name: read_rows(old_url, table)
        for table in (WINDOW_HISTORY, DRIFT_HISTORY, PREDICTIONS)
    }

    assert upsert_rows(old_url, LABELS, LABEL) == 1

    for name, rows in before.items():
        assert len(rows) == 1
        pd.testing.assert_frame_equal(read_rows(old_url, TABLES[name]), rows)
        # Equal rows are told to be equal, so a rerun changes nothing.
        assert upsert_rows(old_url, TABLES[name], rows) == 0
    assert before["window_history"]["start"][0] == pd.Timestamp("2021-02-22")
    assert list(before["drift_history"]["drifted"]) == [True]
    assert append_decisions(old_url, [{"decision_id": "id-1"}, {"decision_id": "id-2"}]) == 1
    decisions = read_decisions(old_url)
    assert list(decisions["decision_id"]) == ["id-1", "id-2"]
    assert list(decisions["reasons"].fillna("")) == ["better; and said so", ""]


def test_a_table_that_lacks_columns_gets_them(old_url: str) -> None:
    with opened(old_url) as connection:
        for column in ("alarms", "n"):
            connection.exec_driver_sql(f"ALTER TABLE window_history DROP COLUMN {column}")
    as_it_is = read_rows(old_url, WINDOW_HISTORY)
    assert list(as_it_is["rmse"]) == [4.25]
    assert as_it_is[["alarms", "n"]].isna().all(axis=None)
    assert as_it_is["n"].dtype == "Int64"
    assert read_rows(old_url, WINDOW_HISTORY, {"n": 168}).empty

    assert upsert_rows(old_url, WINDOW_HISTORY, as_it_is.assign(n=168)) == 1

    assert list(read_rows(old_url, WINDOW_HISTORY, {"n": 168})["rmse"]) == [4.25]


def test_a_table_with_another_key_is_refused_and_left_alone(old_url: str) -> None:
    with opened(old_url) as connection:
        connection.exec_driver_sql("DROP TABLE predictions")
        connection.exec_driver_sql("CREATE TABLE predictions (row_key TEXT PRIMARY KEY)")
    before = tables(old_url)

    with pytest.raises(
        ConfigurationError,
        match="'predictions' goes by the key row_key, and this release needs problem, row_key, mo",
    ):
        upsert_rows(old_url, LABELS, LABEL)

    assert tables(old_url) == before
    assert columns(old_url, "predictions") == {"row_key"}


def test_a_database_of_a_later_release_is_neither_read_nor_written(url: str) -> None:
    upsert_rows(url, LABELS, LABEL)
    with opened(url) as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    told = rf"are of version 9999, and this release knows them up to {schema.SCHEMA_VERSION}; use"

    with pytest.raises(ConfigurationError, match=told):
        upsert_rows(url, LABELS, LABEL.assign(target=2.0))
    with pytest.raises(ConfigurationError, match=told):
        append_decisions(url, [{"decision_id": "a"}])
    with pytest.raises(ConfigurationError, match=told):
        read_rows(url, LABELS)
    with pytest.raises(ConfigurationError, match=told):
        read_decisions(url)

    with opened(url) as connection:
        assert connection.exec_driver_sql("SELECT target FROM labels").scalars().all() == [1]
        assert connection.exec_driver_sql("SELECT count(*) FROM ledger").scalar() == 0


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


def test_a_migration_that_fails_leaves_the_old_state(
    old_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(old_url)

    def fail(*_: Any) -> None:
        raise RuntimeError("no space left")

    with monkeypatch.context() as patch:
        # The last step of the newest migration.
        patch.setattr(alembic.op, "create_index", fail)
        with pytest.raises(RuntimeError, match="no space left"):
            upsert_rows(old_url, LABELS, LABEL)

    assert tables(old_url) == before
    assert upsert_rows(old_url, LABELS, LABEL) == 1


def _killed_at_its_last_step(url: str, rows: pd.DataFrame) -> None:
    alembic.op.create_index = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    upsert_rows(url, SERVICE_PREDICTIONS, rows)


def test_a_migration_that_is_killed_leaves_the_old_state(old_url: str) -> None:
    before = tables(old_url)
    rows = SERVICE_PREDICTIONS.frame([{"problem": "tiny", "request_id": "a", "row_number": 0}])
    process = multiprocessing.get_context("fork").Process(
        target=_killed_at_its_last_step, args=(old_url, rows)
    )
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    assert tables(old_url) == before
    assert list(read_rows(old_url, WINDOW_HISTORY)["rmse"]) == [4.25]
    # Nothing of the dead one is in the way of the next.
    assert upsert_rows(old_url, SERVICE_PREDICTIONS, rows) == 1


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


@pytest.mark.parametrize("state", ["new", "old"])
def test_two_processes_that_migrate_at_once_both_succeed(url: str, state: str) -> None:
    if state == "old":
        make_old_tables(url)
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
    assert read_decisions(url)["decision_id"].tail(1).tolist() == ["new"]


def test_tables_that_are_made_while_one_looks_are_read(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, answers = schema.is_up_to_date, []

    def a_moment_too_early(connection: Connection) -> bool:
        if answers:
            return ask(connection)
        answers.append(False)
        # What the database says as long as there is no version.
        with pytest.raises((OperationalError, ProgrammingError)):
            connection.exec_driver_sql("SELECT 1 FROM there_is_no_such_table")
        raise OperationalError("no such table", None, Exception())

    upsert_rows(url, LABELS, LABEL)
    monkeypatch.setattr(database, "is_up_to_date", a_moment_too_early)

    assert read_rows(url, LABELS)["row_key"].tolist() == ["a"]
