"""The prediction interval: share of rows inside, as a whole and by the size of the prediction.

A model is served for 60 weeks, with level correction. The interval score (lower is better) is held
against plain split-conformal intervals from the errors of the same eight weeks, whose width grows
with the root of the prediction, or stays where the target may be negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from rates import Rate
from served import FloatArray, ServedWeek, problem_of, serve

from regression_lifecycle.core.prediction.coverage import coverage_by_prediction
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters

WEEKS, ROWS, FEW_ROWS = 60, 168, 24
RUNS, RUNS_SHORT = 30, 4
FEWEST_IN_A_FIFTH = 0.84
World = Callable[[np.random.Generator], tuple[FloatArray, FloatArray]]


def _counts(random: np.random.Generator, rows: int, level: FloatArray) -> tuple[FloatArray, ...]:
    mean = 1 + random.gamma(2, 50, (WEEKS, rows))
    return mean, random.poisson(mean * level).astype(float)


def _poisson(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    return _counts(random, ROWS, np.ones((WEEKS, 1)))


def _few_rows(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    return _counts(random, FEW_ROWS, np.ones((WEEKS, 1)))


def _random_walk(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    return _counts(random, ROWS, np.exp(random.normal(0, 0.05, (WEEKS, 1)).cumsum(axis=0)))


def _step(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    return _counts(random, ROWS, np.where(np.arange(WEEKS) < WEEKS // 2, 1, 1.3)[:, None])


def _proportional(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    mean = 1 + random.gamma(2, 50, (WEEKS, ROWS))
    return mean, np.maximum(mean * (1 + random.normal(0, 0.25, mean.shape)), 0)


def _shares(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    mean = random.beta(2, 10, (WEEKS, ROWS))
    return mean, np.maximum(mean * (1 + random.normal(0, 0.25, mean.shape)), 0)


def _growing_variance(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    mean = 1 + random.gamma(2, 50, (WEEKS, ROWS))
    growth = 1.03 ** np.arange(WEEKS)[:, None]
    return mean, np.maximum(mean + random.normal(0, growth, mean.shape) * np.sqrt(mean), 0)


def _zeros(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    chance = 0.0125 * random.gamma(4, 1, (WEEKS, ROWS))
    sold = (random.random(chance.shape) < chance) * (1.0 + random.poisson(3, chance.shape))
    return 4 * chance, sold


def _signed(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    mean = random.normal(0, 10, (WEEKS, ROWS))
    return mean, mean + random.normal(0, 6, mean.shape)


def _signed_proportional(random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    mean = random.normal(0, 10, (WEEKS, ROWS))
    return mean, mean + random.normal(0, 1, mean.shape) * (1 + 0.3 * np.abs(mean))


WORLDS: dict[str, World] = {
    "Poisson": _poisson,
    "Poisson, 24 rows a week": _few_rows,
    "error proportional to level": _proportional,
    "share-sized target": _shares,
    "variance + 3 % a week": _growing_variance,
    "level walks 5 % a week": _random_walk,
    "level + 30 % at once": _step,
    "95 % zeros": _zeros,
    "signed": _signed,
    "signed, error grows with size": _signed_proportional,
}


def measure(*, short: bool) -> Iterator[Rate]:
    """Yield coverage, its least over fifths of the prediction, and the relative interval score."""
    runs = RUNS_SHORT if short else RUNS
    parameters = AdjustmentParameters()
    level = parameters.interval.level
    for name, world in WORLDS.items():
        random = np.random.default_rng(list(name.encode()))
        signed = name.startswith("signed")
        made = []
        for _ in range(runs):
            raw, target = world(random)
            made.append(list(serve(target, raw, problem_of(signed=signed), parameters)))
        first = next(place for place, week in enumerate(made[0]) if np.isfinite(week.upper).all())
        inside = np.array([[_inside(week).mean() for week in weeks[first:]] for weeks in made])
        error = float(inside.mean(axis=1).std()) / math.sqrt(runs)
        yield Rate(name, "rows inside", level, float(inside.mean()), error)
        table = pd.concat(
            [pd.DataFrame(week._asdict()) for weeks in made for week in weeks[first:]]
        )
        least = min(part.coverage for part in coverage_by_prediction(table))
        yield Rate(name, "rows inside, worst fifth", FEWEST_IN_A_FIFTH, least)
        yield Rate(name, "weeks with under 80 % inside", math.nan, float((inside < 0.8).mean()))
        ratios = [_relative_score(weeks, first, parameters, signed=signed) for weeks in made]
        error = float(np.std(ratios)) / math.sqrt(runs)
        yield Rate(name, "score, relative to plain", 1.0, float(np.mean(ratios)), error, False)


def _inside(week: ServedWeek) -> FloatArray:
    return (week.target >= week.lower) & (week.target <= week.upper)


def _relative_score(
    weeks: list[ServedWeek], first: int, parameters: AdjustmentParameters, *, signed: bool
) -> float:
    level, reach = parameters.interval.level, parameters.interval.windows
    scores = np.zeros(2)
    for place in range(first, len(weeks)):
        week, past = weeks[place], weeks[max(place - reach, 0) : place]
        errors = [np.abs(p.target - p.prediction) / _root(p.prediction, signed) for p in past]
        pooled = np.sort(np.concatenate(errors))
        rank = min(math.ceil((len(pooled) + 1) * level), len(pooled))
        half = pooled[rank - 1] * _root(week.prediction, signed)
        lower = week.prediction - half if signed else np.maximum(week.prediction - half, 0)
        scores += [
            _score(week.target, week.lower, week.upper, level),
            _score(week.target, lower, week.prediction + half, level),
        ]
    return float(scores[0] / scores[1])


def _root(prediction: FloatArray, signed: bool) -> FloatArray:
    return np.ones_like(prediction) if signed else np.sqrt(np.maximum(prediction, 1.0))


def _score(target: FloatArray, lower: FloatArray, upper: FloatArray, level: float) -> float:
    outside = np.maximum(lower - target, 0) + np.maximum(target - upper, 0)
    return float((upper - lower + 2 / (1 - level) * outside).sum())
