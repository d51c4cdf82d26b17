"""The policy: how often rules fire on a model that is right, and how late on one that is not.

Windows are weeks with biases of a law that does not change: independent of each other, or AR(1).
Limits are calibrated on some of them and held against years of the same law. The delays are those
of levels that moved after six weeks, with limits that allow a false alarm in a fifth of all lives
of twelve weeks: of the rule of today, and of the one that went before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from rates import Rate

from regression_lifecycle.core.decisions.calibration import calibrate_limit
from regression_lifecycle.core.decisions.rules import CalibratedRule, PolicyRule, WindowRow

FloatArray = npt.NDArray[np.float64]

WEEKS, STATED = 52, 0.5
RULES = {
    "bias, cusum": {"kind": "bias", "statistic": "cusum", "maximum": 0.1},
    "bias, 2 of 3 windows": {"kind": "bias", "statistic": "window", "maximum": 0.1},
    "performance": {"kind": "performance", "maximum": 1.0},
    "coverage": {"kind": "coverage", "minimum": 0.75},
}
SPREADS, MEMORIES, PASTS = (0.03, 0.064, 0.12), (0.0, 0.5), (12, 26, 52)
LEVELS = {"x1.1": 1.1, "x0.9": 0.9, "x1.2": 1.2, "x1.4": 1.4}
HEALTHY, LIFE, ALARMED_LIVES = 6, 12, 0.2
ODD_WEEK = -0.4
RUNS, RUNS_SHORT = 100, 12


def measure(*, short: bool) -> Iterator[Rate]:
    """Yield false alarms a year, then delays and what an odd week does."""
    yield from _false_alarms(RUNS_SHORT if short else RUNS)
    yield from _delays(4000 if not short else 1000)


def _false_alarms(runs: int) -> Iterator[Rate]:
    for name, content in RULES.items():
        rule = PolicyRule.model_validate({**content, "false_alarms_per_year": STATED})
        for memory in MEMORIES:
            for spread in SPREADS:
                for past in PASTS:
                    world = f"sd {spread:g}, AR {memory:g}, {past} weeks known"
                    rates = _rates(rule, spread, memory, past, runs)
                    error = rates.std() / math.sqrt(runs)
                    yield Rate(world, name, STATED, rates.mean(), error, as_share=False)


def _rates(
    rule: CalibratedRule, spread: float, memory: float, past: int, runs: int
) -> npt.NDArray[np.float64]:
    """False alarms a year under limits that were calibrated on ``runs`` pasts."""
    random = np.random.default_rng([past, round(1000 * spread), round(10 * memory)])
    years = _quantities(rule, spread * _remembering(random, 500, WEEKS, memory))
    limits = [
        calibrate_limit(rule, [_windows(spread * noise)], WEEKS)
        for noise in _remembering(random, runs, past, memory)
    ]
    found = [limit.value for limit in limits if limit is not None]
    return np.array([_begins(rule.fires(years, limit)) for limit in found])


def _delays(runs: int) -> Iterator[Rate]:
    rules: dict[str, Callable[[FloatArray, float], npt.NDArray[np.bool_]]] = {
        name: PolicyRule.model_validate(RULES[name]).fires for name in list(RULES)[:2]
    }
    rules["bias, pooled over 3"] = _pooled
    for spread, memory in ((0.064, 0.0), (0.064, 0.5), (0.12, 0.0)):
        random = np.random.default_rng([7, round(1000 * spread), round(10 * memory)])
        lives = spread * _remembering(random, runs, LIFE, memory)
        noise = spread * _remembering(random, runs, HEALTHY + 40, memory)
        odd = noise[:, : HEALTHY + 8].copy()
        odd[:, HEALTHY] = (1 + odd[:, HEALTHY]) / (1 + ODD_WEEK) - 1
        world = f"sd {spread:g}, AR {memory:g}"
        for name, fires in rules.items():
            limit = _limit_for_lives(fires, lives)
            for level, factor in LEVELS.items():
                moved = noise.copy()
                moved[:, HEALTHY:] = (1 + moved[:, HEALTHY:]) / factor - 1
                fired = fires(moved, limit)
                late = fired[~fired[:, :HEALTHY].any(axis=1), HEALTHY:]
                # Those that never fire count as if they did with the last week.
                weeks = np.where(late.any(axis=1), late.argmax(axis=1) + 1, late.shape[1])
                error = weeks.std() / math.sqrt(len(weeks))
                claim = f"{name}: weeks to {level}"
                yield Rate(world, claim, math.nan, weeks.mean(), error, as_share=False)
            share = fires(odd, limit)[:, HEALTHY:].any(axis=1).mean()
            yield Rate(world, f"{name}: odd week", math.nan, float(share))


def _limit_for_lives(
    fires: Callable[[FloatArray, float], npt.NDArray[np.bool_]], lives: FloatArray
) -> float:
    low, high = 0.0, 4.0
    for _ in range(20):
        middle = (low + high) / 2
        if fires(lives, middle).any(axis=1).mean() > ALARMED_LIVES:
            low = middle
        else:
            high = middle
    return high


def _pooled(biases: FloatArray, limit: float) -> npt.NDArray[np.bool_]:
    """The rule that went before: the bias of the newest three windows together."""
    sums = np.cumsum(biases, axis=1)
    newest = sums.copy()
    newest[:, 3:] -= sums[:, :-3]
    fired = np.abs(newest / 3) > limit
    fired[:, :2] = False
    return fired


def _remembering(random: np.random.Generator, series: int, count: int, memory: float) -> FloatArray:
    values = random.normal(size=(series, count))
    for place in range(1, count):
        news = math.sqrt(1 - memory**2) * values[:, place]
        values[:, place] = memory * values[:, place - 1] + news
    return values


def _windows(noise: FloatArray) -> list[WindowRow]:
    return [
        {
            "status": "complete",
            "sum_raw_prediction": 1 + value,
            "sum_target": 1.0,
            "sum_absolute_target": 1.0,
            "rmse": 0.7 * (1 + value),
            "baseline_rmse": 1.0,
            "coverage": min(0.9 - value / 4, 1.0),
        }
        for value in noise.tolist()
    ]


def _quantities(rule: CalibratedRule, noise: FloatArray) -> FloatArray:
    return np.array([[rule.quantity(row) for row in _windows(part)] for part in noise])


def _begins(fired: npt.NDArray[np.bool_]) -> float:
    return float(fired[:, 0].sum() + (fired[:, 1:] & ~fired[:, :-1]).sum()) / len(fired)
