"""A configuration is data: it names no code but parts of models, and no file that is loaded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.models.instantiate import build
from regression_lifecycle.core.models.training import ModelSpec, TrainingParameters

RIDGE = {"class": "sklearn.linear_model.Ridge"}
SCALED = [["scale", {"class": "sklearn.preprocessing.StandardScaler"}], ["ridge", RIDGE]]


class Planted:
    """What a pickle in a cache may do."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("owned"),)


def pipeline(**params: Any) -> dict[str, Any]:
    return {"class": "sklearn.pipeline.Pipeline", "params": {"steps": SCALED, **params}}


def test_a_cache_with_a_planted_pickle_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.pipeline import Pipeline

    monkeypatch.chdir(tmp_path)
    rows = np.arange(8.0).reshape(4, 2)
    # Proof that the danger is real: the same thing built by hand runs what lies in its cache.
    steps = [(name, build(part)) for name, part in SCALED]
    Pipeline(steps, memory="cache").fit(rows, rows[:, 0])
    (output,) = Path("cache").rglob("output.pkl")
    joblib.dump(Planted(), output)
    with suppress(TypeError):  # it loads no transformer, but it is loaded
        Pipeline(steps, memory="cache").fit(rows, rows[:, 0])
    assert Path("owned").exists()

    with pytest.raises(ConfigurationError, match=r"params\.memory: a cache must not be configured"):
        build(pipeline(memory="cache"))
    assert build(pipeline(memory=None)).memory is None


def test_a_search_cannot_smuggle_a_cache_in() -> None:
    content = {
        "model": {"estimator": {"class": "sklearn.pipeline.Pipeline", "params": {"steps": SCALED}}},
        "search": {"parameters": {"estimator__memory": ["cache"], "estimator__ridge__alpha": [1]}},
    }

    with pytest.raises(ValueError, match=r"estimator__memory: a cache must not be configured"):
        TrainingParameters.model_validate(content)


@pytest.mark.parametrize(
    ("library", "params"),
    [
        ("lightgbm.LGBMRegressor", {"forcedsplits_filename": "splits"}),
        ("lightgbm.LGBMRegressor", {"input_model": "model"}),
        ("lightgbm.LGBMRegressor", {"objective": "/tmp/x"}),
        ("catboost.CatBoostRegressor", {"train_dir": "elsewhere"}),
        ("catboost.CatBoostRegressor", {"save_snapshot": True}),
        ("catboost.CatBoostRegressor", {"allow_writing_files": True}),
        ("xgboost.XGBRegressor", {"tree_method": "x.json"}),
    ],
)
def test_boosted_trees_are_given_no_file(library: str, params: dict[str, Any]) -> None:
    pytest.importorskip(library.partition(".")[0])

    with pytest.raises(ConfigurationError, match="reads or writes files must not be configured"):
        build({"class": library, "params": params})


def test_rows_are_not_taken_for_names_of_files() -> None:
    vectorizer = {
        "class": "sklearn.feature_extraction.text.CountVectorizer",
        "params": {"input": "filename"},
    }

    with pytest.raises(ConfigurationError, match=r"params\.input: .* reads or writes files"):
        build(vectorizer)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sklearn.utils.Bunch", "is no part of a model"),
        ("sklearn.externals._arff.ArffDecoder", "is a private part of its package"),
        ("sklearn.conftest.raccoon_face", "is a private part of its package"),
        ("sklearn.tests.test_base.MyEstimator", "is a private part of its package"),
        ("sklearn.model_selection.KFold", "is not a regressor"),
        ("sklearn.preprocessing.StandardScaler", "is not a regressor"),
        ("sklearn.gaussian_process.kernels.RBF", "is not a regressor"),
        ("joblib.Memory", "is not in an allowed package"),
        ("os.system", "is not in an allowed package"),
    ],
)
def test_a_class_that_is_no_regressor_is_refused_in_words(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSpec.model_validate({"estimator": {"class": path}})


def test_names_of_columns_and_categories_may_look_like_paths() -> None:
    encoder = {
        "class": "sklearn.preprocessing.OneHotEncoder",
        "params": {"categories": [["km/h", "~", "file.csv"]]},
    }

    assert build(encoder).categories == [["km/h", "~", "file.csv"]]
