"""How often the gate's comparison promotes an equal candidate, against what it states.

Two forecasts with errors of the same law are compared on 26 and 52 weeks. Each has a level of its
own in every week, which is independent of that of other weeks or remembers it (AR(1)), and noise
in every row. A comparison with a confidence of 95 % states that an equal candidate passes in 5 %
of cases; blocks of a week keep that for weeks that forget each other, and longer memory breaks it.

Writes nothing. Seeded, so the same command prints the same figures.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import pandas as pd

from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    compare_paired,
    paired_losses,
)

ROWS_OF_A_WEEK = 42
WEEKS = (26, 52)
MEMORIES = {"independent": 0.0, "AR .5": 0.5, "AR .9": 0.9}
NOISE = 0.25


def main() -> None:
    """Print stated and measured rates, one line per memory and number of weeks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="pairs per line")
    parser.add_argument("--short", action="store_true", help="300 pairs per line")
    parser.add_argument("--metric", choices=("rmse", "mae"), default="rmse")
    options = parser.parse_args()
    runs = 300 if options.short else options.runs
    parameters = Comparison(metric=options.metric)
    stated = 1 - parameters.confidence
    print(f"{'weekly level':<14}{'weeks':>6}{'stated':>9}{'measured':>10}{'+-':>7}")
    for name, memory in MEMORIES.items():
        for weeks in WEEKS:
            share = rate_of_equal_candidates(memory, weeks, runs, parameters)
            error = math.sqrt(share * (1 - share) / runs)
            print(f"{name:<14}{weeks:>6}{stated:>9.1%}{share:>10.1%}{error:>7.1%}", flush=True)


def rate_of_equal_candidates(memory: float, weeks: int, runs: int, parameters: Comparison) -> float:
    """Share of pairs of equal forecasts in which the first passes for better.

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
    return passed / runs


def _errors(random: np.random.Generator, memory: float, weeks: int) -> np.ndarray:
    news = random.normal(size=weeks)
    level = news.copy()
    for week in range(1, weeks):
        level[week] = memory * level[week - 1] + math.sqrt(1 - memory**2) * news[week]
    noise = random.normal(0, NOISE, weeks * ROWS_OF_A_WEEK)
    return np.repeat(level, ROWS_OF_A_WEEK) + noise


if __name__ == "__main__":
    main()
