"""Back to an earlier champion: decided by a person, recorded like every other decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.as_of import moment_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import newest_move, unfinished_move
from regression_lifecycle.core.decisions.ledger import Row, approval_row, rollback_row
from regression_lifecycle.core.decisions.records import (
    APPROVED,
    ROLLBACK,
    ApprovalDecision,
    RollbackDecision,
)
from regression_lifecycle.core.decisions.rollback import RollbackParameters, plan_rollback
from regression_lifecycle.core.decisions.waiting import find_closed_versions
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.models.trained_model import TrainedModel


def read_moment(observations: pd.DataFrame, as_of: Any, problem: Problem) -> str:
    """Return the moment at which the decision stands.

    Args:
        as_of: A moment; None for the end of the observations.
    """
    return str(moment_of(as_of, observations, problem))


def decide_rollback(
    recorded_decisions: pd.DataFrame,
    version_in_use: str,
    as_of: str,
    problem: Problem,
    parameters: RollbackParameters,
) -> tuple[list[Row], list[ApprovalDecision], RollbackDecision]:
    """Choose the version to go back to.

    Args:
        recorded_decisions: The ledger.
        version_in_use: The version to leave, empty if there is none. Its model is not loaded, since
            it may be the one that cannot be.
        as_of: The moment at which the decision stands.

    Returns:
        Rows for the ledger (none if a rollback that was killed only has to be completed), the
        decision on a version that waited for the former champion's place, and the decision.

    Raises:
        StateError: If no reason is given or there is nothing to go back to.
    """
    unfinished = unfinished_move(recorded_decisions, problem.name, version_in_use)
    killed = unfinished and newest_move(recorded_decisions, problem.name) == ROLLBACK
    if killed and parameters.version in (None, unfinished):
        return [], [], _decision(unfinished, version_in_use, as_of, parameters.actor, "completed")
    # By the ledger that version is champion, whoever is still in its place.
    current = unfinished or version_in_use
    if not parameters.reason.strip():
        raise StateError(
            'a rollback needs a reason: --params=rollback.reason="why the champion has to go"'
        )
    version, undone = plan_rollback(recorded_decisions, problem.name, current, parameters.version)
    decision = _decision(version, current, as_of, parameters.actor, parameters.reason)
    closed = find_closed_versions(recorded_decisions, problem.name, version, as_of)
    rows = [*map(approval_row, closed), rollback_row(decision, problem.name, undone)]
    return rows, [outcome.decision for outcome in closed], decision


def record_answer(
    rows: list[Row],
    closed: list[ApprovalDecision],
    decision: RollbackDecision | ApprovalDecision,
    read_version: Callable[[str], TrainedModel],
) -> tuple[list[Row], list[ApprovalDecision], RollbackDecision | ApprovalDecision]:
    """Record a person's decision, once it is known that what is to be champion can be read.

    Args:
        rows: For the ledger.
        closed: What became of versions that waited.
        decision: The decision.
        read_version: Reads a registered version by its number.

    Returns:
        Rows, decisions and decision as they were given.

    Raises:
        ModelError: If the version cannot be read or must not be trusted; nothing is recorded.
    """
    if decision.decision in (ROLLBACK, APPROVED):
        read_version(decision.version)
    return rows, closed, decision


def _decision(version: str, before: str, as_of: str, actor: str, note: str) -> RollbackDecision:
    return RollbackDecision(
        version=version, champion_version=before, as_of=as_of, actor=actor, note=note
    )


def choose_version(ledger: pd.DataFrame, decision: RollbackDecision, problem: Problem) -> str:
    """Return the version that is to be champion, once the rollback is in the ledger.

    Args:
        ledger: All decisions, with this one.

    Raises:
        StateError: If the ledger says otherwise.
    """
    if unfinished_move(ledger, problem.name, decision.champion_version) != decision.version:
        raise StateError(
            "the rollback is not the newest decision of the ledger, so the champion was not "
            "moved; run the rollback again"
        )
    return decision.version


def build_alerts(
    decision: RollbackDecision, ledger: pd.DataFrame, problem: Problem, parameters: AlertParameters
) -> list[Alert]:
    """Return the alert that the champion was rolled back, once it is in the ledger.

    Args:
        ledger: All decisions, with this one.
    """
    if unfinished_move(ledger, problem.name, decision.champion_version) != decision.version:
        return []
    return make_alerts(None, decision, problem, parameters)
