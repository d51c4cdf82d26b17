"""The snapshot of one monitored window: cheap while it is quiet, drawn in full when it is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from regression_lifecycle.adapters.evidently.drawing import NO_TIME, headed, table
from regression_lifecycle.adapters.evidently.frames import ColumnRoles, Prepared, prepare
from regression_lifecycle.adapters.evidently.library import first_line, quiet
from regression_lifecycle.adapters.evidently.results import (
    collect,
    drift_results,
    error_figures,
    error_results,
    row_results,
)
from regression_lifecycle.adapters.evidently.statistics import Comparison, compare
from regression_lifecycle.core.drift.columns import sample_rows
from regression_lifecycle.core.drift.parameters import DriftParameters

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

Detail = Literal["figures", "full"]


def window_snapshot(
    current: pd.DataFrame,
    reference: pd.DataFrame | None,
    roles: ColumnRoles,
    parameters: DriftParameters,
    *,
    name: str = "window",
    detail: Detail = "figures",
    timestamp: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
) -> Snapshot:
    """Report on one window: errors where labels are there, drift where a reference is, blanks.

    The figures are the same at both levels of detail, and equal to those of Evidently's own
    metrics. The same inputs give a snapshot that is stored in the same bytes.

    Args:
        current: The rows of the window; there may be none.
        reference: What drift is measured against, or None.
        roles: The declared columns of both tables.
        parameters: Methods, thresholds (calibrated ones in ``per_column``), and the rows per side
            that drift and plots look at; figures of error are always over all rows.
        name: Name of the run in Evidently's UI.
        detail: ``figures`` for numbers and tables alone, ``full`` for Evidently's plots of the
            errors and of each compared column as well.
        timestamp: The moment of the report; by default the newest row's.
        metadata: Facts to keep with the snapshot, such as the window and the model version.
        tags: Labels to filter by in Evidently's UI.

    Returns:
        A snapshot. What could not be computed or drawn is said in its notes.

    Raises:
        ConfigurationError: If ``per_column`` names an undeclared column or a method that is not
            for its kind.
    """
    now = prepare(
        current, roles, maximum_rows=max(len(current), 1), seed=parameters.seed, side="current"
    )
    notes = [*now.notes, *(f"{c}: not computed: {why}" for c, why in now.unusable.items())]
    if timestamp is None:
        timestamp = now.frame[now.timestamp].max().to_pydatetime() if now.timestamp else NO_TIME
    with quiet():
        results: dict[str, Any] = {}
        head = {"Rows": f"{len(now.frame):,}"}
        drawn: list[Any] = []
        if not len(now.frame):
            notes = ["no rows in this window"]
        else:
            scored = _scored(now, roles, notes)
            compared = _compared(reference, current, roles, parameters, notes)
            results, head, drawn = _figures(now, scored, compared, roles, parameters, head)
            if detail == "full":
                drawn += _error_plots(now, scored, roles, parameters, notes)
                drawn += _drift_plots(compared, roles, notes)
        return headed(
            None,
            name=name,
            moment=timestamp,
            notes=list(dict.fromkeys(notes)),
            figures=head,
            metadata=metadata or {},
            results=results,
            widgets=drawn,
            tags=tags,
        )


def _scored(now: Prepared, roles: ColumnRoles, notes: list[str]) -> pd.DataFrame:
    """Find the rows with target and prediction, and say what is missing."""
    pair = [column for column in (roles.target, roles.prediction) if column in now.frame]
    rows = now.frame[pair].dropna() if len(pair) == 2 else now.frame.iloc[:0]
    if roles.target is None or roles.prediction is None:
        notes.append("no target or no prediction is declared: errors are not computed")
    elif not len(rows):
        blank = roles.prediction in now.frame and now.frame[roles.prediction].isna().all()
        notes.append(f"no {'predictions' if blank else 'labels yet'}: errors are not computed")
    elif len(rows) < len(now.frame):
        notes.append(
            f"{len(now.frame) - len(rows):,} of {len(now.frame):,} rows have no target or no "
            "prediction: the errors are those of the others"
        )
    return rows


def _compared(
    reference: pd.DataFrame | None,
    current: pd.DataFrame,
    roles: ColumnRoles,
    parameters: DriftParameters,
    notes: list[str],
) -> Comparison | None:
    if reference is None or not len(reference):
        parameters.refuse_unknown_columns(column for column, _, _ in roles.columns())
        notes.append("no reference: drift is not computed")
        return None
    found = compare(reference, current, roles, parameters)
    verdict = found.verdict
    missing = verdict.loc[verdict["drifted"].isna(), ["column", "reason"]]
    notes += [*found.reference.notes, *found.current.notes]
    notes += [f"{column}: {reason}" for column, reason in missing.itertuples(index=False)]
    return found


def _figures(
    now: Prepared,
    scored: pd.DataFrame,
    compared: Comparison | None,
    roles: ColumnRoles,
    parameters: DriftParameters,
    head: Mapping[str, str],
) -> tuple[dict[str, Any], dict[str, str], list[Any]]:
    """Make the results, the figures at the head and the table of the columns."""
    columns = [column for column, _, _ in roles.columns() if column in now.frame]
    rows = now.frame[columns]
    numerical = [column for column in columns if column not in roles.categorical]
    means = rows[numerical].agg(["mean", "std"]).T if numerical else pd.DataFrame()
    results = collect(row_results(rows, means))
    shown = dict(head)
    if len(scored):
        figures = error_figures(scored[roles.target], scored[roles.prediction])
        results |= collect(error_results(figures))
        for label, key in (("RMSE", "rmse"), ("MAE", "mae"), ("Mean error", "mean_error")):
            shown[label] = f"{figures[key]:.4g}"
        if "bias" in figures:
            shown["Bias"] = f"{figures['bias']:+.1%}"
    if compared is None:
        return results, shown, [_column_table(rows, means, None, pd.DataFrame())]
    results |= collect(drift_results(compared.verdict, parameters))
    judged = compared.verdict["drifted"].dropna()
    shown["Drifted columns"] = f"{int(judged.sum())} of {len(judged)}"
    return results, shown, [_column_table(rows, means, compared, compared.verdict)]


def _column_table(
    rows: pd.DataFrame, means: pd.DataFrame, compared: Comparison | None, verdict: pd.DataFrame
) -> Any:
    """List the columns, the drifted ones first."""
    verdicts = {} if verdict.empty else verdict.set_index("column").to_dict("index")
    lines = []
    for column in rows:
        judged = verdicts.get(column, {})
        drifted = judged.get("drifted")
        before = math.nan
        if compared is not None and column in means.index and column in compared.reference.frame:
            before = compared.reference.frame[column].mean()
        drift = "" if pd.isna(drifted) else "drift" if drifted else "no drift"
        lines.append(
            (
                column,
                drift,
                judged.get("method", "") if drift else "",
                _number(judged.get("score")),
                _number(judged.get("threshold")) if drift else "",
                f"{rows[column].isna().mean():.1%}",
                _number(means["mean"].get(column)) if len(means) else "",
                _number(before),
            )
        )
    lines.sort(key=lambda line: line[1] != "drift")
    header = ("Column", "Drift", "Method", "Score", "Threshold", "Missing", "Mean", "Reference")
    return table("Columns", header, lines)


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4g}"


def _error_plots(
    now: Prepared,
    scored: pd.DataFrame,
    roles: ColumnRoles,
    parameters: DriftParameters,
    notes: list[str],
) -> list[Any]:
    if not len(scored):
        return []
    from evidently import DataDefinition, Dataset, Regression, Report
    from evidently.presets import RegressionQuality

    rows = now.frame.loc[sample_rows(scored, parameters.maximum_rows, parameters.seed).index]
    pair = [roles.target, roles.prediction]
    definition = DataDefinition(
        timestamp=now.timestamp,
        numerical_columns=pair,
        regression=[Regression(target=roles.target, prediction=roles.prediction)],
    )
    preset = RegressionQuality(pred_actual_plot=True, error_plot=True, error_distr=True)
    try:
        chosen = rows[[*pair, now.timestamp] if now.timestamp else pair]
        run = Report([preset]).run(Dataset.from_pandas(chosen, data_definition=definition), None)
    except Exception as error:  # Evidently fails on targets of 0 alone, on equal errors and more
        notes.append(f"errors: not drawn: {first_line(error)}")
        return []
    widgets = run.to_snapshot_model().widgets
    # The figures stand at the head already, and Evidently's add a MAPE that one hour near 0 ruins.
    return [widget for widget in widgets if "Model Quality" not in widget.title]


def _drift_plots(compared: Comparison | None, roles: ColumnRoles, notes: list[str]) -> list[Any]:
    if compared is None:
        return []
    drawn: list[Any] = []
    verdict = compared.verdict.loc[compared.verdict["drifted"].notna()]
    for row in verdict.sort_values("drifted", ascending=False, kind="stable").itertuples():
        try:
            drawn += _drift_plot(compared, row, row.column in roles.categorical)
        except Exception as error:  # one column must not take the others with it
            notes.append(f"{row.column}: not drawn: {first_line(error)}")
    return drawn


def _drift_plot(compared: Comparison, row: Any, is_category: bool) -> Iterator[Any]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    sides = (compared.current, compared.reference)
    # A time on one side alone would be compared with nothing.
    timestamp = sides[0].timestamp if all(side.timestamp for side in sides) else None
    definition = DataDefinition(
        timestamp=timestamp,
        numerical_columns=[] if is_category else [row.column],
        categorical_columns=[row.column] if is_category else [],
    )
    chosen = [row.column, timestamp] if timestamp else [row.column]
    tables = [Dataset.from_pandas(side.frame[chosen], data_definition=definition) for side in sides]
    metric = ValueDrift(column=row.column, method=row.method, threshold=row.threshold)
    return iter(Report([metric]).run(*tables).to_snapshot_model().widgets)
