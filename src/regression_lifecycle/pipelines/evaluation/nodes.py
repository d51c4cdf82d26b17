"""Candidate, champion and baseline on the same rows, and the gate's decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import attempts_to_be_better
from regression_lifecycle.core.decisions.records import GateDecision
from regression_lifecycle.core.decisions.rollback import rolled_back_evidence
from regression_lifecycle.core.decisions.waiting import (
    PromotionParameters,
    answered_evidence,
    ask_for_approval,
)
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.evaluation import gate
from regression_lifecycle.core.evaluation import holdout as evaluation
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    add_baseline,
    choose_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.evaluation.gate import Contestant, GateParameters
from regression_lifecycle.core.evaluation.holdout import CANDIDATE, CHAMPION
from regression_lifecycle.core.evaluation.parameters import EvaluationParameters
from regression_lifecycle.core.evaluation.series import rank_series, sum_series
from regression_lifecycle.core.features.builders import features_for
from regression_lifecycle.core.frames.collecting import pieces
from regression_lifecycle.core.metrics import ErrorMetric
from regression_lifecycle.core.models.trained_model import (
    TrainedModel,
    require_same_problem,
    version_of,
)
from regression_lifecycle.core.windows.windows import list_windows
from regression_lifecycle.pipelines.roles import column_roles
from regression_lifecycle.pipelines.subjects import about_candidate

_ROWS_AT_ONCE = 500_000


def predict_with_models(
    holdout_set: Any,
    candidate: TrainedModel,
    champion: TrainedModel | None,
    observations: Any,
    problem: Problem,
) -> pd.DataFrame:
    """Let candidate and champion predict the same rows, piece by piece.

    Args:
        holdout_set: Rows that are new to the candidate, with its features, on any engine.
        observations: The champion's features are made from them if its recipe is another one.

    Returns:
        The rows with the columns ``candidate`` and, if there is one, ``champion``, in the target's
        unit.

    Raises:
        ConfigurationError: If the champion was trained for another problem.
    """
    predicted = []
    for piece in pieces(holdout_set, problem, _ROWS_AT_ONCE):
        rows = piece.assign(**{CANDIDATE: _predict(candidate, piece)})
        if champion is not None:
            require_same_problem(champion, problem)
            own, recipe = candidate.metadata.recipe, champion.metadata.recipe
            features = features_for(piece, own, recipe, observations, problem)
            rows[CHAMPION] = _predict(champion, features)
        predicted.append(rows)
    return predicted[0] if len(predicted) == 1 else pd.concat(predicted, ignore_index=True)


def _predict(model: TrainedModel, features: pd.DataFrame) -> np.ndarray:
    # scikit-learn refuses to predict nothing.
    return model.predict(features).to_numpy() if len(features) else np.empty(0)


def make_naive_forecasts(
    model_predictions: pd.DataFrame,
    candidate: TrainedModel,
    observations: Any,
    problem: Problem,
    parameters: BaselineParameters,
) -> pd.DataFrame:
    """Forecast the same rows in every naive way.

    Args:
        candidate: Knows mean and median of its training rows.
        observations: What happened before, to look back in.

    Returns:
        One column per forecast, in the target's unit.
    """
    known = candidate.metadata
    return naive_forecasts(
        observations, model_predictions, known.constants, problem, parameters, known.trained_until
    )


def add_best_baseline(
    model_predictions: pd.DataFrame,
    forecasts: pd.DataFrame,
    problem: Problem,
    metric: ErrorMetric,
) -> pd.DataFrame:
    """Add the naive forecast that is the hardest to beat on these rows.

    Args:
        forecasts: One column per naive forecast.
        metric: The error by which the gate compares.

    Returns:
        The rows with ``baseline``, in the target's unit, and ``baseline_source``.
    """
    target, weight = model_predictions[problem.target], problem.weights_of(model_predictions)
    best = choose_baseline(forecasts, target, metric, problem.quantile, weight)
    return add_baseline(model_predictions, forecasts, best)


def measure_errors(
    predictions: pd.DataFrame, problem: Problem, parameters: EvaluationParameters
) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compute all figures of the evaluation.

    Args:
        predictions: Holdout rows with one column per model.

    Returns:
        Metrics by model twice (as a document with null for what is not defined, and for
        MLflow), metrics by segment, metrics by window, worst rows.

    Raises:
        ConfigurationError: If a segment column is not in the table.
    """
    for name in parameters.segments:
        if name not in predictions.columns:
            own = {*evaluation.MODELS, evaluation.BASELINE_SOURCE}
            known = [c for c in predictions.columns if c not in own]
            raise ConfigurationError(
                f"evaluation.segments: {unknown_name('column', name, known, 40)}"
            )
    overall = gate.metrics_with_fallback(predictions, problem)
    windows = list_windows(predictions, problem, parameters.windows)
    weight = [] if problem.weight_column is None else [problem.weight_column]
    models = evaluation.present_models(predictions)
    shown = [problem.timestamp.name, problem.target, *weight, *models, *parameters.segments]
    return (
        gate.without_nan(overall),
        overall,
        evaluation.segment_metrics(predictions, problem, parameters.segments),
        evaluation.window_metrics(predictions, windows, problem, parameters.windows),
        evaluation.worst_rows(predictions[shown], problem, parameters.worst_rows),
    )


def measure_series(predictions: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Compute how well the candidate predicts each of many series.

    Args:
        predictions: Holdout rows with one column per model.

    Returns:
        One row per series, the one that makes most of the error first; none without series.
    """
    return rank_series(sum_series(predictions, CANDIDATE, problem), problem.error_metric)


def describe_contestants(
    candidate: TrainedModel,
    champion: TrainedModel | None,
    recorded_decisions: pd.DataFrame,
    problem: Problem,
) -> tuple[Contestant, Contestant | None]:
    """Tell the gate what it has to know of candidate and champion.

    Args:
        recorded_decisions: The ledger, for earlier attempts at this champion's place, and for what
            was promoted or asked about before and turned down.

    Returns:
        The candidate, and the champion if there is one.

    Raises:
        LifecycleError: If the ledger cannot be read.
    """
    ledger, name, version = recorded_decisions, problem.name, version_of(champion)
    challenger = _contestant(candidate)
    turned_down = {
        **answered_evidence(ledger, name, version, challenger.fingerprint),
        **rolled_back_evidence(ledger, name, challenger.fingerprint),
    }
    challenger = replace(challenger, turned_down=turned_down)
    if champion is None:
        return challenger, None
    attempts = attempts_to_be_better(ledger, name, version)
    return challenger, replace(_contestant(champion), attempts=attempts)


def evaluate_gate(
    predictions: pd.DataFrame,
    contestants: tuple[Contestant, Contestant | None],
    problem: Problem,
    parameters: GateParameters,
    promotion: PromotionParameters,
) -> GateDecision:
    """Let the gate decide whether the candidate may take the champion's place.

    Args:
        predictions: Rows with one column per model.
        contestants: Candidate and champion.
        promotion: Whether what passes waits for approval.
    """
    decision = gate.evaluate_gate(predictions, *contestants, problem, parameters)
    return ask_for_approval(decision, promotion)


def _contestant(model: TrainedModel) -> Contestant:
    return Contestant(
        version=version_of(model),
        fingerprint=model.metadata.fingerprint,
        data_fingerprint=model.metadata.data_fingerprint,
        trained_until=model.metadata.trained_until,
    )


def report_regression(
    out_of_fold_predictions: pd.DataFrame,
    predictions: pd.DataFrame,
    candidate: TrainedModel,
    problem: Problem,
    maximum_rows: int,
) -> Any:
    """Describe the candidate's errors in an Evidently report.

    Args:
        out_of_fold_predictions: Reference: training rows with out-of-sample predictions.
        predictions: Current: holdout rows.
        candidate: The model that the report is about.
        maximum_rows: A seeded sample is drawn of more.

    Returns:
        An Evidently snapshot.
    """
    roles = column_roles(problem, [], prediction="prediction")
    return evidently.regression_snapshot(
        predictions.rename(columns={CANDIDATE: "prediction"}),
        roles,
        reference=out_of_fold_predictions,
        timestamp=predictions[problem.timestamp.name].max(),
        maximum_rows=maximum_rows,
        seed=0,
        metadata=about_candidate(candidate, predictions, len(out_of_fold_predictions), problem),
    )
