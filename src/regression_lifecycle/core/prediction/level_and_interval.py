"""What is served besides the model itself: a level correction and a prediction interval.

Both are learnt from the windows that were served before, on labels that were known when the
window began; neither needs a fit. Served is ``model x level factor + level shift``, held inside
the bounds that the contract gives the target. Targets that cannot be negative have a factor and no
shift, all others a shift and no factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.core.prediction.interval import Interval, PredictionInterval
from regression_lifecycle.core.prediction.level import LevelCorrection

NO_INTERVAL = Interval()


class AdjustmentParameters(StrictModel):
    """What is served besides the model itself."""

    level_correction: LevelCorrection = LevelCorrection()
    interval: PredictionInterval = PredictionInterval()


@dataclass(frozen=True)
class Adjustment:
    """What is known about a model's level and errors when a window begins.

    Attributes:
        level_factor: The model's prediction is multiplied by it.
        level_shift: In the target's unit; added to the model's prediction.
        interval: How far the bounds are from what is served.
    """

    level_factor: float = 1.0
    level_shift: float = 0.0
    interval: Interval = NO_INTERVAL

    def as_row(self) -> dict[str, Any]:
        """Return the figures as columns of ``adjustments``."""
        return {
            "level_factor": self.level_factor,
            "level_shift": self.level_shift,
            "interval_width": self.interval.width,
            "interval_exponent": self.interval.exponent,
            "interval_floor": self.interval.floor,
        }


def adjustment_of(
    adjustments: pd.DataFrame, version: str, at: pd.Timestamp | None = None
) -> Adjustment:
    """Look up what a model version is served with.

    Args:
        adjustments: ``adjustments`` of one problem, in any order.
        version: The model that serves.
        at: The moment of the rows that are predicted; nothing that holds from a later one on is
            used. None for the newest.

    Returns:
        The level that the version learnt from its own windows, none as long as it has none, and
        the interval that was learnt last, from the windows of every version.
    """
    valid = adjustments if at is None else adjustments[adjustments["valid_from"] <= at]
    newest = valid.sort_values("valid_from", kind="stable")
    own = newest[newest["model_version"] == version]
    factors, shifts = own["level_factor"].dropna(), own["level_shift"].dropna()
    columns = ["interval_width", "interval_exponent", "interval_floor"]
    widths = newest[columns].to_numpy(dtype="float64")[-1:]
    return Adjustment(
        level_factor=float(factors.iloc[-1]) if len(factors) else 1.0,
        level_shift=float(shifts.iloc[-1]) if len(shifts) else 0.0,
        interval=Interval(*widths[0].tolist()) if len(widths) else NO_INTERVAL,
    )


def apply_adjustment(raw: FloatArray, adjustment: Adjustment, problem: Problem) -> pd.DataFrame:
    """Turn a model's predictions into what is served.

    Args:
        raw: The model's predictions, shape (n,).
        adjustment: Level and interval.
        problem: Gives the bounds of the target.

    Returns:
        ``prediction``, ``lower`` and ``upper`` in the target's unit, shape (n, 3); the bounds are
        NaN without an interval.
    """
    return pd.DataFrame(adjust(raw, adjustment, problem), columns=["prediction", "lower", "upper"])


def adjust(raw: FloatArray, adjustment: Adjustment, problem: Problem) -> FloatArray:
    """Return what :func:`apply_adjustment` does as an array, which a single row makes in no time.

    Args:
        raw: The model's predictions, shape (n,).
        adjustment: Level and interval.
        problem: Gives the bounds of the target.
    """
    spec = problem.columns[problem.target]
    low = -np.inf if spec.minimum is None else spec.minimum
    high = np.inf if spec.maximum is None else spec.maximum
    prediction = np.clip(raw * adjustment.level_factor + adjustment.level_shift, low, high)
    half = adjustment.interval.half(prediction)
    return np.column_stack(
        (prediction, np.clip(prediction - half, low, high), np.clip(prediction + half, low, high))
    )
