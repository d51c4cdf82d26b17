from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from regression_lifecycle.core.prediction.interval import (
    EXPONENTS,
    Interval,
    PredictionInterval,
    adapted_share,
    learn_interval,
)

TEN = PredictionInterval(minimum_rows=10)
WINDOWS = 8


def learnt(target, prediction, *, share=0.9, usual=0.0, parameters=TEN, windows=1):
    parts = (np.array_split(np.asarray(one, dtype=float), windows) for one in (target, prediction))
    return learn_interval(*parts, share, usual, parameters)


@pytest.mark.parametrize(("n", "share", "rank"), [(19, 0.9, 18), (10, 0.5, 6), (99, 0.55, 55)])
def test_the_width_is_the_error_of_rank_ceil_n_plus_one_times_the_share(n, share, rank):
    errors = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    prediction = np.full(n, 100.0)
    target = prediction + errors * np.where(np.arange(n) % 2, 1, -1)

    assert learnt(target, prediction, share=share).width == pytest.approx(rank, rel=1e-8)


@pytest.mark.parametrize(("share", "width"), [(1.0, 12), (0.0, 1)])
def test_a_share_at_its_bounds_takes_the_largest_or_the_smallest_error(share, width):
    found = learnt(np.arange(1.0, 13), np.zeros(12), share=share)

    assert found.width == pytest.approx(width, rel=1e-8)


def test_rows_without_a_label_do_not_count():
    target = np.r_[np.arange(20.0), [math.nan] * 30]
    prediction = np.full(50, 5.0)

    assert learnt(target, prediction, windows=2) == learnt(target[:20], prediction[:20], windows=1)
    few = PredictionInterval(minimum_rows=21)
    assert math.isnan(learnt(target, prediction, parameters=few).width)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_the_exponent_is_that_of_the_errors_in_any_unit(exponent, unit):
    random = np.random.default_rng(1)
    mean = random.gamma(2, 50, WINDOWS * 168)
    target = mean + random.normal(0, 1, len(mean)) * mean**exponent

    found = learnt(unit * target, unit * mean, usual=0.5, windows=WINDOWS)

    assert found.exponent == pytest.approx(exponent, abs=0.25)
    assert found.exponent == exponent or exponent not in (0, 0.5, 1)
    assert found.floor == pytest.approx(unit * mean.mean() / 10)
    held = np.abs(target - mean) * unit <= found.half(unit * mean)
    assert held.mean() == pytest.approx(0.9, abs=0.002)
    fifths = np.array_split(np.argsort(mean), 5)
    assert min(held[rows].mean() for rows in fifths) > 0.84


@pytest.mark.parametrize("usual", [0.0, 0.5])
def test_the_usual_exponent_needs_no_proof(usual):
    alike = np.random.default_rng(2).normal(100, 1, 400)
    target = alike + np.random.default_rng(3).normal(0, 5, 400)

    assert learnt(target, alike, usual=usual, windows=WINDOWS).exponent == usual
    # In one window alone there is nothing that an exponent could prove itself on.
    growing = np.random.default_rng(4).gamma(2, 50, 400)
    assert learnt(2 * growing, growing, usual=usual, windows=1).exponent == usual


def test_signed_errors_that_grow_with_the_size_make_the_width_grow_both_ways():
    random = np.random.default_rng(5)
    mean = random.normal(0, 10, WINDOWS * 168)
    target = mean + random.normal(0, 1, len(mean)) * np.maximum(np.abs(mean), 1)

    found = learnt(target, mean, windows=WINDOWS)

    assert found.exponent >= 0.75
    assert found.half(np.array([-20.0])) == found.half(np.array([20.0]))


def test_where_nothing_but_zero_is_predicted_the_width_stays():
    found = learnt(np.arange(20.0), np.zeros(20), usual=0.5, windows=2)

    assert (found.exponent, found.floor) == (0, 0)
    assert found.half(np.zeros(1)) == pytest.approx(18, rel=1e-8)


def test_of_many_zeros_all_are_inside():
    # 19 in 20 targets are zero, so the error is what was said, and all of them tie.
    said = np.random.default_rng(6).gamma(4, 0.05, WINDOWS * 100)
    target = np.where(np.arange(len(said)) % 20, 0.0, 5.0)

    found = learnt(target, said, usual=1.0, windows=WINDOWS)

    assert found.exponent == 1
    assert (said - found.half(said) <= 0).all()


def test_a_bound_is_the_same_alone_and_among_others():
    said = np.random.default_rng(7).gamma(2, 50, 1001)
    for exponent in EXPONENTS:
        interval = Interval(1.7, exponent, 3.0)
        alone = [float(interval.half(said[i : i + 1])[0]) for i in range(len(said))]
        assert interval.half(said).tolist() == alone


def test_coverage_that_lacks_something_moves_the_share_and_takes_it_back():
    # 100 rows a window: a tenth of what is lacking.
    assert adapted_share([], 0.9, 100) == 0.9
    assert adapted_share([0.8], 0.9, 100) == pytest.approx(0.91)
    assert adapted_share([0.8, 1.0], 0.9, 100) == pytest.approx(0.9)
    assert adapted_share([math.nan, 0.8], 0.9, 100) == pytest.approx(0.91)
    # Coverage of few rows says little.
    assert adapted_share([0.8], 0.9, 25) == pytest.approx(0.904)


def test_the_share_does_not_pile_up():
    assert adapted_share([0.0] * 50, 0.9, 100) == 1
    assert adapted_share([1.0] * 50, 0.9, 100) == pytest.approx(0.8)
    assert adapted_share([*[1.0] * 500, 0.0], 0.9, 100) == pytest.approx(0.89)


@settings(deadline=None, derandomize=True, database=None, max_examples=25)
@given(level=st.floats(0.5, 0.95), n=st.integers(30, 200), seed=st.integers(0, 10_000))
def test_the_interval_holds_its_share_of_exchangeable_data(level, n, seed):
    random = np.random.default_rng(seed)
    parameters = PredictionInterval(level=level, minimum_rows=20)
    repeats, held = 400, []
    for _ in range(repeats):
        mean = random.uniform(5, 300, n + 1)
        target = mean + random.normal(0, np.sqrt(mean))
        found = learnt(target[:n], mean[:n], share=level, usual=0.5, parameters=parameters)
        held.append(abs(target[n] - mean[n]) <= found.half(mean[n:])[0])

    # Between level and level + 1 / (n + 1), and five standard errors of the experiment.
    tolerance = 5 * math.sqrt(level * (1 - level) / repeats)
    assert level - tolerance <= np.mean(held) <= level + 1 / (n + 1) + tolerance


@pytest.mark.parametrize(("level", "fewest"), [(0.95, 19), (0.99, 99)])
def test_a_level_that_so_few_rows_cannot_show_is_refused(level, fewest):
    with pytest.raises(ValidationError, match=f"use at least {fewest}"):
        PredictionInterval(level=level, minimum_rows=10)
    PredictionInterval(level=level, minimum_rows=fewest)
