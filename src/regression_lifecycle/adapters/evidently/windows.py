"""The snapshot of one monitored window: cheap while it is quiet, drawn in full when it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from regression_lifecycle.adapters.evidently.drawing import headed, newest
from regression_lifecycle.adapters.evidently.drift import (
    Comparison,
    column_table,
    drift_plots,
    make_comparison,
)
from regression_lifecycle.adapters.evidently.frames import ColumnRoles, Prepared, prepare
from regression_lifecycle.adapters.evidently.library import first_line, quiet
from regression_lifecycle.adapters.evidently.results import (
    collect,
    counted,
    drift_results,
    error_figures,
    error_headline,
    error_results,
    row_results,
)
from regression_lifecycle.core.drift.columns import sample_rows
from regression_lifecycle.core.drift.parameters import DriftParameters

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

Detail = Literal["figures", "full"]


def window_snapshot(
    current: pd.DataFrame,
    reference: pd.DataFrame | None,
    roles: ColumnRoles,
    verdict: pd.DataFrame | None,
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
    metrics where all rows count alike. The same inputs give a snapshot that is stored in the same
    bytes.

    Args:
        current: The rows of the window; there may be none.
        reference: What drift is measured against, or None.
        roles: The declared columns of both tables.
        verdict: What the comparison with the reference found, or None.
        parameters: The limit of the drifted share, and the rows per side that plots look at;
            figures of error are always over all rows.
        name: Name of the run in Evidently's UI.
        detail: ``figures`` for numbers and tables alone, ``full`` for Evidently's plots of the
            errors and of each compared column as well.
        timestamp: The moment of the report; by default the newest row's.
        metadata: Facts to keep with the snapshot, such as the window and the model version.
        tags: Labels to filter by in Evidently's UI.

    Returns:
        A snapshot. What could not be computed or drawn is said in its notes.
    """
    now = prepare(
        current, roles, maximum_rows=max(len(current), 1), seed=parameters.seed, side="current"
    )
    notes = [*now.notes, *(f"{c}: not computed: {why}" for c, why in now.unusable.items())]
    with quiet():
        results: dict[str, Any] = {}
        head = {"Rows": f"{len(now.frame):,}"}
        drawn: list[Any] = []
        if not len(now.frame):
            notes = ["no rows in this window"]
        else:
            scored = counted(_scored(now, roles, notes), current, roles)
            compared = None
            if reference is None or verdict is None or not len(reference):
                notes.append("no reference: drift is not computed")
            else:
                compared = make_comparison(reference, current, roles, verdict, parameters)
                notes += compared.notes
            results, head, drawn = _figures(now, scored, compared, roles, parameters, head)
            if detail == "full":
                drawn += _error_plots(now, scored, roles, parameters, notes)
                drawn += [] if compared is None else drift_plots(compared, notes)
        return headed(
            None,
            name=name,
            moment=timestamp or newest(now),
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


def _figures(
    now: Prepared,
    scored: pd.DataFrame,
    compared: Comparison | None,
    roles: ColumnRoles,
    parameters: DriftParameters,
    head: Mapping[str, str],
) -> tuple[dict[str, Any], dict[str, str], list[Any]]:
    """Make the results, the figures at the head and the table of the columns.

    They are not those of a ``Report`` that ran: it draws all that it computes, which takes seconds
    for each of the many windows that nobody opens.
    """
    columns = [column for column, _, _ in roles.columns() if column in now.frame]
    rows = now.frame[columns]
    numerical = [column for column in columns if column not in roles.categorical]
    means = rows[numerical].agg(["mean", "std"]).T if numerical else pd.DataFrame()
    results = collect(row_results(rows, means))
    shown = dict(head)
    if len(scored):
        figures = error_figures(scored, roles)
        results |= collect(error_results(figures))
        shown |= error_headline(figures)
        if "bias" in figures:
            shown["Bias"] = f"{figures['bias']:+.1%}"
    if compared is not None:
        results |= collect(drift_results(compared.verdict, parameters))
        shown["Drifted columns"] = compared.drifted_columns
    return results, shown, [column_table(rows, compared)]


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

    rows = now.frame.loc[sample_rows(scored, parameters.report_rows, parameters.seed).index]
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
