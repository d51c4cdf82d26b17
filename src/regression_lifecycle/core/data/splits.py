"""Splitting by time."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self

import narwhals as nw
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import Moment
from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.frames.collecting import count_rows
from regression_lifecycle.core.frames.expressions import bounds_of
from regression_lifecycle.core.variants import Variant


class SplitParameters(Variant):
    """Where training ends and the holdout begins.

    Attributes:
        training_start: First moment of training; None for the first observation.
        holdout_end: Moment before which the holdout ends; None for the end of the observations.
    """

    training_start: Moment | None = None
    holdout_end: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = self.training_start, self.holdout_end
        if end is not None and start is not None and end <= start:
            raise ConfigurationError("holdout_end must lie after training_start")
        return self

    @abstractmethod
    def cut(self, rows: Any, timestamp: str) -> pd.Timestamp:
        """Return the first moment of the holdout, given the rows between the bounds."""

    @property
    @abstractmethod
    def asked(self) -> str:
        """The key and the value that the cut goes by, for people."""


class DateSplit(SplitParameters):
    """The holdout begins at a moment, and training ends before it.

    Attributes:
        holdout_start: The moment.
    """

    kind: Literal["date"]
    holdout_start: Moment

    @model_validator(mode="after")
    def _inside(self) -> Self:
        start, end = self.training_start, self.holdout_end
        if start is not None and start >= self.holdout_start:
            raise ConfigurationError("training_start must lie before holdout_start")
        if end is not None and end <= self.holdout_start:
            raise ConfigurationError("holdout_end must lie after holdout_start")
        return self

    def cut(self, rows: Any, timestamp: str) -> pd.Timestamp:
        """The configured moment."""
        return self.holdout_start

    @property
    def asked(self) -> str:
        """The moment."""
        return f"holdout_start is {self.holdout_start}"


class ShareSplit(SplitParameters):
    """A share of the rows is the holdout, the newest ones; the cut moves as the table grows.

    Attributes:
        holdout_share: The share.
    """

    kind: Literal["share"]
    holdout_share: float = Field(gt=0, lt=1)

    def cut(self, rows: Any, timestamp: str) -> pd.Timestamp:
        """At least one row."""
        n_rows = count_rows(rows.to_native())
        return _newest(rows, timestamp, max(round(n_rows * self.holdout_share), 1))

    @property
    def asked(self) -> str:
        """The share."""
        return f"holdout_share is {self.holdout_share:g}"


class RowsSplit(SplitParameters):
    """A number of rows is the holdout, the newest ones; the cut moves as the table grows.

    Attributes:
        holdout_rows: The number.
    """

    kind: Literal["rows"]
    holdout_rows: int = Field(ge=1)

    def cut(self, rows: Any, timestamp: str) -> pd.Timestamp:
        """So many from the end, or all."""
        return _newest(rows, timestamp, self.holdout_rows)

    @property
    def asked(self) -> str:
        """The number."""
        return f"holdout_rows is {self.holdout_rows}"


class Split(NamedTuple):
    """The two sides of a split, on the engine of the table."""

    training: Any
    holdout: Any


def split_by_time(
    table: Any, timestamp: str, parameters: SplitParameters, *, target: str | None = None
) -> Split:
    """Cut a table in two by time; the past trains, the future judges.

    Args:
        table: Rows with a timestamp column, in any order, on any engine.
        timestamp: Name of that column.
        parameters: The bounds. A share or a number of rows is counted, after the outer bounds,
            over all rows, labelled or not; rows of one moment stay on one side, so that the
            holdout may be larger than asked for.
        target: Name of the target column, if training rows without a target are to be left out:
            their label is not known yet. The holdout keeps them.

    Returns:
        Training rows before the cut and holdout rows from it on. In pandas each is sorted by time
        and shares nothing with the table; on other engines rows have no order.

    Raises:
        DataContractError: If one side would be empty.
    """
    frame: Any = nw.from_native(table)
    moment = nw.col(timestamp)
    within = frame
    if parameters.training_start is not None:
        within = within.filter(moment >= parameters.training_start.to_pydatetime())
    if parameters.holdout_end is not None:
        within = within.filter(moment < parameters.holdout_end.to_pydatetime())
    cut = parameters.cut(within, timestamp)
    # Without any row there is no moment, and both sides are empty.
    at = datetime.max if pd.isna(cut) else cut.to_pydatetime()
    is_training, is_holdout = moment < at, moment >= at
    if target is not None:
        is_training = is_training & ~nw.col(target).is_null()
    counts = within.lazy().select(
        is_training.cast(nw.Int64).sum().alias("training"),
        is_holdout.cast(nw.Int64).sum().alias("holdout"),
    )
    for side, n_rows in counts.collect().to_dict(as_series=False).items():
        if not n_rows[0]:
            labelled = " with a target" if target is not None and side == "training" else ""
            first, last = bounds_of(table, timestamp)
            raise DataContractError(
                f"the {side} set is empty: no row{labelled} lies there. The table runs from "
                f"{first} to {last}, preprocessing.split.{parameters.asked}"
            )
    return Split(*(_in_order(within.filter(rows), timestamp) for rows in (is_training, is_holdout)))


def _in_order(frame: Any, timestamp: str) -> Any:
    rows = frame.to_native()
    if isinstance(rows, pd.DataFrame):
        return rows.sort_values(timestamp, kind="stable").reset_index(drop=True)
    return rows


def _newest(rows: Any, timestamp: str, n_rows: int) -> pd.Timestamp:
    """Return the moment of the row that stands so many rows from the end."""
    newest = rows.lazy().select(timestamp).sort(timestamp, descending=True).head(n_rows)
    return pd.Timestamp(newest.select(nw.col(timestamp).min()).collect().item())
