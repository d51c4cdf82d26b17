"""The policy: from the history of windows to keep, retrain or alert, with reasons."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.decisions import rule_kinds  # noqa: F401 (registers them)
from regression_lifecycle.core.decisions.rules import Finding, PolicyRule, PolicyState
from regression_lifecycle.core.errors import bounded_list
from regression_lifecycle.core.variants import Overridable

KEEP, RETRAIN, ALERT = "keep", "retrain", "alert"


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


def decide(state: PolicyState, parameters: PolicyParameters) -> dict[str, Any]:
    """Let every rule speak and take the decision.

    Args:
        state: What is known at the moment of decision.
        parameters: The rules.

    Returns:
        ``decision`` (``keep``, ``retrain`` or ``alert``), ``as_of``, ``window`` (the newest one
        that was looked at), ``champion_version``, ``reasons`` (sentences), ``rules`` (name, kind,
        action, verdict, value, threshold, detail, unit and figure of each).
    """
    findings = [(name, rule, rule.find(state)) for name, rule in parameters.rules.items()]
    fired = [(rule, finding) for _, rule, finding in findings if finding.verdict == "fired"]
    wanted = [finding.detail for rule, finding in fired if rule.action == RETRAIN]
    told = [finding.detail for rule, finding in fired if rule.action == ALERT]
    waited = state.windows_since_attempt
    if not state.champion_version:
        decision, reasons = RETRAIN, ["there is no champion yet"]
    elif wanted and (waited is None or waited >= parameters.cooldown_windows):
        decision, reasons = RETRAIN, wanted + told
    elif wanted:
        decision = ALERT if told else KEEP
        reasons = [
            f"a retraining is wanted, but the last attempt was {waited} window(s) ago and "
            f"{parameters.cooldown_windows} are asked for: {wanted[0]}",
            *told,
        ]
    elif told:
        decision, reasons = ALERT, told
    else:
        decision, reasons = KEEP, [_all_quiet(findings)]
    return {
        "decision": decision,
        "as_of": str(state.as_of),
        "window": str(state.windows[-1]["window"]) if state.windows else "",
        "champion_version": state.champion_version,
        "reasons": reasons,
        "rules": [
            {"name": name, "kind": rule.kind, "action": rule.action, **_plain(finding)}
            for name, rule, finding in findings
        ],
    }


def alarms(decision: dict[str, Any]) -> str:
    """Name the rules that fired.

    Args:
        decision: What :func:`decide` returned.

    Returns:
        Their names, separated by commas; empty if none fired.
    """
    return ",".join(rule["name"] for rule in decision["rules"] if rule["verdict"] == "fired")


def _all_quiet(findings: list[tuple[str, PolicyRule, Finding]]) -> str:
    open_rules = [name for name, _, finding in findings if finding.verdict == "not computed"]
    if len(open_rules) == len(findings):
        return "no rule could be computed yet"
    silent = f"; not computed: {bounded_list(open_rules)}" if open_rules else ""
    return f"no rule fired{silent}"


def _plain(finding: Finding) -> dict[str, Any]:
    found = asdict(finding)
    if found["value"] is not None and not math.isfinite(found["value"]):
        found["value"] = None
    return found
