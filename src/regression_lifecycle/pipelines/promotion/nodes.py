"""Carrying the gate's decision out: registry first, ledger next, the champion last."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import champion_moves, version_text
from regression_lifecycle.core.decisions.ledger import Row, approval_row, promotion_row
from regression_lifecycle.core.decisions.records import (
    PASSED,
    PROMOTE,
    UNCHANGED,
    WAITING,
    ApprovalDecision,
    GateDecision,
)
from regression_lifecycle.core.decisions.waiting import find_closed_versions, waiting_version
from regression_lifecycle.core.decisions.wording import line, opponent
from regression_lifecycle.core.errors import LifecycleError, StateError
from regression_lifecycle.core.models import model_card
from regression_lifecycle.core.models.provenance import SourceCode, describe_provenance
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.models.training import ModelSpec
from regression_lifecycle.core.reproduction import snapshots
from regression_lifecycle.core.reproduction.retention import (
    SnapshotParameters,
    needed_versions,
    versions_to_prune,
)
from regression_lifecycle.core.reproduction.snapshots import (
    Snapshot,
    SnapshotReader,
    TrainingConfiguration,
    TrainingRecord,
)
from regression_lifecycle.pipelines.training.nodes import make_training_record


def write_model_card(
    candidate: TrainedModel,
    decision: GateDecision,
    problem: Problem,
    model: ModelSpec,
    source: SourceCode,
) -> str:
    """Write the candidate's model card in Markdown.

    Args:
        model: Names the estimator.
        source: The code that fitted it.

    Raises:
        LifecycleError: If the gate decided about another candidate.
    """
    _refuse_other_candidate(candidate, decision)
    return model_card.write_model_card(
        problem, candidate.metadata, model.estimator.predictor_path, decision, source
    )


def prepare_registration(
    candidate: TrainedModel, decision: GateDecision, description: str, source: SourceCode
) -> dict[str, Any]:
    """List what the registry has to do.

    Args:
        candidate: The model, with its place in MLflow.
        description: What the version is described by.
        source: The code that fitted it.

    Returns:
        ``decision``, ``model_uri``, ``model_id``, ``run_id``, ``description`` and ``tags``.

    Raises:
        LifecycleError: If the candidate is to be registered but was never logged, or the gate
            decided about another one.
    """
    _refuse_other_candidate(candidate, decision)
    location, metadata = candidate.location, candidate.metadata
    if decision.decision in PASSED and "model_uri" not in location:
        raise LifecycleError(
            "the candidate is not in MLflow, so it cannot be registered: run the training "
            "pipeline with tracking on"
        )
    # What the service holds the files against; a model of an older release has none.
    digest = {"digest": location["digest"]} if "digest" in location else {}
    return {
        "decision": decision.decision,
        "model_uri": location.get("model_uri", ""),
        "model_id": location.get("model_id", ""),
        "run_id": location.get("run_id", ""),
        "description": description,
        "tags": {
            "decision": decision.decision,
            "reasons": line(decision.reasons),
            "opponent": opponent(decision),
            "baseline": decision.baseline,
            "fingerprint": metadata.fingerprint,
            "data_fingerprint": metadata.data_fingerprint,
            "code_revision": source.revision,
            "lock_hash": source.lock_hash,
            "trained_from": str(metadata.trained_from),
            "trained_until": str(metadata.trained_until),
            **digest,
        },
    }


def record_training(
    training_set: pd.DataFrame,
    configuration: TrainingConfiguration,
    registration: dict[str, Any],
    parameters: SnapshotParameters,
) -> tuple[TrainingRecord, ...]:
    """Return what a registered version was fitted on.

    Args:
        training_set: The rows that the candidate was trained with.
        configuration: How it was.
        registration: What the registry did.

    Returns:
        The rows that count with the configuration; none if nothing was registered, or no snapshot
        is to be taken.
    """
    if not registration["version"] or not parameters.are_taken:
        return ()
    return (make_training_record(training_set, configuration),)


def take_snapshot(
    record: tuple[TrainingRecord, ...],
    candidate: TrainedModel,
    registration: dict[str, Any],
    source: SourceCode,
) -> tuple[Snapshot, ...]:
    """Return the snapshot of what a registered version was trained on.

    Args:
        record: What the candidate was fitted on; none if no snapshot is to be taken.
        registration: What the registry did.
        source: The code that fitted it.

    Returns:
        The snapshot, if there is a record.

    Raises:
        StateError: If the record is that of another model, so that it would reproduce another one.
    """
    if not record:
        return ()
    (fitted,) = record
    if fitted.fingerprint != candidate.metadata.fingerprint:
        raise StateError(
            "the training set or the configuration is not the one that the candidate was trained "
            "with, so no snapshot of it can be taken and it was not promoted; run training, "
            "evaluation and promotion again"
        )
    provenance = describe_provenance(source, candidate.estimator)
    return (snapshots.take_snapshot(fitted, registration["version"], provenance),)


def choose_snapshots_to_prune(
    stored: SnapshotReader,
    ledger: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: SnapshotParameters,
) -> tuple[str, ...]:
    """Return the versions whose snapshots go, once the champion is in its place.

    Args:
        stored: The snapshots that are there.
        ledger: All decisions so far.
        champion: The model in use.
    """
    needed = needed_versions(ledger, problem.name, version_of(champion))
    return versions_to_prune(stored.versions, parameters.keep, needed)


def write_ledger(
    registration: dict[str, Any],
    decision: GateDecision,
    recorded_decisions: pd.DataFrame,
    problem: Problem,
    _snapshots: SnapshotReader,
) -> tuple[list[Row], list[ApprovalDecision]]:
    """Write the decision down, and what becomes of a version that waited before.

    Args:
        registration: What the registry did.
        recorded_decisions: The ledger.
        _snapshots: With that of the version: a killed run is finished by its row in the ledger, so
            that whatever a champion has to have is stored before it.

    Returns:
        Rows for the ledger, none if nothing changed; and the decisions on versions that wait no
        longer, none if the decision was recorded before.
    """
    if decision.decision == UNCHANGED:
        return [], []
    version, run_id = registration["version"], registration["run_id"]
    own = promotion_row(decision, problem.name, version, run_id)
    if own["decision_id"] in set(recorded_decisions["decision_id"]):
        return [own], []
    moment = decision.as_of or decision.judged_until
    newer = version if decision.decision in PASSED else ""
    closed = find_closed_versions(
        recorded_decisions, problem.name, decision.champion_version, moment, newer
    )
    return [*map(approval_row, closed), own], [outcome.decision for outcome in closed]


def choose_champion(
    ledger: pd.DataFrame, registration: dict[str, Any], decision: GateDecision, problem: Problem
) -> str:
    """Return the version that is to be champion, once its evidence is stored.

    Args:
        ledger: All decisions so far.
        registration: What the registry did.

    Returns:
        Version number as text; empty if the champion stays.

    Raises:
        LifecycleError: If the promotion is not in the ledger.
        StateError: If the ledger has put another version in place since.
    """
    if decision.decision != PROMOTE:
        return ""
    version = str(registration["version"])
    moves = champion_moves(ledger, problem.name)
    recorded = moves[
        (moves["decision"] == PROMOTE)
        & (moves["candidate_fingerprint"] == decision.candidate_fingerprint)
    ]
    if not version or recorded.empty:
        raise LifecycleError(
            "the promotion is not in the ledger, so the champion was not moved; run the "
            "promotion pipeline again"
        )
    newest = version_text(moves.iloc[-1]["candidate_version"])
    if newest != version:
        raise StateError(
            f"version {version} was promoted before, and version {newest} has been put in its "
            "place since, so the champion was not moved. To go back: kedro run "
            f"--pipelines=rollback --params='rollback.version={version},rollback.reason=\"why\"'"
        )
    return version


def build_alerts(
    decision: GateDecision, ledger: pd.DataFrame, problem: Problem, parameters: AlertParameters
) -> list[Alert]:
    """Return the alert that a version waits for approval, once it is in the ledger.

    Whoever runs a first cycle sees how it ends; who is to approve may be somebody else.

    Args:
        ledger: All decisions, with this one.
    """
    waiting = waiting_version(ledger, problem.name)
    if decision.decision != WAITING or waiting is None:
        return []
    return make_alerts(None, decision, problem, parameters, waiting=waiting)


def _refuse_other_candidate(candidate: TrainedModel, decision: GateDecision) -> None:
    if candidate.metadata.fingerprint != decision.candidate_fingerprint:
        raise LifecycleError(
            "the gate decided about another candidate than the one stored now; run the "
            "evaluation pipeline again"
        )
