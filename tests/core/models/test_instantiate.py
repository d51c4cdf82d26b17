from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.models.boosting import LIBRARIES
from regression_lifecycle.core.models.instantiate import build, load_class

TWO_STAGE = "regression_lifecycle.core.estimators.LinearThenBoostingRegressor"
RIDGE = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 2.5}}
SCALER = {"class": "sklearn.preprocessing.StandardScaler"}


def test_an_object_is_built_with_its_parameters():
    model = build(RIDGE)
    assert type(model).__name__ == "Ridge"
    assert model.alpha == 2.5


@pytest.mark.parametrize("value", [1, "text", None, 2.5, True, ["a", "b"], {"a": [1, 2]}])
def test_a_plain_value_stays_as_it_is(value):
    assert build(value) == value


def test_objects_nest_and_steps_become_tuples():
    model = build(
        {
            "class": "sklearn.pipeline.Pipeline",
            "params": {
                "steps": [
                    [
                        "columns",
                        {
                            "class": "sklearn.compose.ColumnTransformer",
                            "params": {
                                "transformers": [
                                    ["scaled", SCALER, [0, 1]],
                                    ["kept", "passthrough", [2]],
                                ]
                            },
                        },
                    ],
                    ["model", {"class": "sklearn.ensemble.BaggingRegressor",
                               "params": {"estimator": RIDGE, "n_estimators": 3}}],
                ]
            },
        }
    )  # fmt: skip
    assert isinstance(model, Pipeline)
    assert isinstance(model.named_steps["columns"], ColumnTransformer)
    assert model.named_steps["model"].estimator.alpha == 2.5
    rows = np.arange(30.0).reshape(10, 3)
    assert model.fit(rows, rows[:, 0]).predict(rows).shape == (10,)


def test_a_list_of_column_names_is_no_step():
    assert build(["temp", "hum"]) == ["temp", "hum"]


def test_two_builds_share_nothing():
    spec = {"class": "sklearn.ensemble.BaggingRegressor", "params": {"estimator": RIDGE}}
    assert build(spec).estimator is not build(spec).estimator


def test_the_estimators_of_the_project_may_be_named():
    terms = {"rhythm": {"waves": {"hour": 24}}}
    spec = {"class": TWO_STAGE, "params": {"terms": terms, "boosting": RIDGE, "time_column": "t"}}
    assert isinstance(build(spec), BaseEstimator)


@pytest.mark.parametrize(
    "path",
    [
        *("os.system", "subprocess.Popen", "builtins.eval", "builtins.object", "pickle.Unpickler"),
        *("sklearnx.Ridge", "sklearn", "Ridge", "", "regression_lifecycle.core.errors.ModelError"),
        *("regression_lifecycle.core.estimators_evil.X", "numpy.ndarray", None, 3, ["os.system"]),
    ],
)
def test_a_class_outside_the_allowed_packages_is_refused(path):
    with pytest.raises(ConfigurationError, match="is not in an allowed package"):
        build({"class": path}, "estimator")


# Each is a class, and an attribute of a module of scikit-learn that imports it for its own use.
@pytest.mark.parametrize(
    "path",
    [
        "sklearn.pipeline.Counter",
        "sklearn.pipeline.defaultdict",
    ],
)
def test_a_class_that_an_allowed_module_merely_imports_is_refused(path):
    with pytest.raises(ConfigurationError, match="unknown class"):
        build({"class": path})


def test_no_argument_can_smuggle_a_forbidden_class_in():
    spec = {**RIDGE, "params": {"alpha": {"class": "subprocess.Popen", "params": {"args": "id"}}}}
    with pytest.raises(ConfigurationError, match=r"estimator\.params\.alpha: 'subprocess\.Popen'"):
        build(spec, "estimator")


@pytest.mark.parametrize(
    "path", ["sklearn.datasets.load_iris", "sklearn.clone", "sklearn.base.clone"]
)
def test_a_function_is_no_class(path):
    with pytest.raises(ConfigurationError, match="unknown class"):
        build({"class": path})


@pytest.mark.parametrize("name", ["log1p", "expm1", "sqrt", "log", "exp", "square"])
def test_the_functions_of_a_target_transform_may_be_named(name):
    assert build({"function": f"numpy.{name}"}) is getattr(np, name)


@pytest.mark.parametrize("path", ["os.system", "numpy.load", "builtins.eval", None, ["numpy.log"]])
def test_any_other_function_is_refused(path):
    with pytest.raises(ConfigurationError, match=r"unknown function.*Allowed: numpy.exp"):
        build({"function": path})


def test_a_function_takes_nothing_beside_it():
    with pytest.raises(ConfigurationError):
        build({"function": "numpy.log", "params": {"x": 1}})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"class": "sklearn.linear_model.Rigde"}, r"unknown class 'Rigde'; did you mean 'Ridge'\?"),
        ({"class": "sklearn.linear_modle.Ridge"}, "cannot import 'sklearn.linear_modle'"),
        (
            {**RIDGE, "params": {"alhpa": 1}},
            r"estimator\.params: unknown parameter 'alhpa'; did you mean 'alpha'\?",
        ),
        ({**RIDGE, "parms": {}}, r"unknown key 'parms'; did you mean 'params'\?"),
        ({**RIDGE, "params": [1]}, "must be a mapping"),
        # Out of range or of the wrong type: asked for now, and not at the first fit.
        ({**RIDGE, "params": {"alpha": -1.0}}, "estimator: sklearn.linear_model.Ridge:.*'alpha'"),
        ({**RIDGE, "params": {"solver": "fast"}}, "estimator: .*'solver'"),
        ({"class": "sklearn.linear_model.SGDRegressor", "params": {"max_iter": 0}}, "'max_iter'"),
        ({"class": "sklearn.ensemble.VotingRegressor"}, "estimator: .*estimators"),
        ({"class": TWO_STAGE, "params": {"alpha": -1}}, "estimator: .*'alpha'"),
        (
            {"class": TWO_STAGE, "params": {"terms": {"rhythm": {"wave": {"hour": 24}}}}},
            r"estimator: .*terms\.rhythm: unknown option 'wave'",
        ),
        ({"class": "sklearn.tree._tree.Tree"}, "is a private part of its package"),
    ],
)
def test_a_wrong_name_or_value_is_answered_at_once_with_its_place(spec, message):
    with pytest.raises(ConfigurationError, match=message):
        build(spec, "estimator")


def test_a_mistake_deep_inside_is_reported_with_its_path():
    spec = {
        "class": "sklearn.pipeline.Pipeline",
        "params": {"steps": [["a", SCALER], ["b", {**RIDGE, "params": {"alpa": 1}}]]},
    }
    with pytest.raises(
        ConfigurationError, match=r"model\.params\.steps\[1\]\[1\]\.params: unknown"
    ):
        build(spec, "model")


def test_a_class_that_is_not_installed_is_answered_as_such():
    with pytest.raises(ConfigurationError, match="estimator: cannot import"):
        load_class("sklearn.no_such_module.Model", "estimator")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_is_not_installed_is_answered_with_its_extra(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=rf"'{library}'.*: uv sync --extra boosting"):
        load_class(f"{library}.Regressor", "estimator")
