"""The level correction: error of what is served, relative to the model's own.

A model is served for 40 weeks of 168 rows. Its level is off in ways that last or do not: what does
not last must not be followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from rates import Rate
from served import FloatArray, problem_of, serve

from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters

WEEKS, ROWS = 40, 168
RUNS, RUNS_SHORT = 50, 5
Levels = Callable[[np.random.Generator], FloatArray]
Rows = Callable[[np.random.Generator, FloatArray], tuple[FloatArray, FloatArray]]


def _autoregressive(random: np.random.Generator, memory: float, sd: float) -> FloatArray:
    level = random.normal(0, sd, WEEKS)
    for week in range(1, WEEKS):
        level[week] = memory * level[week - 1] + math.sqrt(1 - memory**2) * level[week]
    return level


def _from_the_middle(value: float, weeks: int = WEEKS) -> FloatArray:
    week = np.arange(WEEKS) - WEEKS // 2
    return np.where((week >= 0) & (week < weeks), value, 0.0)


# The logarithm of the true level relative to the model's, by week; whether anything of it lasts.
FACTORS: dict[str, tuple[Levels, bool]] = {
    "noise": (lambda random: np.zeros(WEEKS), False),
    "weekly level, sd 10 %": (lambda random: random.normal(0, 0.1, WEEKS), False),
    "weekly level, sd 20 %": (lambda random: random.normal(0, 0.2, WEEKS), False),
    "weekly level AR .5, sd 10 %": (lambda random: _autoregressive(random, 0.5, 0.1), True),
    "weekly level AR .8, sd 10 %": (lambda random: _autoregressive(random, 0.8, 0.1), True),
    "random walk, 5 % a week": (lambda random: random.normal(0, 0.05, WEEKS).cumsum(), True),
    "random walk, 10 % a week": (lambda random: random.normal(0, 0.1, WEEKS).cumsum(), True),
    "growth of 1.5 % a week": (lambda random: np.arange(WEEKS) * math.log(1.015), True),
    "step of 40 %": (lambda random: _from_the_middle(math.log(1.4)), True),
    "one week x 0.3": (lambda random: _from_the_middle(math.log(0.3), 1), False),
    "one week x 2": (lambda random: _from_the_middle(math.log(2), 1), False),
}
# What is added to the target, in its unit.
SHIFTS: dict[str, tuple[Levels, bool]] = {
    "signed, noise": (lambda random: np.zeros(WEEKS), False),
    "signed, weekly level": (lambda random: random.normal(0, 0.3, WEEKS), False),
    "signed, random walk": (lambda random: random.normal(0, 0.2, WEEKS).cumsum(), True),
    "signed, step": (lambda random: _from_the_middle(1.0), True),
}


def measure(*, short: bool) -> Iterator[Rate]:
    """Yield the errors relative to the bare model's; 1 is stated where nothing lasts."""
    runs = RUNS_SHORT if short else RUNS
    yield from (_rate(name, *world, _of_factor, runs) for name, world in FACTORS.items())
    added = (lambda random: _from_the_middle(40.0), True)
    yield _rate("additive step of 40 %", *added, _of_added, runs)
    yield from (_rate(name, *world, _of_shift, runs) for name, world in SHIFTS.items())


def _rate(name: str, levels: Levels, lasts: bool, rows: Rows, runs: int) -> Rate:
    random = np.random.default_rng(list(name.encode()))
    ratios = []
    squares = np.zeros(2)
    problem = problem_of(signed=name.startswith("signed"))
    for _ in range(runs):
        raw, target = rows(random, levels(random)[:, None])
        found = np.zeros(2)
        for week in serve(target, raw, problem, AdjustmentParameters()):
            errors = (week.prediction - week.target, week.raw - week.target)
            found += [(error**2).sum() for error in errors]
        ratios.append(math.sqrt(found[0] / found[1]))
        squares += found
    error = float(np.std(ratios)) / math.sqrt(runs)
    relative = math.sqrt(squares[0] / squares[1])
    return Rate(name, "RMSE, relative to none", math.nan if lasts else 1.0, relative, error, False)


def _of_factor(random: np.random.Generator, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    raw = random.gamma(2, 50, (WEEKS, ROWS))
    return raw, _noisy(random, raw, raw * np.exp(level))


def _of_added(random: np.random.Generator, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    raw = random.gamma(2, 50, (WEEKS, ROWS))
    return raw, _noisy(random, raw, raw + level)


def _of_shift(random: np.random.Generator, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    raw = random.normal(0.5, 1, (WEEKS, ROWS))
    return raw, raw + level + random.normal(0, 1, raw.shape)


def _noisy(random: np.random.Generator, raw: FloatArray, mean: FloatArray) -> FloatArray:
    return np.maximum(mean + random.normal(0, 3, raw.shape) * np.sqrt(raw), 0)
