from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import ERROR_RATES, WINDOW_HISTORY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.monitoring.error_rates import (
    CalibrationWindows,
    collect_windows,
    limits_of,
    rate_gate,
    rate_interval,
    rate_losses,
    rate_rules,
    serve_out_of_fold,
)
from regression_lifecycle.core.prediction.interval import PredictionInterval
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from tests.core.decisions.test_policy import window

POLICY = PolicyParameters(
    rules={
        "level": {"kind": "bias", "maximum": 0.1, "false_alarms_per_year": 0.5},
        "error": {"kind": "performance", "maximum": 0.8},
    }
)
DAY = WindowParameters.model_validate({"kind": "length", "length": "1 day", "minimum_rows": 10})


def history(problem, versions, **changes):
    """Windows of 24 hours, by the versions that served them."""
    random = np.random.default_rng(0)
    rows = [
        {
            **window(place, **changes),
            "problem": problem.name,
            "model_version": version,
            "revision": 0,
            "window_index": place,
            "sum_raw_prediction": 1000 * (1 + 0.05 * random.normal()),
            "rmse": 4 + 0.2 * random.normal(),
        }
        for place, version in enumerate(versions)
    ]
    return WINDOW_HISTORY.frame(rows)


def collected(problem, recorded, as_of=None, out_of_fold=None):
    folds = WINDOW_HISTORY.frame() if out_of_fold is None else out_of_fold
    return collect_windows(folds, recorded, "2", as_of, problem)


def test_training_rows_are_windows_by_what_the_models_of_the_folds_said_of_them(problem):
    moments = pd.date_range("2021-03-01", periods=5 * 24, freq="h")
    table = pd.DataFrame({"timestamp": moments, "cnt": 10.0})
    # The first day trains alone, the last has half of its rows.
    predicted = table.iloc[24:108].assign(prediction=12.0, baseline=15.0)
    predicted["fold"] = [1] * 36 + [2] * 48

    found, served = serve_out_of_fold(predicted, table, problem, DAY, AdjustmentParameters())

    assert list(found["window"]) == ["2021-03-02", "2021-03-03", "2021-03-04"]
    # The day in which a fold ends belongs to that fold.
    assert list(found["model_version"]) == ["fold=1", "fold=1", "fold=2"]
    assert found["bias"].tolist() == pytest.approx([0.2] * 3)
    assert found["sum_raw_prediction"].tolist() == pytest.approx([288.0] * 3)
    assert (found["rmse"] / found["baseline_rmse"]).tolist() == pytest.approx([0.4] * 3)
    assert found["coverage"].isna().all()
    assert served["prediction"].tolist() == [12.0] * 72
    nothing, unserved = serve_out_of_fold(
        pd.DataFrame(), table, problem, DAY, AdjustmentParameters()
    )
    assert list(nothing.columns) == list(WINDOW_HISTORY.columns)
    assert unserved.empty


def test_training_rows_get_the_interval_that_the_days_before_would_have_given_them(problem):
    random = np.random.default_rng(3)
    moments = pd.date_range("2021-03-01", periods=60 * 24, freq="h")
    said = np.where(np.arange(len(moments)) % 2, 400.0, 100.0) + random.uniform(size=len(moments))
    table = pd.DataFrame({"timestamp": moments, "cnt": said + 5 * random.normal(size=len(said))})
    predicted = table.assign(prediction=said, baseline=0.0, fold=1)
    interval = PredictionInterval(level=0.9, windows=8, minimum_rows=50)

    found, served = serve_out_of_fold(
        predicted, table, problem, DAY, AdjustmentParameters(interval=interval)
    )
    # What was served since is in no row that is looked at here.
    windows = collected(problem, history(problem, "2" * 5), out_of_fold=found)
    rates = rate_interval(served, windows, problem, interval).set_index("name")

    # Of the first days too few rows are known.
    assert found["coverage"].isna().tolist() == [True] * 3 + [False] * 57
    assert list(rates.index) == ["all rows", *(f"fifth {place}" for place in range(1, len(rates)))]
    assert (rates["stated"] == 0.9).all()
    assert rates.loc["all rows", "measured"] == pytest.approx(found["coverage"].mean(), abs=1e-9)
    assert rates["measured"].between(0.84, 0.97).all()
    earlier = collected(
        problem, WINDOW_HISTORY.frame(), pd.Timestamp("2021-03-11"), out_of_fold=found
    )
    told = rate_interval(served, earlier, problem, interval).set_index("name")
    assert told.loc["all rows", "measured"] == pytest.approx(found["coverage"].iloc[3:10].mean())
    assert (told["n_windows"] == 7).all()
    before = collected(problem, history(problem, "2"), pd.Timestamp("2000-01-01"))
    assert rate_interval(served, before, problem, interval).empty
    assert rate_rules(before, problem, POLICY).empty
    # What was served since by models of other folds says nothing of these rows.
    assert (rates["n_windows"] == 57).all()
    since = collected(problem, history(problem, "2" * 20), out_of_fold=found)
    assert rate_interval(served, since, problem, interval)["n_windows"].eq(57).all()
    assert rate_interval(served.iloc[:0], windows, problem, interval).empty


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


def test_only_what_was_over_at_the_moment_counts_and_each_window_once(problem):
    recorded = history(problem, "11122")
    corrected = recorded.iloc[[1]].assign(revision=1, sum_raw_prediction=2000.0)
    other = recorded.assign(problem="another")
    waiting = history(problem, "11122", status="pending labels").iloc[[4]]
    everything = pd.concat([recorded.iloc[:4], waiting, corrected, other], ignore_index=True)

    found = collected(problem, everything)
    earlier = collected(problem, everything, recorded["end"].iloc[1])

    assert [[row["window"] for row in part] for part in found.stretches] == [
        ["w0", "w1", "w2"],
        ["w3"],
    ]
    assert found.stretches[0][1]["sum_raw_prediction"] == 2000
    assert found.as_of == recorded["end"].iloc[3]
    assert found.windows_per_year == pytest.approx(52.18, abs=0.01)
    assert [len(part) for part in earlier.stretches] == [2]
    assert earlier.as_of == recorded["end"].iloc[1]


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
