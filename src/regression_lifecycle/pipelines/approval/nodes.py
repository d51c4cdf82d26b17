"""A person's answer to a version that waits: recorded first, carried out last."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions import approval
from regression_lifecycle.core.decisions.approval import ApprovalParameters
from regression_lifecycle.core.decisions.champion_history import unfinished_move
from regression_lifecycle.core.decisions.ledger import Row, approval_row, last_champion_move
from regression_lifecycle.core.decisions.records import APPROVED, ApprovalDecision
from regression_lifecycle.core.errors import StateError


def decide_approval(
    recorded_decisions: pd.DataFrame,
    version_in_use: str,
    as_of: str,
    problem: Problem,
    parameters: ApprovalParameters,
) -> tuple[list[Row], list[ApprovalDecision], ApprovalDecision]:
    """Answer the version that waits.

    Args:
        recorded_decisions: The ledger.
        version_in_use: The champion's version; empty if there is none.
        as_of: The moment at which the decision stands.

    Returns:
        The row for the ledger (none if an approval that was killed only has to be completed), the
        decision for the version's tags, and the decision.

    Raises:
        StateError: If no reason is given, or nothing can be answered.
    """
    ledger = recorded_decisions
    outcome = approval.decide_approval(ledger, problem.name, version_in_use, as_of, parameters)
    if outcome is None:
        decision = last_champion_move(ledger, problem.name)
        assert isinstance(decision, ApprovalDecision)
        return [], [decision], decision
    return [approval_row(outcome)], [outcome.decision], outcome.decision


def choose_version(ledger: pd.DataFrame, decision: ApprovalDecision, problem: Problem) -> str:
    """Return the version that is to be champion, once its approval is in the ledger.

    Args:
        ledger: All decisions, with this one.

    Returns:
        Version number as text; empty if the champion stays.

    Raises:
        StateError: If the ledger says otherwise.
    """
    if decision.decision != APPROVED:
        return ""
    if unfinished_move(ledger, problem.name, decision.champion_version) != decision.version:
        raise StateError(
            "the approval is not the newest decision of the ledger, so the champion was not moved; "
            "approve again"
        )
    return decision.version


def build_alerts(
    decision: ApprovalDecision, ledger: pd.DataFrame, problem: Problem, parameters: AlertParameters
) -> list[Alert]:
    """Return the alert about the answer, once it is in the ledger.

    Args:
        ledger: All decisions, with this one.
    """
    return make_alerts(None, decision, problem, parameters)
