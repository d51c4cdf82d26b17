"""What the ledger says about champions: who is it, who was it before, what was left unfinished."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.decisions.records import PROMOTE, PROMOTION, ROLLBACK
from regression_lifecycle.core.errors import ConfigurationError, bounded_list

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
    wanted, before = _text(last["candidate_version"]), _text(last["champion_version_before"])
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


def plan_rollback(
    ledger: pd.DataFrame, problem: str, champion_version: str, wanted: str | None
) -> tuple[str, str]:
    """Choose the version to go back to.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: The version in use; empty if there is none.
        wanted: A version that was promoted once, or None for the champion before this one.

    Returns:
        The version to go back to, and the ``decision_id`` of the decision that made the present
        one champion (empty if it is not in the ledger).

    Raises:
        ConfigurationError: If there is nothing to go back to.
    """
    if not champion_version:
        raise ConfigurationError("there is no champion, so there is nothing to roll back")
    moves = champion_moves(ledger, problem)
    known = list(dict.fromkeys(_text(version) for version in moves["candidate_version"]))
    own = moves[moves["candidate_version"].map(_text) == champion_version]
    since = "" if own.empty else str(own.iloc[-1]["decision_id"])
    if wanted is not None:
        others = [version for version in known if version != champion_version]
        if wanted not in others:
            raise ConfigurationError(
                f"rollback.version '{wanted}' is not a former champion other than version "
                f"{champion_version}, which is in use. Allowed: {bounded_list(others)}"
            )
        return wanted, since
    # What made it champion first: after a rollback to it, the one before that is meant.
    promoted = own[own["decision"] == "promote"]
    before = "" if promoted.empty else _text(promoted.iloc[0]["champion_version_before"])
    if not before:
        why = (
            "is the first champion: there is none before it"
            if len(promoted)
            else "was never promoted as far as the ledger knows, so the one before it is unknown"
        )
        others = [version for version in known if version != champion_version]
        raise ConfigurationError(
            f"version {champion_version} {why}. Name another with --params=rollback.version=N; "
            f"known: {bounded_list(others)}"
        )
    return before, since


def rolled_back_evidence(
    ledger: pd.DataFrame, problem: str, challenger_fingerprint: str, judged_until: str
) -> str:
    """Return the version that this very evidence promoted, if it was taken back.

    Args:
        ledger: Every decision, the oldest first.
        challenger_fingerprint: Fingerprint of the challenger.
        judged_until: Newest row that it was judged on.

    Returns:
        The version that was rolled back; empty if there is none.
    """
    moves = champion_moves(ledger, problem)
    same = moves[
        (moves["decision"] == "promote")
        & (moves["challenger_fingerprint"] == challenger_fingerprint)
        & (moves["judged_until"] == judged_until)
    ]
    left = moves[moves["decision"] == "rollback"]["champion_version_before"].map(_text)
    taken_back = [
        version for version in same["candidate_version"].map(_text) if version in set(left)
    ]
    return taken_back[-1] if taken_back else ""


def attempts(ledger: pd.DataFrame, problem: str, champion_version: str) -> list[pd.Timestamp]:
    """Return the moments at which this champion was challenged, or was put back in place.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: The version in use.

    Returns:
        The moments (``as_of`` of the decisions).
    """
    own = ledger[(ledger["problem"] == problem) & ledger["as_of"].notna()]
    before = own["champion_version_before"].map(_text) == champion_version
    challenged = (own["kind"] == PROMOTION) & before
    restored = (own["kind"] == ROLLBACK) & (own["candidate_version"].map(_text) == champion_version)
    return [pd.Timestamp(moment) for moment in own.loc[challenged | restored, "as_of"] if moment]


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
