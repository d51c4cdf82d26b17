"""Back to an earlier champion: decided by a person, recorded like every other decision."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.as_of import moment_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import (
    ROLLBACK,
    newest_move,
    plan_rollback,
    unfinished_move,
)
from regression_lifecycle.core.decisions.rollback import RollbackParameters
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.fingerprints import combined_fingerprint
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of


def decide_rollback(
    recorded_decisions: pd.DataFrame,
    champion: TrainedModel | None,
    observations: pd.DataFrame,
    as_of: Any,
    problem: Problem,
    parameters: RollbackParameters,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Choose the version and write down who, when and why.

    Args:
        recorded_decisions: The ledger.
        champion: The model in use.
        observations: All observations, for the default moment.
        as_of: The moment at which we stand.
        problem: Name of the problem.
        parameters: Version, reason and actor.

    Returns:
        The row for the ledger (none if a killed rollback only has to be completed), and the plan
        with ``version``, ``champion_version_before``, ``reason`` and ``as_of``.

    Raises:
        ConfigurationError: If no reason is given or there is nothing to go back to.
    """
    current = version_of(champion)
    moment = str(moment_of(as_of, observations, problem))
    unfinished = unfinished_move(recorded_decisions, problem.name, current)
    killed = unfinished and newest_move(recorded_decisions, problem.name) == ROLLBACK
    if killed and parameters.version in (None, unfinished):
        return [], _plan(unfinished, current, moment, "completed")
    # By the ledger that version is champion, whoever is still in its place.
    current = unfinished or current
    if not parameters.reason.strip():
        raise ConfigurationError(
            'a rollback needs a reason: --params=rollback.reason="why the champion has to go"'
        )
    version, since = plan_rollback(recorded_decisions, problem.name, current, parameters.version)
    row = {
        "decision_id": combined_fingerprint(
            {"problem": problem.name, "kind": ROLLBACK, "from": current, "to": version, "of": since}
        ),
        "problem": problem.name,
        "kind": ROLLBACK,
        "decision": "rollback",
        "candidate_version": version,
        "champion_version_before": current,
        "as_of": moment,
        "actor": parameters.actor,
        "note": parameters.reason,
        "reasons": f"version {current} back to version {version}: {parameters.reason}",
    }
    return [row], _plan(version, current, moment, parameters.reason)


def _plan(version: str, before: str, as_of: str, reason: str) -> dict[str, Any]:
    return {
        "version": version,
        "champion_version_before": before,
        "as_of": as_of,
        "reason": reason,
    }


def choose_version(ledger: pd.DataFrame, rollback_plan: dict[str, Any], problem: Problem) -> str:
    """Name the version that is to be champion, once the rollback is in the ledger.

    Args:
        ledger: All decisions, with this one.
        rollback_plan: The plan.
        problem: Name of the problem.

    Returns:
        Version number as text.

    Raises:
        ConfigurationError: If the ledger does not say so.
    """
    before = str(rollback_plan["champion_version_before"])
    if unfinished_move(ledger, problem.name, before) != rollback_plan["version"]:
        raise ConfigurationError(
            "the rollback is not the newest decision of the ledger, so the champion was not "
            "moved; run the rollback again"
        )
    return str(rollback_plan["version"])


def tell(
    rollback_plan: dict[str, Any],
    ledger: pd.DataFrame,
    problem: Problem,
    parameters: AlertParameters,
) -> list[Alert]:
    """Tell people that the champion was rolled back, once it is in the ledger.

    Args:
        rollback_plan: The plan.
        ledger: All decisions, with this one.
        problem: Its name stands in the alert.
        parameters: Which events and levels are wanted.

    Returns:
        The alert.
    """
    version, before = rollback_plan["version"], rollback_plan["champion_version_before"]
    if unfinished_move(ledger, problem.name, before) != version:
        return []
    told = {
        "decision": "rollback",
        "reasons": [f"version {before} back to version {version}: {rollback_plan['reason']}"],
        "champion_version": before,
        "as_of": rollback_plan["as_of"],
    }
    return make_alerts(None, told, problem, parameters)
