"""The tables of ``core/data/tables.py``: one row per key, replaced only by a row that differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.database.database import (
    RECORDED_AT,
    insert_for,
    newest_stamp,
    now,
    select_parts,
    table_state,
    writing,
)
from regression_lifecycle.core.data.tables import Between, HistoryTable
from regression_lifecycle.core.errors import (
    ConfigurationError,
    DataContractError,
    bounded_list,
    counted,
    unknown_name,
)

if TYPE_CHECKING:
    from sqlalchemy import Column, Dialect, Table
    from sqlalchemy.sql.dml import Insert

# Bounds the memory that the rows take a second time on their way to the database.
BATCH_ROWS = 10_000
_FEW_VALUES = 1_000
_CLOCKS_DIFFER = timedelta(days=1)


def upsert_rows(url: str, table: HistoryTable, frame: pd.DataFrame) -> int:
    """Save rows by their key, in one transaction.

    A row whose key is new is added, one that differs from the stored row replaces it, and one
    that is equal to it is left alone, its ``recorded_at`` too. In a table that is append-only, a
    row that is stored stays as it was, whatever is given for its key.

    Args:
        url: SQLAlchemy URL; a database without tables is given them, unless there is no row to
            save.
        table: The table.
        frame: Rows in any order. Columns that are absent become missing values, columns that the
            table does not have are left out.

    Returns:
        How many rows are new or changed.

    Raises:
        ConfigurationError: If the database is neither SQLite nor PostgreSQL, or its tables have
            another version.
        DataContractError: If a part of a key is missing, or a key stands on several rows.
    """
    statement = upsert_statement(url, table)
    rows = table.frame(frame)
    if rows.empty:
        return 0
    _check_keys(table, rows)
    with writing(url, table.name) as connection:
        # Taken while no one else writes, so that what is committed later is stamped later.
        stamped = rows.assign(**{RECORDED_AT: now("microseconds")})
        sql = str(statement.compile(dialect=connection.dialect))
        return sum(
            connection.exec_driver_sql(sql, batch).rowcount
            for batch in _batches(stamped, sql_table(table), connection.dialect)
        )


def read_rows(
    url: str,
    table: HistoryTable,
    where: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read rows of a table.

    Args:
        url: SQLAlchemy URL.
        table: The table.
        where: By column the value that a row must have, a list of such values, or a ``Between``.
            A missing value matches no row.
        columns: Names of the columns to read; all of them and ``recorded_at`` if left out.

    Returns:
        Rows in the dtypes of the table, with ``recorded_at`` (UTC, ISO text) as last column,
        sorted by ``window_index`` where it is read and then by the key. Empty if nothing is
        stored yet; reading creates nothing.

    Raises:
        ConfigurationError: If the table does not have a column, or the tables of the database
            have another version.
    """
    stored = _stored(table)
    for name in columns or ():
        if name not in stored.columns:
            raise ConfigurationError(unknown_name("column", name, stored.columns))
    given = where or {}
    short = {name: value for name, value in given.items() if not _is_long(value)}
    # A million keys take ten seconds to be asked for, though there be nothing to find.
    if len(short) < len(given) and not has_rows(url, table, short):
        return _frame(stored, [], columns)
    found = select_parts(url, sql_table(table), _conditions(stored, given), columns)
    rows = _frame(stored, found, columns)
    # Sorted here and not there, because text has another order in every database.
    order = [name for name in ("window_index", *table.key) if name in rows]
    return rows.sort_values(order, ignore_index=True) if order else rows


def read_newest(
    url: str,
    table: HistoryTable,
    nrows: int,
    where: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read the last rows of a table: those of the newest windows, or else those written last.

    Args:
        url: SQLAlchemy URL.
        table: The table.
        nrows: Most rows to read.
        where: What they must have, as :func:`read_rows` takes it.
        columns: Names of the columns to read, the key's and the one that tells the newest among
            them; all if left out.

    Returns:
        Rows as :func:`read_rows` reads them, the newest one last.
    """
    by = _newest_by(table)
    stored = _stored(table)
    found = select_parts(
        url,
        sql_table(table),
        _conditions(stored, where or {}),
        columns,
        newest_first_by=by,
        limit=nrows,
    )
    return _frame(stored, found, columns).sort_values([by, *table.key], ignore_index=True)


def history_state(
    url: str, table: HistoryTable, where: Mapping[str, Any] | None = None
) -> list[Any]:
    """Return what changes with every write to a table, at a cost that does not grow with it.

    Args:
        url: SQLAlchemy URL.
        table: The table.
        where: Which rows count, as :func:`read_rows` takes it.

    Returns:
        How many rows were recorded in the day until the newest one, since clocks of several
        writers differ; and the newest ``recorded_at``, None without a row.
    """
    own = _conditions(_stored(table), where or {})
    newest = newest_stamp(url, sql_table(table), RECORDED_AT, own)
    if newest is None:
        return [0, None]
    since = datetime.fromisoformat(newest) - _CLOCKS_DIFFER
    recent = {**own, RECORDED_AT: Between(low=since.isoformat(timespec="microseconds"))}
    return table_state(url, sql_table(table), RECORDED_AT, recent)


def has_rows(url: str, table: HistoryTable, where: Mapping[str, Any] | None = None) -> bool:
    """Return whether a table has a row.

    Args:
        url: SQLAlchemy URL.
        table: The table.
        where: What the row must have, as :func:`read_rows` takes it.
    """
    own = _conditions(_stored(table), where or {})
    return any(select_parts(url, sql_table(table), own, table.key, limit=1))


def _newest_by(table: HistoryTable) -> str:
    """Name the column whose largest values the newest rows have.

    Of predictions, of which there are most, it is the one that has an index.
    """
    ordered = ("timestamp", "window_index") if "window_index" in table.columns else ()
    return next((name for name in ordered if name in table.columns), RECORDED_AT)


def _frame(
    table: HistoryTable,
    parts: Iterable[Mapping[str, list[Any]]],
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    if columns is not None:
        table = replace(table, columns={name: table.columns[name] for name in columns})
    # As objects, because pandas would guess: whole numbers beside a missing one become floats.
    frames = [
        table.frame(
            pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in part.items()})
        )
        for part in parts
    ]
    return pd.concat(frames, ignore_index=True) if frames else table.frame()


def upsert_statement(url: str, table: HistoryTable) -> Insert:
    """Write the statement that saves one row.

    Args:
        url: SQLAlchemy URL; only the kind of the database matters.
        table: The table.

    Returns:
        An INSERT of all columns in their order that touches only a row that is new or, unless
        the table is append-only, differs.

    Raises:
        ConfigurationError: If the database is neither SQLite nor PostgreSQL.
    """
    from sqlalchemy import false, or_

    described = sql_table(table)
    insert: Any = insert_for(url)(described)
    new = insert.excluded
    others = [name for name in table.columns if name not in table.key]
    # Two missing values are not distinct, other than by "!=".
    differs = or_(false(), *(described.c[name].is_distinct_from(new[name]) for name in others))
    statement: Insert = (
        insert.on_conflict_do_nothing(index_elements=list(table.key))
        if table.append_only
        else insert.on_conflict_do_update(
            index_elements=list(table.key),
            set_={name: new[name] for name in (*others, RECORDED_AT)},
            where=differs,
        )
    )
    return statement


def _stored(table: HistoryTable) -> HistoryTable:
    return replace(table, columns={**table.columns, RECORDED_AT: "text"})


def sql_table(table: HistoryTable) -> Table:
    """Describe a table for SQLAlchemy."""
    from sqlalchemy import MetaData, PrimaryKeyConstraint, Table

    return Table(table.name, MetaData(), *_columns(table), PrimaryKeyConstraint(*table.key))


def _columns(table: HistoryTable) -> list[Column[Any]]:
    from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, Text

    types: dict[str, Any] = {
        "text": Text,
        "integer": BigInteger,
        "float": Double,
        "boolean": Boolean,
        "datetime": DateTime,
    }
    return [
        Column(name, types[kind], autoincrement=False)
        for name, kind in _stored(table).columns.items()
    ]


def _conditions(table: HistoryTable, where: Mapping[str, Any]) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    for name, given in where.items():
        if name not in table.columns:
            raise ConfigurationError(unknown_name("column", name, table.columns))
        values = list(given) if pd.api.types.is_list_like(given) else [given]
        # In the column's own kind: drivers take a NumPy number for bytes.
        column = replace(table, columns={name: table.columns[name]})
        of_kind = column.frame(pd.DataFrame({name: pd.Series(values, dtype=object)}))[name]
        plain = _plain(of_kind)
        conditions[name] = Between(*plain) if isinstance(given, Between) else plain
    return conditions


def _is_long(value: Any) -> bool:
    return pd.api.types.is_list_like(value) and len(value) > _FEW_VALUES


def _check_keys(table: HistoryTable, rows: pd.DataFrame) -> None:
    keys = rows[list(table.key)]
    for name in table.key:
        missing = keys.index[keys[name].isna()]
        if len(missing):
            raise DataContractError(
                f"{table.name}: the key column '{name}' is missing in "
                f"{counted(len(missing), 'row')}, "
                f"first in row {missing[0] + 1}; nothing was saved"
            )
    twice = keys.loc[keys.duplicated()].drop_duplicates()
    if len(twice):
        names = (" / ".join(map(str, key)) for key in twice.itertuples(index=False))
        raise DataContractError(
            f"{table.name}: {counted(len(twice), 'key')} ({', '.join(table.key)}) on several rows: "
            f"{bounded_list(names, 3)}; nothing was saved"
        )


def _batches(rows: pd.DataFrame, table: Table, dialect: Dialect) -> Iterator[list[tuple[Any, ...]]]:
    """Rows as the driver takes them: whole columns at a time, which is what makes it fast."""
    kinds = [column.type.dialect_impl(dialect) for column in table.columns]
    processors = [kind.bind_processor(dialect) for kind in kinds]
    for start in range(0, len(rows), BATCH_ROWS):
        batch = rows.iloc[start : start + BATCH_ROWS]
        columns = [_plain(batch[column.name]) for column in table.columns]
        yield list(
            zip(
                *(
                    values if processor is None else map(processor, values)
                    for processor, values in zip(processors, columns, strict=True)
                ),
                strict=True,
            )
        )


def _plain(series: pd.Series) -> list[Any]:
    """Python's own numbers, texts and datetimes, and None for whatever is missing."""
    if pd.api.types.is_datetime64_dtype(series.dtype):
        values = series.to_numpy("datetime64[us]").astype(object)
    else:
        values = series.to_numpy(dtype=object, na_value=None)
    plain: list[Any] = values.tolist()
    return plain
