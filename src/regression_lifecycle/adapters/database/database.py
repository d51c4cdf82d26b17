"""What all tables of the store share: opening, one writer at a time, reading what is there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.database.schema import (
    begin_writing,
    check_version,
    has_tables,
)
from regression_lifecycle.core.data.tables import Between
from regression_lifecycle.core.errors import ConfigurationError, LifecycleError, unknown_name

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

RECORDED_AT = "recorded_at"


# SQLite takes 32,766 parameters in one statement, PostgreSQL 65,535.
_MOST_VALUES = 10_000
# Python's own objects take ten times the memory of the columns that become of them.
_ROWS_AT_ONCE = 50_000
_SQLITE_HEAD = b"SQLite format 3\0"
# SQLITE_CORRUPT and SQLITE_NOTADB.
_DAMAGE = (11, 26)
# Half a minute in all.
_PAUSES_SECONDS = (0.05,) * 600


def connect(url: str) -> Engine:
    """Open a database; a SQLite file is created with its folder and set to WAL mode.

    Args:
        url: SQLAlchemy URL, for example ``sqlite:////home/me/project/data/lifecycle.db``.

    Returns:
        An engine.

    Raises:
        LifecycleError: If the file is no SQLite database. What is damaged further inside is told
            by the statement that meets it.
    """
    from sqlite3 import DatabaseError

    from sqlalchemy import create_engine, event, make_url

    refuse_foreign_file(url)
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
            try:
                connection.execute("PRAGMA busy_timeout=30000")
                _to_wal(connection)
            except DatabaseError as error:
                _refuse_damage(parsed.database, error)
                raise

        @event.listens_for(engine, "handle_error")
        def _in_words(context: Any) -> None:
            _refuse_damage(parsed.database, context.original_exception)

    return engine


def refuse_foreign_file(url: str) -> None:
    """Refuse a SQLite URL whose file holds something else; one that is not there is no matter.

    Args:
        url: SQLAlchemy URL, or the address of a server.

    Raises:
        LifecycleError: Naming the file and the mend.
    """
    if not url.startswith("sqlite"):
        return
    from sqlite3 import DatabaseError
    from sqlite3 import connect as connect_file

    from sqlalchemy import make_url

    path = Path(make_url(url).database or "")
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(len(_SQLITE_HEAD))
    if head not in (b"", _SQLITE_HEAD):
        raise LifecycleError(_damaged(path, "it is no SQLite database"))
    try:
        # Reads the first pages; to look at all of them would take seconds.
        with closing(connect_file(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("select count(*) from sqlite_master").fetchone()
    except DatabaseError as error:
        _refuse_damage(path, error)


def _refuse_damage(path: str | Path | None, error: BaseException) -> None:
    """Raise in words what SQLite says of a file that it cannot read; else nothing."""
    # Extended codes carry the plain one in their lowest byte.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
        raise LifecycleError(_damaged(path, str(error))) from error


def _damaged(path: str | Path | None, why: str) -> str:
    return (
        f"{path} is damaged: {why}. Restore it from a backup; moved out of the way, an empty one "
        "takes its place, without what was recorded"
    )


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


def now(timespec: str = "seconds") -> str:
    """Return the present moment in UTC, as ISO text whose order is that of time."""
    return datetime.now(UTC).isoformat(timespec=timespec)


def check_url(url: str) -> None:
    """Refuse what is no URL of a database that the tables can be in.

    Args:
        url: What is configured as ``store``.

    Raises:
        ConfigurationError: Without repeating the URL, which may hold a password.
    """
    from sqlalchemy.exc import ArgumentError

    try:
        insert_for(url)
    except (ArgumentError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise ConfigurationError(f"  store (globals.yml): {error}") from None
        raise ConfigurationError(
            "  store (globals.yml): the URL of the database cannot be read; write for example "
            "'postgresql+psycopg://user:password@host:5432/database'"
        ) from None


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
    """Open one transaction on a database that has the tables.

    A database without tables is given them inside the same transaction. Writers take turns: the
    second one waits until the first is done.

    Args:
        url: SQLAlchemy URL.
        table: Name of the table that is written.

    Yields:
        A connection; what is written through it is kept only if the block ends without an error.

    Raises:
        ConfigurationError: If the tables of the database have another version.
    """
    engine = connect(url)
    try:
        with engine.connect() as connection:
            # Some drivers forget how many rows an INSERT touched once it is done.
            connection.execution_options(preserve_rowcount=True)
            begin_writing(connection, table)
            yield connection
            connection.commit()
    finally:
        engine.dispose()


def select_parts(
    url: str,
    table: Table,
    where: Mapping[str, Sequence[Any] | Between] | None = None,
    columns: Sequence[str] | None = None,
    *,
    newest_first_by: str = "",
    limit: int | None = None,
) -> Iterator[dict[str, list[Any]]]:
    """Read rows of a table, part by part. Nothing is created.

    Args:
        url: SQLAlchemy URL.
        table: The table.
        where: Allowed values by column; all columns must match.
        columns: Names of the columns to read; all if left out.
        newest_first_by: Column whose largest values come first.
        limit: Most rows to read.

    Yields:
        Values by column, the rows in no particular order unless one is asked for; none if there is
        no such table.

    Raises:
        ConfigurationError: If the tables of the database have another version.
    """
    from sqlalchemy import select

    names = list(table.c.keys() if columns is None else columns)
    query = select(*(table.c[name] for name in names)).limit(limit)
    if newest_first_by:
        query = query.order_by(table.c[newest_first_by].desc())
    with reading(url) as connection:
        if connection is None:
            return
        streaming = connection.execution_options(stream_results=True)
        for part in _in_parts(where or {}):
            found = streaming.execute(query.where(*conditions(table, part)))
            for rows in found.partitions(_ROWS_AT_ONCE):
                yield {name: [row[i] for row in rows] for i, name in enumerate(names)}


@contextmanager
def reading(url: str) -> Iterator[Connection | None]:
    """Open a database to look at it; nothing is created.

    Args:
        url: SQLAlchemy URL.

    Yields:
        A connection, or None if the database has no tables.

    Raises:
        ConfigurationError: If the tables of the database have another version.
    """
    # Connecting would create the file, and who only looks should leave no trace.
    if not _is_there(url):
        yield None
        return
    engine = connect(url)
    try:
        with engine.connect() as connection:
            yield connection if _has_tables(connection) else None
    finally:
        engine.dispose()


def is_set_up(url: str) -> bool:
    """Return whether a database has the tables; nothing is created.

    Args:
        url: SQLAlchemy URL.
    """
    with reading(url) as connection:
        return connection is not None


def table_state(
    url: str,
    table: Table,
    stamp: str,
    where: Mapping[str, Sequence[Any] | Between] | None = None,
) -> list[Any]:
    """Return what changes with every write to a table, as cheaply as it can be said.

    Args:
        url: SQLAlchemy URL.
        table: The table.
        stamp: Column that grows with every write.
        where: Which rows count, as :func:`select_parts` takes it.

    Returns:
        The number of rows and the largest stamp, None without a row.
    """
    from sqlalchemy import func, select

    query = select(func.count(), func.max(table.c[stamp])).select_from(table)
    with reading(url) as connection:
        if connection is None:
            return [0, None]
        return list(connection.execute(query.where(*conditions(table, where or {}))).one())


def newest_stamp(
    url: str, table: Table, stamp: str, where: Mapping[str, Sequence[Any] | Between]
) -> Any:
    """Return the largest stamp of some rows of a table; None without a row."""
    from sqlalchemy import func, select

    with reading(url) as connection:
        if connection is None:
            return None
        query = select(func.max(table.c[stamp])).where(*conditions(table, where))
        return connection.execute(query).scalar()


def conditions(table: Table, where: Mapping[str, Sequence[Any] | Between]) -> Iterator[Any]:
    """Write conditions on columns as SQL.

    Args:
        where: Allowed values by column.

    Yields:
        One condition per column or side of a range; all must hold.
    """
    for name, allowed in where.items():
        if not isinstance(allowed, Between):
            yield table.c[name].in_(allowed)
            continue
        if allowed.low is not None:
            yield table.c[name] >= allowed.low
        if allowed.high is not None:
            yield table.c[name] < allowed.high


def _in_parts(
    where: Mapping[str, Sequence[Any] | Between],
) -> Iterator[Mapping[str, Sequence[Any] | Between]]:
    """Cut the longest list of values into pieces that a statement can hold."""
    lists = {name: allowed for name, allowed in where.items() if not isinstance(allowed, Between)}
    longest = max(lists, key=lambda name: len(lists[name]), default="")
    if not longest or len(lists[longest]) <= _MOST_VALUES:
        yield where
        return
    values = lists[longest]
    for start in range(0, len(values), _MOST_VALUES):
        yield {**where, longest: values[start : start + _MOST_VALUES]}


def _has_tables(connection: Connection) -> bool:
    """Whether the tables are there, as cheaply as it can be said."""
    from sqlalchemy.exc import DBAPIError

    try:
        check_version(connection)
    except DBAPIError:
        connection.rollback()
        # Another process may have made the tables in between.
        return has_tables(connection)
    return True


def _is_there(url: str) -> bool:
    from sqlalchemy import make_url

    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()
