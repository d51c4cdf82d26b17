"""Observations that the frequency asks for and that are not there, series by series."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.calendar.weekdays import count_on_weekdays, move_to_weekday
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    period_number,
    shift_rows,
)

GAP, BEGINS_LATER, ENDED = "gap", "begins later", "ended"
_OWN = ["kind", "first_missing", "last_missing", "n_missing"]


def find_gaps(observations: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """List the stretches of time without an observation, of every series for itself.

    Args:
        observations: Observations in any order.

    Returns:
        One row per stretch: the columns that name its series, ``kind``, ``first_missing``,
        ``last_missing`` (timestamps) and ``n_missing`` (observations expected). The kind is
        ``gap`` between two observations of a series, ``begins later`` before its first one if the
        table has older rows, and ``ended`` behind its last one if the table has newer rows. None
        where rows come at no fixed distance.
    """
    stamp, series, step = problem.timestamp.name, list(problem.series_columns), problem.frequency
    # Nothing is missing where rows come at no fixed distance.
    expected = observations.iloc[:0] if problem.irregular else observations
    rows = expected[[*series, stamp]].drop_duplicates()
    rows = rows.sort_values([*series, stamp], kind="stable", ignore_index=True)
    code = rows.groupby(series, dropna=False).ngroup() if series else pd.Series(0, rows.index)
    moment = rows[stamp]
    oldest, newest = (pd.Series(moment.agg(side), rows.index) for side in ("min", "max"))
    is_first, is_last = code != code.shift(), code != code.shift(-1)
    # A neighbour that is late by less than a step still leaves one expected time unanswered; of
    # series that stand at other times of day than the first one, nothing is missing at the ends.
    between = _steps(moment.shift(), moment, step, late=True).where(~is_first, 0) - 1
    before = _steps(oldest, moment, step).where(is_first, 0)
    behind = _steps(moment, newest, step).where(is_last, 0)
    # By kind: how many are missing, and how many steps behind which moment the first one is.
    stretches = {
        BEGINS_LATER: (before, oldest, 0),
        GAP: (between, moment.shift(), 1),
        ENDED: (behind, moment, 1),
    }
    month_ends = bool(moment.dt.is_month_end.all())
    found = []
    for kind, (counts, start, offset) in stretches.items():
        some = counts > 0
        n_missing = counts[some].astype("int64")
        bounds = {
            name: shift_rows(start[some], step, steps, month_ends)
            for name, steps in (
                ("first_missing", n_missing * 0 + offset),
                ("last_missing", n_missing - 1 + offset),
            )
        }
        if problem.weekdays:
            n_missing = count_on_weekdays(
                bounds["first_missing"], n_missing, step, problem.weekdays
            )
            n_missing = n_missing[n_missing > 0]
            some = rows.index.isin(n_missing.index)
            bounds = {
                name: move_to_weekday(
                    moments[n_missing.index], step, problem.weekdays, name == "first_missing"
                )
                for name, moments in bounds.items()
            }
        found.append(rows.loc[some, series].assign(kind=kind, **bounds, n_missing=n_missing))
    # Stable, so that what a series lacks stands in the order of time.
    table = pd.concat(found).sort_index(kind="stable")[[*series, *_OWN]]
    return table.astype({"kind": "str"}).reset_index(drop=True)


def _steps(
    earlier: pd.Series, later: pd.Series, step: AnyDuration, *, late: bool = False
) -> pd.Series:
    """Count the steps from one column of moments to another, whole ones or begun ones too."""
    if isinstance(step, CalendarDuration):
        # Of month starts, month ends and last working days alike, none is missing.
        return period_number(later, step) - period_number(earlier, step)
    return -((earlier - later) // step) if late else (later - earlier) // step
