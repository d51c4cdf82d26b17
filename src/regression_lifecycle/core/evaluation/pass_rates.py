"""How often a challenger of known worth passes the paired comparison, by the table's own losses.

The losses of two models on the same past rows are made those of equal models, and the candidate's
are made better or worse by a known share. Stretches of the past are drawn with replacement, so
that what lasts within a stretch lasts in the drawn past too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regression_lifecycle.core.evaluation.block_mean import log_ratio
from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    block_sums,
    is_proven,
    lower_bound,
    observed_improvement,
)

# Enough for a percentile of each drawn past; a rate is the mean over all of them.
_SAMPLES = 400
WORTHS = (0.1, 0.0, -0.05, -0.1)


@dataclass(frozen=True)
class PassRate:
    """How often a challenger of one worth passes.

    Attributes:
        worth: Share by which its error is lower; negative is higher.
        share: Share of the drawn pasts in which it passes, 0 to 1; NaN where the losses say
            nothing.
    """

    worth: float
    share: float


def pass_rates(
    losses: pd.DataFrame,
    parameters: Comparison,
    n_blocks: int | None = None,
    worths: Sequence[float] = WORTHS,
    draws: int = 1000,
) -> list[PassRate]:
    """Estimate how often challengers of known worth pass the comparison with the champion.

    Args:
        losses: ``candidate``, ``other`` and ``block`` of past rows, as
            :func:`~regression_lifecycle.core.evaluation.comparison.paired_losses` gives them with
            the same parameters, of two models like those that will meet. The more blocks, the
            better.
        parameters: The comparison.
        n_blocks: Blocks that will judge; None for as many as there are here.
        worths: Shares by which the challenger's error is lower.
        draws: Pasts that are drawn; the standard error of a share is at most 0.5 over its root.

    Returns:
        One rate per worth. All are 0 where fewer than ``minimum_blocks`` blocks will judge, NaN
        where a loss is missing, a model has none, or there are fewer than two blocks.

    Source:
        Blocks of blocks, whose length is the best for the variance of a mean with this memory:
        Carlstein (1986), doi:10.1214/aos/1176350057. Either model may be the challenger in a
        stretch, since equal models are exchangeable.
    """
    sums = block_sums(losses)
    count = len(sums) if n_blocks is None else n_blocks
    known = np.isfinite(losses[["candidate", "other"]].to_numpy(dtype="float64")).all()
    if not known or len(sums) < 2 or not sums.sum(axis=0).all():
        return [PassRate(worth, math.nan) for worth in worths]
    if count < parameters.minimum_blocks:
        return [PassRate(worth, 0.0) for worth in worths]
    drawn = _equal_models(sums, count, draws)
    # What a challenger is better by is added to the log of every ratio.
    lower = lower_bound(drawn, parameters, draws=_SAMPLES)
    observed = observed_improvement(drawn, parameters.power)
    rates = []
    for worth in worths:
        better = 1 - (1 - worth) * (1 - np.stack([lower, observed]))
        passed = is_proven(better[0], parameters)
        if parameters.observed_improvement is not None:
            passed &= better[1] > parameters.observed_improvement
        rates.append(PassRate(worth, float(passed.mean())))
    return rates


def _equal_models(sums: np.ndarray, n_blocks: int, draws: int) -> np.ndarray:
    """Draw pasts of two equal models, shape (draws, n_blocks, 2)."""
    random = np.random.default_rng(0)
    equal = sums / sums.sum(axis=0)
    length = _stretch(float(log_ratio(sums).memory), len(sums))
    n_stretches = math.ceil(n_blocks / length)
    starts = random.integers(len(sums), size=(draws, n_stretches, 1))
    drawn = equal[(starts + np.arange(length)) % len(sums)]
    swapped = random.random((draws, n_stretches, 1, 1)) < 0.5
    drawn = np.where(swapped, drawn[..., ::-1], drawn)
    pasts: np.ndarray = drawn.reshape(draws, -1, 2)[:, :n_blocks]
    return pasts


def _stretch(memory: float, n_blocks: int) -> int:
    """Return how many neighbouring blocks are drawn together; at most half of all."""
    if memory <= 0:
        return 1
    best = float((math.sqrt(6) * memory / (1 - memory**2)) ** (2 / 3) * n_blocks ** (1 / 3))
    return max(1, min(round(best), n_blocks // 2))
