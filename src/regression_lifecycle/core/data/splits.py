"""Splitting by time."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple, Self

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import Moment
from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.variants import Variant


class SplitParameters(Variant):
    """Where training ends and the holdout begins.

    Attributes:
        training_start: First moment of training; the first observation if left out.
        holdout_end: Moment before which the holdout ends; after the last observation if left out.
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
    def cut(self, moments: pd.Series) -> pd.Timestamp:
        """Return the first moment of the holdout, given those of the rows between the bounds."""

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

    def cut(self, moments: pd.Series) -> pd.Timestamp:
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

    def cut(self, moments: pd.Series) -> pd.Timestamp:
        """At least one row."""
        return _newest(moments, max(round(len(moments) * self.holdout_share), 1))

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

    def cut(self, moments: pd.Series) -> pd.Timestamp:
        """So many from the end, or all."""
        return _newest(moments, self.holdout_rows)

    @property
    def asked(self) -> str:
        """The number."""
        return f"holdout_rows is {self.holdout_rows}"


class Split(NamedTuple):
    """The two sides of a split, as copies that share nothing with the table."""

    training: pd.DataFrame
    holdout: pd.DataFrame


def split_by_time(
    table: pd.DataFrame, timestamp: str, parameters: SplitParameters, *, target: str | None = None
) -> Split:
    """Cut a table in two by time; the past trains, the future judges.

    Args:
        table: Rows with a timestamp column, in any order.
        timestamp: Name of that column.
        parameters: The bounds. A share or a number of rows is counted, after the outer bounds,
            over all rows, labelled or not; rows of one moment stay on one side, so that the
            holdout may be larger than asked for.
        target: Name of the target column, if training rows without a target are to be left out:
            their label is not known yet. The holdout keeps them.

    Returns:
        Training rows before the cut and holdout rows from it on, each sorted by time.

    Raises:
        DataContractError: If one side would be empty.
    """
    moment = table[timestamp]
    within = pd.Series(True, index=table.index)
    if parameters.training_start is not None:
        within &= moment >= parameters.training_start
    if parameters.holdout_end is not None:
        within &= moment < parameters.holdout_end
    cut = parameters.cut(moment[within])
    training, holdout = within & (moment < cut), within & (moment >= cut)
    if target is not None:
        training &= table[target].notna()
    for side, rows in (("training", training), ("holdout", holdout)):
        if not rows.any():
            labelled = " with a target" if target is not None and side == "training" else ""
            raise DataContractError(
                f"the {side} set is empty: no row{labelled} lies there. The table runs from "
                f"{moment.min()} to {moment.max()}, preprocessing.split.{parameters.asked}"
            )
    first, second = (
        table.loc[rows].sort_values(timestamp, kind="stable").reset_index(drop=True)
        for rows in (training, holdout)
    )
    return Split(training=first, holdout=second)


def _newest(moments: pd.Series, count: int) -> pd.Timestamp:
    """The moment of the row that stands so many rows from the end."""
    if not len(moments):
        return pd.NaT
    return moments.sort_values().iloc[-min(count, len(moments))]
