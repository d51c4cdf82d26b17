from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import ERROR_RATES, WINDOW_HISTORY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.monitoring.calibration_windows import (
    CalibrationWindows,
)
from regression_lifecycle.core.monitoring.error_rates import (
    limits_of,
    rate_gate,
    rate_interval,
    rate_losses,
    rate_rules,
)
from regression_lifecycle.core.prediction.interval import PredictionInterval
from tests.core.monitoring.test_calibration_windows import collected, history

POLICY = PolicyParameters(
    rules={
        "level": {"kind": "bias", "maximum": 0.1, "false_alarms_per_year": 0.5},
        "error": {"kind": "performance", "maximum": 0.8},
    }
)


def test_a_gate_says_how_often_challengers_of_known_worth_pass(problem):
    random = np.random.default_rng(4)
    moments = pd.date_range("2021-03-01", periods=200 * 24, freq="h")
    target = pd.Series(100.0, index=range(len(moments)))
    errors = random.normal(size=(2, len(moments)))
    predicted = pd.DataFrame(
        {
            "timestamp": moments,
            "cnt": target,
            "prediction": target + errors[0],
            "former_prediction": target + 0.3 * errors[0] + 0.95 * errors[1],
        }
    )
    gate = {"comparison": {"block": "1 day", "minimum_blocks": 5, "observed_improvement": 0.0,
                           "minimum_improvement": -0.2}}  # fmt: skip
    lenient = RetrainingParameters.model_validate({"measured_windows": 14, "gate": gate})
    windows = collected(problem, history(problem, "2" * 20))

    rates = rate_gate(predicted, windows, problem, lenient).set_index("name")["measured"]

    assert list(rates.index) == ["10% better", "equal challenger", "5% worse", "10% worse"]
    assert rates.is_monotonic_decreasing
    assert rates["equal challenger"] == pytest.approx(0.5, abs=0.06)
    assert rates["10% better"] > 0.95
    # Rows after the moment at which we stand change nothing.
    early = collected(problem, history(problem, "2" * 20), history(problem, "2" * 20)["end"].max())
    later = predicted["timestamp"] >= early.as_of
    assert later.any()
    unknown = predicted.assign(former_prediction=predicted["former_prediction"].mask(later, 1e9))
    cut, wild = (rate_gate(table, early, problem, lenient) for table in (predicted, unknown))
    pd.testing.assert_frame_equal(cut, wild)
    strict = {"comparison": {**gate["comparison"], "minimum_improvement": 0.0}}
    sure = RetrainingParameters.model_validate({"measured_windows": 14, "gate": strict})
    found = rate_gate(predicted, windows, problem, sure).set_index("name")
    assert found["stated"].dropna().to_dict() == {"equal challenger": pytest.approx(0.05)}
    assert found.loc["equal challenger", "measured"] == pytest.approx(0.05, abs=0.03)


def test_folds_without_a_model_before_them_say_nothing_of_a_gate(problem):
    windows = collected(problem, history(problem, "2" * 20))
    rows = pd.DataFrame({"timestamp": pd.date_range("2021-03-01", periods=3, freq="h"),
                         "cnt": 1.0, "prediction": 1.0})  # fmt: skip

    for table in (rows, rows.assign(former_prediction=np.nan), pd.DataFrame()):
        assert rate_gate(table, windows, problem, RetrainingParameters()).empty


def test_the_limits_come_back_as_they_were_stored(problem):
    windows = collected(problem, history(problem, "1" * 20 + "2" * 5))

    rates = rate_rules(windows, problem, POLICY)

    assert rates["name"].tolist() == ["level"]  # the other states no rate
    (row,) = rates.to_dict("records")
    assert (row["subject"], row["model_version"], row["n_windows"]) == ("rule", "2", 25)
    assert (row["stated"], row["measured"]) == (0.5, pytest.approx(0.5, rel=0.2))
    stored = pd.concat([rates, rates.assign(model_version="1"), rates.assign(subject="gate")])
    limits = dict(limits_of(stored, "2", problem))
    assert limits["level"].value == row["limit"] > 0
    assert limits["level"].n_windows == 25
    assert not dict(limits_of(stored, "3", problem))


def test_without_windows_or_a_champion_there_are_no_rates(problem):
    few = collected(problem, history(problem, "11"))
    nobody = CalibrationWindows("", few.as_of, 52, few.stretches * 10)

    for windows in (nobody, collected(problem, WINDOW_HISTORY.frame())):
        found = rate_rules(windows, problem, POLICY)
        assert found.empty
        assert list(found.columns) == list(ERROR_RATES.columns)
        assert rate_losses(windows, problem).empty
    assert rate_losses(few, problem).empty
    alike = collected(problem, history(problem, "1" * 20).assign(rmse=0.3))
    assert rate_losses(alike, problem).empty


def test_a_limit_that_is_found_no_more_takes_the_place_of_the_former_one(problem):
    few = rate_rules(collected(problem, history(problem, "11222")), problem, POLICY)

    (row,) = few.to_dict("records")
    assert (row["name"], row["stated"], row["n_windows"]) == ("level", 0.5, 5)
    assert pd.isna(row["limit"])
    assert pd.isna(row["measured"])
    assert not dict(limits_of(few, "2", problem))


def test_equal_predictions_make_no_fifths(problem):
    rows = pd.DataFrame({"target": [0.0, 1.0] * 50, "prediction": 0.0, "lower": 0.0, "upper": 0.5})
    rows["window_end"] = pd.Timestamp("2000-01-01")
    windows = collected(problem, history(problem, "2" * 20))

    rates = rate_interval(rows, windows, problem, PredictionInterval()).set_index("name")

    assert rates["measured"].dropna().to_dict() == {"all rows": 0.5}
    assert list(rates.index) == ["all rows", *(f"fifth {place}" for place in range(1, 6))]


def test_the_memory_of_the_errors_is_told(problem):
    random = np.random.default_rng(1)
    level = random.normal(size=200)
    for place in range(1, 200):
        level[place] = 0.7 * level[place - 1] + 0.7 * level[place]
    windows = history(problem, "1" * 200).assign(rmse=10 + level)

    (row,) = rate_losses(collected(problem, windows), problem).to_dict("records")

    assert (row["subject"], row["name"], row["n_windows"]) == ("losses", "rmse", 200)
    assert row["memory"] == pytest.approx(np.corrcoef(level[1:], level[:-1])[0, 1], abs=0.05)
    assert pd.isna(row["limit"])
