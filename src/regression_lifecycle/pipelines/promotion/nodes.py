"""Carrying the gate's decision out: registry first, ledger next, the champion last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import PROMOTION
from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.core.fingerprints import combined_fingerprint
from regression_lifecycle.core.models.model_card import write_model_card
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.models.training import TrainingParameters


def describe_candidate(
    candidate: TrainedModel,
    metrics: dict[str, Any],
    decision: dict[str, Any],
    problem: Problem,
    training: TrainingParameters,
) -> str:
    """Write the candidate's model card.

    Args:
        candidate: The candidate.
        metrics: Holdout metrics by model.
        decision: The gate's decision.
        problem: What is predicted.
        training: Names the estimator.

    Returns:
        Markdown.
    """
    _same_candidate(candidate, decision)
    return write_model_card(
        problem, candidate.metadata, training.model.estimator.predictor_path, metrics, decision
    )


def prepare_registration(
    candidate: TrainedModel, decision: dict[str, Any], model_card: str
) -> dict[str, Any]:
    """Say what the registry has to do.

    Args:
        candidate: The candidate, with its place in MLflow.
        decision: The gate's decision.
        model_card: Description of the version.

    Returns:
        Decision, model, description and tags.

    Raises:
        LifecycleError: If the candidate is to be promoted but was never logged.
    """
    _same_candidate(candidate, decision)
    if decision["decision"] == "promote" and "model_uri" not in candidate.location:
        raise LifecycleError(
            "the candidate is not in MLflow, so it cannot be registered: run the training "
            "pipeline with tracking on"
        )
    metadata = candidate.metadata
    return {
        "decision": decision["decision"],
        "model_uri": candidate.location.get("model_uri", ""),
        "model_id": candidate.location.get("model_id", ""),
        "run_id": candidate.location.get("run_id", ""),
        "description": model_card,
        "tags": {
            "decision": decision["decision"],
            "reasons": "; ".join(decision["reasons"]),
            "opponent": decision["opponent"],
            "fingerprint": metadata.fingerprint,
            "data_fingerprint": metadata.data_fingerprint,
            "trained_from": str(metadata.trained_from),
            "trained_until": str(metadata.trained_until),
            # What the service holds the files against; a model of an older release has none.
            **_given(candidate.location, "digest"),
        },
    }


def write_ledger(
    registration: dict[str, Any],
    decision: dict[str, Any],
    metrics: dict[str, Any],
    problem: Problem,
) -> list[dict[str, Any]]:
    """Write down what was decided, why, and on which figures.

    Args:
        registration: What the registry did.
        decision: The gate's decision; that on a challenger says ``challenger_fingerprint`` and
            ``as_of`` too.
        metrics: Metrics by model on the rows that judged.
        problem: Name of the problem.

    Returns:
        One decision; none if nothing changed. Its key is made of everything that led to it, so
        that the same decision is never written twice.
    """
    if decision["decision"] == "unchanged":
        return []
    evidence = {
        "problem": problem.name,
        "kind": PROMOTION,
        "decision": decision["decision"],
        "opponent": decision["opponent"],
        "candidate_fingerprint": decision["candidate_fingerprint"],
        "data_fingerprint": decision["data_fingerprint"],
        "champion_version_before": decision["champion_version"],
        "judged_from": decision["judged_from"],
        "judged_until": decision["judged_until"],
        "reasons": "; ".join(decision["reasons"]),
        "metrics": json.dumps(metrics, sort_keys=True),
        "checks": json.dumps(decision["checks"], sort_keys=True),
        **_given(decision, "challenger_fingerprint"),
    }
    return [
        {
            "decision_id": combined_fingerprint(evidence),
            **evidence,
            **_given(decision, "as_of"),
            "candidate_version": registration["version"],
            "run_id": registration["run_id"],
        }
    ]


def _given(decision: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: decision[name]} if name in decision else {}


def choose_champion(
    ledger: pd.DataFrame, registration: dict[str, Any], decision: dict[str, Any]
) -> str:
    """Name the version that is to be champion, once its evidence is stored.

    Args:
        ledger: All decisions so far.
        registration: What the registry did.
        decision: The gate's decision.

    Returns:
        Version number as text; empty if the champion stays.

    Raises:
        LifecycleError: If the promotion is not in the ledger.
    """
    if decision["decision"] != "promote":
        return ""
    version = str(registration["version"])
    recorded = ledger[
        (ledger["decision"] == "promote")
        & (ledger["candidate_fingerprint"] == decision["candidate_fingerprint"])
    ]
    if not version or recorded.empty:
        raise LifecycleError(
            "the promotion is not in the ledger, so the champion was not moved; run the "
            "promotion pipeline again"
        )
    return version


def _same_candidate(candidate: TrainedModel, decision: dict[str, Any]) -> None:
    if candidate.metadata.fingerprint != decision["candidate_fingerprint"]:
        raise LifecycleError(
            "the gate decided about another candidate than the one stored now; run the "
            "evaluation pipeline again"
        )
