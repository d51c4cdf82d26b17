"""Which version the tables of a database have; a database without any is given them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from zlib import crc32

from regression_lifecycle.core.data.tables import STORED_TABLES
from regression_lifecycle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Revision of the newest file in migrations/versions. Written here too, because asking Alembic
# takes longer than most writes.
SCHEMA_VERSION = "3"
VERSION_TABLE = "lifecycle_schema"
LEDGER = "ledger"

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
        # new table, would be kept whatever happens afterwards.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # CREATE TABLE IF NOT EXISTS is no protection against a second process that does the same,
        # and two that update the same rows in another order would block each other.
        connection.execute(select(func.pg_advisory_xact_lock(crc32(name.encode()))))


def begin_writing(connection: Connection, name: str) -> None:
    """Take a turn at writing, in a database that has the tables.

    A database without tables is given them in the transaction that is open, so that what goes
    wrong in it takes them back too.

    Args:
        connection: A connection that has done nothing yet.
        name: What is taken in turns, see ``take_turn``.

    Raises:
        ConfigurationError: If the tables of the database have another version.
    """
    from sqlalchemy.exc import DBAPIError

    take_turn(connection, name)
    try:
        check_version(connection)
        return
    except DBAPIError:
        # Most likely there is no version yet; PostgreSQL ends a transaction with its first error.
        connection.rollback()
        take_turn(connection, name)
    if connection.dialect.name != "sqlite":
        # So far each table had a turn of its own.
        take_turn(connection, VERSION_TABLE)
    if not has_tables(connection):
        _create_tables(connection)


def has_tables(connection: Connection) -> bool:
    """Look for the tables, and check their version.

    Args:
        connection: An open connection.

    Returns:
        False for a database that has none of them.

    Raises:
        ConfigurationError: If the tables have another version, or none.
    """
    from sqlalchemy import inspect

    names = set(inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        check_version(connection)
        return True
    if names & {LEDGER, *STORED_TABLES}:
        raise _other_version(connection, "no version")
    return False


def check_version(connection: Connection) -> None:
    """Check the version of the tables by one SELECT.

    Args:
        connection: An open connection.

    Raises:
        ConfigurationError: If the tables have another version.
        DBAPIError: If the database has no version, among other things.
    """
    query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - no outside text in it
    versions = connection.exec_driver_sql(query).scalars().all()
    if versions != [SCHEMA_VERSION]:
        raise _other_version(connection, f"version {', '.join(versions)}")


def _other_version(connection: Connection, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"the tables of database '{connection.engine.url.database}' have {found}, and this "
        f"release reads and writes version {SCHEMA_VERSION}: point 'store' or 'workspace' in "
        "globals.yml to a new place, or remove the database"
    )


def _create_tables(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _MIGRATIONS)
    with _alembic:
        command.upgrade(config, SCHEMA_VERSION)
