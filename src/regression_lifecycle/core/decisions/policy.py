"""The policy: from the history of windows to keep, retrain or alert, with reasons."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.decisions.records import (
    ALERT,
    FIRED,
    NOT_COMPUTED,
    RETRAIN,
    PolicyDecision,
    Reason,
)
from regression_lifecycle.core.decisions.rules import PolicyState, Rule
from regression_lifecycle.core.errors import ConfigurationError, bounded_list


class PolicyParameters(StrictModel):
    """When to retrain and when to tell people.

    Attributes:
        rules: The rules; each fires for itself and states its evidence.
        cooldown_windows: Windows that must end after an attempt at retraining, whether it was
            promoted or refused, before the next one. 1 allows one attempt per window.
    """

    rules: tuple[Rule, ...] = Field(min_length=1)
    cooldown_windows: int = Field(1, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _kinds_are_known(cls, data: Any) -> Any:
        # The answer of a discriminated union to a missing kind is hard to read.
        rules = data.get("rules") if isinstance(data, dict) else None
        for position, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
            if isinstance(rule, dict) and "kind" not in rule:
                raise ConfigurationError(
                    f"rule {position + 1} has no kind; allowed: performance, bias, coverage, "
                    "schedule, drift, data_quality"
                )
        return data

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"rules of one name: {bounded_list(twice)}; give each its own")
        return self


def decide(state: PolicyState, parameters: PolicyParameters) -> PolicyDecision:
    """Let every rule speak and take the decision.

    Args:
        state: What is known at the moment of decision.
        parameters: The rules.

    Returns:
        The decision with what every rule found.
    """
    rules = tuple(rule.find(state) for rule in parameters.rules)
    fired = [rule for rule in rules if rule.verdict == FIRED]
    wanted = [rule.reason for rule in fired if rule.action == RETRAIN]
    told = [rule.reason for rule in fired if rule.action == ALERT]
    waited, cooldown = state.windows_since_attempt, parameters.cooldown_windows
    decision: Literal["keep", "retrain", "alert"]
    if not state.champion_version:
        decision, reasons = "retrain", [Reason("no_champion")]
    elif wanted and (waited is None or waited >= cooldown):
        decision, reasons = "retrain", wanted + told
    elif wanted:
        decision = "alert" if told else "keep"
        held_back = Reason("cooldown", {"n_windows": waited, "cooldown_windows": cooldown})
        reasons = [held_back, *wanted, *told]
    elif told:
        decision, reasons = "alert", told
    else:
        open_rules = [rule.name for rule in rules if rule.verdict == NOT_COMPUTED]
        all_open = len(open_rules) == len(rules)
        decision = "keep"
        reasons = [
            Reason("no_rule_computed")
            if all_open
            else Reason("no_rule_fired", {"not_computed": open_rules})
        ]
    return PolicyDecision(
        decision=decision,
        reasons=tuple(reasons),
        as_of=str(state.as_of),
        window=str(state.windows[-1]["window"]) if state.windows else "",
        champion_version=state.champion_version,
        rules=rules,
    )
