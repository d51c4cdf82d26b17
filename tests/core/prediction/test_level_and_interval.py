from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from regression_lifecycle.core.prediction.level_and_interval import (
    Adjustment,
    AdjustmentParameters,
    LevelCorrection,
    PredictionInterval,
    apply_adjustment,
    interval_width,
    level_factor,
)

CONSTANT = PredictionInterval(scale="constant", minimum_rows=10)


def sums(*pairs):
    return [{"sum_target": target, "sum_raw_prediction": said} for target, said in pairs]


def test_the_factor_is_what_came_over_what_was_said_with_weights_and_shrinkage():
    parameters = LevelCorrection(windows=2, decay=0.6, shrinkage=0.5)
    # The oldest is not looked at; the newest weighs 1, the one before 0.6.
    observed, said = 120 + 0.6 * 90, 100 + 0.6 * 100

    factor = level_factor(sums((900, 100), (90, 100), (120, 100)), parameters)

    assert factor == pytest.approx((observed + 0.5 * said) / (1.5 * said))


def test_without_shrinkage_the_window_is_believed():
    parameters = LevelCorrection(windows=1, shrinkage=0)

    assert level_factor(sums((130, 100)), parameters) == pytest.approx(1.3)
    assert level_factor(sums((50, 100), (130, 100)), parameters) == pytest.approx(1.3)


@pytest.mark.parametrize(
    ("windows", "factor"),
    [
        ([], 1.0),
        (sums((0, 0)), 1.0),
        (sums((100, -5)), 1.0),
        # Sums below zero have no level that a factor could follow.
        (sums((-100, 50)), 1.0),
        (sums((math.nan, 50)), 1.0),
        (sums((9999, 1)), 2.0),
        (sums((0, 100)), 0.5),
    ],
)
def test_a_factor_has_bounds_and_is_one_where_nothing_is_known(windows, factor):
    assert level_factor(windows, LevelCorrection(shrinkage=0.1)) == factor


def test_no_windows_switch_the_correction_off():
    assert level_factor(sums((200, 100)), LevelCorrection(windows=0)) == 1.0


@pytest.mark.parametrize(("n", "level", "rank"), [(19, 0.9, 18), (10, 0.5, 6), (99, 0.55, 55)])
def test_the_width_is_the_error_of_rank_ceil_n_plus_one_times_the_level(n, level, rank):
    errors = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    parameters = PredictionInterval(level=level, minimum_rows=10, scale="constant")
    prediction = np.full(n, 100.0)
    target = prediction + errors * np.where(np.arange(n) % 2, 1, -1)

    assert interval_width(target, prediction, parameters) == rank


def test_rows_without_a_label_do_not_count():
    target = np.r_[np.arange(20.0), [math.nan] * 30]
    prediction = np.zeros(50)

    assert interval_width(target, prediction, CONSTANT) == interval_width(
        target[:20], prediction[:20], CONSTANT
    )
    few = PredictionInterval(minimum_rows=21, scale="constant")
    assert math.isnan(interval_width(target, prediction, few))


@settings(deadline=None, derandomize=True, database=None, max_examples=25)
@given(level=st.floats(0.5, 0.95), n=st.integers(30, 200), seed=st.integers(0, 10_000))
def test_the_interval_holds_its_share_of_exchangeable_data(level, n, seed):
    random = np.random.default_rng(seed)
    parameters = PredictionInterval(level=level, minimum_rows=20, scale="sqrt")
    repeats, held = 400, []
    for _ in range(repeats):
        mean = random.uniform(5, 300, n + 1)
        target = mean + random.normal(0, np.sqrt(mean))
        width = interval_width(target[:n], mean[:n], parameters)
        held.append(abs(target[n] - mean[n]) <= width * math.sqrt(mean[n]))

    # Between level and level + 1 / (n + 1), and five standard errors of the experiment.
    tolerance = 5 * math.sqrt(level * (1 - level) / repeats)
    assert level - tolerance <= np.mean(held) <= level + 1 / (n + 1) + tolerance


def test_what_is_served_is_the_model_times_the_factor_inside_the_contract(make_problem):
    problem = make_problem()
    bounded = problem.columns["cnt"].model_copy(update={"maximum": 150.0})
    problem = problem.model_copy(update={"columns": {**problem.columns, "cnt": bounded}})
    parameters = AdjustmentParameters(interval={"scale": "constant"})

    table = apply_adjustment(
        np.array([-5.0, 40.0, 90.0]), Adjustment(2.0, 30.0), problem, parameters
    )

    assert table["prediction"].tolist() == [0.0, 80.0, 150.0]
    assert table["lower"].tolist() == [0.0, 50.0, 120.0]
    assert table["upper"].tolist() == [30.0, 110.0, 150.0]


def test_the_width_grows_with_the_root_of_what_is_served(problem):
    table = apply_adjustment(
        np.array([0.2, 25.0, 100.0]), Adjustment(1.0, 2.0), problem, AdjustmentParameters()
    )

    assert (table["upper"] - table["prediction"]).tolist() == [2.0, 10.0, 20.0]


def test_without_errors_to_learn_from_there_is_no_interval(problem):
    table = apply_adjustment(np.array([10.0]), Adjustment(), problem, AdjustmentParameters())

    assert table["prediction"].tolist() == [10.0]
    assert table[["lower", "upper"]].isna().all(axis=None)


@pytest.mark.parametrize(("level", "fewest"), [(0.95, 19), (0.99, 99)])
def test_a_level_that_so_few_rows_cannot_show_is_refused(level, fewest):
    with pytest.raises(ValidationError, match=f"use at least {fewest}"):
        PredictionInterval(level=level, minimum_rows=10)
    PredictionInterval(level=level, minimum_rows=fewest)
