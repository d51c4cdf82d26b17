"""The gate: how often a paired comparison promotes an equal candidate.

Two forecasts with errors of the same law are compared on 26 and 52 weeks. Each has a level of its
own in every week, which is independent of that of other weeks or remembers it (AR(1)), and noise
in every row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from rates import Rate, share

from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    compare_paired,
    paired_losses,
)

ROWS_OF_A_WEEK = 42
WEEKS = (26, 52)
MEMORIES = {"independent weeks": 0.0, "AR .5": 0.5, "AR .9": 0.9}
NOISE = 0.25
RUNS, RUNS_SHORT = 2000, 300


def measure(*, short: bool) -> Iterator[Rate]:
    """Yield the rates at which equal candidates pass."""
    parameters, runs = Comparison(), RUNS_SHORT if short else RUNS
    for name, memory in MEMORIES.items():
        for weeks in WEEKS:
            passed = passes_of_equal_candidates(memory, weeks, runs, parameters)
            world = f"{name}, {weeks} blocks"
            yield share(world, "equal candidate passes", 1 - parameters.confidence, passed, runs)


def passes_of_equal_candidates(memory: float, weeks: int, runs: int, parameters: Comparison) -> int:
    """Count the pairs of equal forecasts in which the first passes for better.

    Args:
        memory: Correlation of a model's level in a week with that in the week before.
        weeks: Blocks of the comparison.
        runs: Pairs.
        parameters: The comparison.
    """
    random = np.random.default_rng([weeks, round(100 * memory)])
    # From a Thursday, as blocks are counted, so that a block is a whole week.
    every = pd.Timedelta(days=7) / ROWS_OF_A_WEEK
    moments = pd.Series(pd.date_range("2021-01-07", periods=weeks * ROWS_OF_A_WEEK, freq=every))
    target = pd.Series(np.zeros(len(moments)))
    passed = 0
    for _ in range(runs):
        candidate, other = (pd.Series(_errors(random, memory, weeks)) for _ in range(2))
        losses = paired_losses(moments, target, candidate, other, parameters)
        passed += compare_paired(losses, parameters).lower > 0
    return passed


def _errors(random: np.random.Generator, memory: float, weeks: int) -> np.ndarray:
    news = random.normal(size=weeks)
    level = news.copy()
    for week in range(1, weeks):
        level[week] = memory * level[week - 1] + math.sqrt(1 - memory**2) * news[week]
    noise = random.normal(0, NOISE, weeks * ROWS_OF_A_WEEK)
    return np.repeat(level, ROWS_OF_A_WEEK) + noise
