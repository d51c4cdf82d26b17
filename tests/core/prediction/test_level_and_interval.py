from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import ADJUSTMENTS
from regression_lifecycle.core.prediction.interval import Interval
from regression_lifecycle.core.prediction.level_and_interval import (
    Adjustment,
    adjustment_of,
    apply_adjustment,
)
from tests.examples import tiny_problem


def test_what_is_served_is_the_model_times_the_factor_inside_the_contract(make_problem):
    problem = make_problem()
    bounded = problem.columns["cnt"].model_copy(update={"maximum": 150.0})
    problem = problem.model_copy(update={"columns": {**problem.columns, "cnt": bounded}})
    adjustment = Adjustment(2.0, interval=Interval(30.0))

    table = apply_adjustment(np.array([-5.0, 40.0, 90.0]), adjustment, problem)

    assert table["prediction"].tolist() == [0.0, 80.0, 150.0]
    assert table["lower"].tolist() == [0.0, 50.0, 120.0]
    assert table["upper"].tolist() == [30.0, 110.0, 150.0]


def test_a_shift_is_added():
    problem = tiny_problem(cnt={"minimum": -20})

    table = apply_adjustment(np.array([-30.0, 0.0]), Adjustment(level_shift=4.0), problem)

    assert table["prediction"].tolist() == [-20.0, 4.0]


@pytest.mark.parametrize(
    ("exponent", "halves"),
    [
        (0.0, [2, 2, 2]),
        (0.25, [2, 4, 6]),
        (0.5, [2, 8, 18]),
        (0.75, [2, 16, 54]),
        (1.0, [2, 32, 162]),
    ],
)
def test_the_width_grows_with_what_is_served_from_the_floor_on(exponent, halves):
    adjustment = Adjustment(interval=Interval(2.0, exponent, 1.0))

    table = apply_adjustment(np.array([0.2, 16.0, -81.0]), adjustment, tiny_problem())

    assert (table["upper"] - table["prediction"]).tolist() == pytest.approx(halves)
    assert (table["prediction"] - table["lower"]).tolist() == pytest.approx(halves)


def test_without_errors_to_learn_from_there_is_no_interval(problem):
    table = apply_adjustment(np.array([10.0]), Adjustment(), problem)

    assert table["prediction"].tolist() == [10.0]
    assert table[["lower", "upper"]].isna().all(axis=None)


def test_what_is_stored_is_what_was_learnt():
    learnt = Adjustment(1.25, interval=Interval(0.1 + 0.2, 0.75, 1 / 3))
    moments = pd.to_datetime(["2021-03-01", "2021-03-08"])
    rows = [
        {"problem": "tiny", "model_version": version, "valid_from": moment, **one.as_row()}
        for version, moment, one in zip("12", moments, (learnt, Adjustment()), strict=True)
    ]
    table = ADJUSTMENTS.frame(rows)

    assert adjustment_of(table, "1", moments[0]) == learnt
    assert adjustment_of(table, "1", moments[0] - pd.Timedelta("1 s")).as_row() == pytest.approx(
        Adjustment().as_row(), nan_ok=True
    )
    # The level is the version's own, the interval the newest.
    assert adjustment_of(table, "2", moments[0]) == Adjustment(interval=learnt.interval)
    newest = adjustment_of(table, "1")
    assert newest.level_factor == 1.25
    assert np.isnan(newest.interval.width)
