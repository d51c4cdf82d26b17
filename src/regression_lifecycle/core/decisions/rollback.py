"""Back to a former champion: who goes, who comes, and what evidence no longer counts."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from pydantic import Field, field_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.decisions.champion_history import (
    PROMOTIONS,
    champion_moves,
    evidence_of,
    version_text,
)
from regression_lifecycle.core.decisions.records import ROLLBACK, Reason
from regression_lifecycle.core.errors import ConfigurationError, StateError, bounded_list

# Tab and the ends of lines are text.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
LONGEST_REASON = 2000
"""Characters of a person's reason: it stands in tables, tags and on the page."""


class VersionParameters(StrictModel):
    """What a person says of a version.

    Attributes:
        version: Its number.
        reason: Why, in the person's words; at most 2,000 characters.
        actor: Who says so.
    """

    version: str | None = None
    reason: str = ""
    actor: str = Field(min_length=1)

    @field_validator("version", "reason", "actor")
    @classmethod
    def _is_plain(cls, text: str | None) -> str | None:
        """Refuse what would act on a terminal that shows it."""
        controls = {ascii(sign) for sign in _CONTROLS.findall(text or "")}
        if controls:
            raise ConfigurationError(
                f"it holds the control characters {bounded_list(sorted(controls))}; write text"
            )
        return text

    @field_validator("reason")
    @classmethod
    def _is_short(cls, reason: str) -> str:
        if len(reason) > LONGEST_REASON:
            raise ConfigurationError(
                f"{len(reason):,} characters, and at most {LONGEST_REASON:,} are kept: say it "
                "shorter, and name a page that says more"
            )
        return reason

    @field_validator("version", "reason", "actor", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: Any) -> Any:
        # --params makes numbers of what looks like one.
        return str(value) if isinstance(value, int | float) else value


class RollbackParameters(VersionParameters):
    """Which version takes the champion's place again, and why.

    Attributes:
        version: A former champion; None for the one before the present.
        reason: Why, in the person's words; a rollback without a reason is refused.
        actor: Who does it.
    """


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
        StateError: If there is nothing to go back to.
    """
    if not champion_version:
        raise StateError("there is no champion, so there is nothing to roll back")
    moves = champion_moves(ledger, problem)
    known = list(dict.fromkeys(version_text(version) for version in moves["candidate_version"]))
    own = moves[moves["candidate_version"].map(version_text) == champion_version]
    since = "" if own.empty else str(own.iloc[-1]["decision_id"])
    if wanted is not None:
        others = [version for version in known if version != champion_version]
        if wanted not in others:
            raise StateError(
                f"rollback.version '{wanted}' is not a former champion other than version "
                f"{champion_version}, which is in use. Allowed: {bounded_list(others)}"
            )
        return wanted, since
    # What made it champion first: after a rollback to it, the one before that is meant.
    promoted = own[own["decision"].isin(PROMOTIONS)]
    before = "" if promoted.empty else version_text(promoted.iloc[0]["champion_version_before"])
    if not before:
        why = (
            "is the first champion: there is none before it"
            if len(promoted)
            else "was never promoted as far as the ledger knows, so the one before it is unknown"
        )
        others = [version for version in known if version != champion_version]
        mend = f". Name another by --version: {bounded_list(others)}" if others else ""
        raise StateError(f"version {champion_version} {why}{mend}")
    return before, since


def rolled_back_evidence(ledger: pd.DataFrame, problem: str, fingerprint: str) -> dict[str, Reason]:
    """Return the evidence that promoted this very model, where the promotion was taken back.

    Args:
        ledger: Every decision, the oldest first.
        fingerprint: Fingerprint of the model that was compared.

    Returns:
        Why that evidence does not count again, by the newest row that judged.
    """
    moves = champion_moves(ledger, problem)
    left = set(moves[moves["decision"] == ROLLBACK]["champion_version_before"].map(version_text))
    promoted = evidence_of(moves[moves["decision"].isin(PROMOTIONS)], fingerprint)
    return {
        judged_until: Reason("rolled_back", {"version": version})
        for judged_until, version in zip(
            promoted["judged_until"], promoted["candidate_version"].map(version_text), strict=True
        )
        if version in left
    }
