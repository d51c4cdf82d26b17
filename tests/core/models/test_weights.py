"""Weights reach what is fitted: 0 leaves a row out, 2 stands for a row that is there twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.estimators import EarlyStoppingRegressor
from regression_lifecycle.core.models.instantiate import build
from regression_lifecycle.core.models.training import (
    Compute,
    ModelSpec,
    TrainingParameters,
    cross_validate,
    fit,
    make_pipeline,
    search_parameters,
)
from regression_lifecycle.core.models.weights import weight_argument
from tests.examples import EVERY_LIBRARY, LIBRARY_REGRESSORS, behind_an_encoder

LINEAR = {"class": "sklearn.linear_model.LinearRegression"}
RIDGE = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 5.0}}
TREES = {"class": "sklearn.ensemble.HistGradientBoostingRegressor", "params": {"max_iter": 9}}
OWN = {"class": "regression_lifecycle.core.estimators.AdaptiveRegressor"}
NEAREST = {"class": "sklearn.neighbors.KNeighborsRegressor"}
LOGARITHM = {"target_transform": {"function": "numpy.log1p", "inverse": "numpy.expm1"}}


def model(estimator, more=None):
    return make_pipeline(ModelSpec.model_validate({"estimator": estimator, **(more or {})}))


def blend(*members):
    named = [[f"m{place}", member] for place, member in enumerate(members)]
    return {"class": "sklearn.ensemble.VotingRegressor", "params": {"estimators": named}}


def stack(final, *members):
    made = blend(*members)
    return {
        "class": "sklearn.ensemble.StackingRegressor",
        "params": {**made["params"], "final_estimator": final},
    }


@pytest.fixture(scope="module")
def rows():
    """Rows of which every third counts nothing and every fifth three times."""
    random = np.random.default_rng(2)
    table = pd.DataFrame({"x": random.normal(size=240), "z": random.normal(size=240)})
    target = (table["x"] ** 2 + table["z"] + random.normal(size=240) + 5).clip(lower=0.1)
    number = np.arange(240)
    weight = np.where(number % 3 == 0, 0.0, np.where(number % 5 == 0, 3.0, 1.0))
    moments = pd.Series(pd.date_range("2024-01-01", periods=240).as_unit("us"))
    return table, target.rename("y"), pd.Series(weight), moments


@pytest.mark.parametrize(
    ("estimator", "more", "name"),
    [
        (RIDGE, None, "estimator__sample_weight"),
        (RIDGE, LOGARITHM, "estimator__sample_weight"),
        (behind_an_encoder(TREES), None, "estimator__boosting__sample_weight"),
        (behind_an_encoder(TREES), LOGARITHM, "estimator__boosting__sample_weight"),
        (blend(RIDGE, TREES), None, "estimator__sample_weight"),
        (stack(RIDGE, RIDGE, TREES), None, "estimator__sample_weight"),
        (behind_an_encoder(blend(RIDGE, OWN)), None, "estimator__boosting__sample_weight"),
    ],
)
def test_weights_change_what_predicts_wherever_it_stands(rows, estimator, more, name):
    features, target, weight, _ = rows
    unfitted = model(estimator, more)
    counted = weight > 0

    assert weight_argument(unfitted) == name
    plain = fit(unfitted, features, target, Compute())
    weighted = fit(unfitted, features[counted], target[counted], Compute(), weight[counted])
    assert np.abs(plain.predict(features) - weighted.predict(features)).max() > 1e-3


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (NEAREST, "KNeighborsRegressor takes no weights"),
        (behind_an_encoder(NEAREST), "KNeighborsRegressor takes no weights"),
        (blend(RIDGE, NEAREST), "KNeighborsRegressor takes no weights"),
        (stack(NEAREST, RIDGE), "KNeighborsRegressor takes no weights"),
        (blend(RIDGE, behind_an_encoder(TREES)), "VotingRegressor cannot hand problem.weight_col"),
    ],
)
def test_what_takes_no_weights_is_named(estimator, words):
    with pytest.raises(ConfigurationError, match=words):
        weight_argument(model(estimator))


@pytest.mark.parametrize("estimator", [LINEAR, RIDGE])
def test_a_whole_weight_is_the_row_so_often(rows, estimator):
    features, target, weight, _ = rows
    counted = weight > 0
    repeated = np.repeat(np.arange(240), weight.astype(int))

    weighted = fit(model(estimator), features[counted], target[counted], Compute(), weight[counted])
    expected = fit(model(estimator), features.iloc[repeated], target.iloc[repeated], Compute())

    np.testing.assert_allclose(weighted.predict(features), expected.predict(features), rtol=1e-9)


@pytest.mark.parametrize("estimator", [RIDGE, TREES, OWN])
def test_a_fold_neither_learns_from_rows_of_weight_0_nor_is_judged_on_them(rows, estimator):
    features, target, weight, moments = rows
    settings = TrainingParameters.model_validate(
        {"model": {"estimator": estimator}, "cross_validation": {"n_splits": 3}}
    )
    unfitted = make_pipeline(settings.model)
    mask = (weight > 0).astype("float64")
    spoilt = target.where(mask > 0, 1e6)

    scores, predictions = cross_validate(unfitted, features, target, moments, settings, None, mask)
    same, _ = cross_validate(unfitted, features, spoilt, moments, settings, None, mask)

    pd.testing.assert_frame_equal(scores, same)
    # Two of three rows count; all rows of the test folds are predicted.
    assert scores["n"].tolist() == [40, 40, 40]
    assert predictions["prediction"].notna().sum() == 180


def test_the_search_weighs_fits_and_scores(rows):
    features, target, weight, moments = rows
    settings = TrainingParameters.model_validate(
        {
            "model": {"estimator": RIDGE},
            "cross_validation": {"n_splits": 3},
            "search": {"parameters": {"estimator__alpha": [0.1, 100.0]}},
        }
    )
    unfitted = make_pipeline(settings.model)

    best, table = search_parameters(unfitted, features, target, moments, settings, None, weight)

    for alpha, rmse in zip(table["estimator__alpha"], table["rmse"], strict=True):
        tried = unfitted.set_params(estimator__alpha=float(alpha))
        scores, _ = cross_validate(tried, features, target, moments, settings, None, weight)
        assert rmse == pytest.approx(scores["rmse"].mean())
    assert best["estimator__alpha"] == float(table["estimator__alpha"].iloc[0])


def test_a_first_fold_without_a_row_that_counts_is_refused(rows):
    features, target, weight, moments = rows
    settings = TrainingParameters.model_validate({"model": {"estimator": RIDGE}})
    nothing = weight.where(weight.index > 100, 0.0)

    with pytest.raises(DataContractError, match="none lies before the first of 5 test folds"):
        cross_validate(
            make_pipeline(settings.model), features, target, moments, settings, None, nothing
        )


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_early_stopping_weighs_both_fits_and_the_error_that_stops(name, rows):
    features, target, _, _ = rows
    columns = features.to_numpy()

    def fitted(weight, y=target):
        return EarlyStoppingRegressor(build(many(name)), patience=5).fit(columns, y, weight)

    even = fitted(np.full(240, 1.0))
    assert even.n_trees_ == fitted(None).n_trees_
    np.testing.assert_allclose(even.predict(columns), fitted(None).predict(columns), rtol=1e-6)
    # Among the latest rows, on which it is found when to stop, one counts for all others.
    latest = np.where(np.arange(240) < 204, 1.0, 1e-9)
    latest[220] = 1.0
    quiet = target.where((np.arange(240) < 204) | (np.arange(240) == 220), 0.0)
    trial = fitted(latest)
    assert trial.n_trees_ == fitted(latest, quiet).n_trees_
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        fitted(np.full(240, -1.0))


def many(name):
    spec = LIBRARY_REGRESSORS[name]
    return {**spec, "params": {**spec["params"], "n_estimators": 60}}
