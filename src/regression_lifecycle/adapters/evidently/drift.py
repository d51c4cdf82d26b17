"""A drift verdict as Evidently shows it: results, a table of the columns, and plots.

The scores are those of :mod:`regression_lifecycle.core.drift`. Evidently draws them and computes
none, so a page and the stored verdict cannot differ, and a method of our own is drawn too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.evidently.drawing import headed, newest, table
from regression_lifecycle.adapters.evidently.frames import ColumnRoles, Prepared, prepare
from regression_lifecycle.adapters.evidently.library import first_line, quiet
from regression_lifecycle.adapters.evidently.results import collect, drift_results
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import is_table_drifted

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

_DETECTED = {True: "detected", False: "not detected", None: "not computed"}


@dataclass(frozen=True)
class Comparison:
    """A verdict with the rows that it is drawn from.

    Attributes:
        reference: What drift is measured against, at most ``report_rows``.
        current: What is compared with it, at most ``report_rows``.
        verdict: As :func:`~regression_lifecycle.core.drift.verdict.verdict_frame` makes it.
    """

    reference: Prepared
    current: Prepared
    verdict: pd.DataFrame

    @property
    def computed(self) -> pd.DataFrame:
        """The columns that were compared."""
        return self.verdict.loc[self.verdict["drifted"].notna()]

    @property
    def notes(self) -> list[str]:
        """What was changed on the way, and why columns were not compared."""
        missing = self.verdict.loc[self.verdict["drifted"].isna(), ["column", "reason"]]
        reasons = [f"{column}: {reason}" for column, reason in missing.itertuples(index=False)]
        return [*self.reference.notes, *self.current.notes, *reasons]

    @property
    def drifted_columns(self) -> str:
        """How many of the compared columns drifted, such as ``5 of 9``."""
        return f"{int(self.computed['drifted'].sum())} of {len(self.computed)}"


def make_comparison(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    roles: ColumnRoles,
    verdict: pd.DataFrame,
    parameters: DriftParameters,
) -> Comparison:
    """Prepare two tables for drawing.

    Args:
        reference: What drift is measured against.
        current: What is compared with it.
        roles: The declared columns of both tables.
        verdict: What the comparison found.
        parameters: Its ``report_rows`` and ``seed`` bound the rows that are drawn.

    Returns:
        The tables with their verdict.
    """
    rows, seed = parameters.report_rows, parameters.seed
    return Comparison(
        prepare(reference, roles, maximum_rows=rows, seed=seed, side="reference"),
        prepare(current, roles, maximum_rows=rows, seed=seed, side="current"),
        verdict,
    )


def drift_snapshot(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    roles: ColumnRoles,
    verdict: pd.DataFrame,
    parameters: DriftParameters,
    *,
    timestamp: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Snapshot:
    """Draw the comparison of two tables, column by column.

    Args:
        reference: What drift is measured against; its predictions should be out of sample.
        current: What is compared with it.
        roles: The declared columns of both tables.
        verdict: What the comparison found.
        parameters: The limit of the drifted share, and the rows per side that are drawn.
        timestamp: The moment of the report; by default the newest current row's.
        metadata: Facts to keep with the snapshot.

    Returns:
        A snapshot named ``drift``. Columns that could not be compared or drawn are in its notes.
    """
    compared = make_comparison(reference, current, roles, verdict, parameters)
    notes = compared.notes
    if compared.computed.empty:
        notes.insert(0, "no column could be compared")
    columns = [column for column, _, _ in roles.columns() if column in compared.current.frame]
    with quiet():
        plots = drift_plots(compared, notes)
        return headed(
            None,
            name="drift",
            moment=timestamp or newest(compared.current),
            notes=notes,
            figures={
                "Reference rows": f"{len(compared.reference.frame):,}",
                "Current rows": f"{len(compared.current.frame):,}",
                "Drifted columns": compared.drifted_columns,
                "Dataset drift": _DETECTED[is_table_drifted(verdict, parameters)],
            },
            metadata=metadata or {},
            results=collect(drift_results(verdict, parameters)),
            widgets=[column_table(compared.current.frame[columns], compared), *plots],
        )


def column_table(rows: pd.DataFrame, compared: Comparison | None) -> Any:
    """List the columns, the drifted ones first.

    Args:
        rows: Prepared rows of the declared columns.
        compared: What their drift is read off; None without a reference.

    Returns:
        A widget.
    """
    found = {} if compared is None else compared.verdict.set_index("column").to_dict("index")
    before = pd.DataFrame() if compared is None else compared.reference.frame
    lines = []
    for column in rows:
        verdict = found.get(column, {})
        drifted = verdict.get("drifted")
        drift = "" if pd.isna(drifted) else "drift" if drifted else "no drift"
        lines.append(
            (
                column,
                drift,
                verdict.get("method", "") if drift else "",
                _number(verdict.get("score")),
                _number(verdict.get("threshold")) if drift else "",
                f"{rows[column].isna().mean():.1%}",
                _number(_mean(rows, column)),
                _number(_mean(before, column)),
            )
        )
    lines.sort(key=lambda line: line[1] != "drift")
    header = ("Column", "Drift", "Method", "Score", "Threshold", "Missing", "Mean", "Reference")
    return table("Columns", header, lines)


def _mean(rows: pd.DataFrame, column: str) -> float:
    if column not in rows or not pd.api.types.is_numeric_dtype(rows[column]):
        return math.nan
    return float(rows[column].mean())


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4g}"


def drift_plots(compared: Comparison, notes: list[str]) -> list[Any]:
    """Draw the columns that were compared, the drifted ones first.

    Args:
        compared: The verdict and its rows.
        notes: Gets a line for each column that cannot be drawn.

    Returns:
        Widgets.
    """
    drawn: list[Any] = []
    for row in compared.computed.sort_values(
        "drifted", ascending=False, kind="stable"
    ).itertuples():
        before = compared.reference.frame.get(row.column)
        if before is None or before.isna().all():
            # A prediction, where no row of the reference was predicted out of sample.
            notes.append(
                f"{row.column}: not drawn: the reference has no value of it, so the verdict "
                "compares it with the last windows"
            )
            continue
        try:
            drawn += _drift_plot(compared, row)
        except Exception as error:  # one column must not take the others with it
            notes.append(f"{row.column}: not drawn: {first_line(error)}")
    return drawn


def _drift_plot(compared: Comparison, row: Any) -> Iterator[Any]:
    """Draw one column as Evidently does, below the score of the verdict.

    ``Report.run`` would compute the score anew, against thresholds and samples of its own, and has
    no place for a score that is known.
    """
    from evidently.legacy.calculations.data_drift import get_one_column_drift
    from evidently.legacy.core import ColumnType
    from evidently.legacy.options import ColorOptions
    from evidently.legacy.options.base import Options
    from evidently.legacy.options.data_drift import DataDriftOptions
    from evidently.legacy.utils.data_operations import DatasetColumns, DatasetUtilityColumns
    from evidently.metrics import ValueDrift

    nobody = DatasetUtilityColumns(date=None, id=None, target=None, prediction=None)
    is_number = row.kind == "numerical"
    found = get_one_column_drift(
        current_data=compared.current.frame[[row.column]],
        reference_data=compared.reference.frame[[row.column]],
        column_name=row.column,
        options=DataDriftOptions(
            all_features_stattest=_known_score(row), all_features_threshold=row.threshold
        ),
        dataset_columns=DatasetColumns(
            utility_columns=nobody,
            target_type=None,
            num_feature_names=[row.column] if is_number else [],
            cat_feature_names=[] if is_number else [row.column],
            text_feature_names=[],
            datetime_feature_names=[],
            target_names=None,
            task=None,
        ),
        column_type=ColumnType.Numerical if is_number else ColumnType.Categorical,
        agg_data=True,
    )
    metric = ValueDrift(column=row.column, method=row.method, threshold=row.threshold)
    widgets: list[Any] = metric.to_calculation()._render(found, Options(), ColorOptions())
    return iter(widgets)


def _known_score(row: Any) -> Any:
    """Make a test for Evidently whose answer is in the verdict already."""
    from evidently.legacy.calculations.stattests.registry import StatTest, StatTestResult

    class KnownScore(StatTest):
        def __call__(self, *_: Any, **__: Any) -> StatTestResult:
            return StatTestResult(row.score, bool(row.drifted), row.threshold)

    return KnownScore(row.method, row.method, [])
