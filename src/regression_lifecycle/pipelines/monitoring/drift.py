"""Drift of the planned windows, and the Evidently reports about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import DRIFT_HISTORY
from regression_lifecycle.core.drift.monitor import DriftMonitor, DriftReference, WindowComparison
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.monitoring.parameters import ReportParameters
from regression_lifecycle.core.monitoring.window_plan import rows_by
from regression_lifecycle.core.progress import Progress
from regression_lifecycle.pipelines.roles import column_roles

PREDICTION = "prediction"
Snapshots = dict[str, Callable[[], Any]]
References = dict[str, DriftReference]
Comparisons = dict[str, WindowComparison]


def join_predictions(
    window_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    reference_predictions: pd.DataFrame,
    problem: Problem,
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Join the known rows with what was served for them.

    Args:
        window_rows: Known rows with ``row_key`` and the compared columns.
        window_predictions: Served predictions of the planned windows.
        reference_predictions: Served predictions of the rows of the references: out of sample by
            nature.
        problem: The table's description.
        parameters: Names the compared columns, and the one within whose values they are compared.

    Returns:
        These columns, timestamp, target, weight where rows have one, ``row_key`` and
        ``prediction``; rows that no model has served have none.
    """
    roles = column_roles(problem, parameters.columns, prediction=PREDICTION)
    keys = window_rows["row_key"]
    known = pd.concat([reference_predictions, window_predictions])[["row_key", PREDICTION]]
    known = known.drop_duplicates("row_key", keep="last").set_index("row_key")[PREDICTION]
    names = [*roles.numerical, *roles.categorical, problem.target, problem.timestamp.name]
    names += [name for name in (roles.weight, parameters.given) if name is not None]
    if window_rows.empty:
        return pd.DataFrame(columns=[*dict.fromkeys(names), "row_key", PREDICTION])
    return window_rows[list(dict.fromkeys(names))].assign(
        row_key=keys.to_numpy(), **{PREDICTION: known.reindex(keys).to_numpy()}
    )


def find_references(
    window_plan: pd.DataFrame,
    drift_rows: pd.DataFrame,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: DriftParameters,
) -> tuple[References, pd.DataFrame, pd.DataFrame]:
    """Choose, read and calibrate the reference of every planned window.

    Args:
        window_plan: Windows to look at.
        drift_rows: Rows of the windows and of their references, with the compared columns and
            ``prediction``.
        champion: The deployed model, whose training rows may be the reference.
        problem: The table's description.
        parameters: Columns, methods, policy of the reference, and calibration.

    Returns:
        References by window and model version; profile and thresholds of the newest one, without
        columns if there is no window.
    """
    roles = column_roles(problem, parameters.columns, prediction=PREDICTION)
    included = roles.columns(
        target=parameters.include_target, prediction=parameters.include_prediction
    )
    monitor = DriftMonitor(
        table=drift_rows,
        moments=drift_rows[problem.timestamp.name],
        columns=tuple(included),
        parameters=parameters,
        first=None if window_plan.empty else window_plan["known_from"].iloc[0],
    )
    trained_from = trained_until = None
    if champion is not None:
        trained_from = champion.metadata.trained_from
        trained_until = champion.metadata.trained_until + problem.frequency
    references = {
        _name(window): monitor.reference_for(
            window["start"], window["end"], int(window["n"]), trained_from, trained_until
        )
        for window in window_plan.to_dict("records")
    }
    if not references:
        return references, pd.DataFrame(), pd.DataFrame()
    newest = window_plan.iloc[-1].to_dict()
    reference = references[_name(newest)]
    thresholds = reference.thresholds.assign(window=newest["window"], reference=reference.kind)
    return references, reference.profile.to_frame(), thresholds


def check_drift(
    window_plan: pd.DataFrame,
    drift_rows: pd.DataFrame,
    window_predictions: pd.DataFrame,
    window_references: References,
    problem: Problem,
) -> tuple[pd.DataFrame, Comparisons]:
    """Compare every planned window with its reference.

    Args:
        window_plan: Windows to look at.
        drift_rows: Known rows with the compared columns.
        window_predictions: Served predictions of the planned windows.
        window_references: References by window and model version.
        problem: Its name stands in the rows.

    Returns:
        Rows of ``drift_history``; and every window beside its reference, for its report.
    """
    tables = [DRIFT_HISTORY.frame()]
    comparisons: Comparisons = {}
    # Columns of the table may have the names of the key.
    key = {"window": "__window", "model_version": "__version"}
    served = window_predictions[["row_key", PREDICTION, *key]].rename(columns=key)
    joined = drift_rows.drop(columns=PREDICTION).merge(served, on="row_key", how="inner")
    of = rows_by(joined, *key.values())
    for window in window_plan.to_dict("records"):
        rows = of(*(window[name] for name in key)).drop(columns=[*key.values()])
        rows = rows.reset_index(drop=True)
        reference = window_references[_name(window)]
        verdict = reference.verdict(rows)
        comparisons[_name(window)] = WindowComparison(rows, reference, verdict)
        place = {name: window[name] for name in ("window", "model_version", "window_index")}
        named = verdict.assign(problem=problem.name, start=window["start"], **place)
        tables.append(DRIFT_HISTORY.frame(named))
    return pd.concat(tables, ignore_index=True), comparisons


def draw_reports(
    window_plan: pd.DataFrame,
    window_comparisons: Comparisons,
    completed_windows: pd.DataFrame,
    problem: Problem,
    parameters: ReportParameters,
) -> tuple[Snapshots, Snapshots, list[str]]:
    """Describe every planned window in an Evidently snapshot.

    Args:
        window_plan: Windows to look at.
        window_comparisons: Their rows, references and verdicts.
        completed_windows: Which windows alarmed.
        problem: The table's description.
        parameters: Which windows get a page.

    Returns:
        Functions that make the snapshots, by window and model version, twice: for the reports and
        for Evidently's workspace. They are drawn one by one as they are saved. And their names, for
        the node that has to wait until they are.
    """
    alarms = {
        _name(row): "" if pd.isna(row["alarms"]) else str(row["alarms"])
        for row in completed_windows.sort_values("revision").to_dict("records")
    }
    drawn: dict[str, Any] = {}
    progress = Progress("report", len(window_plan))

    def draw(window: dict[str, Any]) -> Any:
        name = _name(window)
        if name not in drawn:
            progress.step()
            drawn[name] = _snapshot(
                window, window_comparisons[name], alarms.get(name, ""), problem, parameters
            )
        return drawn[name]

    made: Snapshots = {
        _name(window): partial(draw, window) for window in window_plan.to_dict("records")
    }
    return made, made, list(made)


def _snapshot(
    window: dict[str, Any],
    comparison: WindowComparison,
    alarms: str,
    problem: Problem,
    parameters: ReportParameters,
) -> Any:
    full = parameters.pages == "all" or (parameters.pages == "alarmed" and bool(alarms))
    reference = comparison.reference
    window_name, version = str(window["window"]), str(window["model_version"])
    bounded = reference.parameters.model_copy(update={"maximum_rows": parameters.maximum_rows})
    return evidently.window_snapshot(
        comparison.rows,
        reference.rows if len(reference.rows) else None,
        column_roles(problem, reference.parameters.columns, prediction=PREDICTION),
        comparison.verdict,
        bounded,
        name=f"{problem.name} {window['window']}",
        detail="full" if full else "figures",
        timestamp=window["start"].to_pydatetime(),
        tags=[
            problem.name,
            f"version {version}",
            *(f"alarm: {alarm}" for alarm in filter(None, alarms.split(","))),
        ],
        metadata={
            "about": evidently.about_line(
                problem.name,
                f"model version {version}",
                f"window {window_name} ({window['status']})",
                len(comparison.rows),
                f"{reference.kind}, {len(reference.rows):,} rows" if reference.kind else "",
                alarms or "none",
            ),
            "problem": problem.name,
            "window": window_name,
            "model_version": version,
            "status": str(window["status"]),
            "alarms": alarms or "none",
            "reference": reference.kind or "none",
            "page": "yes" if full else "no",
            **({} if problem.quantile is None else {"quantile": f"{problem.quantile:g}"}),
        },
    )


def _name(window: Mapping[str, Any]) -> str:
    return f"{window['window']}_v{window['model_version']}"
