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
    followed_level,
    interval_width,
    level_kind,
    level_sums,
    proven_share,
)
from tests.examples import tiny_problem

CONSTANT = PredictionInterval(scale="constant", minimum_rows=10)


def sums(target, said, kind="factor"):
    return level_sums(np.array([target], dtype=float), np.array([said], dtype=float), kind)


@pytest.mark.parametrize(("kind", "level"), [("factor", 14 / 160), ("shift", 14 / 1.6)])
def test_a_level_is_what_came_against_what_was_said_with_weights(kind, level):
    # The oldest is not looked at; the newest weighs 1, the one before 0.6.
    newest_first = [sums(120, 100, kind), sums(90, 100, kind), sums(900, 100, kind)]

    found = followed_level(newest_first, LevelCorrection(windows=2, decay=0.6))

    assert found == pytest.approx(level)


@pytest.mark.parametrize("newest_first", [[], [sums(0, 0)], [sums(100, -5)], [sums(math.nan, 50)]])
def test_where_nothing_is_known_there_is_no_level(newest_first):
    assert followed_level(newest_first, LevelCorrection()) == 0


def test_the_share_is_what_would_have_made_the_errors_least():
    rows = np.array([1.0, -1.0, 1.0, 1.0])
    error = np.array([4.0, 3.0, 5.0, 4.0])
    trials = [(5.0, level_sums(error, 0 * rows, "shift"))] * 4

    # 4 of 5 would have been right in each of them.
    assert proven_share(trials) == pytest.approx(0.8)
    assert proven_share(trials[:1]) == 0
    assert proven_share([(-5.0, sums) for _, sums in trials]) == 0
    assert proven_share([(2.0, sums) for _, sums in trials]) == 1
    # As often right as wrong.
    assert proven_share([*trials[:2], *((-level, sums) for level, sums in trials[:2])]) == 0
    # One window in which far more would have helped does not outweigh three that say nothing.
    odd = level_sums(100 * error, 0 * rows, "shift")
    nothing = level_sums(0 * error, 0 * rows, "shift")
    assert proven_share([(5.0, nothing)] * 3 + [(5.0, odd)]) == 0.25


@pytest.mark.parametrize(
    ("minimum", "kind"), [(None, "shift"), (-5, "shift"), (0, "factor"), (10, "factor")]
)
def test_a_target_that_cannot_be_negative_has_a_factor(minimum, kind):
    assert level_kind(tiny_problem(cnt={"minimum": minimum})) == kind


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


def test_a_quantile_has_no_level():
    problem = tiny_problem(cnt={"minimum": 0}).model_copy(update={"quantile": 0.9})

    assert level_kind(problem) == "none"


def test_a_shift_is_added():
    problem = tiny_problem(cnt={"minimum": -20})
    parameters = AdjustmentParameters(interval={"scale": "constant"})

    table = apply_adjustment(
        np.array([-30.0, 0.0]), Adjustment(level_shift=4.0), problem, parameters
    )

    assert table["prediction"].tolist() == [-20.0, 4.0]


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
