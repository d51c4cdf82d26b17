from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.backtest.summary import (
    average_phases,
    oracle_row,
    oracle_schedule,
    typical_phase,
    window_losses,
)
from regression_lifecycle.core.data.tables import BACKTEST_SUMMARY


def cheapest(errors, retrains):
    """Every schedule there is, one after the other."""
    n = errors.shape[1]
    found = []
    for count in range(min(retrains, n - 1) + 1):
        for moves in combinations(range(1, n), count):
            spans = pairwise([0, *moves, n])
            schedule = [first for first, end in spans for _ in range(first, end)]
            found.append(
                (sum(errors[model, place] for place, model in enumerate(schedule)), schedule)
            )
    return min(found)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("retrains", [0, 1, 2, 3, 9])
def test_the_oracle_is_the_best_of_all_schedules(seed, retrains):
    n = 7
    errors = np.random.default_rng(seed).uniform(1, 9, (n, n))
    errors[np.tril_indices(n, -1)] = np.nan

    schedule, total = oracle_schedule(errors, retrains)

    best, expected = cheapest(errors, retrains)
    assert total == pytest.approx(best)
    assert schedule == expected
    assert sum(errors[model, place] for place, model in enumerate(schedule)) == pytest.approx(total)


def test_a_retraining_that_does_not_pay_is_not_taken():
    errors = np.array([[1.0, 1.0, 1.0], [np.nan, 5.0, 5.0], [np.nan, np.nan, 5.0]])

    assert oracle_schedule(errors, 2) == ([0, 0, 0], 3.0)


def test_errors_are_summed_by_model_and_window(problem):
    target = np.array([1.0, 2.0, math.nan, 4.0, 5.0])
    first = np.array([0.0, 0.0, 0.0, 0.0, 0.0])
    second = np.array([math.nan, math.nan, 1.0, 1.0, 1.0])

    rows = pd.DataFrame({"cnt": target})
    table = window_losses([first, second, second], rows, problem, [0, 2, 2, 5])

    assert table[0].tolist() == [5.0, 0.0, 41.0]
    # A window without rows costs nothing, a window before the model is not its own.
    assert math.isnan(table[1, 0])
    assert table[1, 1:].tolist() == [0.0, 25.0]
    assert np.isnan(table[2, :2]).all()


def test_the_bound_says_what_it_is(problem):
    rows = pd.DataFrame({"cnt": [1.0, 2.0, math.nan]})
    row = oracle_row(np.array([1.0, 3.0, 5.0]), rows, problem, [0, 1, 1])

    assert BACKTEST_SUMMARY.frame([row]).loc[0, ["policy", "n", "retrains"]].tolist() == [
        "oracle",
        2,
        1,
    ]
    assert row["rmse"] == pytest.approx(math.sqrt(0.5))
    assert row["description"].startswith("best 1 retraining in hindsight, no level correction")


# pragma: allowlist nextline secret
def test_hindsight_weighs_rows_and_judges_a_quantile_by_its_loss(make_problem):
    asked = make_problem(quantile=0.9, weight_column="load")
    rows = pd.DataFrame({"cnt": [10.0, 10.0, 10.0], "load": [1.0, 3.0, 0.0]})
    said = np.array([12.0, 9.0, 99.0])

    assert window_losses([said], rows, asked, [0, 1, 3])[0].tolist() == pytest.approx([0.2, 2.7])
    row = oracle_row(said, rows, asked, [0, 0])
    assert row["pinball"] == pytest.approx(2.9 / 4)
    assert row["quantile_coverage"] == pytest.approx(1 / 4)


def test_phases_are_averaged_and_the_one_nearest_the_mean_stands_for_them():
    same = {"n_windows": 4, "n": 40, "refused": 0, "coverage": 0.9}
    phases = [
        {**same, "rmse": 10.0, "mae": 9.0, "retrains": 1, "churn": 0.2},
        {**same, "rmse": 12.0, "mae": 4.0, "retrains": 1, "churn": 0.4},
        {**same, "rmse": 17.0, "mae": 5.0, "retrains": 0, "churn": math.nan},
    ]

    row = average_phases(phases, "rmse")

    assert (row["rmse"], row["best_phase"], row["worst_phase"]) == (13.0, 10.0, 17.0)
    assert (row["mae"], row["phases"], row["n"], row["n_windows"]) == (6.0, 3, 40, 4)
    assert row["retrains"] == pytest.approx(2 / 3)
    # Only where something was replaced there is a difference.
    assert row["churn"] == pytest.approx(0.3)
    assert average_phases(phases, "mae")["best_phase"] == 4.0
    assert typical_phase(phases, "rmse") == 1
    assert typical_phase(phases, "mae") == 2
