"""A challenger on fresh data, judged beside the champion on windows that neither has seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.as_of import known_rows, moment_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import rolled_back_evidence
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation import challenger as challenge
from regression_lifecycle.core.evaluation import gate
from regression_lifecycle.core.evaluation.baseline import baseline_forecast
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters, training_rows
from regression_lifecycle.core.evaluation.holdout import (
    BASELINE,
    CANDIDATE,
    CHAMPION,
    EvaluationParameters,
)
from regression_lifecycle.core.features.builders import build_features, features_for
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, place_features
from regression_lifecycle.pipelines.training.nodes import train


def cut_data(
    observations: pd.DataFrame,
    champion: TrainedModel | None,
    as_of: Any,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    evaluation: EvaluationParameters,
    window_parameters: WindowParameters,
    parameters: RetrainingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cut what is known at ``as_of`` into training and judging rows.

    Args:
        observations: All observations.
        champion: The model in use, or None.
        as_of: The moment at which we stand; None for the end of the observations.
        problem: The table's description.
        preprocessing: The challenger's features.
        evaluation: The baseline.
        window_parameters: The windows.
        parameters: How many windows judge, and how far back training reaches.

    Returns:
        The challenger's training rows, which end before the first judging window; the judging
        rows with ``champion`` and ``baseline``; the rows for a refit, which end at ``as_of``.

    Raises:
        DataContractError: If too few labelled rows lie before the judging windows.
    """
    moment = moment_of(as_of, observations, problem)
    known = known_rows(observations, moment, problem)
    table: pd.DataFrame = build_features(known, problem, preprocessing.recipe)
    windows = list_windows(known, problem, window_parameters, as_of=moment)
    chosen = challenge.judging_windows(
        windows,
        None if champion is None else champion.metadata.trained_until,
        parameters.measured_windows,
    )
    place = place_features(table, known, windows, problem, window_parameters)
    judging = table[np.isin(place, [window.index for window in chosen])].copy()
    before = chosen[0].start if chosen else moment
    training = training_rows(table, problem, before, parameters.training_length)
    judging[BASELINE] = baseline_forecast(
        known, judging, float(training[problem.target].mean()), problem, evaluation.baseline
    )
    if champion is not None:
        seen = features_for(judging, preprocessing.recipe, champion.metadata.recipe, known, problem)
        judging[CHAMPION] = champion.predict(seen).to_numpy() if len(seen) else 0.0
    if len(training) < parameters.minimum_training_rows:
        raise DataContractError(
            f"{len(training)} labelled rows lie before {before}, where the judging windows begin; "
            f"retraining.minimum_training_rows is {parameters.minimum_training_rows}. Wait for "
            "more data, or lower it or retraining.measured_windows"
        )
    everything = training_rows(table, problem, moment, parameters.training_length)
    judging = judging.sort_values(problem.timestamp.name, kind="stable")
    return training, judging, everything


def judge(
    comparison_rows: pd.DataFrame,
    challenger: TrainedModel,
    champion: TrainedModel | None,
    recorded_decisions: pd.DataFrame,
    observations: pd.DataFrame,
    as_of: Any,
    problem: Problem,
    parameters: RetrainingParameters,
) -> dict[str, Any]:
    """Take the gate's decision.

    Args:
        comparison_rows: Rows that neither model was trained on, with ``champion`` and ``baseline``.
        challenger: The new model.
        champion: The model in use, or None.
        recorded_decisions: The ledger: what was rolled back is not promoted again by the same
            evidence.
        observations: All observations, for the default moment.
        as_of: The moment at which we stand; None for the end of the observations.
        problem: Names timestamp and target.
        parameters: The gate.

    Returns:
        Decision, reasons, checks, metrics by model, opponent, ``as_of``, and what was judged on
        what.
    """
    version = version_of(champion)
    rows = comparison_rows.assign(
        **{
            CANDIDATE: challenger.predict(comparison_rows).to_numpy()
            if len(comparison_rows)
            else 0.0
        }
    )
    decision = challenge.judge_challenger(
        rows,
        (problem.timestamp.name, problem.target),
        parameters.gate,
        champion_version=version,
    )
    fingerprint = challenger.metadata.fingerprint
    taken_back = rolled_back_evidence(
        recorded_decisions, problem.name, fingerprint, decision["judged_until"]
    )
    if decision["decision"] == "promote" and taken_back:
        decision |= {
            "decision": "refuse",
            "reasons": [
                f"version {taken_back} was promoted on this very evidence and rolled back; new "
                "data or another configuration is needed"
            ],
        }
    return {
        **decision,
        "as_of": str(moment_of(as_of, observations, problem)),
        "metrics": gate.without_nan(decision["metrics"]),
        "challenger_fingerprint": fingerprint,
        "data_fingerprint": challenger.metadata.data_fingerprint,
    }


def refit(
    challenger: TrainedModel,
    challenge_decision: dict[str, Any],
    refit_set: pd.DataFrame,
    best_parameters: dict[str, Any],
    problem: Problem,
    preprocessing: PreprocessingParameters,
    training: TrainingParameters,
    parameters: RetrainingParameters,
) -> TrainedModel:
    """Fit the configuration that passed on everything up to ``as_of``.

    Args:
        challenger: The challenger.
        challenge_decision: The gate's decision.
        refit_set: All labelled rows up to ``as_of``.
        best_parameters: Result of the search on the challenger's training rows.
        problem: Names target and timestamp.
        preprocessing: Names the features.
        training: The model.
        parameters: Whether to refit.

    Returns:
        The refitted model; the challenger itself if it was refused or no refit is wanted.
    """
    if challenge_decision["decision"] != "promote" or not parameters.refit:
        return challenger
    return train(refit_set, best_parameters, problem, preprocessing, training)


def conclude(
    challenge_decision: dict[str, Any], promoted: TrainedModel, champion: TrainedModel | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Join the challenger's evidence with the version that is to be promoted.

    Args:
        challenge_decision: The gate's decision on the challenger.
        promoted: The refitted model, or the challenger.
        champion: The model in use, or None.

    Returns:
        The decision with ``candidate_fingerprint``, the metrics by model, and the same for MLflow.
        Unchanged, if the very model is champion already.
    """
    decision = {**challenge_decision, "candidate_fingerprint": promoted.metadata.fingerprint}
    if champion is not None and champion.metadata.fingerprint == promoted.metadata.fingerprint:
        decision |= {
            "decision": "unchanged",
            "reasons": ["same data, same configuration: the champion is this very model"],
        }
    metrics = challenge_decision["metrics"]
    return decision, metrics, metrics


def tell(
    decision: dict[str, Any], ledger: pd.DataFrame, problem: Problem, parameters: AlertParameters
) -> list[Alert]:
    """Say what people should know of the gate's answer, once it is in the ledger.

    Args:
        decision: The gate's decision.
        ledger: All decisions, with this one.
        problem: Its name stands in the alert.
        parameters: Which events and levels are wanted.

    Returns:
        Alerts; saving them sends those that are due, and earlier ones that failed.
    """
    recorded = decision["decision"] == "unchanged" or (
        decision["challenger_fingerprint"] in set(ledger["challenger_fingerprint"])
    )
    return make_alerts(None, decision, problem, parameters) if recorded else []
