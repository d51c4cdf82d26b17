"""Tables that outlive a run, in one SQL database: SQLite by default.

Every write is one transaction and goes by a unique key, so that a rerun changes nothing and a
crash leaves the old state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.core.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

LEDGER_KEY = "decision_id"
RECORDED_AT = "recorded_at"
LEDGER_TEXT_COLUMNS = (
    "problem",
    "kind",
    "decision",
    "reasons",
    "opponent",
    "candidate_fingerprint",
    "data_fingerprint",
    "candidate_version",
    "champion_version_before",
    "judged_from",
    "judged_until",
    "metrics",
    "checks",
    "run_id",
)


def connect(url: str) -> Engine:
    """Open a database; a SQLite file is created with its folder and set to WAL mode.

    Args:
        url: SQLAlchemy URL, for example ``sqlite:////home/me/project/data/lifecycle.db``.

    Returns:
        An engine.
    """
    from sqlalchemy import create_engine, event, make_url

    parsed = make_url(url)
    engine = create_engine(parsed)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:
            # Readers never wait for the writer, and a second writer waits instead of failing; it
            # has to wait for the change of mode too, hence the order.
            connection.execute("PRAGMA busy_timeout=30000")
            connection.execute("PRAGMA journal_mode=WAL")

    return engine


def append_decisions(url: str, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add decisions to a ledger; one that is there already stays as it was.

    Args:
        url: SQLAlchemy URL.
        table: Name of the ledger table; it is created if need be.
        rows: Decisions by column name, each with ``decision_id``.

    Returns:
        How many rows were new.

    Raises:
        ConfigurationError: If the database is neither SQLite nor PostgreSQL.
    """
    from sqlalchemy.schema import CreateTable

    new = list(rows)
    ledger = _ledger(table)
    # Nothing is asked first: between question and answer another process may write.
    keep_old = _insert(url)(ledger).on_conflict_do_nothing(index_elements=[LEDGER_KEY])
    engine = connect(url)
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with engine.begin() as connection:
            connection.execute(CreateTable(ledger, if_not_exists=True))
            return sum(
                connection.execute(keep_old.values({**row, RECORDED_AT: now})).rowcount
                for row in new
            )
    finally:
        engine.dispose()


def read_decisions(url: str, table: str) -> pd.DataFrame:
    """Read a ledger, the oldest decision first.

    Args:
        url: SQLAlchemy URL.
        table: Name of the ledger table.

    Returns:
        All decisions; an empty table with the same columns if there is no ledger yet.
    """
    from sqlalchemy import inspect, select

    ledger = _ledger(table)
    columns = [column.name for column in ledger.columns]
    nothing = pd.DataFrame({name: [] for name in columns})
    # Connecting would create the file, and who only looks should leave no trace.
    if not _is_there(url):
        return nothing
    engine = connect(url)
    try:
        if not inspect(engine).has_table(table):
            return nothing
        with engine.connect() as connection:
            order = select(ledger).order_by(ledger.c["position"])
            found = [dict(row) for row in connection.execute(order).mappings()]
        return pd.DataFrame(found, columns=columns)
    finally:
        engine.dispose()


def without_credentials(url: str) -> str:
    """Shorten a URL to what may stand in a log: no user, no password, no options.

    Args:
        url: SQLAlchemy URL.

    Returns:
        Driver, host, port and database.
    """
    from sqlalchemy import URL, make_url

    parsed = make_url(url)
    place = URL.create(
        parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database
    )
    return place.render_as_string()


def _is_there(url: str) -> bool:
    from sqlalchemy import make_url

    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


def _insert(url: str) -> Any:
    from sqlalchemy import make_url
    from sqlalchemy.dialects import postgresql, sqlite

    # Both can pass over a row that is there already; it is no part of standard SQL.
    inserts = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    kind = make_url(url).get_backend_name()
    if kind not in inserts:
        raise ConfigurationError(unknown_name("kind of database", kind, inserts))
    return inserts[kind]


def _ledger(name: str) -> Table:
    from sqlalchemy import Column, Integer, MetaData, String, Table, Text

    return Table(
        name,
        MetaData(),
        Column("position", Integer, primary_key=True, autoincrement=True),
        Column(LEDGER_KEY, String(64), unique=True, nullable=False),
        Column(RECORDED_AT, String(40), nullable=False),
        *(Column(column, Text) for column in LEDGER_TEXT_COLUMNS),
    )
