"""What the ledger says about champions: who is it, who was it before, what was left unfinished."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.decisions.records import PROMOTE, PROMOTION, ROLLBACK

_MOVES = (PROMOTE, ROLLBACK)


def champion_moves(ledger: pd.DataFrame, problem: str) -> pd.DataFrame:
    """Return the promotions and rollbacks of a problem, the oldest first.

    Args:
        ledger: Every decision, the oldest first.
    """
    own = ledger[(ledger["problem"] == problem) & ledger["decision"].isin(_MOVES)]
    return own.reset_index(drop=True)


def unfinished_move(ledger: pd.DataFrame, problem: str, champion_version: str) -> str:
    """Return a champion that was decided and recorded, but not put in place.

    The alias moves last of all. A run that was killed just before leaves a last move in the
    ledger whose predecessor still is champion. An alias that stands anywhere else was moved by
    hand and is left alone. One moved by hand to the predecessor looks like a killed run: going
    back is for the rollback pipeline.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: Where the alias points; empty if nowhere.

    Returns:
        The version that should be champion; empty if nothing is left to do.
    """
    moves = champion_moves(ledger, problem)
    if moves.empty:
        return ""
    last = moves.iloc[-1]
    wanted, before = (
        version_text(last["candidate_version"]),
        version_text(last["champion_version_before"]),
    )
    return wanted if champion_version == before and wanted != before else ""


def newest_move(ledger: pd.DataFrame, problem: str) -> str:
    """Return how the newest champion came to its place.

    Args:
        ledger: Every decision, the oldest first.

    Returns:
        ``promote`` or ``rollback``; empty if there never was one.
    """
    moves = champion_moves(ledger, problem)
    return "" if moves.empty else str(moves.iloc[-1]["decision"])


def attempts(ledger: pd.DataFrame, problem: str, champion_version: str) -> list[pd.Timestamp]:
    """Return the moments at which this champion was challenged, or was put back in place.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: The version in use.

    Returns:
        The moments (``as_of`` of the decisions).
    """
    own = ledger[(ledger["problem"] == problem) & ledger["as_of"].notna()]
    before = own["champion_version_before"].map(version_text) == champion_version
    challenged = (own["kind"] == PROMOTION) & before
    restored = (own["kind"] == ROLLBACK) & (
        own["candidate_version"].map(version_text) == champion_version
    )
    return [pd.Timestamp(moment) for moment in own.loc[challenged | restored, "as_of"] if moment]


def version_text(value: Any) -> str:
    """Write a version of the ledger; empty where the cell is."""
    return "" if pd.isna(value) else str(value)
