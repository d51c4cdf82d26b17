"""What is known at a moment: no later row, and no label that has not come yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from regression_lifecycle.core.config import to_timestamp
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import StateError


def known_at(
    as_of: object, observations: pd.DataFrame, problem: Problem, *, label_delay: bool = True
) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Cut the observations down to what is known at the moment at which we stand.

    Args:
        as_of: The parameter: a moment, or None for the end of the observations.
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
    table: pd.DataFrame, as_of: pd.Timestamp, problem: Problem, *, label_delay: bool = True
) -> pd.DataFrame:
    """Cut a table down to what is known at a moment.

    Args:
        table: Rows with timestamp and target.
        as_of: The moment. A row is known when its own time is over, one frequency after its
            timestamp.
        problem: Names timestamp and target, gives frequency and label delay.
        label_delay: Whether labels that come later are blanked.

    Returns:
        The known rows, with the target as float64 and missing where its label is not known yet.
    """
    over = table[problem.timestamp.name] + problem.frequency
    known = table[over <= as_of].copy()
    labels = known[problem.target].astype("float64")
    if label_delay and problem.label_delay is not None:
        labels = labels.where(over[known.index] + problem.label_delay <= as_of)
    known[problem.target] = labels
    return known.reset_index(drop=True)


def moment_of(as_of: object, observations: pd.DataFrame, problem: Problem) -> pd.Timestamp:
    """Read the parameter ``as_of``.

    Args:
        as_of: A moment, or None for the end of the observations.

    Returns:
        The moment at which we stand.

    Raises:
        ConfigurationError: If it is no moment.
        StateError: If nothing was observed before it, or it lies behind both the clock and the
            newest observation: windows of the future would be recorded as empty, and be believed
            later on.
    """
    stamp = observations[problem.timestamp.name]
    moment = read_as_of(as_of)
    end = pd.Timestamp(stamp.max() + problem.frequency)
    if moment is None:
        return end
    if moment > end and (problem.timestamp.rows or moment > _latest_local_time()):
        raise StateError(
            f"as_of {problem.moment_text(moment)} has not come yet: the observations end at "
            f"{problem.moment_text(end)}; give an earlier as_of, or leave it out"
        )
    if stamp.min() + problem.frequency > moment:
        raise StateError(
            f"as_of {moment}: nothing is known yet, the first observation is of {stamp.min()}"
        )
    return moment


def read_as_of(value: object) -> pd.Timestamp | None:
    """Check the parameter ``as_of``.

    Args:
        value: A moment in the table's local time, or None.

    Returns:
        The moment, or None.

    Raises:
        ConfigurationError: If it is neither.
    """
    return None if value is None else to_timestamp(value)


def _latest_local_time() -> datetime:
    """Return the time on the clocks that are ahead of all others: the table's zone is not known."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=14)
