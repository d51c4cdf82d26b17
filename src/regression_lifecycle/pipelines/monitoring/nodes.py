"""The deployed model over the windows of time: served, judged, recorded, decided upon."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.as_of import known_rows, moment_of
from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import rejected_moments
from regression_lifecycle.core.data.tables import SEGMENT_HISTORY, WINDOW_HISTORY
from regression_lifecycle.core.decisions import policy
from regression_lifecycle.core.decisions.champion_history import POLICY, attempts, unfinished_move
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import PolicyState
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.evaluation import window_metrics as judging
from regression_lifecycle.core.evaluation.baseline import BaselineParameters, baseline_forecast
from regression_lifecycle.core.evaluation.holdout import EvaluationParameters
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.fingerprints import combined_fingerprint
from regression_lifecycle.core.metrics import WINDOW_METRICS
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.monitoring import simulation as monitoring
from regression_lifecycle.core.monitoring.logged_predictions import PredictionCoverage
from regression_lifecycle.core.monitoring.parameters import MonitoringParameters
from regression_lifecycle.core.monitoring.window_plan import (
    newest_revisions,
    of_window,
    plan_windows,
)
from regression_lifecycle.core.prediction.adjustment import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, place_features, windows_frame


def finish_interrupted_promotion(
    recorded_decisions: pd.DataFrame, champion: TrainedModel | None, problem: Problem
) -> str:
    """Put a champion in place that was decided and recorded before a run was killed.

    Args:
        recorded_decisions: The ledger.
        champion: The model in use, or None.
        problem: Name of the problem.

    Returns:
        Version number as text; empty if nothing was left unfinished.
    """
    return unfinished_move(recorded_decisions, problem.name, version_of(champion))


def make_window_rows(
    observations: pd.DataFrame,
    champion: TrainedModel | None,
    as_of: Any,
    problem: Problem,
    baseline: BaselineParameters,
    window_parameters: WindowParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build what is known at ``as_of``, with the window of every row.

    Args:
        observations: All observations.
        champion: The deployed model; its own recipe makes the features.
        as_of: The moment at which we stand; None for the end of the observations.
        problem: The table's description.
        baseline: The naive forecast.
        window_parameters: How windows are cut.

    Returns:
        Known rows with the champion's features, all columns that are known ahead, the target
        (missing where its label is not known yet), ``baseline`` and ``window_index``, none as
        long as there is no champion; and one row per window with ``as_of``.
    """
    moment = moment_of(as_of, observations, problem)
    known = known_rows(observations, moment, problem)
    windows = list_windows(known, problem, window_parameters, as_of=moment)
    frame = windows_frame(windows).assign(as_of=moment)
    if champion is None:
        return known.iloc[:0].assign(window_index=0, baseline=0.0), frame
    table: pd.DataFrame = build_features(
        known, problem, champion.metadata.recipe, keep=problem.columns_known_in_advance
    )
    table["baseline"] = baseline_forecast(
        known, table, champion.metadata.target_mean, problem, baseline
    )
    place = place_features(table, known, windows, problem, window_parameters)
    return table.assign(window_index=place), frame


def plan(
    window_rows: pd.DataFrame,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
    recorded_windows: pd.DataFrame,
    all_predictions: pd.DataFrame,
    problem: Problem,
    window_parameters: WindowParameters,
    parameters: MonitoringParameters,
) -> pd.DataFrame:
    """Find the windows that are new or in which something changed.

    Args:
        window_rows: Known rows with their window.
        windows: All windows up to ``as_of``.
        champion: The deployed model.
        recorded_windows: ``window_history`` as it is before this run.
        all_predictions: ``predictions``, with what was served and not judged yet.
        problem: Names key and target.
        parameters: Whether rows that nobody asked for are simulated.

    Returns:
        One row per window and model version to look at.
    """
    deployed = None if champion is None else (version_of(champion), champion.metadata.trained_until)
    servings = PredictionCoverage(
        all_predictions,
        version_of(champion),
        parameters.missing_predictions == "backfill",
        window_parameters,
        problem,
    )
    return plan_windows(
        windows, window_rows, recorded_windows, all_predictions, deployed, problem, servings
    )


def serve(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
    all_predictions: pd.DataFrame,
    problem: Problem,
    adjustment: AdjustmentParameters,
    parameters: MonitoringParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Give every row of the planned windows its served prediction.

    Args:
        window_plan: Windows to look at.
        window_rows: Known rows with their window.
        windows: All windows.
        champion: The deployed model.
        all_predictions: What was served before; it stays as it is.
        problem: Names key, timestamp and target.
        adjustment: Level correction and interval.
        parameters: What becomes of rows that nobody asked for.

    Returns:
        The predictions twice: for the next nodes and for the store. And ``adjustments``, which the
        service and batches read: what the champion is served with from now on.
    """
    made, adjustments = monitoring.backfill_predictions(
        window_plan,
        window_rows,
        all_predictions,
        windows,
        champion,
        problem,
        adjustment,
        backfill=parameters.missing_predictions == "backfill",
    )
    return made, made, adjustments


def judge(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    rejected_observations: pd.DataFrame,
    problem: Problem,
    evaluation: EvaluationParameters,
    drift: DriftParameters,
    window_parameters: WindowParameters,
    parameters: MonitoringParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the figures of every planned window.

    Args:
        window_plan: Windows to look at.
        window_rows: Known rows with segment and watched columns.
        window_predictions: Their served predictions.
        rejected_observations: Rows that broke the contract.
        problem: Names key and target, gives the frequency.
        evaluation: The segments.
        drift: The columns that are watched.
        parameters: How windows are cut, and how large a segment must be.

    Returns:
        Rows of ``window_history`` without drift and alarms, and rows of ``segment_history``.
    """
    carried = [problem.target, *evaluation.segments, *drift.columns]
    table = window_rows[list(dict.fromkeys([*carried, "window_index"]))].assign(
        row_key=row_keys(window_rows, problem).to_numpy()
    )
    rejected = rejected_moments(rejected_observations, problem)
    counted = window_parameters.by_time and len(problem.key_columns) == 1
    rows, segments = [], [SEGMENT_HISTORY.frame()]
    for window in window_plan.to_dict("records"):
        served = of_window(window_predictions, window)
        # Quality is that of what came; a former champion may have served a part of it.
        came = table[table["window_index"] == window["window_index"]]
        inside = served.drop(columns=["target", "window_index"]).merge(
            table, on="row_key", how="left"
        )
        by_segment = judging.measure_segments(inside, problem.target, evaluation.segments)
        expected = None
        if counted:
            # Nothing is missing yet of a window that is not over.
            until = min(window["end"], window["as_of"])
            expected = int((until - window["start"]) / problem.frequency)
        lost = int(((rejected >= window["start"]) & (rejected < window["end"])).sum())
        rows.append(
            {
                "problem": problem.name,
                **{name: window[name] for name in window if name in WINDOW_HISTORY.columns},
                "seen_as_of": window["as_of"],
                "level_factor": served["level_factor"].max(),
                **judging.measure_rows(inside, problem.target),
                **judging.segment_extremes(by_segment, parameters.segment_rows),
                **judging.data_quality(came, drift.columns, expected, lost),
            }
        )
        place = {name: window[name] for name in ("window", "model_version", "window_index")}
        segments.append(
            SEGMENT_HISTORY.frame(
                by_segment.assign(problem=problem.name, start=window["start"], **place)
            )
        )
    return WINDOW_HISTORY.frame(rows), pd.concat(segments, ignore_index=True)


def complete(
    measured_windows: pd.DataFrame,
    window_drift: pd.DataFrame,
    recorded_windows: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: PolicyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete the windows with drift and alarms.

    Args:
        measured_windows: Figures of the planned windows.
        window_drift: ``drift_history`` of the planned windows.
        recorded_windows: ``window_history`` as it is before this run.
        champion: The deployed model.
        problem: Name of the problem.
        parameters: The policy's rules, which mark the alarms.

    Returns:
        Rows of ``window_history`` for the planned windows, and the newest revisions of all
        windows that the champion served, the oldest first.
    """
    summaries = _drift_summaries(window_drift)
    planned = measured_windows.drop(columns=[*_DRIFT_COLUMNS, "alarms"]).merge(
        summaries, on=["window", "model_version"], how="left"
    )
    planned = WINDOW_HISTORY.frame(planned)
    own = recorded_windows[recorded_windows["problem"] == problem.name]
    everything = newest_revisions(
        pd.concat([WINDOW_HISTORY.frame(own), planned], ignore_index=True)
    )
    if champion is None:
        return planned, WINDOW_HISTORY.frame()
    deployed = everything[everything["model_version"] == version_of(champion)]
    deployed = deployed.reset_index(drop=True)
    deployed["alarms"] = monitoring.mark_alarms(
        deployed, version_of(champion), champion.metadata.trained_until, parameters
    )
    # The marks of a former champion's windows stay as they are.
    marks = pd.concat([newest_revisions(WINDOW_HISTORY.frame(own)), deployed])[
        ["window", "model_version", "alarms"]
    ].drop_duplicates(["window", "model_version"], keep="last")
    planned = planned.drop(columns="alarms").merge(
        marks, on=["window", "model_version"], how="left"
    )
    return WINDOW_HISTORY.frame(planned), deployed


def close(
    completed_windows: pd.DataFrame, segments: pd.DataFrame, drawn_windows: list[str]
) -> pd.DataFrame:
    """Hand the windows over to the store, once everything else about them is stored.

    Args:
        completed_windows: Rows of ``window_history``.
        segments: ``segment_history``, stored.
        drawn_windows: Windows whose reports are stored.

    Returns:
        The rows; a window that has one is done.
    """
    return completed_windows


def decide(
    champion_windows: pd.DataFrame,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
    recorded_decisions: pd.DataFrame,
    problem: Problem,
    parameters: PolicyParameters,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Let the policy decide.

    Args:
        champion_windows: Windows that the champion served.
        windows: All windows up to ``as_of``.
        champion: The deployed model.
        recorded_decisions: The ledger, for earlier attempts.
        problem: Name of the problem.
        parameters: The policy.

    Returns:
        The decision, and its row for the ledger. Without a new window there is none: the same
        figures, champion and rules are decided upon once.
    """
    as_of = windows["as_of"].max()
    version = version_of(champion)
    known = champion_windows[champion_windows["end"] <= as_of]
    tried = [
        moment for moment in attempts(recorded_decisions, problem.name, version) if moment <= as_of
    ]
    state = PolicyState(
        as_of=as_of,
        champion_version=version,
        trained_until=None if champion is None else champion.metadata.trained_until,
        windows=known.to_dict("records"),
        windows_since_attempt=monitoring.windows_since(tried, known),
    )
    decision = policy.decide(state, parameters)
    if known.empty:
        return decision, []
    newest = known.iloc[-1]
    evidence = {
        "problem": problem.name,
        "kind": POLICY,
        "window": decision["window"],
        "champion_version_before": version,
    }
    figures = {
        "labels": list(known["labels_fingerprint"]),
        "features": list(known["features_fingerprint"]),
        "policy": parameters.digest(),
        # The same rows may be decided upon anew once the window is over.
        "status": newest["status"],
    }
    row = {
        "decision_id": combined_fingerprint({**evidence, **figures}),
        **evidence,
        "as_of": str(as_of),
        "decision": decision["decision"],
        "reasons": "; ".join(decision["reasons"]),
        "judged_from": str(known.iloc[0]["start"]),
        "judged_until": str(newest["end"]),
        "policy": json.dumps(decision["rules"], sort_keys=True),
    }
    return decision, [row]


def tell(
    policy_decision: dict[str, Any], problem: Problem, parameters: AlertParameters
) -> list[Alert]:
    """Say what people should know of the decision.

    Args:
        policy_decision: The decision.
        problem: Its name stands in the alert.
        parameters: Which events and levels are wanted.

    Returns:
        Alerts; saving them sends those that are due, and earlier ones that failed.
    """
    return make_alerts(policy_decision, None, problem, parameters)


_TRACKED = (*WINDOW_METRICS, "baseline_rmse", "coverage", "drifted_share", "level_factor", "n")


def track(champion_windows: pd.DataFrame) -> pd.DataFrame:
    """Choose the figures of the windows that become MLflow metrics.

    Args:
        champion_windows: Windows that the champion served.

    Returns:
        ``window_index`` (the step) and one column per metric.
    """
    return champion_windows[["window_index", *_TRACKED]]


_DRIFT_COLUMNS = ["n_drift_columns", "n_drifted", "drifted_share", "drifted_columns"]


def _drift_summaries(window_drift: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (window, version), part in window_drift.groupby(["window", "model_version"], sort=False):
        computed = part[part["drifted"].notna()]
        drifted = computed[computed["drifted"].astype("bool")]
        rows.append(
            {
                "window": window,
                "model_version": version,
                "n_drift_columns": len(computed),
                "n_drifted": len(drifted),
                "drifted_share": len(drifted) / len(computed) if len(computed) else float("nan"),
                "drifted_columns": ",".join(drifted["column"]),
            }
        )
    return pd.DataFrame(rows, columns=["window", "model_version", *_DRIFT_COLUMNS])
