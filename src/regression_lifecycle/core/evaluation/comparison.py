"""Two forecasts of the same rows compared, with the uncertainty of the difference.

Errors of neighbouring hours are alike, so whole blocks of time are compared and not single rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.decisions.records import Reason
from regression_lifecycle.core.durations import Duration, duration_text, period_number
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.block_mean import (
    DRAWS,
    BlockMean,
    log_ratio,
    upper_log_ratio,
)
from regression_lifecycle.core.metrics import ErrorMetric, row_losses


class Comparison(StrictModel):
    """The paired comparison with the model in use.

    Attributes:
        metric: ``rmse`` or ``mae``; ``pinball`` of a quantile.
        minimum_improvement: Share by which the candidate's error must be lower. A negative
            value tolerates a candidate that is worse by that share (non-inferiority).
        observed_improvement: Share by which the error on the judged rows themselves must be
            lower, whatever its uncertainty; None asks for nothing. Beside a negative
            ``minimum_improvement`` it refuses candidates that are worse or equal.
        confidence: How sure the comparison must be, one-sided.
        block: Length of the blocks of time whose rows count as one fact.
        minimum_blocks: With fewer blocks the uncertainty is not known and the gate refuses; at
            least :func:`fewest_blocks`.
    """

    metric: ErrorMetric = "rmse"
    minimum_improvement: float = Field(0.0, gt=-1, lt=1)
    observed_improvement: float | None = Field(None, gt=-1, lt=1)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    block: Duration = pd.Timedelta("7 days")
    minimum_blocks: int = Field(8, ge=2)

    @model_validator(mode="after")
    def _blocks_can_be_so_sure(self) -> Self:
        fewest = fewest_blocks(self.confidence)
        if self.minimum_blocks < fewest:
            raise ConfigurationError(
                f"minimum_blocks {self.minimum_blocks} is too small for a confidence of "
                f"{self.confidence:g}: of equal models one is better in every block in "
                f"{100 * 2.0**-self.minimum_blocks:.3g} % of all cases; use at least {fewest}"
            )
        return self

    @property
    def power(self) -> int:
        """What mean losses are the error to the power of."""
        return 2 if self.metric == "rmse" else 1


def fewest_blocks(confidence: float) -> int:
    """Return how many blocks a comparison needs to be so sure.

    Of two equal models one is better in all of n blocks once in 2^n cases, and then every block
    says so: no bound can be surer than that.

    Args:
        confidence: One-sided, above 0.5 and below 1.

    Returns:
        The smallest n with 2^-n < 1 - ``confidence``.
    """
    return math.floor(-math.log2(1 - confidence)) + 1


@dataclass(frozen=True)
class PairedComparison:
    """How much lower the candidate's error is, as a share of the other's.

    Attributes:
        improvement: 1 - candidate / other on all rows; positive means better.
        lower: One-sided lower confidence bound of the improvement.
        n_blocks: Blocks that were compared.
        memory: Correlation of a block's share in the improvement with that of the block before;
            NaN where there is no bound.
        n_effective: Independent blocks that would say as much; NaN where there is no bound.
        obstacle: Why there is no bound; None where there is one.
    """

    improvement: float
    lower: float
    n_blocks: int
    memory: float = math.nan
    n_effective: float = math.nan
    obstacle: Reason | None = None


def compare_paired(
    losses: pd.DataFrame, parameters: Comparison, *, counts_memory: bool = True
) -> PairedComparison:
    """Compare two forecasts of the same rows by blocks of time.

    Args:
        losses: What :func:`paired_losses` gives: of the forecast that should be better, and of the
            other one.
        parameters: Metric, blocks and confidence.
        counts_memory: Whether blocks that are like their neighbours count as fewer.

    Returns:
        The improvement and its lower bound on the rows whose target is known, by
        :func:`~regression_lifecycle.core.evaluation.block_mean.upper_log_ratio`; the bound is NaN
        where a forecast is missing, fewer than ``minimum_blocks`` blocks hold rows, or the other
        has no error in whole blocks.
    """
    # A sum leaves NaN out, so a model would be best where it has no answer at all.
    unanswered = int((~np.isfinite(losses[["candidate", "other"]])).any(axis=1).sum())
    sums = block_sums(losses)
    n_blocks = len(sums)
    if unanswered:
        lacking = Reason("missing_forecasts", {"n_missing": unanswered, "n_rows": len(losses)})
        return PairedComparison(math.nan, math.nan, n_blocks, obstacle=lacking)
    improvement = float(observed_improvement(sums, parameters.power))
    if n_blocks < parameters.minimum_blocks:
        figures = {
            "n_blocks": n_blocks,
            "block": duration_text(parameters.block),
            "minimum_blocks": parameters.minimum_blocks,
        }
        few = Reason("too_few_blocks", figures)
        return PairedComparison(improvement, math.nan, n_blocks, obstacle=few)
    ratio = log_ratio(sums)
    if not counts_memory:
        ratio = replace(ratio, memory=np.array(math.nan), n_effective=np.array(float(n_blocks)))
    lower = float(_lower_bound(sums, ratio, parameters))
    if not math.isfinite(lower):
        without = Reason("opponent_without_error")
        return PairedComparison(improvement, math.nan, n_blocks, obstacle=without)
    return PairedComparison(
        improvement, lower, n_blocks, float(ratio.memory), float(ratio.n_effective)
    )


def block_sums(losses: pd.DataFrame) -> np.ndarray:
    """Add up what :func:`paired_losses` gives by block.

    Returns:
        Losses of candidate and other, shape (n_blocks, 2), the oldest block first.
    """
    sums: np.ndarray = losses.groupby("block")[["candidate", "other"]].sum().to_numpy("float64")
    return sums


def observed_improvement(sums: np.ndarray, power: int) -> np.ndarray:
    """Return the share by which the candidate's error is lower on the rows themselves.

    Args:
        sums: Losses of candidate and other by block, shape (..., n_blocks, 2).
        power: What mean losses are the error to the power of.
    """
    candidate, other = np.moveaxis(sums.sum(axis=-2), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        improvement: np.ndarray = 1 - (candidate / other) ** (1 / power)
    return improvement


def lower_bound(sums: np.ndarray, parameters: Comparison, draws: int = DRAWS) -> np.ndarray:
    """Return the one-sided lower bound of the improvement, minus infinity where there is none.

    Args:
        sums: Losses of candidate and other by block, shape (..., n_blocks, 2).
        parameters: Metric and confidence.
        draws: Samples that each bound is made of.
    """
    return _lower_bound(sums, log_ratio(sums), parameters, draws)


def _lower_bound(
    sums: np.ndarray, ratio: BlockMean, parameters: Comparison, draws: int = DRAWS
) -> np.ndarray:
    upper = upper_log_ratio(sums, ratio, parameters.confidence, draws)
    with np.errstate(over="ignore"):
        bound: np.ndarray = 1 - np.exp(upper / parameters.power)
    return bound


def is_proven(lower: np.ndarray, parameters: Comparison) -> np.ndarray:
    """Return whether lower bounds of the improvement are what is asked for."""
    asked = parameters.minimum_improvement
    # Equal models give exactly zero: not better, so "above" is strict where nothing is tolerated.
    proven: np.ndarray = (lower >= asked) if asked < 0 else (lower > asked)
    return proven


def paired_losses(
    moments: pd.Series,
    target: pd.Series,
    candidate: pd.Series,
    other: pd.Series,
    parameters: Comparison,
    quantile: float | None = None,
    weight: pd.Series | None = None,
) -> pd.DataFrame:
    """Compute what every row adds to the errors of two forecasts.

    Args:
        moments: Timestamps, shape (n,), as are the other columns.
        target: Observed values; missing where unknown.
        candidate: The forecast that should be better.
        other: The forecast that it is compared with.
        parameters: Metric and blocks.
        quantile: The quantile that is predicted; None for a mean.
        weight: How much each row counts; None weighs all alike. A row of weight 0 is not judged.

    Returns:
        ``candidate``, ``other`` and ``block``, the number of the row's block, for the rows that
        count and whose target is known.
    """
    known = target.notna() if weight is None else target.notna() & (weight > 0)
    losses = pd.DataFrame(
        {
            "candidate": row_losses(target, candidate, parameters.metric, quantile),
            "other": row_losses(target, other, parameters.metric, quantile),
        }
    )
    if weight is not None:
        losses = losses.mul(weight, axis=0)
    # Counted from one moment for all time, so that the same row is always in the same block.
    return losses.assign(block=period_number(moments, parameters.block))[known]
