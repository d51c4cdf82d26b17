"""The policy: from the history of windows to keep, retrain or alert, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.decisions import rule_kinds  # noqa: F401 (registers them)
from regression_lifecycle.core.decisions.records import (
    ALERT,
    FIRED,
    KEEP,
    NOT_COMPUTED,
    RETRAIN,
    PolicyDecision,
    Reason,
    RuleFinding,
)
from regression_lifecycle.core.decisions.rules import PolicyRule, PolicyState
from regression_lifecycle.core.decisions.waiting import OpenQuestion
from regression_lifecycle.core.variants import Overridable

RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class PolicyParameters(StrictModel):
    """When to retrain and when to tell people.

    Attributes:
        rules: By the name that decisions, alarms and the page use; each rule fires for itself and
            states its evidence. An environment changes one by its name, or removes it by null.
        cooldown_windows: Windows that must end after an attempt at retraining, whether it was
            promoted or refused, before the next one. 1 allows one attempt per window.
    """

    rules: Overridable[dict[RuleName, PolicyRule]] = Field(min_length=1)
    cooldown_windows: int = Field(1, ge=1)


def decide(
    state: PolicyState, parameters: PolicyParameters, question: OpenQuestion | None = None
) -> PolicyDecision:
    """Decide on what every rule found.

    A retraining that is wanted waits until ``cooldown_windows`` have ended since the last attempt,
    and while a version waits for approval until new windows can judge; whoever is to be alerted is
    alerted all the same.

    Args:
        state: What the policy may look at.
        parameters: The rules with the limits in use.
        question: The version that waits for approval; None if there is none.
    """
    rules = tuple(_found(name, rule, state) for name, rule in parameters.rules.items())
    fired = [rule for rule in rules if rule.verdict == FIRED]
    wanted = [rule.reason for rule in fired if rule.action == RETRAIN]
    told = [rule.reason for rule in fired if rule.action == ALERT]
    waited, cooldown = state.windows_since_attempt, parameters.cooldown_windows
    decision: Literal["keep", "retrain", "alert"]
    pending = _pending(question)
    if not state.champion_version and pending is not None:
        decision, reasons = KEEP, [Reason("no_champion"), pending]
    elif not state.champion_version:
        decision, reasons = RETRAIN, [Reason("no_champion")]
    elif wanted and pending is not None:
        decision, reasons = ALERT if told else KEEP, [pending, *wanted, *told]
    elif wanted and (waited is None or waited >= cooldown):
        decision, reasons = RETRAIN, wanted + told
    elif wanted:
        held_back = Reason("cooldown", {"n_windows": waited, "cooldown_windows": cooldown})
        decision, reasons = ALERT if told else KEEP, [held_back, *wanted, *told]
    elif told:
        decision, reasons = ALERT, told
    else:
        decision, reasons = KEEP, [_all_quiet(rules)]
    return PolicyDecision(
        decision=decision,
        reasons=tuple(reasons),
        as_of=str(state.as_of),
        window=str(state.windows[-1]["window"]) if state.windows else "",
        champion_version=state.champion_version,
        rules=rules,
    )


def _pending(question: OpenQuestion | None) -> Reason | None:
    if question is None or not question.holds_back:
        return None
    return Reason("approval_pending", vars(question))


def _found(name: str, rule: PolicyRule, state: PolicyState) -> RuleFinding:
    found = rule.find(state)
    return RuleFinding(
        **vars(found),
        name=name,
        action=rule.action,
        unit=rule.unit,
    )


def _all_quiet(rules: Sequence[RuleFinding]) -> Reason:
    silent = [rule for rule in rules if rule.verdict == NOT_COMPUTED]
    if len(silent) == len(rules):
        return Reason("no_rule_computed")
    # Where nobody asks the service there is nothing to miss.
    open_rules = [r.name for r in silent if r.obstacle != Reason("no_served_row")]
    return Reason("no_rule_fired", {"not_computed": open_rules})
