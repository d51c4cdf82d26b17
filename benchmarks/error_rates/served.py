"""A model that is served for a year of weeks, with level and interval as production has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.metrics import interval_coverage
from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory, ServedRows
from regression_lifecycle.core.prediction.level import level_kind
from regression_lifecycle.core.prediction.level_and_interval import (
    AdjustmentParameters,
    apply_adjustment,
)

FloatArray = np.ndarray
WEEK = pd.Timedelta(days=7)


class ServedWeek(NamedTuple):
    """What came in one week, what the model said, and what was served."""

    target: FloatArray
    raw: FloatArray
    prediction: FloatArray
    lower: FloatArray
    upper: FloatArray


def problem_of(*, signed: bool) -> Problem:
    """Describe a table whose target may be negative, or may not."""
    target = {"type": "float"} if signed else {"type": "float", "minimum": 0}
    return Problem.model_validate(
        {
            "name": "simulated",
            "target": "y",
            "timestamp": {"date": "at"},
            "frequency": "1 hour",
            "horizon": "1 hour",
            "columns": {"at": {"type": "datetime", "known_in_advance": True}, "y": target},
        }
    )


def serve(
    target: FloatArray, raw: FloatArray, problem: Problem, parameters: AdjustmentParameters
) -> Iterator[ServedWeek]:
    """Serve week after week by what was known when it began.

    Args:
        target: Shape (weeks, rows).
        raw: What the model says, shape (weeks, rows).
        problem: Bounds of the target.
        parameters: Level correction and interval.
    """
    history = AdjustmentHistory(level_kind(problem))
    for week, (came, said) in enumerate(zip(target, raw, strict=True)):
        start = pd.Timestamp("2021-01-04") + week * WEEK
        adjustment = history.adjustment(start, "1", parameters)
        served = apply_adjustment(said, adjustment, problem).to_numpy().T
        coverage = interval_coverage(came, served[1], served[2])
        history.add(start, start + WEEK, "1", coverage, ServedRows(came, said, served[0]))
        yield ServedWeek(came, said, *served)
