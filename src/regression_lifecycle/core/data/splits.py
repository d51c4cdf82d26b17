"""Splitting by time."""

from __future__ import annotations

from typing import NamedTuple, Self

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.errors import ConfigurationError, DataContractError, bounded_list

_CUTS = ("holdout_start", "holdout_share", "holdout_rows")


class SplitParameters(StrictModel):
    """Where training ends and the holdout begins: exactly one of the three holdout keys.

    Attributes:
        training_start: First moment of training; the first observation if left out.
        holdout_start: First moment of the holdout. Training ends before it.
        holdout_share: Share of the rows (above 0, below 1) that are the holdout, the newest ones.
        holdout_rows: Number of rows that are the holdout, the newest ones.
        holdout_end: Moment before which the holdout ends; after the last observation if left out.
    """

    training_start: Moment | None = None
    holdout_start: Moment | None = None
    holdout_share: float | None = Field(None, gt=0, lt=1)
    holdout_rows: int | None = Field(None, ge=1)
    holdout_end: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        given = [name for name in _CUTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigurationError(
                f"give exactly one of {', '.join(_CUTS)}; given: {bounded_list(given)}. "
                "An environment sets the one of conf/base to null"
            )
        start, cut, end = self.training_start, self.holdout_start, self.holdout_end
        if start is not None and cut is not None and start >= cut:
            raise ConfigurationError("training_start must lie before holdout_start")
        if end is not None and cut is not None and end <= cut:
            raise ConfigurationError("holdout_end must lie after holdout_start")
        if end is not None and start is not None and end <= start:
            raise ConfigurationError("holdout_end must lie after training_start")
        return self


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
    cut = _cut(moment[within], parameters)
    training, holdout = within & (moment < cut), within & (moment >= cut)
    if target is not None:
        training &= table[target].notna()
    for side, rows in (("training", training), ("holdout", holdout)):
        if not rows.any():
            labelled = " with a target" if target is not None and side == "training" else ""
            name = next(name for name in _CUTS if getattr(parameters, name) is not None)
            raise DataContractError(
                f"the {side} set is empty: no row{labelled} lies there. The table runs from "
                f"{moment.min()} to {moment.max()}, preprocessing.split.{name} is "
                f"{getattr(parameters, name)}"
            )
    first, second = (
        table.loc[rows].sort_values(timestamp, kind="stable").reset_index(drop=True)
        for rows in (training, holdout)
    )
    return Split(training=first, holdout=second)


def _cut(moments: pd.Series, parameters: SplitParameters) -> pd.Timestamp:
    """The first moment of the holdout."""
    if parameters.holdout_start is not None:
        return parameters.holdout_start
    count = parameters.holdout_rows or max(round(len(moments) * (parameters.holdout_share or 0)), 1)
    if not len(moments):
        return pd.NaT
    return moments.sort_values().iloc[-min(count, len(moments))]
