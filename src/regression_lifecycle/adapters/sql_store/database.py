"""What all tables of the store share: opening, one writer at a time, columns that came later."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name

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
    engine = create_engine(parsed)
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
        ConfigurationError: If the database is neither SQLite nor PostgreSQL.
    """
    from sqlalchemy import make_url
    from sqlalchemy.dialects import postgresql, sqlite

    # ON CONFLICT is no part of standard SQL; these two agree on it.
    inserts = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    kind = make_url(url).get_backend_name()
    if kind not in inserts:
        raise ConfigurationError(unknown_name("kind of database", kind, inserts))
    return inserts[kind]


@contextmanager
def writing(url: str, table: Table) -> Iterator[Connection]:
    """Open one transaction on a table that is there, with all its columns.

    The table is created, or given the columns that an older release did not have, inside the same
    transaction. Writers take turns: the second one waits until the first is done.

    Args:
        url: SQLAlchemy URL.
        table: The table as this release describes it.

    Yields:
        A connection; what is written through it is kept only if the block ends without an error.

    Raises:
        ConfigurationError: If a table of this name goes by another key.
    """
    from sqlalchemy.schema import CreateTable

    engine = connect(url)
    try:
        with engine.begin() as connection:
            # Some drivers forget how many rows an INSERT touched once it is done.
            connection.execution_options(preserve_rowcount=True)
            _take_turn(connection, table)
            connection.execute(CreateTable(table, if_not_exists=True))
            _add_missing_columns(connection, table)
            yield connection
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
    """
    from sqlalchemy import inspect, select

    # Connecting would create the file, and who only looks should leave no trace.
    if not _is_there(url):
        return {}
    engine = connect(url)
    try:
        with engine.connect() as connection:
            inspector = inspect(connection)
            if not inspector.has_table(table.name):
                return {}
            present = {column["name"] for column in inspector.get_columns(table.name)}
            columns = [column for column in table.columns if column.name in present]
            query = select(*columns)
            for name, values in (where or {}).items():
                if name not in present:  # an older table: no row of it has a value here
                    return {}
                query = query.where(table.c[name].in_(values))
            rows = connection.execute(query).all()
        return {column.name: [row[i] for row in rows] for i, column in enumerate(columns)}
    finally:
        engine.dispose()


def _is_there(url: str) -> bool:
    from sqlalchemy import make_url

    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


def _take_turn(connection: Connection, table: Table) -> None:
    from sqlalchemy import func, select

    if connection.dialect.name == "sqlite":
        # Without it the driver begins at the first INSERT only, and what comes before, such as a
        # new column, would be kept whatever happens afterwards.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # CREATE TABLE IF NOT EXISTS is no protection against a second process that does the same,
        # and two that update the same rows in another order would block each other.
        connection.execute(select(func.pg_advisory_xact_lock(crc32(table.name.encode()))))


def _add_missing_columns(connection: Connection, table: Table) -> None:
    from sqlalchemy import inspect
    from sqlalchemy.schema import CreateColumn

    inspector = inspect(connection)
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    expected = [column.name for column in table.primary_key]
    if set(key) != set(expected):
        raise ConfigurationError(
            f"table '{table.name}' goes by the key {bounded_list(key)}, and this release needs "
            f"{bounded_list(expected)}; rename the old table, and a new one is made"
        )
    present = {column["name"] for column in inspector.get_columns(table.name)}
    dialect = connection.dialect
    for column in table.columns:
        if column.name not in present:
            name = dialect.identifier_preparer.format_table(table)
            definition = CreateColumn(column).compile(dialect=dialect)
            connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {definition}")
