from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.pipelines.training.nodes import (
    attach_history,
    cross_validate,
    search_parameters,
    train,
)

PROBLEM = Problem.model_validate(
    {
        "name": "tiny",
        "target": "y",
        "timestamp": {"date": "day"},
        "frequency": "1 hour",
        "horizon": "1 hour",
        "columns": {
            "day": {"type": "datetime"},
            "x": {"type": "float", "known_in_advance": True},
            "y": {"type": "float", "missing": True},
        },
    }
)
PREPROCESSING = PreprocessingParameters.model_validate(
    {
        "features": [{"kind": "columns", "names": ["x"]}],
        "split": {"kind": "share", "holdout_share": 0.2},
    }
)
TRAINING = TrainingParameters.model_validate(
    {
        "model": {"estimator": {"class": "sklearn.linear_model.Ridge"}},
        "cross_validation": {"n_splits": 3},
        "search": {"parameters": {"estimator__alpha": [0.1, 10.0]}},
    }
)


@pytest.fixture
def training_set():
    x = np.random.default_rng(0).normal(size=100)
    moments = pd.date_range("2021-03-01", periods=100, freq="h")
    return pd.DataFrame({"timestamp": moments, "x": x, "y": 3 * x + 1})


@pytest.fixture
def unlabelled(training_set):
    """Every seventh label is not there yet, and none of the last ten hours'."""
    known = (training_set.index % 7 != 0) & (training_set.index < 90)
    return training_set.assign(y=training_set["y"].where(known))


def test_rows_without_a_label_teach_nothing(unlabelled):
    labelled = unlabelled.dropna(subset=["y"]).reset_index(drop=True)
    before = unlabelled.copy(deep=True)
    results = []
    for table in (unlabelled, labelled):
        best, trials = search_parameters(table, PROBLEM, PREPROCESSING, TRAINING)
        scores, means, predicted = cross_validate(table, best, PROBLEM, PREPROCESSING, TRAINING)
        model = train(table, best, PROBLEM, PREPROCESSING, TRAINING)
        results.append((best, means, model.metadata))
        assert np.isfinite(trials["rmse"]).all()
        assert scores["n"].sum() == len(predicted)
        assert predicted["y"].notna().all()
        expected = labelled[labelled["timestamp"].isin(predicted["timestamp"])]
        assert_frame_equal(predicted[["timestamp", "x", "y"]], expected.reset_index(drop=True))
    assert results[0] == results[1]
    assert_frame_equal(unlabelled, before)


def test_the_passport_counts_labelled_rows_and_ends_with_the_last_of_them(unlabelled):
    metadata = train(unlabelled, {}, PROBLEM, PREPROCESSING, TRAINING).metadata
    assert metadata.n_rows == int(unlabelled["y"].notna().sum())
    assert metadata.trained_until == pd.Timestamp("2021-03-04 17:00")
    assert metadata.target_mean == pytest.approx(unlabelled["y"].mean())


def test_a_training_set_without_any_label_is_refused(training_set):
    nothing = training_set.assign(y=np.nan)
    with pytest.raises(DataContractError, match="no row of the training set has a value of 'y'"):
        train(nothing, {}, PROBLEM, PREPROCESSING, TRAINING)


def test_a_feature_that_alone_tells_the_target_is_warned_of(training_set, caplog):
    copied = training_set.assign(y=lambda t: t["x"] + 0.001 * np.sin(np.arange(len(t))))
    noisy = training_set.assign(
        y=lambda t: 3 * t["x"] + np.random.default_rng(1).normal(0, 0.7, len(t))
    )

    cross_validate(copied, {}, PROBLEM, PREPROCESSING, TRAINING)
    warned = [record.getMessage() for record in caplog.records]
    caplog.clear()
    cross_validate(noisy, {}, PROBLEM, PREPROCESSING, TRAINING)

    assert len(warned) == 1
    assert warned[0].startswith("Feature x is suspected to give the target away")
    assert caplog.records == []


def weighted_problem():
    content = PROBLEM.model_dump()
    content["columns"]["w"] = {"type": "float"}
    return Problem.model_validate({**content, "weight_column": "w"})


def test_rows_of_weight_0_teach_nothing_and_others_count_by_weight(training_set):
    problem, number = weighted_problem(), training_set.index
    curved = training_set.assign(y=lambda t: t["x"] ** 2 + 1, w=(number % 3).astype("float64"))
    spoilt = curved.assign(y=curved["y"].where(curved["w"] > 0, 1e6))
    counted = curved[curved["w"] > 0]

    made = [train(rows, {}, problem, PREPROCESSING, TRAINING) for rows in (curved, spoilt)]
    plain = train(counted, {}, PROBLEM, PREPROCESSING, TRAINING)

    assert made[0].metadata == made[1].metadata
    assert made[0].metadata.n_rows == len(counted)
    mean = np.average(counted["y"], weights=counted["w"])
    assert made[0].metadata.target_mean == pytest.approx(mean)
    assert made[0].metadata.data_fingerprint != plain.metadata.data_fingerprint
    assert not np.allclose(made[0].predict(curved), plain.predict(curved))
    same = train(counted.assign(w=1.0), {}, problem, PREPROCESSING, TRAINING)
    np.testing.assert_allclose(same.predict(curved), plain.predict(curved))

    scores, _, predicted = cross_validate(curved, {}, problem, PREPROCESSING, TRAINING)
    expected, _, _ = cross_validate(spoilt, {}, problem, PREPROCESSING, TRAINING)
    assert_frame_equal(scores, expected)
    assert len(predicted) == 75


def test_a_training_set_in_which_no_row_counts_is_refused(training_set):
    with pytest.raises(DataContractError, match="every row of the training set has the weight 0"):
        train(training_set.assign(w=0.0), {}, weighted_problem(), PREPROCESSING, TRAINING)


def test_the_candidate_carries_the_past_that_is_known_and_no_label_that_comes_later(training_set):
    problem = PROBLEM.model_copy(update={"label_delay": pd.Timedelta("3 hours")})
    lag = {"kind": "lag", "name": "y_before", "column": "y", "ages": ["4 hours"]}
    features = {"features": [*PREPROCESSING.model_dump()["features"], lag]}
    preprocessing = PreprocessingParameters.model_validate(
        {**features, "split": {"kind": "share", "holdout_share": 0.2}}
    )
    observations = training_set.assign(day=training_set["timestamp"])
    table = training_set.assign(y_before=training_set["y"].shift(4)).iloc[4:50]
    fitted = train(table, {}, problem, preprocessing, TRAINING)

    history = attach_history(fitted, observations, "2021-03-03 12:00", problem).history

    assert list(history) == ["timestamp", "day", "x", "y"]
    hours = pd.date_range("2021-03-03 07:00", "2021-03-03 11:00", freq="h")
    assert history["timestamp"].tolist() == hours.tolist()
    assert history["y"].notna().tolist() == [True, True, False, False, False]
    assert fitted.metadata.contract.columns.keys() == {"day", "x", "y"}
