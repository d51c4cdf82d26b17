"""Candidate, champion and baseline on the same rows, and the gate's decision."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.evaluation import gate
from regression_lifecycle.core.evaluation import holdout as evaluation
from regression_lifecycle.core.evaluation.baseline import baseline_forecast
from regression_lifecycle.core.evaluation.holdout import (
    BASELINE,
    CANDIDATE,
    CHAMPION,
    EvaluationParameters,
)
from regression_lifecycle.core.features.builders import features_for
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.windows.windows import list_windows
from regression_lifecycle.pipelines.roles import column_roles


def predict_holdout(
    observations: pd.DataFrame,
    holdout_set: pd.DataFrame,
    candidate: TrainedModel,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: EvaluationParameters,
) -> pd.DataFrame:
    """Let every model predict the same rows.

    Args:
        observations: All observations: the baseline looks back in them, and the champion's
            features are made from them if its recipe is another one.
        holdout_set: The rows to judge on, with the candidate's features.
        candidate: The new model.
        champion: The model in use, or None.
        problem: Names key and target.
        parameters: The baseline.

    Returns:
        The holdout set with the columns ``candidate``, ``baseline`` and, if there is a
        champion, ``champion``, in the target's unit.
    """
    predictions = {CANDIDATE: candidate.predict(holdout_set)}
    if champion is not None:
        features = features_for(
            holdout_set, candidate.metadata.recipe, champion.metadata.recipe, observations, problem
        )
        predictions[CHAMPION] = champion.predict(features)
    predictions[BASELINE] = baseline_forecast(
        observations, holdout_set, candidate.metadata.target_mean, problem, parameters.baseline
    )
    return holdout_set.assign(**predictions)


def measure(
    predictions: pd.DataFrame, problem: Problem, parameters: EvaluationParameters
) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compute all figures of the evaluation.

    Args:
        predictions: Holdout rows with one column per model.
        problem: Names timestamp and target.
        parameters: Segments, windows and how many of the worst rows.

    Returns:
        Metrics by model twice (as a document with null for what is not defined, and for
        MLflow), metrics by segment, metrics by window, worst rows.

    Raises:
        ConfigurationError: If a segment column is not in the table.
    """
    for name in parameters.segments:
        if name not in predictions.columns:
            known = [c for c in predictions.columns if c not in evaluation.MODELS]
            raise ConfigurationError(
                f"evaluation.segments: {unknown_name('column', name, known, 40)}"
            )
    stamp, target = problem.timestamp.name, problem.target
    overall = evaluation.overall_metrics(predictions, target)
    windows = list_windows(predictions, problem, parameters.windows)
    shown = [stamp, target, *evaluation.present_models(predictions), *parameters.segments]
    return (
        gate.without_nan(overall),
        overall,
        evaluation.segment_metrics(predictions, target, parameters.segments),
        evaluation.window_metrics(predictions, windows, problem, parameters.windows),
        evaluation.worst_rows(predictions[shown], target, parameters.worst_rows),
    )


def judge(
    predictions: pd.DataFrame,
    candidate: TrainedModel,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: EvaluationParameters,
) -> dict[str, Any]:
    """Take the gate's decision.

    Args:
        predictions: Holdout rows with one column per model.
        candidate: The new model.
        champion: The model in use, or None.
        problem: Names timestamp and target.
        parameters: The gate.

    Returns:
        The decision with its reasons, every check, the opponent, and what was judged on what.
    """
    stamp = predictions[problem.timestamp.name]
    opponent = BASELINE if champion is None else CHAMPION
    checks = gate.absolute_checks(
        evaluation.overall_metrics(predictions, problem.target), parameters.gate
    )
    checks.extend(_paired_checks(predictions, champion, opponent, problem, parameters))
    version = version_of(champion)
    unchanged = (
        champion is not None and champion.metadata.fingerprint == candidate.metadata.fingerprint
    )
    outcome = gate.decide(
        checks,
        unchanged=unchanged,
        unchanged_reason=f"same data, same configuration: the candidate is champion version "
        f"{version} again, so nothing was registered and no alias moved",
    )
    return {
        **outcome,
        "opponent": f"champion version {version}" if champion is not None else BASELINE,
        "champion_version": version,
        "candidate_fingerprint": candidate.metadata.fingerprint,
        "data_fingerprint": candidate.metadata.data_fingerprint,
        "judged_from": str(stamp.min()),
        "judged_until": str(stamp.max()),
        "n_rows": int(predictions[problem.target].notna().sum()),
    }


def _paired_checks(
    predictions: pd.DataFrame,
    champion: TrainedModel | None,
    opponent: str,
    problem: Problem,
    parameters: EvaluationParameters,
) -> list[gate.CheckResult]:
    comparison = parameters.gate.comparison
    stamp = problem.timestamp.name
    rows = predictions
    if champion is not None:
        # A champion is not judged on rows it was trained on: it would win by memory.
        rows = predictions[predictions[stamp] > champion.metadata.trained_until]
        if rows.empty:
            why = (
                f"the champion was trained until {champion.metadata.trained_until}, so none of "
                "the holdout rows is new to it; begin the holdout later"
            )
            return [gate.comparison_check(None, opponent, comparison, why)]
    result = gate.compare_paired(
        rows[stamp], rows[problem.target], rows[CANDIDATE], rows[opponent], comparison
    )
    return gate.comparison_checks(result, opponent, comparison)


def report_regression(
    out_of_fold_predictions: pd.DataFrame,
    predictions: pd.DataFrame,
    problem: Problem,
    parameters: EvaluationParameters,
) -> Any:
    """Describe the candidate's errors in an Evidently report.

    Args:
        out_of_fold_predictions: Reference: training rows with out-of-sample predictions.
        predictions: Current: holdout rows.
        problem: Names columns.
        parameters: Most rows to look at.

    Returns:
        An Evidently snapshot.
    """
    roles = column_roles(problem, [], prediction="prediction")
    return evidently.regression_snapshot(
        predictions.rename(columns={CANDIDATE: "prediction"}),
        roles,
        reference=out_of_fold_predictions,
        timestamp=predictions[problem.timestamp.name].max(),
        maximum_rows=parameters.report_rows,
        seed=0,
    )
