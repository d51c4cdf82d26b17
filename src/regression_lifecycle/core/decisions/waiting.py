"""Versions that wait for approval by a person: how they come to, and why they wait no longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd
from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from regression_lifecycle.core.decisions.champion_history import evidence_of, version_text
from regression_lifecycle.core.decisions.records import (
    APPROVAL,
    EXPIRED,
    PASSED,
    REFUSED,
    SUPERSEDED,
    WAITING,
    ApprovalDecision,
    GateDecision,
    Reason,
    from_cell,
)
from regression_lifecycle.core.durations import (
    AnyDuration,
    Duration,
    duration_text,
    read_duration,
)
from regression_lifecycle.core.errors import ConfigurationError, LifecycleError
from regression_lifecycle.core.variants import Variant

_ASKS = "asks"


class PromotionParameters(Variant):
    """What becomes of a candidate that passes the gate; ``ask`` alone is ``{kind: ask}``.

    Attributes:
        deadline: A version that waits for approval expires once ``as_of`` is so much later than the
            moment of the gate's decision; null: never.
    """

    deadline: Duration | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _read_name_of_kind(cls, data: Any, handler: Any) -> Any:
        if data is None or isinstance(data, bool):
            given = "null" if data is None else str(data).lower()
            raise ConfigurationError(
                f"{given} is no way to promote; write automatic, ask, or "
                "{kind: ask, deadline: 14 days}"
            )
        return handler({"kind": data} if isinstance(data, str) else data)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = super().__get_pydantic_json_schema__(schema, handler)
        if not cls.is_family():
            return made
        return {"oneOf": [{"enum": sorted(cls.kinds), "type": "string"}, *made["oneOf"]]}


class AutomaticPromotion(PromotionParameters):
    """It is champion at once, unless the gate asks for approval (`on_worse_segment`)."""

    kind: Literal["automatic"] = "automatic"


class ApprovedPromotion(PromotionParameters):
    """It waits until a person approves it."""

    kind: Literal["ask"] = "ask"


@dataclass(frozen=True)
class WaitingVersion:
    """A version that passed the gate and waits for approval.

    Attributes:
        champion_version: The champion that it was compared with; empty if there was none.
        asked_at: The moment at which the gate decided.
        judged_until: Newest row that judged it.
        deadline: How long it waits; None for ever.
        evidence: The ledger's row, by column.
    """

    version: str
    champion_version: str
    asked_at: pd.Timestamp
    judged_until: pd.Timestamp
    deadline: AnyDuration | None
    evidence: Mapping[str, Any]

    @property
    def expires_at(self) -> pd.Timestamp | None:
        """The last moment at which it can be approved; None if it does not expire."""
        return None if self.deadline is None else self.asked_at + self.deadline


@dataclass(frozen=True)
class ApprovalOutcome:
    """What became of a waiting version.

    Attributes:
        waiting: The version, with the evidence that the ledger repeats.
    """

    waiting: WaitingVersion
    decision: ApprovalDecision

    @classmethod
    def of(
        cls,
        waiting: WaitingVersion,
        kind: Literal["approved", "refused", "expired", "superseded"],
        reason: Reason,
        as_of: str,
        actor: str = "",
        note: str = "",
    ) -> ApprovalOutcome:
        """Make the decision about a version."""
        decision = ApprovalDecision(
            decision=kind,
            reasons=(reason,),
            version=waiting.version,
            champion_version=waiting.champion_version,
            as_of=as_of,
            actor=actor,
            note=note,
        )
        return cls(waiting, decision)


@dataclass(frozen=True)
class OpenQuestion:
    """What the policy has to know of a version that waits.

    Attributes:
        version: Empty if none waits.
        n_windows: Complete windows that are newer than the rows that judged it.
        measured_windows: Windows that judge a challenger.
    """

    version: str = ""
    n_windows: int = 0
    measured_windows: int = 0

    @property
    def holds_back(self) -> bool:
        """Whether another challenger would be judged by rows that were asked about already."""
        return bool(self.version) and self.n_windows < self.measured_windows


def ask_for_approval(decision: GateDecision, parameters: PromotionParameters) -> GateDecision:
    """Let a candidate that passed wait, where a person decides.

    Args:
        decision: The gate's; ``waiting`` if the gate asks for approval itself.

    Returns:
        The decision; of one that waits the last reason holds the deadline.
    """
    asks = isinstance(parameters, ApprovedPromotion) or decision.decision == WAITING
    if decision.decision not in PASSED or not asks:
        return decision
    deadline = parameters.deadline
    asked = Reason(_ASKS, {"deadline": "" if deadline is None else duration_text(deadline)})
    return replace(decision, decision=WAITING, reasons=(*decision.reasons, asked))


def waiting_versions(ledger: pd.DataFrame, problem: str) -> list[WaitingVersion]:
    """Return the versions that wait for approval, the oldest first; more than one is a mistake.

    Args:
        ledger: Every decision, the oldest first.

    Raises:
        LifecycleError: If the reasons of one cannot be read.
    """
    asked = (ledger["decision"] == WAITING) | (ledger["kind"] == APPROVAL)
    own = ledger[(ledger["problem"] == problem) & asked]
    waiting: dict[str, WaitingVersion] = {}
    for row in own.astype(object).where(own.notna(), "").to_dict("records"):
        version = str(row["candidate_version"])
        waiting.pop(version, None)
        if row["kind"] != APPROVAL:
            waiting[version] = _waiting(row)
    return list(waiting.values())


def waiting_version(ledger: pd.DataFrame, problem: str) -> WaitingVersion | None:
    """Return the version that waits for approval, the newest one; None if there is none.

    Args:
        ledger: Every decision, the oldest first.
    """
    found = waiting_versions(ledger, problem)
    return found[-1] if found else None


def _waiting(row: Mapping[str, Any]) -> WaitingVersion:
    reasons = from_cell(row["reasons"], Reason)
    deadlines = [reason.figures.get("deadline") for reason in reasons if reason.kind == _ASKS]
    try:
        deadline = read_duration(deadlines[0]) if any(deadlines) else None
    except ConfigurationError as error:
        raise LifecycleError(
            f"the ledger's decision about version {row['candidate_version']} cannot be read: its "
            f"deadline {error}; restore the row, or write the deadline as the gate did: 14 days"
        ) from None
    return WaitingVersion(
        version=str(row["candidate_version"]),
        champion_version=str(row["champion_version_before"]),
        asked_at=pd.Timestamp(row["as_of"] or row["judged_until"]),
        judged_until=pd.Timestamp(row["judged_until"]),
        deadline=deadline,
        evidence=row,
    )


def find_closed_versions(
    ledger: pd.DataFrame, problem: str, champion_version: str, as_of: str, newer: str = ""
) -> list[ApprovalOutcome]:
    """Return which versions wait no longer, and why: see :func:`close_waiting`.

    Args:
        ledger: Every decision, the oldest first.
    """
    waiting = waiting_versions(ledger, problem)
    found = (close_waiting(one, champion_version, as_of, newer) for one in waiting)
    return [outcome for outcome in found if outcome is not None]


def answered_evidence(
    ledger: pd.DataFrame, problem: str, champion_version: str, fingerprint: str
) -> dict[str, Reason]:
    """Return the evidence on which this very model was asked about and not approved.

    Args:
        ledger: Every decision, the oldest first.
        champion_version: The version in use; what expired or was superseded may be asked about
            again in comparison with another one.
        fingerprint: Fingerprint of the model that was compared.

    Returns:
        Why that evidence does not count again, by the newest row that judged.
    """
    closed = ledger[(ledger["problem"] == problem) & (ledger["kind"] == APPROVAL)]
    same = closed["champion_version_before"].map(version_text) == champion_version
    unanswered = same & closed["decision"].isin((EXPIRED, SUPERSEDED))
    rows = evidence_of(closed[(closed["decision"] == REFUSED) | unanswered], fingerprint)
    return {
        row["judged_until"]: Reason(
            "asked_before",
            {"version": version_text(row["candidate_version"]), "answer": row["decision"]},
        )
        for row in rows.to_dict("records")
    }


def close_waiting(
    waiting: WaitingVersion, champion_version: str, as_of: str, newer: str = ""
) -> ApprovalOutcome | None:
    """Return why a version waits no longer, although nobody has answered.

    Args:
        champion_version: The version in use.
        as_of: The moment at which we stand.
        newer: A version that was registered after it; empty if there is none.

    Returns:
        None if it goes on waiting.
    """
    version, until = waiting.version, waiting.expires_at
    if until is not None and pd.Timestamp(as_of) > until:
        about = {
            "version": version,
            "until": str(until),
            "deadline": duration_text(waiting.deadline),
        }
        return ApprovalOutcome.of(waiting, EXPIRED, Reason(EXPIRED, about), as_of)
    if champion_version != waiting.champion_version:
        about = {
            "version": version,
            "compared_with": waiting.champion_version,
            "champion_version": champion_version,
        }
        return ApprovalOutcome.of(waiting, SUPERSEDED, Reason("champion_changed", about), as_of)
    if newer:
        about = {"version": version, "newer": newer}
        return ApprovalOutcome.of(waiting, SUPERSEDED, Reason(SUPERSEDED, about), as_of)
    return None
