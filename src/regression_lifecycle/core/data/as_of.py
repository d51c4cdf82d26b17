"""What is known at a moment: no later row, and no label that has not come yet."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.config import to_timestamp
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.frames.expressions import bounds_of, later


def known_at(
    as_of: object, observations: Any, problem: Problem, *, label_delay: bool = True
) -> tuple[Any, pd.Timestamp]:
    """Cut the observations down to what is known at the moment at which we stand.

    Args:
        as_of: The parameter: a moment, or None for the end of the observations.
        observations: Observations on any engine.
        label_delay: Whether labels that come later are blanked.

    Returns:
        The known rows as :func:`known_rows` gives them, and the moment.

    Raises:
        ConfigurationError: If ``as_of`` is no moment.
        StateError: If nothing was observed before it.
    """
    moment = moment_of(as_of, observations, problem)
    return known_rows(observations, moment, problem, label_delay=label_delay), moment


def known_rows(
    table: Any, as_of: pd.Timestamp, problem: Problem, *, label_delay: bool = True
) -> Any:
    """Cut a table down to what is known at a moment.

    Args:
        table: Rows with timestamp and target, on any engine.
        as_of: The moment. A row is known when its own time is over, one frequency after its
            timestamp.
        problem: Names timestamp and target, gives frequency and label delay.
        label_delay: Whether labels that come later are blanked.

    Returns:
        The known rows on the same engine, with the target as float64 and missing where its label is
        not known yet.
    """
    frame: Any = nw.from_native(table)
    moment = as_of.to_pydatetime()
    over = later(nw.col(problem.timestamp.name), problem.frequency)
    target = nw.col(problem.target).cast(nw.Float64)
    if label_delay and problem.label_delay is not None:
        target = nw.when(later(over, problem.label_delay) <= moment).then(target)
    known = frame.filter(over <= moment).with_columns(target.alias(problem.target))
    native = known.to_native()
    return native.reset_index(drop=True) if isinstance(native, pd.DataFrame) else native


def moment_of(as_of: object, observations: Any, problem: Problem) -> pd.Timestamp:
    """Read the parameter ``as_of``.

    Args:
        as_of: A moment, or None for the end of the observations.
        observations: Observations on any engine.

    Returns:
        The moment at which we stand.

    Raises:
        ConfigurationError: If it is no moment.
        StateError: If nothing was observed before it, or it lies behind both the clock and the
            newest observation: windows of the future would be recorded as empty, and be believed
            later on.
    """
    first, last = first_and_last(observations, problem)
    moment = read_as_of(as_of, problem)
    end = pd.Timestamp(last + problem.frequency)
    if moment is None:
        return end
    if moment > end and (problem.timestamp.rows or moment > _latest_local_time()):
        raise StateError(
            f"as_of {problem.moment_text(moment)} has not come yet: the observations end at "
            f"{problem.moment_text(end)}; give an earlier as_of, or leave it out"
        )
    if first + problem.frequency > moment:
        raise StateError(
            f"as_of {problem.moment_text(moment)}: nothing is known yet, the first observation is "
            f"of {problem.moment_text(first)}"
        )
    return moment


def first_and_last(table: Any, problem: Problem) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the oldest and the newest moment of a table on any engine; NaT without rows."""
    return bounds_of(table, problem.timestamp.name)


def read_as_of(value: object, problem: Problem | None) -> pd.Timestamp | None:
    """Read the parameter ``as_of``.

    Args:
        value: A moment in the table's local time, or None. Where rows stand for the time the row
            that is not known yet may be named too: ``row 300`` or ``300``, counted from 0.
        problem: None if its description is wrong.

    Returns:
        The moment, or None.

    Raises:
        ConfigurationError: If it is neither.
    """
    if value is None:
        return None
    if problem is not None and problem.timestamp.rows:
        row = re.fullmatch(r"(?:row )?(\d{1,12})", str(value).strip())
        if row is not None:
            moment: pd.Timestamp = pd.Timestamp(0) + int(row[1]) * problem.frequency
            return moment
    return to_timestamp(value)


def _latest_local_time() -> datetime:
    """Return the time on the clocks that are ahead of all others: the table's zone is not known."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=14)
