from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.prediction.adjustment_history import (
    AdjustmentHistory,
    ServedRows,
)
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters

START = pd.Timestamp("2021-03-01")
WEEK = pd.Timedelta("7 days")
PARAMETERS = AdjustmentParameters(
    level_correction={"windows": 8}, interval={"windows": 2, "minimum_rows": 10}
)
N = 12


def filled(levels, *, delay=None, version="1", kind="factor"):
    """One week per level: what came is the level times what the model said, which was 100."""
    past = AdjustmentHistory(kind, delay)
    for index, level in enumerate(levels):
        add_week(past, index, level, version)
    return past


def add_week(past, index, level, version="1", coverage=math.nan):
    raw = np.full(N, 100.0)
    start = START + index * WEEK
    past.add(start, start + WEEK, version, coverage, ServedRows(level * raw, raw, raw))


def half(adjustment):
    return float(adjustment.interval.half(np.array([100.0]))[0])


def test_a_level_that_stays_is_followed_and_the_newest_windows_set_the_width():
    adjustment = filled([1.5, 1.5, 1.5, 1.5]).adjustment(START + 4 * WEEK, "1", PARAMETERS)

    assert adjustment.level_factor == pytest.approx(1.5)
    assert adjustment.level_shift == 0
    assert half(adjustment) == pytest.approx(50)


def test_a_target_that_may_be_negative_is_shifted():
    adjustment = filled([1.5] * 4, kind="shift").adjustment(START + 4 * WEEK, "1", PARAMETERS)

    assert adjustment.level_factor == 1
    assert adjustment.level_shift == pytest.approx(50)


def test_a_level_that_alternates_is_not_followed():
    adjustment = filled([1.5, 0.6] * 4).adjustment(START + 8 * WEEK, "1", PARAMETERS)

    assert adjustment.level_factor == 1


def test_one_odd_week_is_not_followed():
    adjustment = filled([1.01, 0.99, 1.0, 1.01, 3]).adjustment(START + 5 * WEEK, "1", PARAMETERS)

    assert adjustment.level_factor == pytest.approx(1, abs=0.01)


def test_a_model_follows_its_own_level_and_takes_the_interval_from_all():
    adjustment = filled([1.5] * 4).adjustment(START + 4 * WEEK, "2", PARAMETERS)

    assert adjustment.level_factor == 1
    assert half(adjustment) == pytest.approx(50)


def test_a_quantile_is_served_as_the_model_says_it():
    adjustment = filled([1.5] * 4, kind="none").adjustment(START + 4 * WEEK, "1", PARAMETERS)

    assert (adjustment.level_factor, adjustment.level_shift) == (1, 0)
    assert math.isnan(half(adjustment))


def test_what_helped_a_former_model_is_believed_of_the_next():
    past = filled([1.5] * 4)
    add_week(past, 4, 1.2, version="2")

    assert past.adjustment(START + 5 * WEEK, "2", PARAMETERS).level_factor == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("delay", "factor"), [(None, 1.5), ("1 hour", 1.4), ("7 days", 1.4), ("22 days", 1.0)]
)
def test_what_became_known_after_a_window_began_is_not_used(delay, factor):
    delay = None if delay is None else pd.Timedelta(delay)
    # A level that grows: each time more would have helped.
    past = filled([1.2, 1.3, 1.35, 1.35, 1.4, 1.5], delay=delay)

    adjustment = past.adjustment(START + 6 * WEEK, "1", PARAMETERS)

    assert adjustment.level_factor == pytest.approx(factor, abs=0.04)


def test_the_order_in_which_windows_are_added_does_not_matter():
    levels = [1.1, 1.6, 0.8, 1.3, 1.4, 1.3]
    past, reverse = filled(levels), AdjustmentHistory("factor")
    for index in reversed(range(6)):
        add_week(reverse, index, levels[index])

    moment = START + 6 * WEEK
    assert past.adjustment(moment, "1", PARAMETERS) == reverse.adjustment(moment, "1", PARAMETERS)


def test_windows_without_labels_are_passed_over():
    past = filled([1.5] * 3)
    add_week(past, 3, math.nan)

    adjustment = past.adjustment(START + 4 * WEEK, "1", PARAMETERS)

    assert (adjustment.level_factor, half(adjustment)) == pytest.approx((1.5, 50))


def test_the_first_window_is_served_bare():
    adjustment = AdjustmentHistory("factor").adjustment(START, "1", PARAMETERS)

    assert adjustment.level_factor == 1
    assert math.isnan(half(adjustment))


def relative_error(kind, world, *, n_rows=48, n_windows=30, n_seeds=40):
    """RMSE of what would have been served, relative to the bare model's."""
    squares = np.zeros(2)
    for seed in range(n_seeds):
        random = np.random.default_rng(seed)
        past, levels = AdjustmentHistory(kind), world(random, n_windows)
        for index, level in enumerate(levels):
            start = START + index * WEEK
            if kind == "factor":
                raw = random.gamma(2, 50, n_rows)
                target = raw * (1 + level / 10) + random.normal(0, 3 * np.sqrt(raw))
            else:
                raw = random.normal(0, 1, n_rows)
                target = raw + 3 * level + random.normal(0, 10, n_rows)
            found = past.adjustment(start, "1", PARAMETERS)
            served = raw * found.level_factor + found.level_shift
            squares += ((target - served) ** 2).sum(), ((target - raw) ** 2).sum()
            past.add(start, start + WEEK, "1", math.nan, ServedRows(target, raw, served))
    return float(np.sqrt(squares[0] / squares[1]))


@pytest.mark.parametrize("kind", ["factor", "shift"])
def test_noise_is_not_followed_and_a_level_that_wanders_is(kind):
    noise = relative_error(kind, lambda random, n: np.zeros(n))
    independent = relative_error(kind, lambda random, n: random.normal(0, 1, n))
    wandering = relative_error(kind, lambda random, n: np.cumsum(random.normal(0, 0.7, n)))

    assert noise == pytest.approx(1, abs=0.003)
    assert independent < 1.01
    assert wandering < 0.9


@settings(deadline=None, derandomize=True, database=None, max_examples=50)
@given(
    levels=st.lists(st.floats(0.2, 5), min_size=3, max_size=8),
    later=st.lists(st.floats(0.2, 5), min_size=1, max_size=4),
    place=st.integers(0, 7),
    delay_days=st.integers(0, 20),
)
def test_a_window_is_served_alike_whatever_comes_later(levels, later, place, delay_days):
    place = min(place, len(levels) - 1)
    delay = pd.Timedelta(delay_days, unit="day") if delay_days else None
    kept = max(place - math.ceil(delay_days / 7), 0)
    moment = START + place * WEEK

    before = filled(levels, delay=delay).adjustment(moment, "1", PARAMETERS)
    after = filled([*levels[:kept], *later], delay=delay).adjustment(moment, "1", PARAMETERS)

    assert before.level_factor == after.level_factor
    assert half(before) == pytest.approx(half(after), nan_ok=True)


def test_windows_that_held_too_little_make_the_interval_wider():
    def width(coverages):
        past = AdjustmentHistory("shift")
        raw = np.zeros(100)
        for index, coverage in enumerate(coverages):
            start = START + index * WEEK
            came = np.arange(1.0, 101)
            past.add(start, start + WEEK, "1", coverage, ServedRows(came, raw, raw))
        return past.adjustment(START + 4 * WEEK, "2", PARAMETERS).interval.width

    # Of 200 errors that of rank 181 at first; a tenth of what 100 rows lack is added to the share.
    assert width([math.nan] * 4) == pytest.approx(91)
    assert width([0.9] * 4) == pytest.approx(91)
    assert width([0.5, 0.9, 0.9, 0.9]) == pytest.approx(95)
    # What is not over yet, and what comes later, says nothing.
    assert width([0.9] * 4 + [0.0] * 3) == pytest.approx(91)


def test_the_correction_can_be_switched_off():
    off = AdjustmentParameters(level_correction={"windows": 0})

    assert filled([1.5] * 8).adjustment(START + 8 * WEEK, "1", off).level_factor == 1
