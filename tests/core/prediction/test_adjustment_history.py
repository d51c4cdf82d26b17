from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters

START = pd.Timestamp("2021-03-01")
WEEK = pd.Timedelta("7 days")
PARAMETERS = AdjustmentParameters(
    level_correction={"windows": 2, "shrinkage": 0},
    interval={"windows": 2, "minimum_rows": 10, "scale": "constant"},
)
N = 12


def filled(levels, *, delay=None, version="1"):
    """One week per level: what came is the level times what the model said, which was 100."""
    past = AdjustmentHistory(delay)
    for index, level in enumerate(levels):
        raw = np.full(N, 100.0)
        past.add(START + (index + 1) * WEEK, version, level * raw, raw, raw)
    return past


def test_the_newest_windows_of_the_model_set_its_level_and_width():
    adjustment = filled([5, 2, 2]).adjustment(START + 3 * WEEK, "1", PARAMETERS)

    assert adjustment.level_factor == pytest.approx(2)
    assert adjustment.interval_width == pytest.approx(100)


def test_a_model_learns_its_level_from_its_own_windows_and_the_interval_from_all():
    adjustment = filled([1.5, 1.5]).adjustment(START + 2 * WEEK, "2", PARAMETERS)

    assert adjustment.level_factor == 1
    assert adjustment.interval_width == pytest.approx(50)


@pytest.mark.parametrize(
    ("delay", "factor"), [(None, 1.5), ("1 hour", 1.2), ("7 days", 1.2), ("8 days", 1.0)]
)
def test_what_became_known_after_a_window_began_is_not_used(delay, factor):
    delay = None if delay is None else pd.Timedelta(delay)
    newest_alone = PARAMETERS.model_copy(
        update={"level_correction": PARAMETERS.level_correction.model_copy(update={"windows": 1})}
    )
    past = filled([1.2, 1.5], delay=delay)

    assert past.adjustment(START + 2 * WEEK, "1", newest_alone).level_factor == pytest.approx(
        factor
    )


def test_the_order_in_which_windows_are_added_does_not_matter():
    levels = [1.1, 1.6, 0.8, 1.3]
    past, reverse = filled(levels), AdjustmentHistory()
    for index in reversed(range(4)):
        raw = np.full(N, 100.0)
        reverse.add(START + (index + 1) * WEEK, "1", levels[index] * raw, raw, raw)

    moment = START + 4 * WEEK
    assert past.adjustment(moment, "1", PARAMETERS) == reverse.adjustment(moment, "1", PARAMETERS)


def test_windows_without_labels_are_passed_over():
    past = filled([1.5])
    past.add(START + 2 * WEEK, "1", np.full(N, math.nan), np.full(N, 100.0), np.full(N, 100.0))

    adjustment = past.adjustment(START + 2 * WEEK, "1", PARAMETERS)

    assert (adjustment.level_factor, adjustment.interval_width) == pytest.approx((1.5, 50))


def test_the_first_window_is_served_bare():
    adjustment = AdjustmentHistory().adjustment(START, "1", PARAMETERS)

    assert adjustment.level_factor == 1
    assert math.isnan(adjustment.interval_width)


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
    assert before.interval_width == pytest.approx(after.interval_width, nan_ok=True)
