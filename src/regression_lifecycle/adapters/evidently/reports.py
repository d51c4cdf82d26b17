"""Reports of data quality and model quality, as Evidently snapshots.

Every function gives back a snapshot, whatever the data: what could not be computed or drawn is
said in the notes at its head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.evidently.drawing import Job
from regression_lifecycle.adapters.evidently.frames import (
    ColumnRoles,
    Prepared,
    prepare,
    sample_note,
)
from regression_lifecycle.adapters.evidently.library import drawn_once
from regression_lifecycle.adapters.evidently.results import (
    counted,
    error_figures,
    error_headline,
)
from regression_lifecycle.core.drift.columns import sample_rows

if TYPE_CHECKING:
    from evidently.core.report import Snapshot


def data_quality_snapshot(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    *,
    maximum_rows: int,
    seed: int,
    timestamp: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Snapshot:
    """Describe each declared column of one table: counts, blanks, range, distribution.

    Args:
        frame: The table; it may have blanks, empty columns or no rows.
        roles: Its declared columns.
        maximum_rows: Rows to look at; beyond it a seeded sample is drawn, and said so.
        seed: Seed of that sample.
        timestamp: The moment of the report; by default the newest row's.
        metadata: Facts to keep with the snapshot.

    Returns:
        A snapshot named ``data quality``.
    """
    prepared = prepare(frame, roles, maximum_rows=maximum_rows, seed=seed, lenient=True)

    def build(names: Sequence[str]) -> list[Any]:
        from evidently.presets import DataSummaryPreset

        return [DataSummaryPreset(columns=list(names))]

    job = Job(
        name="data quality",
        columns=[name for name, _, _ in roles.columns() if name in prepared.frame],
        build=build,
        current=prepared,
        categorical=roles.categorical,
    )
    with drawn_once():
        return job.report([*prepared.notes, *_unusable(prepared)], {}, timestamp, metadata)


def regression_snapshot(
    current: pd.DataFrame,
    roles: ColumnRoles,
    *,
    maximum_rows: int,
    seed: int,
    reference: pd.DataFrame | None = None,
    timestamp: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Snapshot:
    """Show how far the prediction is from the target: error figures and plots over time.

    Rows without a target or a prediction are left out, and counted in the notes.

    Args:
        current: The table with target and prediction.
        roles: Its declared columns; ``target`` and ``prediction`` are required.
        maximum_rows: Rows per side to look at; beyond it a seeded sample is drawn, and said so.
        seed: Seed of that sample.
        reference: A table to show beside it, or None.
        timestamp: The moment of the report; by default the newest row's.
        metadata: Facts to keep with the snapshot.

    Returns:
        A snapshot named ``regression``. RMSE, MAE and mean error (of a quantile pinball loss, share
        at or below and MAE) stand at its head, weighted, even where Evidently fails (all targets
        zero, all errors equal to the last digits). The figures below are Evidently's: the mean
        error is prediction minus target, MAPE is in percent but its spread is a fraction, and MAPE
        means nothing where targets are negative.

    Raises:
        ValueError: If ``roles`` has no target or no prediction.
    """
    if roles.target is None or roles.prediction is None:
        raise ValueError("a regression report needs the roles 'target' and 'prediction'")
    only = replace(roles, numerical=(), categorical=())
    now, notes = _scored(current, only, maximum_rows, seed, "current")
    if roles.quantile is not None:
        notes.append(
            f"the quantile {roles.quantile:g} is predicted: below the head, Evidently's figures "
            "judge it as if it were the middle"
        )
    if roles.weight in current:
        notes.append(
            f"rows count by {roles.weight} at the head; below it, Evidently's figures count all "
            "alike"
        )
    before = None
    if reference is not None:
        before, more = _scored(reference, only, maximum_rows, seed, "reference")
        notes += more
        if not len(before.frame):
            before = None
            notes.append("the reference has no row with target and prediction and is not shown")

    def build(_: Sequence[str]) -> list[Any]:
        from evidently.presets import RegressionPreset

        # With include_tests=False the preset looks its own metrics up under another key and fails.
        return [RegressionPreset()]

    job = Job(
        name="regression",
        columns=[] if now.unusable else [roles.target, roles.prediction],
        build=build,
        current=now,
        reference=before,
        regression=(roles.target, roles.prediction),
    )
    figures = {"Rows": f"{len(now.frame):,}", **_errors(now, only)}
    if before is not None:
        figures |= _errors(before, only, "Reference")
    return job.report(notes, figures, timestamp, metadata)


def _errors(prepared: Prepared, roles: ColumnRoles, side: str = "") -> dict[str, str]:
    """Figures for the head: Evidently hides RMSE, and fails where all targets are 0."""
    rows = prepared.frame
    if not len(rows):
        return {}
    return error_headline(error_figures(rows, roles), side)


def _scored(
    table: pd.DataFrame, roles: ColumnRoles, maximum_rows: int, seed: int, side: str
) -> tuple[Prepared, list[str]]:
    """Keep the rows that have a target and a prediction, and then bound their number."""
    made = prepare(table, roles, maximum_rows=max(len(table), 1), seed=seed, side=side)
    notes = [*made.notes, *_unusable(made)]
    if made.unusable:
        return replace(made, frame=made.frame.iloc[:0]), notes
    complete = counted(made.frame.dropna(), table, roles)
    if len(complete) < len(made.frame):
        notes.append(
            f"{len(made.frame) - len(complete):,} of {len(made.frame):,} rows in {side} have no "
            f"target{' or' if roles.weight is None else ','} no prediction"
            f"{'' if roles.weight is None else ' or no weight'} and are left out"
        )
    rows = sample_rows(complete, maximum_rows, seed)
    notes += sample_note(len(rows), len(complete), seed, side)
    if len(rows) and (rows[roles.target] == 0).all():
        notes.append(f"{roles.target} in {side} is 0 in every row: Evidently gives no figures")
    if (rows[roles.target] < 0).any():
        notes.append(f"{roles.target} in {side} is negative at times: disregard MAPE")
    return replace(made, frame=rows), notes


def _unusable(prepared: Prepared) -> list[str]:
    return [f"{name}: not computed: {reason}" for name, reason in prepared.unusable.items()]
