"""Array functions say what the model says, to the last digit, or are not used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.estimators import LinearThenBoostingRegressor
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.row_history import RowHistory
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.training import ModelSpec, make_pipeline
from regression_lifecycle.serving import compiled_trees
from regression_lifecycle.serving.active_model import LoadedModel, RegisteredVersion
from regression_lifecycle.serving.compiled_model import compile_model
from tests.core.conftest import ROOT
from tests.examples import EVERY_LIBRARY, LIBRARY_REGRESSORS
from tests.serving.conftest import NUMBERS, make_observations, train


def step(kind: str, **params: Any) -> dict[str, Any]:
    return {"class": f"sklearn.{kind}", "params": params}


def group(name: str, columns: list[str], *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "columns": columns, "steps": list(steps)}


OWN = "regression_lifecycle.core.estimators"
RIDGE = step("linear_model.Ridge", alpha=0.1)
FILLED = ["temp", "cnt_before"]
IMPUTED = group("filled", FILLED, step("impute.SimpleImputer", strategy="median"))
MODELS: dict[str, dict[str, Any]] = {
    "boosted trees": {},
    "boosted trees of a logarithm": {
        "target_transform": {"function": "numpy.log1p", "inverse": "numpy.expm1"}
    },
    "ridge": {"estimator": RIDGE, "transformers": [IMPUTED]},
    "ridge on products": {
        "estimator": RIDGE,
        "transformers": [
            group(
                "products",
                [*FILLED, "hr"],
                step("impute.SimpleImputer"),
                step("preprocessing.StandardScaler"),
                step("preprocessing.PolynomialFeatures", degree=3, include_bias=True),
            ),
            group(
                "kinds",
                ["calendar_weekday", "holiday"],
                step("preprocessing.OneHotEncoder", handle_unknown="ignore", sparse_output=False),
                step("preprocessing.PolynomialFeatures", interaction_only=True, include_bias=False),
            ),
        ],
    },
    "ridge on likeness": {
        "estimator": RIDGE,
        "transformers": [
            group(
                "likeness",
                ["temp", "hour_sin", "hour_cos"],
                step("impute.SimpleImputer"),
                step("kernel_approximation.Nystroem", gamma=0.5, n_components=20, random_state=0),
            ),
            IMPUTED | {"columns": ["cnt_before"]},
        ],
    },
    "steps that are not known here": {
        "estimator": step("ensemble.RandomForestRegressor", n_estimators=3, random_state=0),
        "transformers": [
            group("ranks", ["hr"], step("preprocessing.SplineTransformer", n_knots=4)),
            IMPUTED,
        ],
    },
    "boosted trees behind an encoder": {
        "estimator": step(
            "pipeline.Pipeline",
            steps=[
                ["encoder", {"class": f"{OWN}.CategoryEncoder"}],
                ["boosting", step("ensemble.HistGradientBoostingRegressor", max_iter=5)],
            ],
        ),
    },
    "ridge and then boosted trees": {
        "estimator": {
            "class": f"{OWN}.LinearThenBoostingRegressor",
            "params": {
                "terms": {
                    "hour": {"waves": {"hr": 24}, "harmonics": 3, "categories": ["holiday"]},
                    "weather": {"numbers": FILLED, "degree": 2, "squares": True},
                    "likeness": {"waves": {"hr": 24}, "numbers": ["temp"], "kernel": 20},
                },
                "time_column": "day_index",
                "log_shift": 1.0,
            },
        },
    },
    "what adapts to the table": {"estimator": {"class": f"{OWN}.AdaptiveRegressor"}},
    "ridge and then a line, as a sum": {
        "estimator": {
            "class": f"{OWN}.LinearThenBoostingRegressor",
            "params": {"boosting": step("linear_model.LinearRegression")},
        },
        "transformers": [IMPUTED],
    },
}


def table_of(problem: Problem, n_rows: int) -> pd.DataFrame:
    recipe = FeatureRecipe.model_validate({"features": NUMBERS})
    observations = make_observations(problem, 24 * 40).sample(frac=1.0, random_state=1)
    table = build_features(observations, problem, recipe)
    return table[list(recipe.feature_names)].tail(n_rows)


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_arrays_give_the_numbers_of_boosting_libraries_too(problem: Problem, name: str) -> None:
    boosting = LIBRARY_REGRESSORS[name]
    stopping = {"class": f"{OWN}.EarlyStoppingRegressor", "params": {"boosting": boosting}}
    rows = table_of(problem, 30)
    for estimator in (boosting, stopping):
        model = train(problem, estimator=estimator)
        compiled = compile_model(model.estimator)
        np.testing.assert_array_equal(compiled(rows.to_numpy("float64")), model.predict(rows))


@pytest.mark.parametrize("name", MODELS)
def test_arrays_give_the_models_own_numbers(problem: Problem, name: str) -> None:
    model = train(problem, **MODELS[name])
    compiled = compile_model(model.estimator)

    for n_rows in (1, 2, 30, 700):
        rows = table_of(problem, n_rows)
        assert n_rows < 30 or rows.isna().any().any()
        np.testing.assert_array_equal(compiled(rows.to_numpy("float64")), model.predict(rows))


def test_every_member_of_the_bike_blend_is_called_as_functions_of_arrays() -> None:
    training, preprocessing = (
        yaml.safe_load((ROOT / f"conf/bike_hourly/parameters_{name}.yml").read_text())[name]
        for name in ("training", "preprocessing")
    )
    recipe = FeatureRecipe.model_validate({"features": preprocessing["features"]})
    names = recipe.feature_names
    random = np.random.default_rng(0)
    rows = pd.DataFrame({name: random.normal(size=300) for name in names})
    for name, high in (("hr", 24), ("weekday", 7), ("workingday", 2), ("holiday", 2)):
        rows[name] = random.integers(0, high, len(rows)).astype("float64")
    rows.loc[::9, ["weathersit", "temp_day", "hum_1h_before"]] = np.nan
    rows["day_index"] = np.arange(len(rows), dtype="float64")
    estimator = make_pipeline(ModelSpec.model_validate(training["model"]))
    slow = {key for key in estimator.get_params() if key.endswith("__max_iter")}
    target = random.poisson(5 + rows["hr"]).astype("float64")
    estimator.set_params(**dict.fromkeys(slow, 3)).fit(rows, target)
    new = rows.assign(day_index=rows["day_index"] + 300)
    expected = {part: estimator.predict(new.head(part)) for part in (1, 300)}

    with pytest.MonkeyPatch.context() as patch:
        # Whatever asks a member itself is found out.
        patch.setattr(LinearThenBoostingRegressor, "predict", None)
        patch.setattr(HistGradientBoostingRegressor, "predict", None)
        compiled = compile_model(estimator)
        for part, values in expected.items():
            found = compiled(new.head(part).to_numpy("float64"))
            np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("pairs", [0, 10**9])
def test_both_ways_to_walk_the_trees_give_the_same(
    problem: Problem, monkeypatch: pytest.MonkeyPatch, pairs: int
) -> None:
    monkeypatch.setattr(compiled_trees, "MAXIMUM_PAIRS", pairs)
    model, rows = train(problem), table_of(problem, 40)

    compiled = compile_model(model.estimator)

    np.testing.assert_array_equal(compiled(rows.to_numpy("float64")), model.predict(rows))


class Sorted(RegressorMixin, BaseEstimator):
    """An estimator that is right on tables alone."""

    def fit(self, X: Any, y: Any) -> Sorted:  # noqa: N803
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.full(len(X), 1.0 if isinstance(X, pd.DataFrame) else 2.0)


def serve(model: Any, problem: Problem) -> LoadedModel:
    return LoadedModel(
        model, RegisteredVersion("7", {}), problem, enforce_bounds=True, maximum_rows=10
    )


def test_what_would_predict_other_numbers_is_not_used(
    problem: Problem, caplog: pytest.LogCaptureFixture
) -> None:
    model = train(problem)
    model.estimator.steps[-1] = (
        "estimator",
        Sorted().fit(model.example[list(model.metadata.recipe.feature_names)], None),
    )

    served = serve(model, problem)

    assert not served.is_compiled
    assert "version 7 is called as it is" in caplog.text
    values = model.example[list(served.inputs.names)].head(3).to_numpy().tolist()
    assert served.predict(values).tolist() == [1.0, 1.0, 1.0]


def test_models_of_texts_are_called_as_they_are(problem: Problem) -> None:
    model = train(
        problem,
        {"kind": "columns", "names": ["hr", "sky"]},
        estimator=RIDGE,
        transformers=[
            group("sky", ["sky"], step("preprocessing.OneHotEncoder", sparse_output=False))
        ],
    )
    served = serve(model, problem)

    rows = [{"hr": 7.0, "sky": "rain"}, {"hr": 8.0, "sky": "clear"}]
    values = served.inputs.make(rows, RowHistory(problem, ())).values

    expected = model.predict(pd.DataFrame({"hr": [7.0, 8.0], "sky": ["rain", "clear"]}))
    assert not served.is_compiled
    np.testing.assert_array_equal(served.predict(values), expected)
    assert served.try_out() is None
