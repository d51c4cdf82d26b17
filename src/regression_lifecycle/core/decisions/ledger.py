"""What the ledger keeps of a decision: one row, whose key is made of everything that led to it.

So the same decision is never written twice, however often a run is repeated.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from regression_lifecycle.core.decisions.champion_history import champion_moves
from regression_lifecycle.core.decisions.records import (
    APPROVAL,
    POLICY,
    ROLLBACK,
    ApprovalDecision,
    ChampionDecision,
    Finding,
    GateDecision,
    PolicyDecision,
    Reason,
    RollbackDecision,
    RuleFinding,
    from_cell,
    to_cell,
)
from regression_lifecycle.core.decisions.waiting import ApprovalOutcome
from regression_lifecycle.core.fingerprints import combined_fingerprint

Row = dict[str, Any]
# What an approval repeats of the gate's decision.
_EVIDENCE = (
    *("opponent", "candidate_fingerprint", "data_fingerprint", "challenger_fingerprint"),
    *("judged_from", "judged_until", "metrics", "checks", "run_id"),
)


def promotion_row(decision: GateDecision, problem: str, version: str, run_id: str) -> Row:
    """Return the row of a promotion or a refusal.

    Args:
        version: The version that was registered; empty if none was.
        run_id: The MLflow run that logged the model.
    """
    evidence = {
        "problem": problem,
        "kind": decision.kind,
        "decision": decision.decision,
        "opponent": decision.opponent,
        "candidate_fingerprint": decision.candidate_fingerprint,
        "data_fingerprint": decision.data_fingerprint,
        "champion_version_before": decision.champion_version,
        "judged_from": decision.judged_from,
        "judged_until": decision.judged_until,
        "reasons": to_cell(decision.reasons),
        "metrics": to_cell(decision.metrics),
        "checks": to_cell(decision.checks),
    }
    if decision.challenger_fingerprint:
        evidence["challenger_fingerprint"] = decision.challenger_fingerprint
    return {
        "decision_id": combined_fingerprint(evidence),
        **evidence,
        **({"as_of": decision.as_of} if decision.as_of else {}),
        "candidate_version": version,
        "run_id": run_id,
    }


def policy_row(
    decision: PolicyDecision, problem: str, windows: pd.DataFrame, policy_digest: str
) -> Row:
    """Return the row of a decision of the policy.

    Args:
        windows: The windows it looked at, as ``window_history`` describes them, the oldest first;
            at least one.
        policy_digest: Hash of the rules. The same figures, champion, rules and limits are decided
            upon once.
    """
    newest = windows.iloc[-1]
    evidence = {
        "problem": problem,
        "kind": decision.kind,
        "window": decision.window,
        "champion_version_before": decision.champion_version,
    }
    figures = {
        "labels": list(windows["labels_fingerprint"]),
        "features": list(windows["features_fingerprint"]),
        "policy": policy_digest,
        "limits": [rule.threshold for rule in decision.rules],
        # The same rows may be decided upon anew once the window is over.
        "status": newest["status"],
    }
    # And once more after the version that it waited for was answered.
    held_back = [r.figures["version"] for r in decision.reasons if r.kind == "approval_pending"]
    if held_back:
        figures["waiting"] = held_back
    return {
        "decision_id": combined_fingerprint({**evidence, **figures}),
        **evidence,
        "as_of": decision.as_of,
        "decision": decision.decision,
        "reasons": to_cell(decision.reasons),
        "judged_from": str(windows.iloc[0]["start"]),
        "judged_until": str(newest["end"]),
        "policy": to_cell(decision.rules),
    }


def rollback_row(decision: RollbackDecision, problem: str, undone: str) -> Row:
    """Return the row of a rollback.

    Args:
        undone: ``decision_id`` of the decision that made the present champion; empty if the
            ledger does not know it.
    """
    identity = {
        "problem": problem,
        "kind": decision.kind,
        "from": decision.champion_version,
        "to": decision.version,
        "of": undone,
    }
    return _row_of_version(decision, identity)


def approval_row(outcome: ApprovalOutcome) -> Row:
    """Return the row of what became of a waiting version; it repeats the evidence of the gate."""
    asked, decision = outcome.waiting.evidence, outcome.decision
    identity = {
        "problem": asked["problem"],
        "kind": decision.kind,
        "question": asked["decision_id"],
    }
    return {
        **_row_of_version(decision, identity),
        **{name: asked.get(name, "") for name in _EVIDENCE},
    }


def _row_of_version(decision: RollbackDecision | ApprovalDecision, identity: Row) -> Row:
    """Return what both kinds of decisions about a registered version have in common."""
    return {
        "decision_id": combined_fingerprint(identity),
        "problem": identity["problem"],
        "kind": decision.kind,
        "decision": decision.decision,
        "candidate_version": decision.version,
        "champion_version_before": decision.champion_version,
        "as_of": decision.as_of,
        "actor": decision.actor,
        "note": decision.note,
        "reasons": to_cell(decision.reasons),
    }


def last_champion_move(ledger: pd.DataFrame, problem: str) -> ChampionDecision:
    """Return the newest promotion, approval or rollback.

    The ledger keeps neither baseline nor rows of a promotion.

    Args:
        ledger: Every decision, the oldest first, with a move of the problem's champion.

    Raises:
        LifecycleError: If the row holds no decision.
    """
    last = champion_moves(ledger, problem).iloc[-1].dropna().to_dict()
    before = last.get("champion_version_before", "")
    if last["kind"] == ROLLBACK:
        return RollbackDecision(
            version=last["candidate_version"],
            champion_version=before,
            **{name: last.get(name, "") for name in ("as_of", "actor", "note")},
        )
    if last["kind"] == APPROVAL:
        return ApprovalDecision(
            decision=last["decision"],
            reasons=from_cell(last.get("reasons"), Reason),
            version=last["candidate_version"],
            champion_version=before,
            **{name: last.get(name, "") for name in ("as_of", "actor", "note")},
        )
    texts = ("candidate_fingerprint", "data_fingerprint", "challenger_fingerprint", "as_of")
    return GateDecision(
        decision=last["decision"],
        reasons=from_cell(last.get("reasons"), Reason),
        checks=from_cell(last.get("checks"), Finding),
        metrics=json.loads(last["metrics"]),
        opponent=last["opponent"],
        baseline="",
        champion_version=before,
        n_rows=0,
        **{name: last.get(name, "") for name in (*texts, "judged_from", "judged_until")},
    )


def last_policy_decision(ledger: pd.DataFrame, problem: str) -> PolicyDecision | None:
    """Return the policy's newest decision; None if it has not decided yet.

    Args:
        ledger: Every decision, the oldest first.

    Raises:
        LifecycleError: If the row holds no decision.
    """
    rows = ledger[(ledger["kind"] == POLICY) & (ledger["problem"] == problem)]
    if rows.empty:
        return None
    last = rows.iloc[-1].dropna().to_dict()
    return PolicyDecision(
        decision=last["decision"],
        reasons=from_cell(last.get("reasons"), Reason),
        as_of=last["as_of"],
        window=last.get("window", ""),
        champion_version=last.get("champion_version_before", ""),
        rules=from_cell(last.get("policy"), RuleFinding),
    )
