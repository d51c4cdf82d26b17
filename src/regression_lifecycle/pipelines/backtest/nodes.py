"""The whole loop replayed over the past, policy beside policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.progress import progress
from regression_lifecycle.core.backtest import summary as backtest_summary
from regression_lifecycle.core.backtest.model_cache import ModelCache
from regression_lifecycle.core.backtest.parameters import BacktestParameters, BacktestPolicy
from regression_lifecycle.core.backtest.replay import History, replay
from regression_lifecycle.core.data.as_of import known_rows, moment_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import BACKTEST_HISTORY, BACKTEST_SUMMARY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.baseline import baseline_forecast
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.holdout import EvaluationParameters
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.prediction.adjustment import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import (
    Window,
    list_windows,
    place_features,
    windows_frame,
)


def cut_history(
    observations: pd.DataFrame,
    as_of: Any,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    evaluation: EvaluationParameters,
    window_parameters: WindowParameters,
    parameters: BacktestParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build the feature table of the past, with the window of every row.

    Args:
        observations: All observations.
        as_of: The moment at which the replay ends; None for the end of the observations.
        problem: The table's description.
        preprocessing: The features.
        evaluation: The baseline.
        window_parameters: The windows.
        parameters: Where the replay begins and ends.

    Returns:
        Features, target, ``baseline`` and ``window_index`` (-1 for rows that only train); and the
        windows that are served.

    Raises:
        DataContractError: If no window lies between start and end.
    """
    moment = moment_of(as_of, observations, problem)
    known = known_rows(observations, moment, problem, label_delay=False)
    table: pd.DataFrame = build_features(
        known, problem, preprocessing.recipe, keep=problem.columns_known_in_advance
    )
    stamp = problem.timestamp.name
    begun = known[stamp] < parameters.start
    windows = [
        window
        for window in list_windows(known, problem, window_parameters, as_of=moment)
        if window.start >= parameters.start
        and (parameters.end is None or window.start < parameters.end)
        and window.n > 0
    ]
    if not windows or not begun.any():
        raise DataContractError(
            f"no window to replay from {parameters.start} on, or nothing before it to learn from: "
            f"the observations run from {known[stamp].min()} to {known[stamp].max()}; change "
            "backtest.start"
        )
    table["baseline"] = baseline_forecast(
        known, table, float(known.loc[begun, problem.target].mean()), problem, evaluation.baseline
    )
    place = place_features(table, known, windows, problem, window_parameters)
    return table.assign(window_index=place), windows_frame(windows)


def replay_policies(
    history_rows: pd.DataFrame,
    backtest_windows: pd.DataFrame,
    backtest_drift: pd.DataFrame,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    training: TrainingParameters,
    adjustment: AdjustmentParameters,
    policy_parameters: PolicyParameters,
    retraining: RetrainingParameters,
    parameters: BacktestParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Replay every policy.

    Args:
        history_rows: Features, target, baseline and window of every row.
        backtest_windows: The windows that are served.
        backtest_drift: ``drifted_share`` by window.
        problem: Names timestamp and target.
        preprocessing: Names the features.
        training: The model and what a fit may use of the machine.
        adjustment: Level correction and interval.
        policy_parameters: The configured policy.
        retraining: Judging windows and gate.
        parameters: Who competes.

    Returns:
        ``backtest_history`` and ``backtest_summary``.
    """
    windows = [_window(row) for row in backtest_windows.to_dict("records")]
    served = history_rows[history_rows["window_index"] >= 0]
    order = ["window_index", problem.timestamp.name]
    served = served.sort_values(order, kind="stable").reset_index(drop=True)
    counts = served["window_index"].value_counts()
    bounds = [0, *np.cumsum([int(counts.get(window.index, 0)) for window in windows]).tolist()]
    shares = backtest_drift.set_index("window")["drifted_share"]
    history = History(
        problem=problem,
        windows=windows,
        rows=served,
        bounds=bounds,
        label_delay=problem.label_delay,
        extras=[{"drifted_share": float(shares.get(window.key, np.nan))} for window in windows],
    )
    bank = ModelCache(
        table=history_rows,
        rows=served,
        bounds=bounds,
        windows=windows,
        features=preprocessing.feature_names,
        problem=problem,
        model=training.model,
        compute=training.compute,
        label_delay=problem.label_delay,
        training_length=retraining.training_length,
        minimum_training_rows=retraining.minimum_training_rows,
    )
    if parameters.every_fit_is_needed():
        with progress("models", len(windows)) as shown:
            bank.prepare(range(len(windows)), lambda place: shown(f"model of {windows[place].key}"))
    tables, summaries = [], []
    for policy in parameters.policies:
        used: set[int] = set()

        def model_of(position: int, used: set[int] = used) -> Any:
            used.add(position)
            return bank(position)

        with progress(policy.name, len(windows)) as shown:
            steps = []
            for step in replay(
                history, model_of, policy, policy_parameters, adjustment, retraining
            ):
                steps.append(step)
                shown(_line(step))
        tables.append(BACKTEST_HISTORY.frame(steps))
        summaries.append(
            backtest_summary.summarise(steps, policy.description, bank.cpu_seconds(used))
        )
    if parameters.oracle:
        summaries.append(_oracle(history, bank, summaries, parameters.policies))
    return pd.concat(tables, ignore_index=True), BACKTEST_SUMMARY.frame(summaries)


def _oracle(
    history: History,
    bank: Callable[[int], Any],
    summaries: Sequence[dict[str, Any]],
    policies: Sequence[BacktestPolicy],
) -> dict[str, Any]:
    """The best schedule in hindsight with as many retrainings as the configured policy took."""
    configured = [policy.name for policy in policies if policy.kind == "configured"]
    counts = {row["policy"]: row["retrains"] for row in summaries}
    retrains = counts[configured[0]] if configured else max(counts.values())
    spec = history.problem.columns[history.problem.target]
    places = range(len(history.windows))
    predictions = [np.clip(bank(place).predictions, spec.minimum, spec.maximum) for place in places]
    target = history.rows[history.problem.target].to_numpy(dtype="float64")
    errors = backtest_summary.squared_errors(predictions, target, history.bounds)
    schedule, _ = backtest_summary.oracle_schedule(errors, retrains)
    said = np.concatenate(
        [predictions[model][history.span(place)] for place, model in enumerate(schedule)]
    )
    return backtest_summary.oracle_row(said, target, schedule)


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


def _line(step: dict[str, Any]) -> str:
    gate = f" ({step['gate']})" if step["gate"] else ""
    return (
        f"{step['window']}  n {step['n']}  RMSE {step['rmse']:.1f}  model {step['model_version']}  "
        f"{step['decision']}{gate}"
    )


_TRACKED = ("rmse", "mae", "rmsle", "bias", "coverage", "retrains", "refused", "fit_cpu_seconds")


def track(summary: pd.DataFrame) -> dict[str, Any]:
    """Choose the figures that become MLflow metrics.

    Args:
        summary: ``backtest_summary``.

    Returns:
        Figures by policy.
    """
    return {
        row["policy"]: {name: float(row[name]) for name in _TRACKED if pd.notna(row[name])}
        for row in summary.to_dict("records")
    }
