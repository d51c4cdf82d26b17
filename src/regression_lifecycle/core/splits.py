"""Splitting by time, and the windows in which a model is judged."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, Self

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import Duration, Moment, StrictModel
from regression_lifecycle.core.errors import ConfigurationError, DataContractError


class SplitParameters(StrictModel):
    """Where training ends and the holdout begins.

    Attributes:
        training_start: First moment of training; the first observation if left out.
        holdout_start: First moment of the holdout. Training ends before it.
        holdout_end: Moment before which the holdout ends; after the last observation if left out.
    """

    training_start: Moment | None = None
    holdout_start: Moment
    holdout_end: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.training_start is not None and self.training_start >= self.holdout_start:
            raise ConfigurationError("training_start must lie before holdout_start")
        if self.holdout_end is not None and self.holdout_end <= self.holdout_start:
            raise ConfigurationError("holdout_end must lie after holdout_start")
        return self


class NamedWindow(StrictModel):
    """One window given by its bounds: ``start`` belongs to it, ``end`` does not."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ConfigurationError("a window must end after it starts")
        return self


class WindowParameters(StrictModel):
    """The windows of the holdout: all of one length, or listed one by one.

    Attributes:
        length: Length of each window, counted from the day on which the holdout begins.
        explicit: The windows themselves, instead of ``length``.
        minimum_rows: A window with fewer rows is reported as underpopulated, without figures.
    """

    length: Duration | None = None
    explicit: tuple[NamedWindow, ...] = ()
    minimum_rows: int = Field(24, ge=1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.length is None) == (not self.explicit):
            raise ConfigurationError("give either 'length' or 'explicit', not both and not neither")
        for earlier, later in pairwise(self.explicit):
            if later.start < earlier.end:
                raise ConfigurationError(
                    f"windows overlap: {earlier.start} to {earlier.end} and "
                    f"{later.start} to {later.end}"
                )
        return self


class Split(NamedTuple):
    """The two sides of a split, as copies that share nothing with the table."""

    training: pd.DataFrame
    holdout: pd.DataFrame


def split_by_time(table: pd.DataFrame, timestamp: str, parameters: SplitParameters) -> Split:
    """Cut a table in two by time; the past trains, the future judges.

    Args:
        table: Rows with a timestamp column, in any order.
        timestamp: Name of that column.
        parameters: The bounds.

    Returns:
        Training rows before ``holdout_start`` and holdout rows from it on, each sorted by time.

    Raises:
        DataContractError: If one side would be empty.
    """
    moment = table[timestamp]
    training = moment < parameters.holdout_start
    holdout = moment >= parameters.holdout_start
    if parameters.training_start is not None:
        training &= moment >= parameters.training_start
    if parameters.holdout_end is not None:
        holdout &= moment < parameters.holdout_end
    for side, rows in (("training", training), ("holdout", holdout)):
        if not rows.any():
            raise DataContractError(
                f"the {side} set is empty: the table runs from {moment.min()} to {moment.max()}, "
                f"preprocessing.split.holdout_start is {parameters.holdout_start}"
            )
    first, second = (
        table.loc[rows].sort_values(timestamp, kind="stable").reset_index(drop=True)
        for rows in (training, holdout)
    )
    return Split(training=first, holdout=second)


def assign_windows(
    moments: pd.Series, frequency: pd.Timedelta, parameters: WindowParameters
) -> pd.DataFrame:
    """List the windows that cover a stretch of time.

    Args:
        moments: Timestamps of the rows to be windowed, at least one.
        frequency: Distance between two rows when none is missing.
        parameters: How windows are cut.

    Returns:
        One row per window in time order: ``window`` (its start and last day as text), ``start``,
        ``end`` (half-open), ``n`` and ``status`` (complete; partial, if the rows begin after its
        start or end before its end; underpopulated; empty). Windows of one length begin with
        the day of the first row.
    """
    if parameters.explicit:
        bounds = [(window.start, window.end) for window in parameters.explicit]
    else:
        edges = pd.date_range(
            moments.min().normalize(), moments.max() + parameters.length, freq=parameters.length
        )
        bounds = list(pairwise(edges))
    rows = []
    for start, end in bounds:
        n = int(((moments >= start) & (moments < end)).sum())
        within = start > moments.min() - frequency and end <= moments.max() + frequency
        status = "empty" if n == 0 else "complete" if within else "partial"
        if 0 < n < parameters.minimum_rows:
            status = "underpopulated"
        last = (end - pd.Timedelta("1us")).date()
        rows.append((f"{start.date()} to {last}", start, end, n, status))
    return pd.DataFrame(rows, columns=["window", "start", "end", "n", "status"])
