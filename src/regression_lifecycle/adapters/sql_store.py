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
            # Readers never wait for the writer, and a second writer waits instead of failing.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=30000")

    return engine


def append_decisions(url: str, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add decisions to a ledger; one that is there already stays as it was.

    Args:
        url: SQLAlchemy URL.
        table: Name of the ledger table; it is created if need be.
        rows: Decisions by column name, each with ``decision_id``.

    Returns:
        How many rows were new.
    """
    from sqlalchemy import select

    new = list(rows)
    engine = connect(url)
    try:
        ledger = _ledger(table)
        with engine.begin() as connection:
            ledger.metadata.create_all(connection)
            known = set(connection.scalars(select(ledger.c[LEDGER_KEY])))
            now = datetime.now(UTC).isoformat(timespec="seconds")
            fresh = [{**row, RECORDED_AT: now} for row in new if row[LEDGER_KEY] not in known]
            if fresh:
                connection.execute(ledger.insert(), fresh)
        return len(fresh)
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

    engine = connect(url)
    try:
        ledger = _ledger(table)
        columns = [column.name for column in ledger.columns]
        if not inspect(engine).has_table(table):
            return pd.DataFrame({name: [] for name in columns})
        with engine.connect() as connection:
            order = select(ledger).order_by(ledger.c["position"])
            found = [dict(row) for row in connection.execute(order).mappings()]
        return pd.DataFrame(found, columns=columns)
    finally:
        engine.dispose()


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
