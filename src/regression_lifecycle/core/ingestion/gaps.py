"""Observations that the frequency asks for and that are not there, series by series."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.calendar.weekdays import count_on_weekdays, move_to_weekday
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    period_number,
    shift_rows,
)
from regression_lifecycle.core.frames.collecting import collect

GAP, BEGINS_LATER, ENDED = "gap", "begins later", "ended"
_MOMENT, _BEFORE, _FIRST, _LAST, _PLACE = (
    f"__{name}" for name in ("moment", "before", "first", "last", "place")
)
_OWN = ["kind", "first_missing", "last_missing", "n_missing"]


def find_gaps(observations: Any, problem: Problem) -> pd.DataFrame:
    """List the stretches of time without an observation, of every series for itself.

    Args:
        observations: Observations in any order, on any engine.

    Returns:
        One row per stretch: the columns that name its series, ``kind``, ``first_missing``,
        ``last_missing`` (timestamps) and ``n_missing`` (observations expected). The kind is
        ``gap`` between two observations of a series, ``begins later`` before its first one if the
        table has older rows, and ``ended`` behind its last one if the table has newer rows. None
        where rows come at no fixed distance.
    """
    series, step = list(problem.series_columns), problem.frequency
    frame: Any = nw.from_native(observations)
    frame = frame.select(*series, nw.col(problem.timestamp.name).alias(_MOMENT))
    # Nothing is missing where rows come at no fixed distance.
    frame = frame.head(0) if problem.irregular else frame
    gaps = collect(_distant(frame, series, step).to_native(), problem)
    ends = collect(_ends(frame, series).to_native(), problem)
    oldest, newest = (pd.Series(end, ends.index) for end in (ends[_FIRST].min(), ends[_LAST].max()))
    # A neighbour that is late by less than a step still leaves one expected time unanswered; of
    # series that stand at other times of day than the first one, nothing is missing at the ends.
    # By kind: whose rows, at which of them, how many are missing, and how many steps behind which
    # moment the first one is.
    stretches = {
        BEGINS_LATER: (ends, _FIRST, _steps(oldest, ends[_FIRST], step), oldest, 0),
        GAP: (
            gaps,
            _MOMENT,
            _steps(gaps[_BEFORE], gaps[_MOMENT], step, late=True) - 1,
            gaps[_BEFORE],
            1,
        ),
        ENDED: (ends, _LAST, _steps(ends[_LAST], newest, step), ends[_LAST], 1),
    }
    month_ends = isinstance(step, CalendarDuration) and _stands_at_month_ends(frame, problem)
    found = []
    for kind, (rows, place, counts, start, offset) in stretches.items():
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
        own = rows.loc[some, series].assign(**{_PLACE: rows.loc[some, place]}, kind=kind)
        found.append(own.assign(**bounds, n_missing=n_missing))
    # Stable, so that what a series lacks stands in the order of time.
    table = pd.concat(found).sort_values([*series, _PLACE], kind="stable")[[*series, *_OWN]]
    return table.astype({"kind": "str"}).reset_index(drop=True)


def _distant(frame: Any, series: list[str], step: AnyDuration) -> Any:
    """Return the rows that are more than a step behind the one before, with its moment."""
    moment, before = nw.col(_MOMENT), nw.col(_BEFORE)
    over: dict[str, Any] = {"order_by": _MOMENT}
    follows = moment.shift(1).over(*series, **over) if series else moment.shift(1).over(**over)
    frame = frame.with_columns(follows.alias(_BEFORE))
    if isinstance(step, CalendarDuration):
        return frame.filter(_period(moment, step) - _period(before, step) > 1)
    return frame.filter(moment > before + step.to_pytimedelta())


def _period(moment: nw.Expr, step: CalendarDuration) -> nw.Expr:
    month = moment.dt.year() * 12 + moment.dt.month() - 1
    return month // step.months


def _ends(frame: Any, series: list[str]) -> Any:
    ends = (nw.col(_MOMENT).min().alias(_FIRST), nw.col(_MOMENT).max().alias(_LAST))
    found = frame.group_by(*series).agg(*ends) if series else frame.select(*ends)
    return found.filter(~nw.col(_FIRST).is_null())


def _stands_at_month_ends(frame: Any, problem: Problem) -> bool:
    moments = collect(frame.select(_MOMENT).unique().to_native(), problem)[_MOMENT]
    return bool(moments.dt.is_month_end.all())


def _steps(
    earlier: pd.Series, later: pd.Series, step: AnyDuration, *, late: bool = False
) -> pd.Series:
    """Count the steps from one column of moments to another, whole ones or begun ones too."""
    if isinstance(step, CalendarDuration):
        # Of month starts, month ends and last working days alike, none is missing.
        return period_number(later, step) - period_number(earlier, step)
    return -((earlier - later) // step) if late else (later - earlier) // step
