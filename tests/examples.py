"""Small problems, models and tables with missing values, for tests that need no whole run."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline

from regression_lifecycle.adapters.mlflow.model_files import pack_archive, write_model
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.raw_rows import (
    make_contract,
    read_rows,
    recent_observations,
)
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.boosting import EXTRA, LIBRARIES
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel
from regression_lifecycle.core.models.training import ModelSpec, make_pipeline

BOOSTED = {
    "class": "sklearn.ensemble.HistGradientBoostingRegressor",
    "params": {"max_iter": 5, "min_samples_leaf": 5, "random_state": 0},
}
NO_MISSING_VALUES = {
    "transformers": [
        {
            "name": "weather",
            "columns": ["temp"],
            "steps": [{"class": "sklearn.impute.SimpleImputer", "params": {"strategy": "median"}}],
        }
    ]
}
MODELS: dict[str, dict[str, Any]] = {
    "boosted trees": {},
    "random forest": {
        "estimator": {
            "class": "sklearn.ensemble.RandomForestRegressor",
            "params": {"n_estimators": 3, "random_state": 0},
        }
    },
    "ridge behind an imputer": {
        "estimator": {"class": "sklearn.linear_model.Ridge"},
        **NO_MISSING_VALUES,
    },
    "logarithm of the target": {
        "target_transform": {"function": "numpy.log1p", "inverse": "numpy.expm1"}
    },
    "ridge and then boosted trees": {
        "estimator": {
            "class": "regression_lifecycle.core.estimators.LinearThenBoostingRegressor",
            "params": {
                "terms": {"all": {"degree": 2}, "likeness": {"kernel": 5}},
                "time_column": "hr",
                "log_shift": 1.0,
                "boosting": {**BOOSTED, "params": {**BOOSTED["params"], "loss": "poisson"}},
            },
        },
    },
    "boosted trees behind an encoder": {
        "estimator": {
            "class": "sklearn.pipeline.Pipeline",
            "params": {
                "steps": [
                    ["text", {"class": "regression_lifecycle.core.estimators.CategoryEncoder"}],
                    ["boosting", BOOSTED],
                ]
            },
        },
    },
}
# Few trees of each library; leaves of the few rows of a test.
LIBRARY_REGRESSORS: dict[str, dict[str, Any]] = {
    "LightGBM": {
        "class": "lightgbm.LGBMRegressor",
        "params": {"n_estimators": 5, "min_child_samples": 5},
    },
    "XGBoost": {"class": "xgboost.XGBRegressor", "params": {"n_estimators": 5}},
    "CatBoost": {"class": "catboost.CatBoostRegressor", "params": {"n_estimators": 5}},
}
needs_boosting = pytest.mark.skipif(
    any(find_spec(name) is None for name in LIBRARIES),
    reason=f"the extra '{EXTRA}' is not installed: uv sync --extra {EXTRA}",
)
EVERY_LIBRARY = [pytest.param(name, marks=needs_boosting) for name in LIBRARY_REGRESSORS]


def behind_an_encoder(regressor: dict[str, Any]) -> dict[str, Any]:
    """Any regressor on tables with text."""
    encoder = {"class": "regression_lifecycle.core.estimators.CategoryEncoder"}
    steps = [["encoder", encoder], ["boosting", regressor]]
    return {"class": "sklearn.pipeline.Pipeline", "params": {"steps": steps}}


def blend_of_every_library() -> dict[str, Any]:
    """A vote of one model of each library."""
    members = [[name, behind_an_encoder(spec)] for name, spec in LIBRARY_REGRESSORS.items()]
    return {"class": "sklearn.ensemble.VotingRegressor", "params": {"estimators": members}}


def tiny_problem(**columns: dict[str, Any]) -> Problem:
    """Hourly counts that one temperature explains, with more keys or more columns."""
    shipped = {
        "day": {"type": "datetime", "known_in_advance": True},
        "temp": {"type": "float", "known_in_advance": True},
        "cnt": {"type": "float"},
    }
    return Problem.model_validate(
        {
            "name": "tiny",
            "target": "cnt",
            "timestamp": {"date": "day"},
            "frequency": "1 hour",
            "horizon": "1 hour",
            "columns": {
                name: {**shipped.get(name, {}), **columns.get(name, {})}
                for name in {**shipped, **columns}
            },
        }
    )


def tiny_model(
    estimator: Any, version: str, trained_until: pd.Timestamp | str, **metadata: Any
) -> TrainedModel:
    """A model of the tiny problem that looks at ``temp`` alone."""
    content: dict[str, Any] = {
        "problem": "tiny",
        "fingerprint": "f",
        "data_fingerprint": "d",
        "target": "cnt",
        "recipe": FeatureRecipe(features=({"kind": "columns", "names": ["temp"]},)),
        "trained_from": "2021-01-01",
        "trained_until": trained_until,
        "n_rows": 10,
        "target_mean": 100.0,
        "target_median": 100.0,
    }
    known = ModelMetadata(**{**content, **metadata})
    example = pd.DataFrame({"temp": np.linspace(-1, 1, 20)})
    return TrainedModel(estimator, known, example, {"version": version})


def feature_rows(n_rows: int = 80) -> pd.DataFrame:
    """Hours as whole numbers, and temperatures of which every ninth is missing."""
    hour = np.arange(n_rows, dtype="int64") % 24
    temp = np.sin(np.arange(n_rows) / 5.0)
    temp[::9] = np.nan
    return pd.DataFrame({"hr": hour, "temp": temp})


def raw_rows(n_rows: int = 80) -> pd.DataFrame:
    """The same with the time of each row, as a caller sends them."""
    moments = pd.date_range("2021-03-01", periods=n_rows, freq="h").astype("str")
    return feature_rows(n_rows).assign(day=moments)


def with_missing_values(table: pd.DataFrame, *columns: str, every: int = 9) -> pd.DataFrame:
    """A copy of the table that lacks these columns in every so many rows, not in the first."""
    rows = np.arange(len(table)) % every == every // 2
    return table.assign(**{name: table[name].mask(rows) for name in columns})


def fitted_model(
    fingerprint: str = "0123456789abcdef",
    estimator: dict[str, Any] | None = None,
    **model: Any,
) -> TrainedModel:
    """A model as the training pipeline makes it, fitted on a few rows."""
    rows = feature_rows()
    spec = ModelSpec.model_validate({"estimator": estimator or BOOSTED, **model})
    target = 10.0 + rows["hr"] * 3.0 + rows["temp"].fillna(0.0)
    recipe = FeatureRecipe(features=({"kind": "columns", "names": ["hr", "temp"]},))
    problem = tiny_problem(hr={"type": "integer", "known_in_advance": True})
    history = read_rows(raw_rows(), recipe, problem)
    metadata = ModelMetadata(
        problem="tiny",
        contract=make_contract(recipe, problem),
        fingerprint=fingerprint,
        data_fingerprint="f" * 16,
        target="cnt",
        recipe=recipe,
        trained_from="2021-03-01",
        trained_until="2021-03-04 07:00",
        n_rows=len(rows),
        target_mean=float(target.mean()),
        target_median=float(target.median()),
        parameters={"estimator__max_iter": "5"},
    )
    estimator = make_pipeline(spec).fit(rows, target)
    return TrainedModel(
        estimator, metadata, rows.tail(5), history=recent_observations(history, recipe, problem)
    )


def write_archive(model: TrainedModel, path: Path, location: dict[str, str]) -> None:
    """Write a model into one file, as its catalog entry does."""
    with TemporaryDirectory() as folder:
        write_model(model, Path(folder))
        pack_archive(Path(folder), path, location)


class Foreign(RegressorMixin, BaseEstimator):
    """An estimator that nobody reviewed."""

    def fit(self, X: Any, y: Any) -> Foreign:  # noqa: N803
        self.fitted_ = True
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.zeros(len(X))


FOREIGN_NAME = f"{Foreign.__module__}.Foreign"


def with_foreign_estimator() -> TrainedModel:
    model = fitted_model()
    estimator = Pipeline([("estimator", Foreign().fit(feature_rows(), None))])
    return dataclasses.replace(model, estimator=estimator)
