"""Decisions: a table that only ever grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.database.database import (
    RECORDED_AT,
    insert_for,
    now,
    select_parts,
    table_state,
    writing,
)
from regression_lifecycle.adapters.database.schema import LEDGER

if TYPE_CHECKING:
    from sqlalchemy import Table

LEDGER_KEY = "decision_id"
LEDGER_TEXT_COLUMNS = (
    "problem",
    # promotion, policy, approval or rollback
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
    # The moment at which the decision stands, and the newest window that it knows.
    "as_of",
    "window",
    # Who decided, and why in the person's own words.
    "actor",
    "note",
    # The policy's decision as JSON, with the verdict of every rule.
    "policy",
    "challenger_fingerprint",
)


def append_decisions(url: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add decisions to a ledger; one that is there already stays as it was.

    Args:
        url: SQLAlchemy URL; a database without tables is given them.
        rows: Decisions by column name, each with ``decision_id``.

    Returns:
        How many rows were new.

    Raises:
        ConfigurationError: If the database is neither SQLite nor PostgreSQL, or its tables have
            another version.
    """
    new = list(rows)
    ledger = _sql_table()
    keep_old = insert_for(url)(ledger).on_conflict_do_nothing(index_elements=[LEDGER_KEY])
    moment = now()
    with writing(url, LEDGER) as connection:
        return sum(
            connection.execute(keep_old.values({**row, RECORDED_AT: moment})).rowcount
            for row in new
        )


def read_decisions(url: str) -> pd.DataFrame:
    """Read a ledger, the oldest decision first.

    Args:
        url: SQLAlchemy URL.

    Returns:
        All decisions; an empty table with the same columns if there is no ledger yet.
    """
    ledger = _sql_table()
    names = [column.name for column in ledger.columns]
    parts = [pd.DataFrame(part) for part in select_parts(url, ledger)]
    decisions = pd.concat(parts) if parts else pd.DataFrame(columns=names)
    return decisions.sort_values("position", ignore_index=True)


def ledger_state(url: str) -> list[Any]:
    """Return what changes with every decision: how many there are, and the newest position.

    Args:
        url: SQLAlchemy URL.
    """
    return table_state(url, _sql_table(), "position")


def _sql_table() -> Table:
    from sqlalchemy import Column, Integer, MetaData, String, Table, Text

    return Table(
        LEDGER,
        MetaData(),
        Column("position", Integer, primary_key=True, autoincrement=True),
        Column(LEDGER_KEY, String(64), unique=True, nullable=False),
        Column(RECORDED_AT, String(40), nullable=False),
        *(Column(column, Text) for column in LEDGER_TEXT_COLUMNS),
    )
