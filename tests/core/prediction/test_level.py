from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.prediction.level import (
    LevelCorrection,
    level_kind,
    level_sums,
    proven_share,
    smoothed_level,
)
from tests.examples import tiny_problem


def sums(target, said, kind="factor"):
    return level_sums(np.array([target], dtype=float), np.array([said], dtype=float), kind)


@pytest.mark.parametrize(("kind", "level"), [("factor", 17 / 130), ("shift", 17 / 1.3)])
def test_a_level_is_what_came_against_what_was_said_the_newest_most(kind, level):
    # The newest weighs 1, the one before 0.3.
    assert smoothed_level([sums(120, 100, kind), sums(90, 100, kind)]) == pytest.approx(level)


def test_a_window_counts_a_hundredth_after_four():
    newest_first = [sums(100, 100)] * 4

    assert smoothed_level([*newest_first, sums(9000, 100)]) == 0


@pytest.mark.parametrize("newest_first", [[], [sums(0, 0)], [sums(100, -5)], [sums(math.nan, 50)]])
def test_where_nothing_is_known_there_is_no_level(newest_first):
    assert smoothed_level(newest_first) == 0


ROWS = np.array([4.0, 3.0, 5.0, 4.0])


def shift_sums(error):
    return level_sums(error, 0 * error, "shift")


def test_the_share_is_what_would_have_made_the_errors_least():
    came = shift_sums(ROWS)
    trials = [(5.0, came)] * 4

    # 4 of 5 would have been right in each of them.
    assert proven_share(5.0, came, trials) == pytest.approx(0.8)
    assert proven_share(5.0, came, trials[:1]) == 0
    assert proven_share(5.0, came, [(-5.0, one) for _, one in trials]) == 0
    assert proven_share(2.0, came, [(2.0, one) for _, one in trials]) == 1
    # As often right as wrong.
    wrong = [(-level, one) for level, one in trials[:2]]
    assert proven_share(5.0, came, [*trials[:2], *wrong]) == 0
    # One window in which far more would have helped does not outweigh three that say nothing.
    odd, nothing = shift_sums(100 * ROWS), shift_sums(0 * ROWS)
    assert proven_share(5.0, odd, [(5.0, nothing)] * 3 + [(5.0, odd)]) == 0.25


def test_small_levels_that_were_right_prove_no_large_one():
    came = shift_sums(ROWS)
    trials = [(0.5, came)] * 4

    assert proven_share(0.5, came, trials) == 1
    # 4 x 0.5^2 against half of 20^2.
    assert proven_share(20.0, came, trials) == pytest.approx(1 / 200)


@pytest.mark.parametrize(
    ("minimum", "kind"), [(None, "shift"), (-5, "shift"), (0, "factor"), (10, "factor")]
)
def test_a_target_that_cannot_be_negative_has_a_factor(minimum, kind):
    assert level_kind(tiny_problem(cnt={"minimum": minimum})) == kind


def test_a_quantile_has_no_level():
    problem = tiny_problem(cnt={"minimum": 0}).model_copy(update={"quantile": 0.9})

    assert level_kind(problem) == "none"


def test_one_window_of_evidence_is_refused():
    with pytest.raises(ValidationError, match="use at least 2, or 0"):
        LevelCorrection(windows=1)
    assert LevelCorrection(windows=0).windows == 0


@pytest.mark.parametrize("target", [100.0, 1e150])
def test_predictions_of_next_to_nothing_prove_no_level(target):
    sums = level_sums(np.full(9, target), np.full(9, 1e-200), "factor")
    level = smoothed_level([sums])

    assert level > 1e200
    assert proven_share(level, sums, [(level, sums)] * 3) == 0
