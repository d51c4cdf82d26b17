"""Predict the rows of past windows as they would have been served."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ADJUSTMENTS, PREDICTIONS
from regression_lifecycle.core.metrics import FloatArray, interval_coverage
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions
from regression_lifecycle.core.monitoring.window_plan import newest_revisions, of_window, rows_by
from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory, ServedRows
from regression_lifecycle.core.prediction.level import level_kind
from regression_lifecycle.core.prediction.level_and_interval import (
    Adjustment,
    AdjustmentParameters,
    apply_adjustment,
)
from regression_lifecycle.core.progress import logged


@dataclass(frozen=True)
class Adjuster:
    """Turns a model's predictions into what is served, by what is known of earlier windows.

    Attributes:
        history: Windows that were served.
        problem: Gives the bounds of the target.
        parameters: Level correction and interval.
    """

    history: AdjustmentHistory
    problem: Problem
    parameters: AdjustmentParameters

    def adjustment(self, start: pd.Timestamp, version: str) -> Adjustment:
        """Return what a model's window that begins at ``start`` is served with."""
        return self.history.adjustment(start, version, self.parameters)

    def apply(self, raw: FloatArray, adjustment: Adjustment) -> pd.DataFrame:
        """Return ``prediction``, ``lower`` and ``upper`` of raw predictions."""
        return apply_adjustment(raw, adjustment, self.problem)

    def copy(self) -> Adjuster:
        """Return an adjuster that can learn more while this one stays as it is."""
        return Adjuster(self.history.copy(), self.problem, self.parameters)

    def learn(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        version: str,
        predictions: pd.DataFrame,
    ) -> None:
        """Remember what a version served in a window, as rows of ``predictions``."""
        target, lower, upper = _columns(predictions, "target", "lower", "upper")
        coverage = interval_coverage(target, lower, upper)
        self.history.add(start, end, version, coverage, _served_rows(predictions))


def prepare_adjuster(
    recorded_windows: pd.DataFrame,
    windows: pd.DataFrame,
    window_plan: pd.DataFrame,
    logged: LoggedPredictions,
    parameters: AdjustmentParameters,
) -> Adjuster:
    """Remember the windows that were served and are not looked at again.

    Args:
        recorded_windows: ``window_history``: which windows have labelled predictions.
        windows: All windows up to ``as_of``.
        window_plan: Windows to look at; they are learnt from as soon as their rows are served.
        logged: Reads the predictions of a window if something is learnt from them.
        parameters: Level correction and interval.

    Returns:
        What adjusts the predictions of the planned windows.
    """
    history = AdjustmentHistory(level_kind(logged.problem), logged.problem.label_delay)
    own = recorded_windows[recorded_windows["problem"] == logged.problem.name]
    labelled = own[(own["n_labelled"] > 0) & own["window"].isin(windows["window"])]
    planned = set(zip(window_plan["window"], window_plan["model_version"], strict=True))
    for row in newest_revisions(labelled).to_dict("records"):
        window, version = str(row["window"]), str(row["model_version"])
        if (window, version) not in planned:
            read = partial(_read_served, logged, window, version)
            history.add_stored(row["start"], row["end"], version, float(row["coverage"]), read)
    return Adjuster(history, logged.problem, parameters)


def backfill_predictions(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    logged_predictions: pd.DataFrame,
    champion: TrainedModel | None,
    adjuster: Adjuster,
) -> pd.DataFrame:
    """Predict every row of the planned windows that has no prediction yet.

    What was predicted stays: a known prediction is never computed again, only its label is
    filled in. Rows after its training that no model has predicted are predicted by the champion,
    if the plan says so, with the level and the interval that were known when the window began.

    Args:
        window_plan: Windows to look at, as
            :func:`~regression_lifecycle.core.monitoring.window_plan.plan_windows` lists them.
        window_rows: Known rows with ``row_key``, ``window_index``, the champion's features, the
            target and ``baseline``.
        logged_predictions: ``predictions`` of the windows that changed, with those that were not
            judged yet.
        champion: The deployed model.
        adjuster: Knows the earlier windows.

    Returns:
        Rows of ``predictions`` for the planned windows.
    """
    adjuster, problem = adjuster.copy(), adjuster.problem
    tables = [PREDICTIONS.frame()]
    rows_of, known_of = rows_by(window_rows, "window_index"), rows_by(logged_predictions, "window")
    planned = window_plan.sort_values("window_index", kind="stable").to_dict("records")
    for window in logged(planned, "window"):
        inside = rows_of(window["window_index"])
        labels = inside.set_index("row_key")[problem.target]
        known = known_of(window["window"])
        table = of_window(known, window)
        table = PREDICTIONS.frame(table.assign(target=labels.reindex(table["row_key"]).to_numpy()))
        missing = inside[~inside["row_key"].isin(known["row_key"])]
        version = str(window["model_version"])
        if champion is not None:
            missing = missing[missing[problem.timestamp.name] > champion.metadata.trained_until]
        if champion is not None and window["backfill"] and len(missing):
            adjustment = adjuster.adjustment(window["start"], version)
            raw = champion.predict(missing).to_numpy()
            made = adjuster.apply(raw, adjustment).assign(
                problem=problem.name,
                row_key=missing["row_key"].to_numpy(),
                model_version=version,
                timestamp=missing[problem.timestamp.name].to_numpy(),
                window=window["window"],
                window_index=window["window_index"],
                raw_prediction=raw,
                level_factor=adjustment.level_factor,
                level_shift=adjustment.level_shift,
                baseline=missing["baseline"].to_numpy(),
                target=missing[problem.target].to_numpy(),
            )
            table = PREDICTIONS.frame(pd.concat([table, PREDICTIONS.frame(made)]))
        tables.append(table)
        adjuster.learn(window["start"], window["end"], version, table)
    return pd.concat(tables, ignore_index=True)


def compute_next_adjustment(
    adjuster: Adjuster,
    window_predictions: pd.DataFrame,
    windows: pd.DataFrame,
    champion: TrainedModel | None,
) -> pd.DataFrame:
    """Compute what the champion is served with in the window that is not over yet.

    Args:
        adjuster: Knows the windows before the planned ones.
        window_predictions: ``predictions`` of the planned windows.
        windows: All windows up to ``as_of``, in the order of time.
        champion: The deployed model.

    Returns:
        One row of ``adjustments``; none without a champion or a window, and none where one looks
        from a moment at which the champion's newest training row was not known yet: nothing was
        served by it.
    """
    if champion is None or windows.empty:
        return ADJUSTMENTS.frame()
    if windows["as_of"].max() <= champion.metadata.trained_until:
        return ADJUSTMENTS.frame()
    adjuster = adjuster.copy()
    bounds = windows.set_index("window")[["start", "end"]]
    for (window, served_by), part in window_predictions.groupby(
        ["window", "model_version"], sort=False
    ):
        start, end = bounds.loc[window]
        adjuster.learn(start, end, str(served_by), part)
    newest = windows.iloc[-1]
    over = newest["end"] <= newest["as_of"]
    valid_from = newest["end"] if over else newest["start"]
    version = version_of(champion)
    adjustment = adjuster.adjustment(valid_from, version)
    return ADJUSTMENTS.frame(
        [
            {
                "problem": adjuster.problem.name,
                "model_version": version,
                "valid_from": valid_from,
                **adjustment.as_row(),
            }
        ]
    )


def _read_served(logged: LoggedPredictions, window: str, version: str) -> ServedRows:
    return _served_rows(logged.judged_by(window, version))


def _served_rows(predictions: pd.DataFrame) -> ServedRows:
    return ServedRows(*_columns(predictions, "target", "raw_prediction", "prediction"))


def _columns(predictions: pd.DataFrame, *names: str) -> list[FloatArray]:
    return [predictions[name].to_numpy(dtype="float64") for name in names]
