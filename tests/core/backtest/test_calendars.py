from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from regression_lifecycle.core.backtest.calendars import phases_of


def test_the_phases_of_a_calendar_differ_in_the_first_retraining():
    assert phases_of(9, Fraction(3)) == [{1, 4, 7}, {2, 5, 8}, {3, 6}]
    assert phases_of(4, Fraction(1)) == [{1, 2, 3}]
    # Some are so late that they never come, which belongs to their mean.
    assert phases_of(3, Fraction(4)) == [{1}, {2}, set(), set()]


@pytest.mark.parametrize("n_windows", [2, 7, 24, 101])
def test_any_number_of_retrainings_is_spread_evenly_in_every_phase(n_windows):
    for retrains in range(1, n_windows):
        interval = Fraction(n_windows - 1, retrains)
        for schedule in phases_of(n_windows, interval):
            places = sorted(schedule)
            assert len(places) == retrains
            assert places[0] >= 1
            assert places[-1] < n_windows
            steps = {later - earlier for earlier, later in pairwise(places)}
            assert steps <= {int(interval), int(interval) + 1}


def test_all_phases_together_retrain_before_every_window_once_where_the_interval_is_whole():
    found = [place for schedule in phases_of(101, Fraction(12)) for place in schedule]
    assert sorted(found) == list(range(1, 101))


def test_of_a_long_interval_some_phases_stand_for_all():
    phases = phases_of(101, Fraction(100))
    assert len(phases) == 24
    firsts = [min(schedule) for schedule in phases]
    assert firsts[0] == 1
    assert {later - earlier for earlier, later in pairwise(firsts)} == {4, 5}
