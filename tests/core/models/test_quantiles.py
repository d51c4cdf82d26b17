"""A quantile is declared once, and the estimator must agree."""

from __future__ import annotations

import pytest

from regression_lifecycle.core.models.quantiles import check_quantile
from regression_lifecycle.core.models.training import ModelSpec

TREES = "sklearn.ensemble.HistGradientBoostingRegressor"
CLASSIC = "sklearn.ensemble.GradientBoostingRegressor"
LINEAR = "sklearn.linear_model.QuantileRegressor"


def model(path, **params):
    return {"class": path, "params": params}


def inside(spec):
    encoder = {"class": "regression_lifecycle.core.estimators.CategoryEncoder"}
    steps = [["encoder", encoder], ["last", spec]]
    return model("sklearn.pipeline.Pipeline", steps=steps)


def check(estimator, quantile, **more):
    return check_quantile(ModelSpec.model_validate({"estimator": estimator, **more}), quantile)


LOG = {"target_transform": {"function": "numpy.log1p", "inverse": "numpy.expm1"}}
ASKED = [
    model(TREES, loss="quantile", quantile=0.9),
    model(CLASSIC, loss="quantile", alpha=0.9),
    model(LINEAR, quantile=0.9),
    inside(model(TREES, loss="quantile", quantile=0.9)),
]


@pytest.mark.parametrize("estimator", ASKED)
@pytest.mark.parametrize("more", [{}, LOG])
def test_a_quantile_that_is_not_declared_is_told(estimator, more):
    assert "problem.quantile: 0.9" in check(estimator, None, **more)
    assert check(estimator, 0.9, **more) == ""
    assert "0.8" in check(estimator, 0.8, **more)


def test_an_estimator_of_the_mean_predicts_no_quantile():
    assert "no quantile" in check(model(TREES), 0.9)
    assert check(model(TREES), None) == ""


def test_a_median_may_stand_for_the_middle():
    assert check(model(LINEAR), None) == ""
    assert check(model(TREES, loss="absolute_error"), 0.5) == ""


@pytest.mark.parametrize(
    ("library", "path", "params"),
    [
        ("lightgbm", "lightgbm.LGBMRegressor", {"objective": "quantile", "alpha": 0.9}),
        (
            "xgboost",
            "xgboost.XGBRegressor",
            {"objective": "reg:quantileerror", "quantile_alpha": 0.9},
        ),
        ("catboost", "catboost.CatBoostRegressor", {"loss_function": "Quantile:alpha=0.9"}),
    ],
)
def test_libraries_of_boosting_have_words_of_their_own(library, path, params):
    pytest.importorskip(library)
    assert check(model(path, **params), 0.9) == ""
    assert "problem.quantile: 0.9" in check(model(path, **params), None)
