"""A challenger asks for the champion's place: what trains it, and which windows compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import narwhals as nw
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import AnyDuration, Duration, is_at_least
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.gate import GateParameters
from regression_lifecycle.core.frames.expressions import later
from regression_lifecycle.core.windows.windows import Window


class RetrainingParameters(StrictModel):
    """How a challenger is made and judged.

    Attributes:
        measured_windows: Newest complete windows that judge; the challenger is trained on what lies
            before them.
        training_length: Sliding training: only so much time before the judged windows; None
            trains on everything (expanding).
        minimum_training_rows: Fewest training rows worth a fit; of many series, fewest times.
        refit: After a pass, fit the same configuration on everything up to ``as_of`` and promote
            that version with the challenger's evidence; otherwise the challenger itself.
        gate: What the challenger must show.
    """

    measured_windows: int = Field(2, ge=1)
    training_length: Duration | None = None
    minimum_training_rows: int = Field(168, ge=10)
    refit: bool = True
    gate: GateParameters = GateParameters()

    @model_validator(mode="after")
    def _blocks_fit(self) -> Self:
        if self.training_length is not None and not is_at_least(
            self.training_length, pd.Timedelta("1 day")
        ):
            raise ConfigurationError("training_length is shorter than a day")
        return self


def comparison_windows(
    windows: Sequence[Window], trained_until: pd.Timestamp | None, count: int
) -> list[Window]:
    """Choose the newest windows that neither model was trained on.

    Args:
        windows: All windows up to the moment of decision, the oldest first.
        trained_until: Newest training row of the champion; None if there is no champion.

    Returns:
        At most ``count`` complete windows after the champion's training, the oldest first; empty
        if there is none.
    """
    fresh = [
        window
        for window in windows
        if window.status == "complete" and (trained_until is None or window.start > trained_until)
    ]
    return fresh[-count:]


def training_rows(
    table: Any,
    problem: Problem,
    before: pd.Timestamp,
    training_length: AnyDuration | None,
    label_delay: AnyDuration | None = None,
) -> Any:
    """Take the labelled rows that were known before a moment, without those of weight 0.

    Args:
        table: Rows with timestamp, features and target, on any engine.
        before: The moment; a row is known when its own time is over.
        training_length: Only so much time before the moment; None for everything.
        label_delay: Time from an observation to its label; None where unknown labels are blank
            in the table already.

    Returns:
        The rows on the same engine, in their order where they have one.
    """
    moment = nw.col(problem.timestamp.name)
    over = later(moment, problem.frequency)
    over = over if label_delay is None else later(over, label_delay)
    known = [over <= before.to_pydatetime()]
    if training_length is not None:
        known.append(moment >= (before - training_length).to_pydatetime())
    rows = problem.counting(nw.from_native(table).filter(*known).to_native())
    return rows.reset_index(drop=True) if isinstance(rows, pd.DataFrame) else rows
