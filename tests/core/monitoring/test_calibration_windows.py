from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import WINDOW_HISTORY
from regression_lifecycle.core.monitoring.calibration_windows import (
    collect_windows,
    serve_out_of_fold,
)
from regression_lifecycle.core.monitoring.error_rates import rate_interval, rate_losses
from regression_lifecycle.core.prediction.interval import PredictionInterval
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from tests.core.decisions.test_policy import window

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
    assert rate_losses(before, problem).empty
    # What was served since by models of other folds says nothing of these rows.
    assert (rates["n_windows"] == 57).all()
    since = collected(problem, history(problem, "2" * 20), out_of_fold=found)
    assert rate_interval(served, since, problem, interval)["n_windows"].eq(57).all()
    assert rate_interval(served.iloc[:0], windows, problem, interval).empty


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
