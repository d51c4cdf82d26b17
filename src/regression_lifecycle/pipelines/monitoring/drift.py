"""Drift of the planned windows, and the Evidently reports about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import DRIFT_HISTORY
from regression_lifecycle.core.drift.monitor import DriftMonitor, DriftReference
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.monitoring.parameters import MonitoringParameters
from regression_lifecycle.core.monitoring.window_plan import of_window
from regression_lifecycle.pipelines.roles import column_roles

PREDICTION = "prediction"
Snapshots = dict[str, Callable[[], Any]]
Comparisons = dict[str, tuple[pd.DataFrame, DriftReference]]


def check_drift(
    window_plan: pd.DataFrame,
    window_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    reference_predictions: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: DriftParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, Comparisons]:
    """Compare every planned window with its reference.

    Args:
        window_plan: Windows to look at.
        window_rows: Known rows with the watched columns.
        window_predictions: Served predictions of the planned windows.
        reference_predictions: What was predicted for the rows of the references: out of sample by
            nature. Rows that no model has predicted have none.
        champion: The deployed model, whose training rows may be the reference.
        problem: Says what the columns are.
        parameters: Columns, methods, reference and calibration.

    Returns:
        Rows of ``drift_history``; the profile and the thresholds of the newest window's reference;
        rows and reference of every window, for its report.
    """
    if window_plan.empty:
        return DRIFT_HISTORY.frame(), pd.DataFrame(), pd.DataFrame(), {}
    watch, table = _watch(
        window_rows, window_predictions, reference_predictions, problem, parameters
    )
    predicted = replace(
        watch,
        columns=tuple(column for column in watch.columns if column[2] == "prediction"),
        reference=watch.reference.model_copy(update={"kind": "last_windows", "fallback": ()}),
    )
    tables, reference = [DRIFT_HISTORY.frame()], None
    comparisons: Comparisons = {}
    for window in window_plan.to_dict("records"):
        rows = _rows_of(table, window_predictions, window)
        reference = _yardstick(watch, window, champion, problem)
        comparisons[_name(window)] = (rows, reference)
        place = {name: window[name] for name in ("window", "model_version", "window_index")}
        verdict = _with_prediction(
            watch.verdict(rows, reference), predicted, rows, window, champion, problem
        ).assign(problem=problem.name, start=window["start"], **place)
        tables.append(DRIFT_HISTORY.frame(verdict))
    profile, thresholds = pd.DataFrame(), pd.DataFrame()
    if reference is not None:
        newest = window_plan.iloc[-1]["window"]
        profile = reference.profile.to_frame()
        thresholds = reference.thresholds.assign(window=newest, reference=reference.kind)
    return pd.concat(tables, ignore_index=True), profile, thresholds, comparisons


def _with_prediction(
    verdict: pd.DataFrame,
    predicted: DriftMonitor,
    rows: pd.DataFrame,
    window: dict[str, Any],
    champion: TrainedModel | None,
    problem: Problem,
) -> pd.DataFrame:
    """Compare predictions with those of the last windows where the reference has none.

    Rows that no model served, as those of a year ago, have no prediction that is out of sample.
    """
    lacking = (verdict["role"] == "prediction") & verdict["drifted"].isna()
    if not lacking.any():
        return verdict
    other = predicted.verdict(rows, _yardstick(predicted, window, champion, problem))
    found = other[other["drifted"].notna()]
    return verdict if found.empty else pd.concat([verdict[~lacking], found], ignore_index=True)


def draw_reports(
    window_plan: pd.DataFrame,
    comparisons: Comparisons,
    completed_windows: pd.DataFrame,
    problem: Problem,
    drift: DriftParameters,
    parameters: MonitoringParameters,
) -> tuple[Snapshots, Snapshots, list[str]]:
    """Describe every planned window in an Evidently snapshot.

    Args:
        window_plan: Windows to look at.
        comparisons: Their rows and references.
        completed_windows: Says which windows alarmed.
        problem: Says what the columns are.
        drift: Columns and methods.
        parameters: Which windows get a page.

    Returns:
        Functions that make the snapshots, by window and model version, twice: for the reports and
        for Evidently's workspace. They are drawn one by one as they are saved. And their names, for
        the node that has to wait until they are.
    """
    marks = {
        _name(row): "" if pd.isna(row["alarms"]) else str(row["alarms"])
        for row in completed_windows.sort_values("revision").to_dict("records")
    }
    drawn: dict[str, Any] = {}

    def draw(window: dict[str, Any]) -> Any:
        name = _name(window)
        if name not in drawn:
            drawn[name] = _snapshot(
                window, *comparisons[name], marks.get(name, ""), problem, drift, parameters
            )
        return drawn[name]

    made: Snapshots = {
        _name(window): partial(draw, window) for window in window_plan.to_dict("records")
    }
    return made, made, list(made)


def _snapshot(
    window: dict[str, Any],
    rows: pd.DataFrame,
    reference: DriftReference,
    alarms: str,
    problem: Problem,
    drift: DriftParameters,
    parameters: MonitoringParameters,
) -> Any:
    wanted = parameters.reports.pages
    full = wanted == "all" or (wanted == "alarmed" and bool(alarms))
    bounded = {"maximum_rows": parameters.reports.maximum_rows}
    return evidently.window_snapshot(
        rows,
        reference.rows if len(reference.rows) else None,
        column_roles(problem, drift.columns, prediction=PREDICTION),
        reference.parameters.model_copy(update=bounded),
        name=f"{problem.name} {window['window']}",
        detail="full" if full else "figures",
        timestamp=window["end"].to_pydatetime(),
        metadata={
            "window": str(window["window"]),
            "model_version": str(window["model_version"]),
            "status": str(window["status"]),
            "alarms": alarms or "none",
            "reference": reference.kind or "none",
            "page": "yes" if full else "no",
        },
    )


def _name(window: Mapping[str, Any]) -> str:
    return f"{window['window']}_v{window['model_version']}"


def _watch(
    window_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    reference_predictions: pd.DataFrame,
    problem: Problem,
    parameters: DriftParameters,
) -> tuple[DriftMonitor, pd.DataFrame]:
    roles = column_roles(problem, parameters.columns, prediction=PREDICTION)
    keys = window_rows["row_key"]
    known = pd.concat([reference_predictions, window_predictions])[["row_key", PREDICTION]]
    known = known.drop_duplicates("row_key", keep="last").set_index("row_key")[PREDICTION]
    names = [*roles.numerical, *roles.categorical, problem.target, problem.timestamp.name]
    table = window_rows[list(dict.fromkeys(names))].assign(
        row_key=keys.to_numpy(), **{PREDICTION: known.reindex(keys).to_numpy()}
    )
    watch = DriftMonitor(
        table=table,
        moments=table[problem.timestamp.name],
        columns=tuple(
            roles.columns(
                target=parameters.include_target, prediction=parameters.include_prediction
            )
        ),
        parameters=parameters,
        reference=parameters.reference,
        calibration=parameters.calibration,
    )
    return watch, table


def _rows_of(
    table: pd.DataFrame, window_predictions: pd.DataFrame, window: dict[str, Any]
) -> pd.DataFrame:
    served = of_window(window_predictions, window)
    rows = table[table["row_key"].isin(served["row_key"])].drop(columns=PREDICTION)
    return rows.merge(served[["row_key", PREDICTION]], on="row_key", how="left")


def _yardstick(
    watch: DriftMonitor, window: dict[str, Any], champion: TrainedModel | None, problem: Problem
) -> DriftReference:
    metadata = None if champion is None else champion.metadata
    return watch.reference_for(
        window["start"],
        window["end"],
        int(window["n"]),
        None if metadata is None else metadata.trained_from,
        None if metadata is None else metadata.trained_until + problem.frequency,
    )
