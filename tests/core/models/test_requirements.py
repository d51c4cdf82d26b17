"""Rows that a model cannot be fitted on are refused in one sentence, before anything is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.core.models.requirements import (
    check_text,
    named_columns,
    refuse_unusable_rows,
)
from regression_lifecycle.core.models.training import (
    ModelSpec,
    TrainingParameters,
    cross_validate,
    make_pipeline,
)

TREES = "sklearn.ensemble.HistGradientBoostingRegressor"
FOREST = "sklearn.ensemble.RandomForestRegressor"
TWO_STAGE = "regression_lifecycle.core.estimators.LinearThenBoostingRegressor"
POISSON = {"class": TREES, "params": {"loss": "poisson"}}
FEATURES = pd.DataFrame({"x": np.arange(60.0)})
MOMENTS = pd.Series(pd.date_range("2024-01-01", periods=len(FEATURES), freq="D"))


def model(path, more=None, **params):
    estimator = {"class": path, "params": params}
    return make_pipeline(ModelSpec.model_validate({"estimator": estimator, **(more or {})}))


def transformed(name, inverse):
    return {"target_transform": {"function": f"numpy.{name}", "inverse": f"numpy.{inverse}"}}


def said(estimator, lowest):
    target = pd.Series(np.arange(60.0) + lowest)
    try:
        refuse_unusable_rows(estimator, FEATURES, target)
    except ModelError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("estimator", "bad", "good"),
    [
        (model(TREES, loss="poisson"), -1, 0),
        (model(TREES, loss="gamma"), 0, 1),
        (model(FOREST, criterion="poisson"), -1, 0),
        (model("sklearn.linear_model.PoissonRegressor"), -1, 0),
        (model("sklearn.linear_model.GammaRegressor"), 0, 1),
        (model("sklearn.linear_model.TweedieRegressor", power=1.5), -1, 0),
        (model("sklearn.linear_model.TweedieRegressor", power=2), 0, 1),
        (model(TREES, transformed("log", "exp")), 0, 1),
        (model(TREES, transformed("log1p", "expm1")), -1, 0),
        (model(TREES, transformed("sqrt", "square")), -1, 0),
        (model(TWO_STAGE, time_column="x", boosting=POISSON), -1, 0),
    ],
)
def test_a_target_that_a_loss_cannot_take_is_told(estimator, bad, good):
    assert f"1 of 60 are not (the lowest is {bad})" in said(estimator, bad)
    assert said(estimator, good) == ""


def test_a_loss_of_any_sign_takes_any_target():
    assert said(model(TREES), -100) == ""


def test_a_column_without_a_value_is_told():
    features = FEATURES.assign(lag=np.nan)

    for path in (TREES, "sklearn.linear_model.Ridge"):
        with pytest.raises(ModelError, match="lag has no value in any of the 60 rows"):
            refuse_unusable_rows(model(path), features, FEATURES["x"])


def test_a_column_without_a_value_is_left_to_models_that_can_take_it():
    features = FEATURES.assign(lag=np.nan)
    imputer = {"class": "sklearn.impute.SimpleImputer"}
    group = {"name": "all", "columns": ["x", "lag"], "steps": [imputer]}

    for taken in (model(FOREST), model("sklearn.linear_model.Ridge", {"transformers": [group]})):
        refuse_unusable_rows(taken, features, FEATURES["x"])
        taken.fit(features, FEATURES["x"])


def test_a_lag_that_the_first_fold_does_not_have_is_told_before_a_fit():
    lag = FEATURES["x"].where(FEATURES["x"] > 20)
    parameters = TrainingParameters.model_validate({"model": {"estimator": {"class": TREES}}})

    with pytest.raises(ModelError, match="lag has no value in any of the 10 rows"):
        cross_validate(model(TREES), FEATURES.assign(lag=lag), FEATURES["x"], MOMENTS, parameters)


def test_the_columns_that_an_estimator_names_are_known():
    terms = {"a": {"waves": {"hour": 24}, "numbers": ["hum"]}, "b": {"categories": ["day"]}}

    assert named_columns(model(TWO_STAGE, time_column="index", terms=terms)) == {
        *("index", "hour", "hum", "day")
    }
    assert named_columns(model(TREES)) == set()


ENCODER = {"class": "regression_lifecycle.core.estimators.CategoryEncoder"}


def steps(*specs):
    named = [[f"s{place}", spec] for place, spec in enumerate(specs)]
    return {"class": "sklearn.pipeline.Pipeline", "params": {"steps": named}}


def group(*specs, columns=("sky",)):
    return {"transformers": [{"name": "text", "columns": list(columns), "steps": list(specs)}]}


RIDGE = {"class": "sklearn.linear_model.Ridge"}
IMPUTER = {"class": "sklearn.impute.SimpleImputer"}
VOTE = "sklearn.ensemble.VotingRegressor"
ONE_HOT = {
    "class": "sklearn.preprocessing.OneHotEncoder",
    "params": {"sparse_output": False},
}


@pytest.mark.parametrize(
    ("estimator", "more", "named"),
    [
        (RIDGE, {}, "Ridge"),
        (RIDGE, transformed("log1p", "expm1"), "Ridge"),
        ({"class": TREES}, {}, "HistGradientBoostingRegressor"),
        (steps(IMPUTER, RIDGE), {}, "Ridge"),
        ({"class": VOTE, "params": {"estimators": [["a", RIDGE]]}}, {}, "Ridge"),
        (RIDGE, group(ONE_HOT, columns=("wind",)), "Ridge"),
    ],
)
def test_a_forgotten_encoder_is_told_with_estimator_and_columns(estimator, more, named):
    unfitted = make_pipeline(ModelSpec.model_validate({"estimator": estimator, **more}))

    told = check_text(unfitted, ["sky"])

    assert told.startswith(f"{named} takes numbers only, and text stands in sky; put CategoryEnc")
    assert check_text(unfitted, []) == ""
    table = FEATURES.assign(sky="clear", wind="north")
    with pytest.raises(ModelError, match=f"cannot be fitted: {named} takes numbers only"):
        refuse_unusable_rows(unfitted, table, table["x"])


@pytest.mark.parametrize(
    ("estimator", "more"),
    [
        (steps(ENCODER, RIDGE), {}),
        (RIDGE, group(ONE_HOT)),
        ({"class": TWO_STAGE}, {}),
        ({"class": "regression_lifecycle.core.estimators.AdaptiveRegressor"}, {}),
        ({"class": TREES, "params": {"categorical_features": ["sky"]}}, {}),
        ({"class": "sklearn.dummy.DummyRegressor"}, {}),
        (
            {"class": VOTE, "params": {"estimators": [["a", steps(ENCODER, RIDGE)]]}},
            {},
        ),
    ],
)
def test_text_that_becomes_numbers_in_time_is_nothing_to_tell(estimator, more):
    unfitted = make_pipeline(ModelSpec.model_validate({"estimator": estimator, **more}))

    assert check_text(unfitted, ["sky"]) == ""
    rows = FEATURES.assign(sky=np.where(FEATURES["x"] % 2, "clear", "rain"))
    unfitted.fit(rows, rows["x"]).predict(rows)
