"""Which version the tables of a database are of, and the way to the newest one."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from zlib import crc32

from regression_lifecycle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Revision of the newest file in migrations/versions; as text it comes after those before it.
# Written here too, because asking Alembic takes longer than most writes.
SCHEMA_VERSION = "0002"
VERSION_TABLE = "lifecycle_schema"

_MIGRATIONS = "regression_lifecycle.adapters.database:migrations"
# While it works, Alembic keeps the database in variables of its modules.
_alembic = Lock()


def take_turn(connection: Connection, name: str) -> None:
    """Wait until no other writer holds this turn; it ends with the transaction.

    Args:
        connection: A connection whose transaction has done nothing yet, or a PostgreSQL one.
        name: What is taken in turns. SQLite has one turn for the whole database.
    """
    from sqlalchemy import func, select

    if connection.dialect.name == "sqlite":
        # Without it the driver begins at the first INSERT only, and what comes before, such as a
        # new column, would be kept whatever happens afterwards.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # CREATE TABLE IF NOT EXISTS is no protection against a second process that does the same,
        # and two that update the same rows in another order would block each other.
        connection.execute(select(func.pg_advisory_xact_lock(crc32(name.encode()))))


def begin_up_to_date(connection: Connection, name: str) -> None:
    """Take a turn at writing, in a database with the tables of this release.

    A database that is new or older is brought up to date in the transaction that is open, so that
    what goes wrong in it takes the new tables back too.

    Args:
        connection: A connection that has done nothing yet.
        name: What is taken in turns, see ``take_turn``.

    Raises:
        ConfigurationError: If a later release has written the database, or a table without a
            version goes by another key.
    """
    from sqlalchemy.exc import DBAPIError

    take_turn(connection, name)
    try:
        if is_up_to_date(connection):
            return
    except DBAPIError:
        # Most likely there is no version yet; PostgreSQL ends a transaction with its first error.
        connection.rollback()
        take_turn(connection, name)
    if connection.dialect.name != "sqlite":
        # So far each table had a turn of its own.
        take_turn(connection, VERSION_TABLE)
    if not (has_version(connection) and is_up_to_date(connection)):
        _upgrade(connection)


def has_version(connection: Connection) -> bool:
    """Tell whether a database knows its version.

    Args:
        connection: An open connection.

    Returns:
        False for a database that is new or older than versions.
    """
    from sqlalchemy import inspect

    return inspect(connection).has_table(VERSION_TABLE)


def is_up_to_date(connection: Connection) -> bool:
    """Tell whether the tables are those of this release, by one SELECT.

    Args:
        connection: An open connection.

    Returns:
        False if they are older.

    Raises:
        ConfigurationError: If a later release has written the database.
        DBAPIError: If the database has no version, among other things.
    """
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - no outside text in it
    versions = connection.exec_driver_sql(query).scalars().all()
    newest = max(versions, default="")
    if newest > SCHEMA_VERSION:
        raise ConfigurationError(
            f"the tables of database '{connection.engine.url.database}' are of version {newest}, "
            f"and this release knows them up to {SCHEMA_VERSION}; use the release that has "
            f"written them, or a later one"
        )
    return newest == SCHEMA_VERSION


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _MIGRATIONS)
    with _alembic:
        command.upgrade(config, SCHEMA_VERSION)
