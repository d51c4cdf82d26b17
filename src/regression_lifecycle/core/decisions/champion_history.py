"""What the ledger says about champions: who is it, who was it before, what was left unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regression_lifecycle.core.decisions.records import (
    APPROVED,
    PROMOTE,
    PROMOTION,
    ROLLBACK,
    Finding,
    GateDecision,
    from_cell,
)

PROMOTIONS = (PROMOTE, APPROVED)
_MOVES = (*PROMOTIONS, ROLLBACK)


@dataclass(frozen=True)
class Attempt:
    """A candidate that claimed to be better than the champion.

    Attributes:
        fingerprint: The model that was compared; empty where it is not known.
        judged_from: Oldest row that judged it.
        judged_until: Newest row that judged it.
    """

    fingerprint: str
    judged_from: pd.Timestamp
    judged_until: pd.Timestamp


def champion_moves(ledger: pd.DataFrame, problem: str) -> pd.DataFrame:
    """Return the promotions, approvals and rollbacks of a problem, the oldest first.

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
        ``promote``, ``approved`` or ``rollback``; empty if there never was one.
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


def attempts_to_be_better(
    ledger: pd.DataFrame, problem: str, champion_version: str
) -> tuple[Attempt, ...]:
    """Return who claimed to be better than this champion, the oldest attempt first.

    A candidate that may be a little worse, as in a retraining, claims nothing of the kind.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: The version in use.

    Raises:
        LifecycleError: If the row of an attempt holds no checks.
    """
    own = ledger[(ledger["problem"] == problem) & (ledger["kind"] == PROMOTION)]
    own = own[own["champion_version_before"].map(version_text) == champion_version]
    found = []
    for row in own.astype(object).where(own.notna(), "").to_dict("records"):
        fingerprint = row["challenger_fingerprint"] or row["candidate_fingerprint"]
        span = row["judged_from"], row["judged_until"]
        found.append(_attempt(from_cell(row["checks"], Finding), fingerprint, *span))
    return tuple(attempt for attempt in found if attempt is not None)


def attempt_of(decision: GateDecision) -> Attempt | None:
    """Return a decision as an attempt to be better than the champion; None if it is none."""
    fingerprint = decision.challenger_fingerprint or decision.candidate_fingerprint
    return _attempt(decision.checks, fingerprint, decision.judged_from, decision.judged_until)


def _attempt(
    checks: Sequence[Finding], fingerprint: str, judged_from: str, judged_until: str
) -> Attempt | None:
    claims = any(
        check.kind == "proven_improvement"
        and check.figures.get("opponent") == "champion"
        and check.threshold is not None
        and check.threshold >= 0
        for check in checks
    )
    if not claims or not judged_from:
        return None
    return Attempt(fingerprint, pd.Timestamp(judged_from), pd.Timestamp(judged_until))


def evidence_of(decisions: pd.DataFrame, fingerprint: str) -> pd.DataFrame:
    """Select the decisions that rest on a comparison of one model.

    Args:
        decisions: Rows of the ledger.
        fingerprint: The model that was compared: of a retraining the challenger, not its refit.
    """
    compared = decisions["challenger_fingerprint"].replace("", None)
    compared = compared.fillna(decisions["candidate_fingerprint"])
    return decisions[compared == fingerprint]


def version_text(value: Any) -> str:
    """Write a version of the ledger; empty where the cell is."""
    return "" if pd.isna(value) else str(value)
