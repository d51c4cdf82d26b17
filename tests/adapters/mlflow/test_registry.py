"""Logged models: complete, safe to load, and usable where this project is not installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io

import regression_lifecycle
from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.adapters.mlflow.model_files import model_digest
from regression_lifecycle.adapters.mlflow.registry import RegisteredVersion
from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.core.models.trained_model import TrainedModel
from tests.examples import (
    FOREIGN_NAME,
    MODELS,
    blend_of_every_library,
    feature_rows,
    fitted_model,
    needs_boosting,
    with_foreign_estimator,
)
from tests.tracking import tracking_store

SOURCE = Path(regression_lifecycle.__file__).parents[1]
NAME = "bikes"

# Runs where the package is not on the path, as in a server that only knows the model.
PREDICT_WITHOUT_THE_PACKAGE = """
import importlib.util, json, sys
from pathlib import Path

source, folder, rows = sys.argv[1:]
sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != Path(source)]
assert importlib.util.find_spec("regression_lifecycle") is None, sys.path

import mlflow
import pandas as pd

model = mlflow.pyfunc.load_model(folder)
shipped = Path(sys.modules["regression_lifecycle"].__file__).resolve()
assert Path(source) not in shipped.parents, shipped
frame = pd.DataFrame(json.loads(rows)).astype("float64")
print(json.dumps(model.predict(frame)["prediction"].tolist()))
"""


class Logged(NamedTuple):
    """A model, where MLflow put it, and the folder of its files."""

    model: TrainedModel
    location: dict[str, str]
    folder: Path


def predict_without_the_package(folder: Path, rows: pd.DataFrame, place: Path) -> list[float]:
    sent = json.dumps(
        {name: [None if pd.isna(v) else v for v in column] for name, column in rows.items()}
    )
    done = subprocess.run(
        [sys.executable, "-c", PREDICT_WITHOUT_THE_PACKAGE, str(SOURCE), str(folder), sent],
        capture_output=True,
        text=True,
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    predicted: list[float] = json.loads(done.stdout)
    return predicted


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tracking_store(tmp_path_factory, tmp_path_factory.mktemp("registry")) as identifier:
        yield identifier


@pytest.fixture(scope="module")
def logged(experiment: str) -> Logged:
    """A model of our own estimator: all that has to travel."""
    model = fitted_model(**MODELS["ridge and then boosted trees"])
    with mlflow.start_run(experiment_id=experiment):
        location = mlflow_registry.log_model(model, NAME)
    artifacts = mlflow.get_logged_model(location["model_id"]).artifact_location
    return Logged(model, location, Path(artifacts))


@pytest.fixture
def copied(logged: Logged, tmp_path: Path) -> Path:
    """The model's folder, free to be tampered with."""
    return Path(shutil.copytree(logged.folder, tmp_path / "model"))


def test_logging_says_where_the_model_is(logged: Logged) -> None:
    stored = mlflow.get_logged_model(logged.location["model_id"])

    assert logged.location.keys() == {"model_uri", "model_id", "run_id", "digest"}
    assert logged.location["digest"] == model_digest(logged.folder / "artifacts" / "model")
    assert logged.location["model_uri"] == f"models:/{stored.model_id}"
    assert logged.location["run_id"] == stored.source_run_id
    assert stored.name == NAME
    assert stored.tags["fingerprint"] == logged.model.metadata.fingerprint


def test_logging_leaves_the_import_path_alone(experiment: str) -> None:
    # MLflow puts the shipped part of the package in front of it; workers would import that.
    before = list(sys.path)
    with mlflow.start_run(experiment_id=experiment):
        mlflow_registry.log_model(fitted_model(), "path")

    assert sys.path == before


def test_every_column_of_the_signature_is_a_double_though_the_table_has_whole_numbers(
    logged: Logged,
) -> None:
    signature = mlflow.models.get_model_info(logged.location["model_uri"]).signature

    assert str(logged.model.example["hr"].dtype) == "int64"
    assert signature.inputs.input_names() == ["hr", "temp"]
    assert {str(kind) for kind in signature.inputs.input_types()} == {"DataType.double"}
    assert signature.outputs.input_names() == ["prediction"]
    assert {str(kind) for kind in signature.outputs.input_types()} == {"DataType.double"}


def test_requirements_are_the_installed_versions_and_nothing_else(logged: Logged) -> None:
    names = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")

    lines = (logged.folder / "requirements.txt").read_text().split()

    assert lines == [f"{name}=={version(name)}" for name in names]


def test_what_is_shipped_is_four_files_of_code_and_three_of_the_model(logged: Logged) -> None:
    code = logged.folder / "code"
    model = logged.folder / "artifacts" / "model"

    assert {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()} == {
        "regression_lifecycle/__init__.py",
        "regression_lifecycle/core/__init__.py",
        "regression_lifecycle/core/estimators.py",
        "regression_lifecycle/core/trusted_types.py",
    }
    assert {path.name for path in model.iterdir()} == {
        "estimator.skops",
        "metadata.json",
        "example.json",
    }
    assert not [path for path in logged.folder.rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_the_example_is_small_and_as_it_would_be_sent(logged: Logged) -> None:
    example = json.loads((logged.folder / "serving_input_example.json").read_text())

    assert example["dataframe_split"]["columns"] == ["hr", "temp"]
    assert len(example["dataframe_split"]["data"]) == 2


def test_it_predicts_in_a_process_that_does_not_have_this_package(
    logged: Logged, tmp_path: Path
) -> None:
    rows = feature_rows(20)
    assert rows["temp"].isna().sum() >= 2

    predicted = predict_without_the_package(logged.folder, rows, tmp_path)

    np.testing.assert_array_equal(predicted, logged.model.predict(rows))


@needs_boosting
def test_models_of_the_boosting_libraries_predict_without_this_package_and_say_what_they_need(
    experiment: str, tmp_path: Path
) -> None:
    model = fitted_model("of libraries", estimator=blend_of_every_library())
    with mlflow.start_run(experiment_id=experiment):
        location = mlflow_registry.log_model(model, "libraries")
    folder = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)
    rows = feature_rows(20)

    predicted = predict_without_the_package(folder, rows, tmp_path)

    np.testing.assert_array_equal(predicted, model.predict(rows))
    needed = (folder / "requirements.txt").read_text().split()
    assert f"lightgbm=={version('lightgbm')}" in needed
    assert f"catboost=={version('catboost')}" in needed
    assert len([line for line in needed if line.startswith("xgboost")]) == 1


def test_an_artifact_that_holds_a_foreign_type_is_not_loaded(copied: Path) -> None:
    skops.io.dump(
        with_foreign_estimator().estimator, copied / "artifacts" / "model" / "estimator.skops"
    )

    with pytest.raises(Exception, match=f"refusing to load untrusted types: .*{FOREIGN_NAME}"):
        mlflow.pyfunc.load_model(copied.as_posix())


def test_an_artifact_that_was_left_alone_is_loaded(copied: Path, logged: Logged) -> None:
    rows = feature_rows(12).astype("float64")

    predicted = mlflow.pyfunc.load_model(copied.as_posix()).predict(rows)

    np.testing.assert_array_equal(predicted["prediction"], logged.model.predict(rows))
    assert list(predicted.columns) == ["prediction"]


def test_a_row_without_one_of_its_features_is_refused(copied: Path) -> None:
    with pytest.raises(mlflow.exceptions.MlflowException, match=r"missing inputs.*temp"):
        mlflow.pyfunc.load_model(copied.as_posix()).predict(pd.DataFrame({"hr": [1.0]}))


def load_champion(name: str) -> TrainedModel | None:
    registered = mlflow_registry.registered_by_alias(name, "champion")
    return registered and mlflow_registry.load_version(name, "champion", registered)


def test_a_registered_version_is_loaded_by_its_alias(logged: Logged) -> None:
    tags = {"fingerprint": "by alias", "baseline": "last_value"}
    number = mlflow_registry.register_version("aliased", logged.location["model_uri"], "", tags)
    assert load_champion("aliased") is None

    mlflow_registry.set_alias("aliased", "champion", number)
    read = load_champion("aliased")

    assert read is not None
    assert read.metadata == logged.model.metadata
    assert read.location == {
        "version": number,
        "model_uri": f"models:/aliased/{number}",
        "alias": "champion",
        "baseline": "last_value",
    }
    # What it had to beat is what its windows are held against.
    assert read.baseline == "last_value"
    rows = feature_rows(12)
    np.testing.assert_array_equal(read.predict(rows), logged.model.predict(rows))


def test_long_reasons_are_cut_and_not_refused(logged: Logged) -> None:
    mlflow_registry.tag_logged_model(logged.location["model_id"], {"reasons": "because " * 2000})

    reasons = mlflow.get_logged_model(logged.location["model_id"]).tags["reasons"]

    assert reasons.startswith("because because")
    assert len(reasons) == 5000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "missing"),
        (lambda folder: (folder / "estimator.skops").write_bytes(b"PK\x03\x04"), "damaged"),
        (
            lambda folder: skops.io.dump(
                with_foreign_estimator().estimator, folder / "estimator.skops"
            ),
            f"not trusted: {FOREIGN_NAME}",
        ),
    ],
)
def test_a_champion_that_cannot_be_read_is_named_with_the_mend(
    experiment: str, damage: Any, message: str
) -> None:
    with mlflow.start_run(experiment_id=experiment):
        location = mlflow_registry.log_model(fitted_model(), "damaged")
    number = mlflow_registry.register_version(
        "damaged", location["model_uri"], "", {"fingerprint": location["model_id"]}
    )
    mlflow_registry.set_alias("damaged", "champion", number)
    artifacts = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)
    damage(artifacts / "artifacts" / "model")

    with pytest.raises(ModelError, match=f"version {number} of 'damaged'.*{message}") as caught:
        load_champion("damaged")

    assert artifacts.as_posix() in str(caught.value)
    assert "kedro run --pipelines=rollback --params=rollback.reason=" in str(caught.value)


def test_files_that_were_changed_are_not_loaded(experiment: str) -> None:
    with mlflow.start_run(experiment_id=experiment):
        location = mlflow_registry.log_model(fitted_model(), "changed")
    tags = {"fingerprint": "changed", "digest": location["digest"]}
    number = mlflow_registry.register_version("changed", location["model_uri"], "", tags)
    mlflow_registry.set_alias("changed", "champion", number)
    registered = mlflow_registry.registered_by_alias("changed", "champion")
    assert registered is not None
    assert registered.digest == location["digest"]
    assert mlflow_registry.load_version("changed", "champion", registered, needs_digest=True)
    folder = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)
    metadata = folder / "artifacts" / "model" / "metadata.json"
    # It would still be read: only the digest tells.
    metadata.write_text(metadata.read_text().replace('"problem": "tiny"', '"problem": "other"'))

    with pytest.raises(ModelError, match="its files are not those that were registered"):
        load_champion("changed")


def test_a_version_without_a_digest_is_read_by_who_does_not_insist(logged: Logged) -> None:
    tags = {"fingerprint": "of an older release"}
    number = mlflow_registry.register_version("older", logged.location["model_uri"], "", tags)
    older = RegisteredVersion(number, tags)

    assert mlflow_registry.load_version("older", "champion", older).location["version"] == number
    with pytest.raises(ModelError, match="no tag 'digest'"):
        mlflow_registry.load_version("older", "champion", older, needs_digest=True)


def test_a_registry_that_is_not_there_is_not_made(experiment: str, tmp_path: Path) -> None:
    before = mlflow.get_tracking_uri()
    made = before.removeprefix("sqlite:///")
    path = tmp_path / "mlflow.db"
    try:
        mlflow.set_tracking_uri(f"sqlite:///{path}")
        assert not mlflow_registry.has_registry()
        path.touch()
        assert not mlflow_registry.has_registry()
        assert path.stat().st_size == 0
        shutil.copyfile(made, path)
        assert mlflow_registry.has_registry()
        mlflow.set_tracking_uri("http://127.0.0.1:1")
        assert mlflow_registry.has_registry()
    finally:
        mlflow.set_tracking_uri(before)


def test_a_store_that_cannot_be_asked_is_not_a_store_without_a_champion(
    experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def unreachable(*_: Any) -> None:
        raise MlflowException("no connection")

    monkeypatch.setattr(mlflow.MlflowClient, "get_model_version_by_alias", unreachable)

    with pytest.raises(MlflowException, match="no connection"):
        mlflow_registry.version_by_alias(NAME, "champion")
