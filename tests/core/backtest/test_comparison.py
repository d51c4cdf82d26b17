from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.backtest.comparison import (
    add_price_ranges,
    conclusions,
    price_range,
    price_ranges,
)
from regression_lifecycle.core.data.tables import BACKTEST_SUMMARY


def table(*rows):
    names = ("policy", "kind", "rmse", "retrains")
    records = [{**dict(zip(names, row, strict=True)), "n_windows": 100} for row in rows]
    return add_price_ranges(BACKTEST_SUMMARY.frame(records), "rmse")


POLICIES = table(
    ("never", "never", 100.0, 0),
    ("always", "every", 40.0, 100),
    ("configured", "configured", 50.0, 10),
    ("every_4", "every", 49.0, 25),
    ("equal_cost", "equal_cost", 56.0, 10),
    ("oracle", "oracle", 30.0, 10),
)
POLICIES.loc[4, ["as_often_as", "phases", "best_phase", "worst_phase", "beaten_phases"]] = [
    *("configured", 10, 49.0, 70.0, 8)
]


def test_a_price_parts_two_policies_where_they_cost_the_same():
    ranges = POLICIES.set_index("policy")[["best_from", "best_until"]]

    # 90 more retrainings in 100 windows buy an error lower by 10.
    assert ranges.loc["always"].tolist() == pytest.approx([0.0, 10 / 0.9])
    assert ranges.loc["configured"].tolist() == pytest.approx([10 / 0.9, 500.0])
    assert ranges.loc["never"].tolist() == [500.0, math.inf]
    # Above the line from configured to always, above configured, and no policy.
    assert ranges.loc[["every_4", "equal_cost", "oracle"]].isna().all(axis=None)


def test_the_ranges_are_those_of_a_search_over_prices():
    random = np.random.default_rng(3)
    prices = np.linspace(0, 60, 4001)
    for _ in range(50):
        errors, rates = random.uniform(10, 20, 6), random.integers(0, 8, 6) / 10
        first, last = price_ranges(errors, rates)
        best = np.argmin(errors[:, None] + prices * rates[:, None], axis=0)
        for place in range(6):
            inside = (first[place] < prices) & (prices < last[place])
            assert (best[inside] == place).all()
        # Together they cover every price.
        assert np.nanmin(first) == 0
        assert np.nanmax(last) == math.inf
        assert sorted(first[first > 0]) == sorted(last[np.isfinite(last)])


def test_what_the_comparison_comes_to_is_said_in_two_sentences():
    assert conclusions(POLICIES, "rmse", "{:.3g}".format) == [
        "configured: RMSE 50 with 10 retrainings. As many evenly spread: 56 on average, 49 to 70 "
        "by phase; configured beats 8 of 10 phases.",
        "The best where a retraining costs, in RMSE of one window: always below 11.1, configured "
        "11.1 to 500, never above 500.",
    ]


def test_a_policy_that_never_retrained_has_no_calendar_of_its_cost():
    summary = table(("configured", "configured", 50.0, 0), ("equal", "equal_cost", 50.0, 0))
    summary.loc[1, ["as_often_as", "phases", "beaten_phases"]] = ["configured", 1, 0]

    assert conclusions(summary, "rmse", str)[0] == "configured: RMSE 50.0 without a retraining."


def test_a_comparison_of_older_code_says_nothing():
    old = BACKTEST_SUMMARY.frame(pd.DataFrame({"policy": ["never"], "rmse": [1.0]}))
    assert conclusions(old, "rmse", str) == []
    assert price_range({"best_from": 0.0, "best_until": math.inf}, str) == "any price"
