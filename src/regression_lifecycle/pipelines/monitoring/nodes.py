"""The deployed model over the windows of time: judged, recorded, decided upon."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import chain
from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.as_of import moment_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import REASON_COLUMN
from regression_lifecycle.core.data.raw_columns import rejected_moments
from regression_lifecycle.core.data.tables import (
    SEGMENT_HISTORY,
    SERIES_HISTORY,
    WINDOW_HISTORY,
    ReadRows,
)
from regression_lifecycle.core.decisions.calibration import with_limits
from regression_lifecycle.core.decisions.champion_history import attempts, unfinished_move
from regression_lifecycle.core.decisions.ledger import (
    Row,
    approval_row,
    last_champion_move,
    policy_row,
)
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.records import (
    ApprovalDecision,
    ChampionDecision,
    PolicyDecision,
)
from regression_lifecycle.core.decisions.rules import PolicyState
from regression_lifecycle.core.decisions.waiting import (
    ApprovalOutcome,
    OpenQuestion,
    find_closed_versions,
    waiting_version,
)
from regression_lifecycle.core.drift.parameters import ReferenceParameters
from regression_lifecycle.core.evaluation import window_metrics
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    add_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.evaluation.series import sum_series
from regression_lifecycle.core.features.builders import (
    add_lacking_features,
    build_features,
)
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.ingestion.row_conflicts import REPETITION
from regression_lifecycle.core.metrics import WINDOW_METRICS
from regression_lifecycle.core.models.trained_model import (
    TrainedModel,
    require_same_problem,
    version_of,
)
from regression_lifecycle.core.monitoring import alarms, backfill
from regression_lifecycle.core.monitoring.backfill import Adjuster
from regression_lifecycle.core.monitoring.contributions import describe_contributions
from regression_lifecycle.core.monitoring.error_rates import limits_of
from regression_lifecycle.core.monitoring.known_windows import (
    KnownTable,
    cut_known_rows,
    rows_within,
)
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions
from regression_lifecycle.core.monitoring.prediction_coverage import PredictionCoverage
from regression_lifecycle.core.monitoring.reference_predictions import find_reference_spans
from regression_lifecycle.core.monitoring.window_plan import newest_revisions, rows_by
from regression_lifecycle.core.prediction.batch_predictions import BatchPredictions
from regression_lifecycle.core.windows.parameters import WindowParameters

LOGGER = logging.getLogger(__name__)
_WINDOW_KEY = ["window", "model_version"]
_DAY = pd.Timedelta(days=1)


def finish_interrupted_promotion(
    recorded_decisions: pd.DataFrame, champion: TrainedModel | None, problem: Problem
) -> tuple[str, list[ChampionDecision]]:
    """Put a champion in place that was decided and recorded before a run was killed.

    Args:
        recorded_decisions: The ledger.
        champion: The model in use, or None.

    Returns:
        Version number as text, and the decision; both empty if nothing was left unfinished.
    """
    if champion is not None and not (recorded_decisions["problem"] == problem.name).any():
        LOGGER.warning(
            "Version %s is champion, but the store has no decision about problem '%s': ledger, "
            "windows and predictions begin anew. If that is not meant, restore lifecycle.db (or "
            "what 'store' in globals.yml names) from a backup",
            version_of(champion),
            problem.name,
        )
    version = unfinished_move(recorded_decisions, problem.name, version_of(champion))
    return version, [last_champion_move(recorded_decisions, problem.name)] if version else []


def close_waiting_versions(
    recorded_decisions: pd.DataFrame,
    champion: TrainedModel | None,
    windows: pd.DataFrame,
    problem: Problem,
) -> list[ApprovalOutcome]:
    """Find versions whose deadline is over, or that were compared with another champion.

    Args:
        recorded_decisions: The ledger.
        champion: The model in use, or None.
        windows: Know the moment at which we stand.

    Returns:
        Why each waits no longer.
    """
    if windows.empty:
        return []
    as_of = str(windows["as_of"].max())
    return find_closed_versions(recorded_decisions, problem.name, version_of(champion), as_of)


def describe_open_question(
    recorded_decisions: pd.DataFrame,
    closed: Sequence[ApprovalOutcome],
    windows: pd.DataFrame,
    problem: Problem,
    measured_windows: int,
) -> OpenQuestion:
    """Describe which version waits for approval, and what could judge another one.

    Args:
        recorded_decisions: The ledger.
        closed: Versions that wait no longer.
        windows: All windows up to ``as_of``.
        measured_windows: How many windows judge a challenger.
    """
    waiting = waiting_version(recorded_decisions, problem.name)
    if waiting is None or waiting in [outcome.waiting for outcome in closed]:
        return OpenQuestion()
    fresh = (windows["status"] == "complete") & (windows["start"] > waiting.judged_until)
    return OpenQuestion(waiting.version, int(fresh.sum()), measured_windows)


def cut_windows(
    observations: Any, as_of: Any, problem: Problem, parameters: WindowParameters
) -> tuple[KnownTable, pd.DataFrame]:
    """Cut what is known at ``as_of`` into windows.

    Args:
        observations: All observations, on any engine.
        as_of: The moment at which we stand; None for the end of the observations.
        parameters: How windows are cut.

    Returns:
        The known table, and one row per window with ``as_of`` and hashes of its rows and labels.
    """
    moment = moment_of(as_of, observations, problem)
    return cut_known_rows(observations, moment, problem, parameters)


def bundle_logged_predictions(
    judged: ReadRows, answered: ReadRows, batches: Sequence[BatchPredictions], problem: Problem
) -> LoggedPredictions:
    """Bundle what was predicted before; nothing is read yet.

    Args:
        judged: Reads ``predictions``.
        answered: Reads ``service_predictions``.
        batches: What was scored.
    """
    return LoggedPredictions(judged, answered, batches, problem)


def make_champion_rows(
    known_rows: KnownTable,
    changed_windows: pd.DataFrame,
    champion: TrainedModel | None,
    reference: ReferenceParameters,
    parameters: BaselineParameters,
) -> pd.DataFrame:
    """Make the champion's features and the baseline of the rows that are looked at.

    Args:
        known_rows: The known table.
        changed_windows: Windows in which something may have changed.
        champion: The deployed model; its own recipe makes the features, and the naive forecast that
            it had to beat is its baseline.
        reference: What the windows are compared with.
        parameters: What the naive forecasts look back at.

    Returns:
        The rows of the windows and of their references with features, the columns that are known in
        advance, the target, ``baseline`` (of the windows alone), ``row_key`` and ``window_index``;
        none, and no features, if no window changed.

    Raises:
        ConfigurationError: If the champion was trained for another problem.
    """
    problem = known_rows.problem
    if champion is not None:
        require_same_problem(champion, problem)
    if champion is None or changed_windows.empty:
        return known_rows.within([]).assign(baseline=0.0)
    own = changed_windows[["start", "end"]].itertuples(index=False, name=None)
    references = find_reference_spans(changed_windows, known_rows, champion, reference)
    spans, recipe = [*own, *references], champion.metadata.recipe
    around = known_rows.around(spans, recipe.reach)
    rows = rows_within(nw.from_native(around), spans, problem).to_native()
    names = [*problem.columns_known_in_advance, "row_key", "window_index"]
    table: pd.DataFrame = build_features(
        around, problem, recipe, keep=names, rows=known_rows.named(rows)
    )
    judged = table[table["window_index"].isin(changed_windows["window_index"])]
    known, name = champion.metadata, champion.baseline
    forecasts = naive_forecasts(
        known_rows.rows, judged, known.constants, problem, parameters, known.trained_until, name
    )
    return table.assign(baseline=add_baseline(judged, forecasts, name)["baseline"])


def add_configured_features(
    champion_rows: pd.DataFrame, known_rows: KnownTable, preprocessing: PreprocessingParameters
) -> pd.DataFrame:
    """Add the configured features that the champion does not have.

    Segments and watched columns may be features that came after its training.

    Args:
        champion_rows: Rows with the champion's features.
        known_rows: The known table.
        preprocessing: The features as they are configured now.

    Returns:
        The rows with them; what the champion has under the same name stays.
    """
    problem, recipe = known_rows.problem, preprocessing.recipe
    if champion_rows.empty or {*recipe.feature_names} <= {*champion_rows.columns}:
        return champion_rows
    days = champion_rows[problem.timestamp.name].dt.normalize().unique()
    around = known_rows.around(((day, day + _DAY) for day in days), recipe.reach)
    return add_lacking_features(champion_rows, recipe, around, problem)


def describe_coverage(
    merged_predictions: pd.DataFrame,
    champion: TrainedModel | None,
    missing_predictions: str,
    problem: Problem,
    parameters: WindowParameters,
) -> PredictionCoverage:
    """Describe which model version answers for which rows.

    Args:
        merged_predictions: ``predictions`` of the windows that may have changed, with ``is_new``.
        champion: The deployed model.
        missing_predictions: ``backfill`` or ``ignore``: what becomes of rows that nobody asked
            for.
        parameters: Gives the bounds between the states of a window.
    """
    return PredictionCoverage(
        merged_predictions,
        champion,
        missing_predictions == "backfill",
        parameters,
        problem,
    )


def backfill_predictions(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    merged_predictions: pd.DataFrame,
    champion: TrainedModel | None,
    adjuster: Adjuster,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every row of the planned windows that has no prediction yet.

    Args:
        window_plan: Windows to look at.
        window_rows: Known rows with the champion's features.
        merged_predictions: What was predicted before in these windows; it stays as it is.
        champion: The deployed model.
        adjuster: Level correction and interval, from the windows before.

    Returns:
        The predictions twice: for the next nodes, and for the store.
    """
    made = backfill.backfill_predictions(
        window_plan, window_rows, merged_predictions, champion, adjuster
    )
    return made, made


def compute_window_metrics(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    problem: Problem,
    segments: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the errors of every planned window, and those of its segments.

    Args:
        window_plan: Windows to look at.
        window_rows: Known rows with the segment columns.
        window_predictions: Predictions of these windows.
        segments: Names of the segment columns.

    Returns:
        Rows of ``window_history`` with the metrics, and rows of ``segment_history``.
    """
    if window_plan.empty:
        return WINDOW_HISTORY.frame(), SEGMENT_HISTORY.frame()
    names = list(dict.fromkeys([problem.target, *_weight(problem), *segments, "row_key"]))
    predicted = window_predictions.drop(columns=["target", "window_index"])
    inside = predicted.merge(window_rows[names], on="row_key", how="left")
    of = rows_by(inside, *_WINDOW_KEY)
    rows = []
    for window in window_plan.to_dict("records"):
        mine = of(*(window[name] for name in _WINDOW_KEY))
        rows.append(
            {
                "problem": problem.name,
                **{name: window[name] for name in window if name in WINDOW_HISTORY.columns},
                "seen_as_of": window["as_of"],
                **mine[["level_factor", "level_shift"]].max().to_dict(),
                **window_metrics.measure_rows(mine, problem),
            }
        )
    by_segment = window_metrics.measure_segments(inside, problem, segments, _WINDOW_KEY)
    return WINDOW_HISTORY.frame(rows), SEGMENT_HISTORY.frame(
        _in_windows(by_segment, window_plan, problem)
    )


def compute_series_metrics(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    problem: Problem,
) -> pd.DataFrame:
    """Sum up the errors of each of many series in every planned window.

    Args:
        window_plan: Windows to look at.
        window_rows: Known rows with the columns of the key.
        window_predictions: Predictions of these windows.

    Returns:
        Rows of ``series_history``; none without series.
    """
    if window_plan.empty or not problem.series_columns:
        return SERIES_HISTORY.frame()
    named = window_rows[["row_key", *problem.series_columns, *_weight(problem)]]
    predicted = window_predictions.rename(columns={"target": problem.target})
    inside = predicted.merge(named, on="row_key")
    sums = sum_series(inside, "prediction", problem, _WINDOW_KEY)
    return SERIES_HISTORY.frame(_in_windows(sums, window_plan, problem))


def compute_data_quality(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    rejected_observations: pd.DataFrame,
    problem: Problem,
    columns: Sequence[str],
) -> pd.DataFrame:
    """Count what is missing in every planned window.

    Quality is that of the rows that came; a former champion may answer for a part of them.

    Args:
        window_plan: Windows to look at, with the number of rows that are expected.
        window_rows: Known rows with the watched columns.
        rejected_observations: Rows that broke the contract.
        columns: The columns that are watched.

    Returns:
        ``window``, ``model_version``, ``n_missing_rows``, ``n_rejected`` and ``missing_share``.
    """
    broken = rejected_observations[rejected_observations[REASON_COLUMN] != REPETITION]
    rejected = rejected_moments(broken, problem)
    rows, of = [], rows_by(window_rows, "window_index")
    for window in window_plan.to_dict("records"):
        came = of(window["window_index"])
        lost = int(((rejected >= window["start"]) & (rejected < window["end"])).sum())
        expected = None if pd.isna(window["n_expected"]) else int(window["n_expected"])
        quality = window_metrics.data_quality(came, columns, expected, lost)
        rows.append({**{name: window[name] for name in _WINDOW_KEY}, **quality})
    return pd.DataFrame(rows, columns=[*_WINDOW_KEY, *_QUALITY_COLUMNS])


def find_extreme_segments(
    window_errors: pd.DataFrame, segments: pd.DataFrame, problem: Problem, segment_rows: int
) -> pd.DataFrame:
    """Name the worst segment of every planned window, and the most biased one.

    Args:
        window_errors: Rows of ``window_history`` with the metrics.
        segments: Rows of ``segment_history``.
        problem: Its main metric says which one is the worst.
        segment_rows: Fewest rows of a segment that may be named.

    Returns:
        ``window``, ``model_version`` and the extremes.
    """
    metric, of = problem.error_metric, rows_by(segments, *_WINDOW_KEY)
    rows = [
        {
            **{name: row[name] for name in _WINDOW_KEY},
            **window_metrics.segment_extremes(
                of(*(row[name] for name in _WINDOW_KEY)), segment_rows, metric
            ),
        }
        for row in window_errors.to_dict("records")
    ]
    return pd.DataFrame(rows)


def complete_figures(
    window_errors: pd.DataFrame,
    window_extremes: pd.DataFrame,
    window_quality: pd.DataFrame,
    window_drift: pd.DataFrame,
) -> pd.DataFrame:
    """Complete the rows of the planned windows but for their skew and alarms.

    Args:
        window_errors: Rows of ``window_history`` with the metrics.
        window_extremes: Worst and most biased segments.
        window_quality: What is missing in the windows.
        window_drift: Rows of ``drift_history``.

    Returns:
        Rows of ``window_history``.
    """
    parts = [window_extremes, window_quality, _drift_summaries(window_drift)]
    table = window_errors
    for part in parts:
        if len(part):
            added = [name for name in part if name not in _WINDOW_KEY]
            table = table.drop(columns=added).merge(part, on=_WINDOW_KEY, how="left")
    return WINDOW_HISTORY.frame(table)


def calibrate_policy(
    policy: PolicyParameters,
    recorded_error_rates: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
) -> PolicyParameters:
    """Put the limits that were calibrated for the champion into the policy.

    Args:
        policy: The rules as they are configured.
        recorded_error_rates: ``error_rates``.
        champion: The deployed model.

    Returns:
        The policy; a rule without a calibrated limit keeps the configured one.
    """
    limits = limits_of(recorded_error_rates, version_of(champion), problem)
    return with_limits(policy, dict(limits))


def add_alarms(
    compared_windows: pd.DataFrame,
    recorded_windows: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    policy: PolicyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mark the windows on which rules of the policy fire.

    Args:
        compared_windows: Rows of ``window_history`` for the planned windows.
        recorded_windows: ``window_history`` as it is before this run.
        champion: The deployed model.
        policy: The rules with the limits in use.

    Returns:
        Rows of ``window_history`` for the planned windows, and the newest revisions of all
        windows that the champion answers for, the oldest first.
    """
    own = WINDOW_HISTORY.frame(recorded_windows[recorded_windows["problem"] == problem.name])
    if champion is None:
        return compared_windows, WINDOW_HISTORY.frame()
    version = version_of(champion)
    everything = newest_revisions(pd.concat([own, compared_windows], ignore_index=True))
    champion_windows = everything[everything["model_version"] == version].reset_index(drop=True)
    champion_windows["alarms"] = alarms.mark_alarms(
        champion_windows, version, champion.metadata.trained_until, policy
    )
    # The marks of a former champion's windows stay as they are.
    marks = pd.concat([newest_revisions(own), champion_windows])[[*_WINDOW_KEY, "alarms"]]
    marks = marks.drop_duplicates(_WINDOW_KEY, keep="last")
    completed = compared_windows.drop(columns="alarms").merge(marks, on=_WINDOW_KEY, how="left")
    return WINDOW_HISTORY.frame(completed), champion_windows


def commit_windows(
    explained_windows: pd.DataFrame,
    segments: pd.DataFrame,
    series: pd.DataFrame,
    drawn_windows: list[str],
) -> pd.DataFrame:
    """Hand the windows over to the store, once everything else about them is stored.

    Args:
        explained_windows: Rows of ``window_history``.
        segments: ``segment_history``, stored.
        series: ``series_history``, stored.
        drawn_windows: Windows whose reports are stored.

    Returns:
        The rows; a window that has one is done.
    """
    return explained_windows


def describe_policy_state(
    champion_windows: pd.DataFrame,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
    recorded_decisions: pd.DataFrame,
    problem: Problem,
) -> PolicyState:
    """Describe what the policy may look at.

    Args:
        champion_windows: Windows that the champion answers for.
        windows: All windows up to ``as_of``.
        champion: The deployed model.
        recorded_decisions: The ledger, for earlier attempts at retraining.
    """
    as_of = windows["as_of"].max()
    version = version_of(champion)
    known = champion_windows[champion_windows["end"] <= as_of]
    tried = [
        moment for moment in attempts(recorded_decisions, problem.name, version) if moment <= as_of
    ]
    return PolicyState(
        as_of=as_of,
        champion_version=version,
        trained_until=None if champion is None else champion.metadata.trained_until,
        windows=known.to_dict("records"),
        windows_since_attempt=alarms.windows_since(tried, known),
        counts_rows=problem.timestamp.rows,
    )


def record_decision(
    policy_decision: PolicyDecision,
    state: PolicyState,
    problem: Problem,
    policy: PolicyParameters,
    closed: Sequence[ApprovalOutcome],
) -> list[Row]:
    """Write down the policy's decision, and which versions wait no longer.

    Args:
        policy_decision: The decision.
        state: What it was taken on.
        policy: The rules.
        closed: Versions that wait no longer.

    Returns:
        Rows for the ledger. Without a window the policy's decision has none, and the same figures,
        champion and rules make the same row.
    """
    rows = [approval_row(outcome) for outcome in closed]
    if not state.windows:
        return rows
    windows = pd.DataFrame(state.windows)
    return [*rows, policy_row(policy_decision, problem.name, windows, policy.digest())]


def announce(
    finished_moves: Sequence[ChampionDecision],
    closed: Sequence[ApprovalOutcome],
    ledger: pd.DataFrame,
) -> tuple[list[ChampionDecision], list[ApprovalDecision]]:
    """List what people should know besides the policy's decision, once it is in the ledger.

    Args:
        finished_moves: What was put in place in this run; the one that was killed may not have
            told it.
        closed: Versions that wait no longer.
        ledger: All decisions, with these.

    Returns:
        All of them, and those on versions that wait no longer: a run that was killed may not have
        tagged the one that it approved.
    """
    decisions = [outcome.decision for outcome in closed]
    approved = [move for move in finished_moves if isinstance(move, ApprovalDecision)]
    return [*finished_moves, *decisions], [*approved, *decisions]


def build_alerts(
    policy_decision: PolicyDecision,
    announced_decisions: Sequence[ChampionDecision],
    explained_windows: pd.DataFrame,
    problem: Problem,
    parameters: AlertParameters,
) -> list[Alert]:
    """Build the alerts about the policy's decision, and about champions and waiting versions.

    Args:
        policy_decision: The decision.
        announced_decisions: What was put in place in this run, and what waits no longer.
        explained_windows: Rows of ``window_history`` for the planned windows: of the one that the
            policy looked at last, what moved its predictions is told.
        parameters: Which events and levels are wanted.

    Returns:
        Alerts; saving them sends those that are due, and earlier ones that failed.
    """
    told = [make_alerts(None, one, problem, parameters) for one in announced_decisions]
    newest = explained_windows[
        (explained_windows["window"] == policy_decision.window)
        & (explained_windows["model_version"] == policy_decision.champion_version)
    ]
    moved = [describe_contributions(row) for row in newest.to_dict("records")]
    alerts = make_alerts(policy_decision, None, problem, parameters, "".join(moved))
    return [*chain(*told), *alerts]


def select_window_metrics(champion_windows: pd.DataFrame) -> pd.DataFrame:
    """Select the figures of the windows that become MLflow metrics.

    Args:
        champion_windows: Windows that the champion answers for.

    Returns:
        ``window_index`` (the step), ``start`` and one column per metric.
    """
    return champion_windows[["window_index", "start", *_TRACKED]]


_TRACKED = (
    *WINDOW_METRICS,
    "baseline_rmse",
    "baseline_pinball",
    "coverage",
    "drifted_share",
    "predictions_skew",
    "level_factor",
    "n",
)
_QUALITY_COLUMNS = ["n_missing_rows", "n_rejected", "missing_share"]
_DRIFT_COLUMNS = ["n_drift_columns", "n_drifted", "drifted_share", "drifted_columns"]


def _weight(problem: Problem) -> list[str]:
    return [] if problem.weight_column is None else [problem.weight_column]


def _in_windows(rows: pd.DataFrame, window_plan: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Add to the figures of planned windows where these are; others are left out."""
    places = window_plan[[*_WINDOW_KEY, "window_index", "start"]]
    return places.merge(rows, on=_WINDOW_KEY, how="inner").assign(problem=problem.name)


def _drift_summaries(window_drift: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (window, version), part in window_drift.groupby(_WINDOW_KEY, sort=False):
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
    return pd.DataFrame(rows, columns=[*_WINDOW_KEY, *_DRIFT_COLUMNS])
