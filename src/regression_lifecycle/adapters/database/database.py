"""What all tables of the store share: opening, one writer at a time, reading what is there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.database.schema import (
    begin_up_to_date,
    has_version,
    is_up_to_date,
)
from regression_lifecycle.core.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

RECORDED_AT = "recorded_at"


# Half a minute in all.
_PAUSES_SECONDS = (0.05,) * 600


def connect(url: str) -> Engine:
    """Open a database; a SQLite file is created with its folder and set to WAL mode.

    Args:
        url: SQLAlchemy URL, for example ``sqlite:////home/me/project/data/lifecycle.db``.

    Returns:
        An engine.
    """
    from sqlalchemy import create_engine, event, make_url

    parsed = make_url(url)
    # Rows go to the driver as tuples.
    positional = "qmark" if parsed.get_backend_name() == "sqlite" else "format"
    engine = create_engine(parsed, paramstyle=positional)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:
            # Readers never wait for the writer, and a second writer waits instead of failing; it
            # has to wait for the change of mode too, hence the order.
            connection.execute("PRAGMA busy_timeout=30000")
            _to_wal(connection)

    return engine


def _to_wal(connection: Any) -> None:
    """Switch a database file to WAL mode, which it keeps.

    SQLite does not wait with the switch while another process uses a file that is still in the
    old mode, whatever the timeout says; so two first writers would not both succeed.
    """
    from sqlite3 import OperationalError

    for pause_seconds in (*_PAUSES_SECONDS, None):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:
            if pause_seconds is None or "locked" not in str(error):
                raise
            time.sleep(pause_seconds)


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


def now() -> str:
    """Say when a row is written.

    Returns:
        The moment in UTC, to the second, as ISO text.
    """
    return datetime.now(UTC).isoformat(timespec="seconds")


def insert_for(url: str) -> Any:
    """Choose the INSERT that knows what to do about a key that is there already.

    Args:
        url: SQLAlchemy URL.

    Returns:
        The function of the database's dialect.

    Raises:
        ConfigurationError: If the database is neither SQLite nor PostgreSQL, or PostgreSQL by
            another driver than psycopg 3.
    """
    from sqlalchemy import make_url
    from sqlalchemy.dialects import postgresql, sqlite

    # ON CONFLICT is no part of standard SQL; these two agree on it.
    inserts = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind not in inserts:
        raise ConfigurationError(unknown_name("kind of database", kind, inserts))
    # Of many rows in one call other drivers count the last one only.
    if kind == "postgresql" and parsed.drivername != "postgresql+psycopg":
        raise ConfigurationError(
            f"the URL of a PostgreSQL database begins with 'postgresql+psycopg://', "
            f"not with '{parsed.drivername}://'"
        )
    return inserts[kind]


@contextmanager
def writing(url: str, table: str) -> Iterator[Connection]:
    """Open one transaction on a database whose tables are those of this release.

    A database that is new or older is brought up to date inside the same transaction. Writers
    take turns: the second one waits until the first is done.

    Args:
        url: SQLAlchemy URL.
        table: Name of the table that is written.

    Yields:
        A connection; what is written through it is kept only if the block ends without an error.

    Raises:
        ConfigurationError: If a later release has written the database, or a table of an older
            one goes by another key.
    """
    engine = connect(url)
    try:
        with engine.connect() as connection:
            # Some drivers forget how many rows an INSERT touched once it is done.
            connection.execution_options(preserve_rowcount=True)
            begin_up_to_date(connection, table)
            yield connection
            connection.commit()
    finally:
        engine.dispose()


def select_columns(
    url: str, table: Table, where: Mapping[str, Sequence[Any]] | None = None
) -> dict[str, list[Any]]:
    """Read a table by those of its columns that are there. Nothing is created.

    Args:
        url: SQLAlchemy URL.
        table: The table as this release describes it.
        where: Allowed values by column; all columns must match.

    Returns:
        Values by column, the rows in no particular order; empty if there is no such table.

    Raises:
        ConfigurationError: If a later release has written the database.
    """
    from sqlalchemy import select

    # Connecting would create the file, and who only looks should leave no trace.
    if not _is_there(url):
        return {}
    engine = connect(url)
    try:
        with engine.connect() as connection:
            present = _present(connection, table)
            columns = [column for column in table.columns if column.name in present]
            # An older table: no row of it has a value in the others.
            if not columns or not present.issuperset(where or {}):
                return {}
            query = select(*columns)
            for name, values in (where or {}).items():
                query = query.where(table.c[name].in_(values))
            rows = connection.execute(query).all()
        return {column.name: [row[i] for row in rows] for i, column in enumerate(columns)}
    finally:
        engine.dispose()


def _present(connection: Connection, table: Table) -> set[str]:
    """Columns of a table that is there, as cheaply as it can be said."""
    from sqlalchemy import inspect
    from sqlalchemy.exc import DBAPIError

    try:
        current = is_up_to_date(connection)
    except DBAPIError:
        connection.rollback()
        # Another process may have made the tables in between.
        current = has_version(connection) and is_up_to_date(connection)
    if current:
        return set(table.columns.keys())
    inspector = inspect(connection)
    if not inspector.has_table(table.name):
        return set()
    return {column["name"] for column in inspector.get_columns(table.name)}


def _is_there(url: str) -> bool:
    from sqlalchemy import make_url

    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()
