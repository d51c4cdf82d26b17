"""Monitoring: serve the windows of the past as they would have been, and write down how it went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ADJUSTMENTS, PREDICTIONS
from regression_lifecycle.core.decisions import policy
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import PolicyState
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.monitoring.window_plan import of_window
from regression_lifecycle.core.prediction.adjustment import AdjustmentParameters, apply_adjustment
from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory


def backfill_predictions(
    plan: pd.DataFrame,
    rows: pd.DataFrame,
    all_predictions: pd.DataFrame,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    adjustment_parameters: AdjustmentParameters,
    *,
    backfill: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every row of the planned windows its served prediction.

    What was served stays: a known prediction is never computed again, only its label is
    filled in. Rows that no model has served are predicted by the champion, if their window is the
    champion's and that is wanted, with the level and the interval that were known when the window
    began.

    Args:
        plan: Windows to look at, as
            :func:`~regression_lifecycle.core.monitoring.window_plan.plan_windows` lists them.
        rows: Known rows with ``window_index``, the champion's features, the target and
            ``baseline``.
        all_predictions: ``predictions``, with what was served and not judged yet.
        windows: All windows up to ``as_of``, in the order of time.
        champion: The deployed model.
        adjustment_parameters: Level correction and interval.
        backfill: Whether rows that nobody asked for get the champion's prediction.

    Returns:
        Rows of ``predictions`` for the planned windows, and one row of ``adjustments``: what the
        champion is served with in the window that is not over yet.
    """
    window_ends = windows.set_index("window")["end"]
    keyed = rows.assign(row_key=row_keys(rows, problem).to_numpy())
    labels = keyed.set_index("row_key")[problem.target]
    recorded = all_predictions[all_predictions["problem"] == problem.name]
    recorded = recorded.assign(target=labels.reindex(recorded["row_key"]).to_numpy())
    past = AdjustmentHistory(problem.label_delay)
    # Planned windows are added with all their rows, as soon as these are served.
    planned = set(zip(plan["window"], plan["model_version"], strict=True))
    for (window, served_by), part in recorded.groupby(["window", "model_version"]):
        if window in window_ends.index and (window, served_by) not in planned:
            past.add(window_ends[window], str(served_by), *_columns(part))
    version = version_of(champion)
    tables = [PREDICTIONS.frame()]
    for window in plan.sort_values("window_index", kind="stable").to_dict("records"):
        inside = keyed[keyed["window_index"] == window["window_index"]]
        table = PREDICTIONS.frame(of_window(recorded, window))
        spoken_for = recorded.loc[recorded["window"] == window["window"], "row_key"]
        fresh = inside[~inside["row_key"].isin(spoken_for)]
        simulated = backfill and window["model_version"] == version
        if champion is not None and simulated and len(fresh):
            adjustment = past.adjustment(window["start"], version, adjustment_parameters)
            raw = champion.predict(fresh).to_numpy()
            made = apply_adjustment(raw, adjustment, problem, adjustment_parameters).assign(
                problem=problem.name,
                row_key=fresh["row_key"].to_numpy(),
                model_version=version,
                timestamp=fresh[problem.timestamp.name].to_numpy(),
                window=window["window"],
                window_index=window["window_index"],
                raw_prediction=raw,
                level_factor=adjustment.level_factor,
                baseline=fresh["baseline"].to_numpy(),
                target=fresh[problem.target].to_numpy(),
            )
            table = PREDICTIONS.frame(pd.concat([table, PREDICTIONS.frame(made)]))
        tables.append(table)
        past.add(window["end"], str(window["model_version"]), *_columns(table))
    return pd.concat(tables, ignore_index=True), _next_adjustment(
        past, windows, champion, problem, adjustment_parameters
    )


def _next_adjustment(
    past: AdjustmentHistory,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: AdjustmentParameters,
) -> pd.DataFrame:
    if champion is None or windows.empty:
        return ADJUSTMENTS.frame()
    newest = windows.iloc[-1]
    over = newest["end"] <= newest["as_of"]
    valid_from = newest["end"] if over else newest["start"]
    version = version_of(champion)
    adjustment = past.adjustment(valid_from, version, parameters)
    return ADJUSTMENTS.frame(
        [
            {
                "problem": problem.name,
                "model_version": version,
                "valid_from": valid_from,
                "level_factor": adjustment.level_factor,
                "interval_width": adjustment.interval_width,
            }
        ]
    )


def _columns(part: pd.DataFrame) -> list[np.ndarray]:
    return [
        part[name].to_numpy(dtype="float64") for name in ("target", "raw_prediction", "prediction")
    ]


def windows_since(attempts: Sequence[pd.Timestamp], windows: pd.DataFrame) -> int | None:
    """Count the windows that ended since a retraining was last tried.

    Args:
        attempts: Moments of the attempts.
        windows: Windows of the deployed model, with ``end``.

    Returns:
        The number; None without an attempt.
    """
    return int((windows["end"] > max(attempts)).sum()) if attempts else None


def mark_alarms(
    windows: pd.DataFrame, version: str, trained_until: pd.Timestamp, parameters: PolicyParameters
) -> pd.Series:
    """Let the policy look at every window of the deployed model as if it were the newest.

    Args:
        windows: Newest revisions of the windows that it served, the oldest first.
        version: The deployed version.
        trained_until: Newest row that it was trained on.
        parameters: The rules.

    Returns:
        Names of the rules that fired on each window, separated by commas, on the index of
        ``windows``.
    """
    records = windows.to_dict("records")
    marks = []
    for position, row in enumerate(records):
        state = PolicyState(row["end"], version, trained_until, records[: position + 1])
        marks.append(policy.alarms(policy.decide(state, parameters)))
    return pd.Series(marks, index=windows.index, dtype="str")
