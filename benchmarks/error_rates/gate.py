"""The gate: how often a paired comparison promotes an equal candidate, a better one, and noise.

Two forecasts with errors of the same law are compared in blocks of a week. Each has a level of its
own in every week, which is independent of that of other weeks or remembers it (AR(1)), and noise
in every row; or the errors of its rows are AR(1). "Equal" candidates that pass are wrong, better
ones right. The retraining's gate takes fourteen days of hours, and lets through what is better on
them and hardly much worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from rates import Rate, share

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import Attempt
from regression_lifecycle.core.evaluation.attempts import number_of_attempt, surer
from regression_lifecycle.core.evaluation.comparison import Comparison, is_proven, lower_bound
from regression_lifecycle.core.evaluation.gate import Contestant, GateParameters, evaluate_gate
from regression_lifecycle.core.evaluation.pass_rates import pass_rates

ROWS_OF_A_WEEK = 42
BLOCKS = (8, 12, 26, 52)
MEMORIES = {"independent weeks": 0.0, "AR .5": 0.5, "AR .9": 0.9}
NOISE = 0.25
RUNS, RUNS_SHORT, DRAWS = 5000, 500, 1000
LOOKS = (1, 5, 10, 20)
WEEKS_OF_A_YEAR = 52
RETRAINING = Comparison(
    block=pd.Timedelta("1 day"),
    minimum_blocks=5,
    observed_improvement=0.0,
    minimum_improvement=-0.2,
    confidence=0.9,
)
WORTHS = {0.1: "10 % better", 0.0: "equal", -0.05: "5 % worse", -0.1: "10 % worse"}


def measure(*, short: bool) -> Iterator[Rate]:
    """Yield the rates at which candidates pass."""
    runs = RUNS_SHORT if short else RUNS
    yield from _single_comparisons(runs)
    yield from _repeated_attempts(runs // 4)
    yield from _retraining(runs // 4)
    yield from _noise(runs // 50)


def _single_comparisons(runs: int) -> Iterator[Rate]:
    asked = Comparison()
    for name, memory in MEMORIES.items():
        for weeks in BLOCKS:
            random = np.random.default_rng([weeks, round(100 * memory)])
            equal = np.stack([_weekly(random, runs, weeks, memory) for _ in range(2)], axis=-1)
            passed = int(_passes(equal, asked).sum())
            yield share(f"{name}, {weeks} blocks", "equal candidate passes", 0.05, passed, runs)
    for weeks in BLOCKS:
        random = np.random.default_rng(weeks)
        better = _hourly(random, runs // 4, weeks, ROWS_OF_A_WEEK, (0.9, 0.8)) * [0.9**2, 1]
        passed = int(_passes(better, asked).sum())
        world = f"rows AR .9, {weeks} blocks"
        yield share(world, "10 % better passes", math.nan, passed, len(better))


def _repeated_attempts(runs: int) -> Iterator[Rate]:
    """Let equal candidates ask for the place of the same champion again and again."""
    for name, memory in MEMORIES.items():
        for weeks in (8, 26):
            world = f"{name}, {weeks} blocks"
            passed = _passes_so_far(runs, weeks, memory, max(LOOKS), 0)
            for looks in LOOKS:
                claim = f"any of {looks} on the same rows"
                yield share(world, claim, 0.1, int(passed[looks - 1]), runs)
            passed = _passes_so_far(runs, weeks, memory, WEEKS_OF_A_YEAR, 1)
            yield share(world, "any of a year, one a week", 0.1, int(passed[-1]), runs)


def _passes_so_far(runs: int, weeks: int, memory: float, attempts: int, step: int) -> np.ndarray:
    """Count the runs in which any candidate has passed after each attempt.

    Args:
        step: Weeks from one attempt to the next, by which its rows are newer.
    """
    random = np.random.default_rng([weeks, step])
    champion = _weekly(random, runs, weeks + step * (attempts - 1), memory)
    passed = np.zeros((attempts, runs), dtype=bool)
    made: list[Attempt] = []
    for attempt in range(attempts):
        first = attempt * step
        moments = pd.Series(pd.date_range("2021-01-07", periods=weeks, freq="7D"))
        moments += pd.Timedelta(days=7 * first)
        surely = surer(Comparison(), number_of_attempt(made, moments))
        made.append(Attempt("", moments.min(), moments.max()))
        losses = [_weekly(random, runs, weeks, memory), champion[:, first : first + weeks]]
        if weeks >= surely.minimum_blocks:
            passed[attempt] = _passes(np.stack(losses, axis=-1), surely)
    return np.maximum.accumulate(passed).sum(axis=1)


def _retraining(runs: int) -> Iterator[Rate]:
    """Compare the rates at which challengers pass with those that one past foretells."""
    for correlation in (0.7, 0.9):
        random = np.random.default_rng(round(100 * correlation))
        equal = _hourly(random, runs, 14, 24, (0.9, correlation))
        past = _hourly(random, 1, 360, 24, (0.9, correlation))[0]
        losses = pd.DataFrame(past, columns=["candidate", "other"]).assign(block=range(len(past)))
        foretold = {rate.worth: rate.share for rate in pass_rates(losses, RETRAINING, 14)}
        for worth, name in WORTHS.items():
            passed = int(_passes(equal * [(1 - worth) ** 2, 1], RETRAINING).sum())
            world = f"retraining, models alike by {correlation}"
            yield share(world, f"{name} passes (as foretold)", foretold[worth], passed, runs)


def _noise(runs: int) -> Iterator[Rate]:
    """Let a constant near the mean of noise ask to be the first champion."""
    problem = Problem.model_validate(
        {
            "name": "noise",
            "timestamp": {"name": "moment", "date": "date"},
            "key": ["moment"],
            "frequency": "4 hours",
            "horizon": "4 hours",
            "target": "y",
            "columns": {"date": {"type": "datetime"}, "y": {"type": "float"}},
        }
    )
    for weeks in (8, 26):
        random = np.random.default_rng(weeks)
        moments = pd.date_range("2021-01-07", periods=weeks * ROWS_OF_A_WEEK, freq="4h")
        passed = 0
        for _ in range(runs):
            rows = pd.DataFrame({"moment": moments, "y": random.normal(100, 30, len(moments))})
            mean, guess = 100 + random.normal(0, 30 / math.sqrt(len(rows)), 2)
            rows = rows.assign(candidate=guess, baseline=mean, baseline_source="mean")
            answer = evaluate_gate(rows, Contestant(), None, problem, GateParameters())
            passed += answer.decision == "promote"
        yield share(f"noise, {weeks} blocks", "a constant beats the baseline", 0.05, passed, runs)


def _passes(sums: np.ndarray, asked: Comparison) -> np.ndarray:
    """Return of pairs, shape (runs, blocks, 2), in which the first model passes."""
    passed = is_proven(lower_bound(sums, asked, draws=DRAWS), asked)
    if asked.observed_improvement is not None:
        candidate, other = np.moveaxis(sums.sum(axis=1), -1, 0)
        passed &= candidate < other
    return passed


def _weekly(random: np.random.Generator, runs: int, weeks: int, memory: float) -> np.ndarray:
    """Return squared errors by week, shape (runs, weeks): a level for each week, and noise."""
    level = random.normal(size=(runs, weeks))
    for week in range(1, weeks):
        level[:, week] *= math.sqrt(1 - memory**2)
        level[:, week] += memory * level[:, week - 1]
    # Sums of squares of the rows, drawn as what they are: their mean, and the rest.
    mean = level + random.normal(0, NOISE / math.sqrt(ROWS_OF_A_WEEK), level.shape)
    rest: np.ndarray = NOISE**2 * random.chisquare(ROWS_OF_A_WEEK - 1, level.shape)
    return ROWS_OF_A_WEEK * mean**2 + rest


def _hourly(
    random: np.random.Generator, runs: int, blocks: int, rows: int, alike: tuple[float, float]
) -> np.ndarray:
    """Return squared errors of two models by block, shape (runs, blocks, 2), whose rows are AR(1).

    Args:
        alike: Correlation of a row with the one before, and of the models with each other.
    """
    from scipy.signal import lfilter

    memory, correlation = alike
    news = random.normal(size=(3, runs, blocks * rows))
    news[..., 0] /= math.sqrt(1 - memory**2)
    errors = lfilter([math.sqrt(1 - memory**2)], [1, -memory], news)
    own, common = math.sqrt(1 - correlation), math.sqrt(correlation) * errors[2]
    both = [own * errors[model] + common for model in range(2)]
    return np.stack([(e**2).reshape(runs, blocks, rows).sum(axis=2) for e in both], axis=-1)
