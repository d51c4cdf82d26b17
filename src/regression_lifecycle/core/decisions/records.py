"""Decisions as data: what was decided, on which figures, against which thresholds, and why.

A reason is its kind and its figures; :mod:`~regression_lifecycle.core.decisions.wording` makes
sentences of them where a person reads them, and nobody reads the sentences back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from regression_lifecycle.core.errors import LifecycleError

# The kinds of decisions, as the ledger names them.
PROMOTION: Final = "promotion"
POLICY: Final = "policy"
ROLLBACK: Final = "rollback"
APPROVAL: Final = "approval"

PROMOTE: Final = "promote"
WAITING: Final = "waiting"
REFUSE: Final = "refuse"
UNCHANGED: Final = "unchanged"
PASSED: Final = (PROMOTE, WAITING)
"""The gate's answers to what passed; they register a version."""

APPROVED: Final = "approved"
REFUSED: Final = "refused"
EXPIRED: Final = "expired"
SUPERSEDED: Final = "superseded"

KEEP: Final = "keep"
RETRAIN: Final = "retrain"
ALERT: Final = "alert"

PASS: Final = "pass"  # noqa: S105 - a verdict
FAIL: Final = "fail"
FIRED: Final = "fired"
QUIET: Final = "quiet"
NOT_COMPUTED: Final = "not computed"

Verdict = Literal["pass", "fail", "fired", "quiet", "not computed"]
Part = TypeVar("Part", bound="Reason | Finding")
Metrics = dict[str, dict[str, float | None]]
"""Metrics by model and name; None where one is not defined."""


@dataclass(frozen=True)
class Reason:
    """Why something was decided.

    Attributes:
        kind: A key of :data:`~regression_lifecycle.core.decisions.wording.SENTENCES`.
        figures: What the sentence is made of: numbers, names and lists of names.
    """

    kind: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check of the gate or a rule of the policy found.

    Attributes:
        kind: What was looked at, such as ``metric`` or ``bias``.
        verdict: ``pass`` or ``fail`` of a check, of which only ``pass`` lets a candidate through;
            ``fired`` or ``quiet`` of a rule; ``not computed`` of either.
        value: None where it could not be computed.
        threshold: The bound.
        figures: What else belongs to the finding.
        obstacle: Why there is no value.
    """

    kind: str
    verdict: Verdict
    value: float | None
    threshold: float | None
    figures: dict[str, Any] = field(default_factory=dict)
    obstacle: Reason | None = None

    @property
    def reason(self) -> Reason:
        """The finding as a reason for a decision."""
        if self.obstacle is not None:
            return self.obstacle
        return Reason(self.kind, {"value": self.value, "threshold": self.threshold, **self.figures})


@dataclass(frozen=True, kw_only=True)
class RuleFinding(Finding):
    """What one rule of the policy found.

    Attributes:
        name: The rule's own name; two rules may be of one kind.
        action: What the rule asks for when it fires.
        unit: Unit of value and threshold.
    """

    name: str
    action: Literal["retrain", "alert"]
    unit: Literal["share", "days"] = "share"

    @property
    def n_bad(self) -> int:
        """How many of the violations that it takes to fire there are; 0 if the newest is none."""
        return int(self.figures["n_bad"]) if self.figures.get("is_newest_bad") else 0

    @property
    def state(self) -> str:
        """``quiet``, ``fired``, ``not computed`` or, on its way to fire, for example ``1 of 2``."""
        if self.verdict != QUIET or not self.n_bad:
            return self.verdict
        return f"{self.n_bad} of {self.figures['violations']}"


@dataclass(frozen=True, kw_only=True)
class GateDecision:
    """The gate's answer on a candidate: of the evaluation, of a retraining, and as it is promoted.

    Attributes:
        opponent: Whom the candidate met.
        baseline: The naive forecast that was the hardest to beat; empty if there was no row. It
            stays the baseline of the model that is promoted.
        champion_version: The model in use; empty if there is none.
        candidate_fingerprint: The model that is promoted.
        data_fingerprint: The training rows of the model that was compared.
        challenger_fingerprint: The model that was compared, if it is refitted before it is
            promoted; empty outside of a retraining.
        judged_from: Oldest row of the comparison; empty if there was none, as is the newest.
        judged_until: Newest row of the comparison.
        n_rows: Rows of the comparison with a label.
        as_of: The moment at which a retraining stands; empty outside of one.
    """

    kind: Literal["promotion"] = "promotion"
    decision: Literal["promote", "waiting", "refuse", "unchanged"]
    reasons: tuple[Reason, ...]
    checks: tuple[Finding, ...]
    metrics: Metrics
    opponent: Literal["champion", "baseline"]
    baseline: str
    champion_version: str
    candidate_fingerprint: str
    data_fingerprint: str
    challenger_fingerprint: str = ""
    judged_from: str
    judged_until: str
    n_rows: int
    as_of: str = ""


@dataclass(frozen=True, kw_only=True)
class PolicyDecision:
    """What the policy asks for.

    Attributes:
        as_of: The moment at which it stands.
        window: The newest window that was looked at; empty if there is none.
        champion_version: The model in use; empty if there is none.
        rules: Every rule, whatever it found.
    """

    kind: Literal["policy"] = "policy"
    decision: Literal["keep", "retrain", "alert"]
    reasons: tuple[Reason, ...]
    as_of: str
    window: str
    champion_version: str
    rules: tuple[RuleFinding, ...]

    @property
    def alarms(self) -> str:
        """Names of the rules that fired, separated by commas."""
        return ",".join(rule.name for rule in self.rules if rule.verdict == FIRED)


@dataclass(frozen=True, kw_only=True)
class RollbackDecision:
    """Back to a former champion.

    Attributes:
        version: The champion from now on.
        champion_version: The champion until now.
        as_of: The moment at which the decision stands.
        actor: Who decided.
        note: Why, in the person's own words.
    """

    kind: Literal["rollback"] = "rollback"
    decision: Literal["rollback"] = "rollback"
    version: str
    champion_version: str
    as_of: str
    actor: str
    note: str

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The person's reason, with both versions."""
        versions = {"champion_version": self.champion_version, "version": self.version}
        return (Reason("rollback", {**versions, "reason": self.note}),)


@dataclass(frozen=True, kw_only=True)
class ApprovalDecision:
    """What became of a version that waited for approval.

    Attributes:
        decision: ``approved`` or ``refused`` by a person; ``expired`` after its deadline;
            ``superseded`` by a newer version or another champion.
        version: The version that waited.
        champion_version: The champion that it was compared with; empty if there was none.
        as_of: The moment at which the decision stands.
        actor: Who decided; empty where nobody did.
        note: Why, in the person's own words.
    """

    kind: Literal["approval"] = "approval"
    decision: Literal["approved", "refused", "expired", "superseded"]
    reasons: tuple[Reason, ...]
    version: str
    champion_version: str
    as_of: str
    actor: str = ""
    note: str = ""


Decision = GateDecision | PolicyDecision | RollbackDecision | ApprovalDecision
ChampionDecision = GateDecision | RollbackDecision | ApprovalDecision
"""A decision about who is champion."""


def finite(value: float) -> float | None:
    """Return a number as JSON can hold it: None where it is not defined."""
    return float(value) if math.isfinite(value) else None


def to_json(record: Any) -> Any:
    """Return a decision, or parts of one, as JSON can hold it.

    Args:
        record: A decision, a finding, a reason, or a sequence of them.

    Returns:
        Mappings, lists, texts and numbers.
    """
    return to_jsonable_python(record)


def from_json(document: Any) -> Decision:
    """Return the decision that :func:`to_json` was given.

    Raises:
        LifecycleError: If the document is no decision.
    """
    decision: Decision = read_as(document, Annotated[Decision, Field(discriminator="kind")])
    return decision


def to_cell(records: Sequence[Reason | Finding] | Metrics) -> str:
    """Return reasons, findings or metrics as the text of a column of the ledger."""
    return json.dumps(to_json(records), sort_keys=True, allow_nan=False)


def from_cell(cell: Any, kind: type[Part]) -> tuple[Part, ...]:
    """Return the reasons or findings of a column of the ledger, none where it is empty.

    Raises:
        LifecycleError: If the cell holds something else.
    """
    if not isinstance(cell, str) or not cell:
        return ()
    try:
        parts: tuple[Part, ...] = read_as(json.loads(cell), tuple[kind, ...])  # type: ignore[valid-type]
    except json.JSONDecodeError:
        raise LifecycleError(
            f"a decision of the ledger cannot be read: '{cell[:80]}' is no JSON; restore the row"
        ) from None
    return parts


def read_as(document: Any, kind: Any) -> Any:
    """Return a record of a kind from what :func:`to_json` made of it.

    Raises:
        LifecycleError: If the document is none.
    """
    try:
        return _adapter(kind).validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LifecycleError(
            f"a decision cannot be read: {place or 'it'}: {first['msg']}; restore it, or run the "
            "pipeline that writes it again"
        ) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
