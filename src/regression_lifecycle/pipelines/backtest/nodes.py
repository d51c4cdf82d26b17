"""The whole loop replayed over the past, policy beside policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.progress import progress
from regression_lifecycle.core.backtest import summary as backtest_summary
from regression_lifecycle.core.backtest.calendars import Schedule
from regression_lifecycle.core.backtest.comparison import add_price_ranges
from regression_lifecycle.core.backtest.model_cache import ModelCache
from regression_lifecycle.core.backtest.parameters import (
    BacktestParameters,
    BacktestPolicy,
    EqualCostCalendar,
)
from regression_lifecycle.core.backtest.replay import (
    FittedPast,
    History,
    Phase,
    PolicyReplay,
    replay,
)
from regression_lifecycle.core.data.as_of import known_at
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import BACKTEST_HISTORY, BACKTEST_SUMMARY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    add_baseline,
    choose_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.frames.collecting import collect
from regression_lifecycle.core.metrics import ERROR_LABELS, ErrorMetric, mean_or_quantile
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import (
    Window,
    list_windows,
    window_of_rows,
    windows_frame,
)

# What a replay without a start of its own leaves to its first model.
_TRAINING_SHARE = 0.3


def choose_start(
    observations: Any,
    as_of: Any,
    problem: Problem,
    parameters: BacktestParameters,
    minimum_training_rows: int,
) -> BacktestParameters:
    """Choose where the replay begins, if nobody says it.

    Args:
        observations: All observations, on any engine; the replay needs them in memory.
        as_of: The moment at which the replay ends; None for the end of the observations.
        problem: The table's description.
        parameters: Where the replay begins and ends.
        minimum_training_rows: Fewest labelled rows (times, of several series) of a fit.

    Returns:
        The parameters with a start: after 30 % of the observations, and not before a first model
        has enough to learn from. None if it never has.
    """
    if parameters.start is not None:
        return parameters
    cut, _ = known_at(as_of, observations, problem, label_delay=False)
    known = collect(cut, problem, [problem.timestamp.name, problem.target])
    stamp = known[problem.timestamp.name]
    labelled = stamp[known[problem.target].notna()].sort_values()
    if problem.series_columns:
        labelled = labelled.drop_duplicates()
    if len(labelled) < minimum_training_rows:
        return parameters
    delay = problem.label_delay or pd.Timedelta(0)
    learnt = labelled.iloc[minimum_training_rows - 1] + problem.frequency + delay
    start = max(stamp.quantile(_TRAINING_SHARE, interpolation="lower"), learnt)
    return parameters.model_copy(update={"start": start})


def cut_windows(
    observations: Any,
    as_of: Any,
    problem: Problem,
    window_parameters: WindowParameters,
    parameters: BacktestParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the windows that are replayed.

    Args:
        observations: All observations, on any engine; the replay needs them in memory.
        as_of: The moment at which the replay ends; None for the end of the observations.
        problem: The table's description.
        window_parameters: How windows are cut.
        parameters: Where the replay begins and ends, as :func:`choose_start` returns it.

    Returns:
        The observations that are known, with ``window_index`` (-1 for rows that only train); and
        the windows that are served.

    Raises:
        DataContractError: If no window lies between start and end, or nothing before it.
    """
    # When a label came is a matter of each step of the replay.
    cut, moment = known_at(as_of, observations, problem, label_delay=False)
    known = collect(cut, problem)
    stamp = known[problem.timestamp.name]
    start = parameters.start or stamp.quantile(_TRAINING_SHARE, interpolation="lower")
    windows = [
        window
        for window in list_windows(known, problem, window_parameters, as_of=moment)
        if window.start >= start
        and (parameters.end is None or window.start < parameters.end)
        and window.n > 0
    ]
    if not windows or not (stamp < start).any():
        raise DataContractError(
            f"no window to replay from {start} on, or nothing before it to learn from: "
            f"the observations run from {stamp.min()} to {stamp.max()}; change backtest.start"
        )
    place = window_of_rows(known, windows, problem, window_parameters)
    return known.assign(window_index=place), windows_frame(windows)


def build_history(
    backtest_observations: pd.DataFrame,
    backtest_windows: pd.DataFrame,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    baseline: BaselineParameters,
) -> pd.DataFrame:
    """Build the feature table of the past.

    Args:
        backtest_observations: Known observations with ``window_index``.
        backtest_windows: The windows that are served.
        problem: The table's description.
        preprocessing: The features.
        baseline: The naive forecast.

    Returns:
        Features, columns known in advance, target, ``window_index``, and ``baseline`` in the
        target's unit.
    """
    kept = [*problem.columns_known_in_advance, "window_index"]
    table: pd.DataFrame = build_features(
        backtest_observations, problem, preprocessing.recipe, keep=kept
    )
    begun = backtest_observations[problem.timestamp.name] < backtest_windows["start"].min()
    seen = backtest_observations[begun]
    counted = problem.counting(seen)
    target, weight = counted[problem.target], problem.weights_of(counted)
    asked = {"mean": None, "median": 0.5}
    if problem.quantile is not None:
        asked = {"quantile": problem.quantile}
    constants = {name: mean_or_quantile(target, share, weight) for name, share in asked.items()}
    until = seen[problem.timestamp.name].max()
    forecasts = naive_forecasts(backtest_observations, table, constants, problem, baseline, until)
    # One for all windows and policies, chosen by what lies before the first of them.
    before = table[problem.timestamp.name] < backtest_windows["start"].min()
    earlier = table[before]
    best = choose_baseline(
        forecasts[before],
        earlier[problem.target],
        problem.error_metric,
        problem.quantile,
        problem.weights_of(earlier),
    )
    return add_baseline(table, forecasts, best)


def collect_past(
    history_rows: pd.DataFrame,
    backtest_windows: pd.DataFrame,
    backtest_drift: pd.DataFrame,
    problem: Problem,
    window_parameters: WindowParameters,
) -> History:
    """Put the rows of the windows in order, with the drift of each window.

    Args:
        history_rows: Features, target, baseline and window of every row.
        backtest_windows: The windows that are served.
        backtest_drift: ``drifted_share`` by window.
        problem: The table's description.
        window_parameters: How windows are cut.

    Returns:
        The past that is replayed.
    """
    windows = [_window(row) for row in backtest_windows.to_dict("records")]
    served = history_rows[history_rows["window_index"] >= 0]
    order = ["window_index", problem.timestamp.name]
    served = served.sort_values(order, kind="stable").reset_index(drop=True)
    counts = served["window_index"].value_counts()
    shares = backtest_drift.set_index("window")["drifted_share"]
    return History(
        problem=problem,
        windows=windows,
        rows=served,
        bounds=[0, *np.cumsum([int(counts.get(w.index, 0)) for w in windows]).tolist()],
        label_delay=problem.label_delay,
        parameters=window_parameters,
        extras=[{"drifted_share": float(shares.get(window.key, np.nan))} for window in windows],
    )


def make_models(
    replayed_past: History,
    history_rows: pd.DataFrame,
    preprocessing: PreprocessingParameters,
    training: TrainingParameters,
    retraining: RetrainingParameters,
) -> ModelCache:
    """Make the cache that fits the model of a window once it is asked for.

    Args:
        replayed_past: The windows.
        history_rows: All rows that models may learn from.
        preprocessing: Names the features.
        training: The model and what a fit may use of the machine.
        retraining: Which rows a model is trained on.

    Returns:
        The cache; no model is fitted yet.
    """
    return ModelCache(
        history=replayed_past,
        table=history_rows,
        features=preprocessing.feature_names,
        model=training.model,
        compute=training.compute,
        training_length=retraining.training_length,
        minimum_training_rows=retraining.minimum_training_rows,
    )


def replay_policies(
    backtest_models: ModelCache,
    adjustment: AdjustmentParameters,
    policy_parameters: PolicyParameters,
    retraining: RetrainingParameters,
    parameters: BacktestParameters,
) -> list[PolicyReplay]:
    """Replay every policy.

    Args:
        backtest_models: The models and the windows that they predict.
        adjustment: Level correction and interval.
        policy_parameters: The configured policy.
        retraining: Measured windows and gate.
        parameters: Who competes.

    Returns:
        One replay per policy, in the configured order.
    """
    n_windows = len(backtest_models.history.windows)
    given = (policy_parameters, adjustment, retraining)
    if parameters.every_fit_is_needed():
        _prepare(backtest_models, range(n_windows))
    replays: dict[str, PolicyReplay] = {}
    retrains: dict[str, int] = {}
    for name, policy in parameters.in_order_of_replay().items():
        schedules = policy.schedules(n_windows, retrains)
        _prepare(backtest_models, sorted({0}.union(*schedules)))
        if len(schedules) == 1:
            with progress(name, n_windows) as shown:
                phases = [_play(backtest_models, policy, schedules[0], given, shown)]
        else:
            with progress(f"{name}, every phase", len(schedules)) as shown:
                phases = []
                for schedule in schedules:
                    phases.append(_play(backtest_models, policy, schedule, given))
                    shown(f"first retraining before window {min(schedule, default='-')}")
        replays[name] = PolicyReplay(name, policy, phases)
        retrains[name] = sum(bool(step["promoted"]) for step in phases[0].steps[1:])
    return [replays[name] for name in parameters.policies]


def _play(
    models: ModelCache,
    policy: BacktestPolicy,
    schedule: Schedule,
    given: tuple[PolicyParameters, AdjustmentParameters, RetrainingParameters],
    shown: Callable[[str], None] | None = None,
) -> Phase:
    used: set[int] = set()

    def model_of(position: int) -> FittedPast:
        used.add(position)
        return models(position)

    steps = []
    for step in replay(models.history, model_of, policy, *given, schedule):
        steps.append(step)
        if shown is not None:
            shown(_line(step, models.history.problem.error_metric))
    return Phase(steps, frozenset(used))


def _prepare(models: ModelCache, positions: Iterable[int]) -> None:
    wanted = models.missing(positions)
    if wanted:
        windows = models.history.windows
        with progress("models", len(wanted)) as shown:
            models.prepare(wanted, lambda place: shown(f"model of {windows[place].key}"))


def summarise_policies(
    policy_replays: list[PolicyReplay],
    backtest_models: ModelCache,
    parameters: BacktestParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the replays side by side, with the bound if it is asked for.

    Args:
        policy_replays: What each policy did.
        backtest_models: What the fits cost and predicted.
        parameters: Whether the bound is wanted.

    Returns:
        ``backtest_history``, of a calendar the phase whose error is nearest the mean over all, and
        ``backtest_summary``.
    """
    metric = backtest_models.history.problem.error_metric
    figures = {
        made.name: [
            backtest_summary.summarise(phase.steps, backtest_models.cpu_seconds(phase.models))
            for phase in made.phases
        ]
        for made in policy_replays
    }
    summaries, tables = [], []
    for made in policy_replays:
        phases = figures[made.name]
        row = {
            "policy": made.name,
            "kind": made.policy.kind,
            "description": made.policy.description,
            **backtest_summary.average_phases(phases, metric),
        }
        if isinstance(made.policy, EqualCostCalendar):
            error = figures[made.policy.as_often_as][0][metric]
            row["as_often_as"] = made.policy.as_often_as
            row["beaten_phases"] = sum(phase[metric] > error for phase in phases)
        summaries.append(row)
        shown = made.phases[backtest_summary.typical_phase(phases, metric)]
        tables.append(
            BACKTEST_HISTORY.frame([{"policy": made.name, **step} for step in shown.steps])
        )
    if parameters.oracle:
        summaries.append(_oracle(backtest_models, summaries, parameters.policies))
    summary = add_price_ranges(BACKTEST_SUMMARY.frame(summaries), metric)
    return pd.concat(tables, ignore_index=True), summary


def _oracle(
    models: ModelCache,
    summaries: Sequence[dict[str, Any]],
    policies: Mapping[str, BacktestPolicy],
) -> dict[str, Any]:
    """The best schedule in hindsight with as many retrainings as the configured policy took."""
    configured = [name for name, policy in policies.items() if policy.kind == "configured"]
    counts = {row["policy"]: row["retrains"] for row in summaries}
    retrains = round(counts[configured[0]] if configured else max(counts.values()))
    history = models.history
    spec = history.problem.columns[history.problem.target]
    predictions = [
        np.clip(models(place).predictions, spec.minimum, spec.maximum)
        for place in range(len(history.windows))
    ]
    errors = backtest_summary.window_losses(
        predictions, history.rows, history.problem, history.bounds
    )
    schedule, _ = backtest_summary.oracle_schedule(errors, retrains)
    best = np.concatenate(
        [predictions[model][history.span(place)] for place, model in enumerate(schedule)]
    )
    return backtest_summary.oracle_row(best, history.rows, history.problem, schedule)


def _window(row: dict[str, Any]) -> Window:
    return Window(
        index=int(row["window_index"]),
        key=str(row["window"]),
        start=row["start"],
        end=row["end"],
        n=int(row["n"]),
        n_labelled=int(row["n_labelled"]),
        status=row["status"],
    )


def _line(step: dict[str, Any], metric: ErrorMetric) -> str:
    gate = f" ({step['gate']})" if step["gate"] else ""
    error = step[metric]
    shown = f"{error:.3g}" if abs(error) < 10 else f"{error:.1f}"
    return (
        f"{step['window']}  n {step['n']}  {ERROR_LABELS[metric]} {shown}  "
        f"model {step['model_version']}  {step['decision']}{gate}"
    )


_TRACKED = (
    *("rmse", "mae", "rmsle", "bias", "pinball", "quantile_coverage", "coverage"),
    *("retrains", "refused", "phases", "best_phase", "worst_phase", "beaten_phases"),
    *("churn", "best_from", "best_until", "fit_cpu_seconds"),
)


def select_figures(summary: pd.DataFrame) -> dict[str, Any]:
    """Choose the figures that become MLflow metrics.

    Args:
        summary: ``backtest_summary``.

    Returns:
        Figures by policy; those that are not defined, or infinite, are left out.
    """
    return {
        row["policy"]: {
            name: float(row[name])
            for name in _TRACKED
            if pd.notna(row[name]) and np.isfinite(row[name])
        }
        for row in summary.to_dict("records")
    }
