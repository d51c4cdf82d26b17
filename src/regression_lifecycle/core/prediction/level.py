"""The level of a target between two retrainings: followed as far as that has helped before.

A factor where the contract rules negative targets out, a shift elsewhere. It is exponential
smoothing of what came against what the model said, the steady state of a local level filter; how
much of it is believed is measured on the windows that came after each former level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.metrics import FloatArray

_FEWEST_TRIALS = 2
# A window weighs 0.3 of the next younger one, so an older one than four less than a hundredth.
_DECAY = 0.3
FOLLOWED_WINDOWS = 4


class LevelCorrection(StrictModel):
    """Follow the level of the target between two retrainings, as far as that has helped before.

    Attributes:
        windows: Newest labelled windows on which following the level must have made the error
            smaller; 0 switches the correction off.
    """

    windows: int = Field(12, ge=0)

    @model_validator(mode="after")
    def _windows_can_prove_something(self) -> Self:
        if 0 < self.windows < _FEWEST_TRIALS:
            raise ConfigurationError(
                f"windows {self.windows} can prove nothing; use at least {_FEWEST_TRIALS}, or 0 "
                "to switch the level correction off"
            )
        return self


LevelKind = Literal["factor", "shift", "none"]
"""How a level is followed: times a number, plus a number, or not at all."""


def level_kind(problem: Problem) -> LevelKind:
    """Return how the level of a target is followed.

    Args:
        problem: Gives the bounds of the target.

    Returns:
        ``factor`` where the contract rules negative targets out; ``shift`` where it does not,
        since sums around zero have no ratio; ``none`` of a quantile, which is above or below the
        target by design.
    """
    if problem.quantile is not None:
        return "none"
    minimum = problem.columns[problem.target].minimum
    return "factor" if minimum is not None and minimum >= 0 else "shift"


class LevelSums(NamedTuple):
    r"""What the level of one window needs, over its labelled rows.

    Each row has the error :math:`e` (target minus the model's prediction) and a basis :math:`x`
    that the correction is a multiple of: the prediction itself for a factor, 1 for a shift.

    Attributes:
        error: :math:`\sum e`.
        basis: :math:`\sum x`.
        product: :math:`\sum x e`.
        square: :math:`\sum x^2`.
    """

    error: float
    basis: float
    product: float
    square: float


def level_sums(target: FloatArray, raw: FloatArray, kind: LevelKind) -> LevelSums:
    """Sum up what the level of one window needs.

    Args:
        target: Labels, NaN where unknown, shape (n,).
        raw: The model's own predictions, shape (n,).
        kind: How the level is followed.
    """
    known = np.isfinite(target) & np.isfinite(raw)
    error = target[known] - raw[known]
    basis = raw[known] if kind == "factor" else np.ones_like(error)
    return LevelSums(
        float(error.sum()), float(basis.sum()), float(basis @ error), float(basis @ basis)
    )


def smoothed_level(newest_first: Sequence[LevelSums]) -> float:
    """Compare what came with what the model said, over its newest windows.

    Args:
        newest_first: Windows that the model served since it was trained; those after the first
            four are passed over.

    Returns:
        Sum of errors over sum of the basis, each window weighing 0.3 of the next younger one: the
        share, or the amount in the target's unit, by which the model was too low; 0 where nothing
        is known.

    Source:
        Muth (1960), Optimal Properties of Exponentially Weighted Forecasts,
        doi:10.1080/01621459.1960.10482064: optimal for a level that wanders under noise; this
        weight for a variance of its weekly steps 1.6 times that of the noise.
    """
    newest = newest_first[:FOLLOWED_WINDOWS]
    error = sum(_DECAY**age * sums.error for age, sums in enumerate(newest))
    basis = sum(_DECAY**age * sums.basis for age, sums in enumerate(newest))
    return error / basis if basis > 0 else 0.0


def proven_share(
    level: float, newest: LevelSums, trials: Sequence[tuple[float, LevelSums]]
) -> float:
    r"""Find how much of a level would have helped in the windows that came after former levels.

    Args:
        level: What is to be followed now.
        newest: Sums of the newest window that it was learnt from.
        trials: By window the level :math:`c` that was known when it began, and its sums.

    Returns:
        The share from 0 to 1 of the former levels that makes the squared errors of all these
        rows least, :math:`\sum c \sum x e / \sum c^2 \sum x^2`. No window counts for more than
        the whole level would have gained in it, so that one odd window proves nothing; and small
        levels prove no large one: the denominator is at least half of what the new one would
        gain. 0 for fewer than two trials, where the levels did not help, and where a level is
        beyond all reason, such as that of predictions of next to nothing.
    """
    if len(trials) < _FEWEST_TRIALS:
        return 0.0
    # Products and not powers, which raise an error where they overflow.
    possible = [former * former * sums.square for former, sums in trials]
    gained = [
        min(former * sums.product, most)
        for (former, sums), most in zip(trials, possible, strict=True)
    ]
    whole = max(sum(possible), level * level * newest.square / 2)
    return max(sum(gained) / whole, 0.0) if 0 < whole < math.inf else 0.0
