"""Logged models: complete, safe to load, and usable where this project is not installed."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
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
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ADJUSTMENTS
from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.prediction.batch_scoring import ScoringParameters, ScoringRows, score
from regression_lifecycle.pipelines.training import nodes
from tests.conftest import ROOT
from tests.examples import (
    FOREIGN_NAME,
    MODELS,
    blend_of_every_library,
    feature_rows,
    fitted_model,
    needs_boosting,
    raw_rows,
    with_foreign_estimator,
)
from tests.shipped import parameters
from tests.tracking import log_model

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
print(json.dumps(model.predict(pd.DataFrame(json.loads(rows)))["prediction"].tolist()))
"""


class Logged(NamedTuple):
    """A model, where MLflow put it, and the folder of its files."""

    model: TrainedModel
    location: dict[str, str]
    folder: Path


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON holds them."""
    values = rows.astype("object")
    return values.where(values.notna(), None).to_dict("records")


def predict_without_the_package(folder: Path, rows: pd.DataFrame, place: Path) -> list[float]:
    sent = json.dumps(as_records(rows))
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
def logged(experiment: str) -> Logged:
    """A model of our own estimator: all that has to travel."""
    model = fitted_model(**MODELS["ridge and then boosted trees"])
    location = log_model(model, NAME, experiment)
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
    log_model(fitted_model(), "path", experiment)

    assert sys.path == before


def test_the_signature_lists_the_raw_columns_and_the_parameter_with_the_past(
    logged: Logged,
) -> None:
    signature = mlflow.models.get_model_info(logged.location["model_uri"]).signature

    assert signature.inputs.optional_input_names() == ["timestamp", "day"]
    assert signature.inputs.required_input_names() == ["temp", "hr"]
    assert [(each.name, each.default) for each in signature.params.params] == [("history", "")]
    assert signature.outputs.input_names() == ["prediction"]
    assert {str(kind) for kind in signature.outputs.input_types()} == {"DataType.double"}


def test_requirements_are_the_installed_versions_and_nothing_else(logged: Logged) -> None:
    names = (
        *("mlflow", "narwhals", "numpy", "pandas", "pyarrow", "pydantic"),
        *("scikit-learn", "scipy", "skops"),
    )

    lines = (logged.folder / "requirements.txt").read_text().split()

    assert lines == [f"{name}=={version(name)}" for name in names]


def test_what_is_shipped_is_a_small_part_of_the_code_and_no_pickle(logged: Logged) -> None:
    code = logged.folder / "code" / "regression_lifecycle"
    model = logged.folder / "artifacts" / "model"
    files = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}

    assert {"core/estimators.py", "core/trusted_types.py", "core/features/raw_rows.py"} <= files
    assert len(files) < 45
    assert {path.name for path in (code / "adapters").rglob("*.py")} == {
        "__init__.py",
        "model_files.py",
        "staged_files.py",
    }
    assert {path.name for path in model.iterdir()} == {
        *("estimator.skops", "metadata.json", "example.json", "history.parquet")
    }
    assert not [path for path in logged.folder.rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_the_example_is_a_row_with_its_time_that_may_be_sent(logged: Logged, copied: Path) -> None:
    sent = json.loads((logged.folder / "serving_input_example.json").read_text())

    assert sent["dataframe_split"]["columns"] == ["timestamp", "temp", "hr"]
    assert len(sent["dataframe_split"]["data"]) == 1
    model = mlflow.pyfunc.load_model(copied.as_posix())
    expected = logged.model.predict(feature_rows().tail(1)).tolist()
    assert model.predict(model.input_example)["prediction"].tolist() == expected


BIKE_FEATURES = (
    {"kind": "columns", "names": ["hr", "workingday", "weathersit", "temp", "hum"]},
    {"kind": "day", "name": "temp_day", "column": "temp"},
    {"kind": "lag", "name": "hum_before", "column": "hum", "ages": ["1 hour"]},
    {"kind": "lag", "name": "cnt_before", "column": "cnt", "ages": ["7 days"]},
    {"kind": "calendar", "parts": ["weekday"]},
)


def fit_bikes(problem: Problem, known: pd.DataFrame) -> TrainedModel:
    """A model of our own estimator as the training pipeline makes it: all that has to travel."""
    estimator = MODELS["ridge and then boosted trees"]["estimator"]
    preprocessing = PreprocessingParameters.model_validate(
        {"features": BIKE_FEATURES, "split": {"kind": "share", "holdout_share": 0.2}}
    )
    training = TrainingParameters.model_validate({"model": {"estimator": estimator}})
    table = build_features(known, problem, preprocessing.recipe)
    model = nodes.train(table, {}, problem, preprocessing, training)
    return nodes.attach_history(model, known, None, problem)


def test_raw_rows_of_bikes_are_predicted_without_this_package_as_scoring_predicts_them(
    experiment: str, tmp_path: Path
) -> None:
    content = parameters()["problem"]
    content["columns"]["weathersit"]["missing"] = True
    problem = Problem.model_validate(content)
    raw = pd.read_csv(ROOT / "data/01_raw/hour.csv", nrows=1040)
    past, coming = raw.iloc[:1000], raw.iloc[1000:]
    known = enforce_contract(past, problem, IngestionParameters()).observations
    model = fit_bikes(problem, known)
    coming = coming.drop(columns=["cnt", "casual", "registered", "instant"]).astype("object")
    coming.loc[1003, "weathersit"] = None
    location = log_model(model, "bikes with lags", experiment)
    folder = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)

    mixed = coming.sample(frac=1, random_state=0)
    predicted = predict_without_the_package(folder, mixed, tmp_path)

    rows = ScoringRows(coming, known, model, problem, ScoringParameters())
    pieces = score(rows, ADJUSTMENTS.frame())
    expected = pd.concat([piece.rows["raw_prediction"] for piece in pieces])
    # By time, as scoring sorts them.
    found = pd.Series(predicted, index=mixed.index).sort_index()
    assert len(expected) == 40
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    # The lags and the day of the first rows reach back before them.
    later = json.dumps(as_records(past.tail(200).assign(cnt=0)))
    loaded = mlflow.pyfunc.load_model(folder.as_posix())
    other = loaded.predict(coming, params={"history": later})["prediction"]
    assert (other - found).abs().max() > 1
    with pytest.raises(ValueError, match=r"recent observations: .*no time: give 'timestamp', or"):
        loaded.predict(coming, params={"history": '[{"cnt": 1}]'})
    for text, message in (("[", "not JSON"), ("{}", "no list of records")):
        with pytest.raises(ValueError, match=f"'history' is {message}"):
            loaded.predict(coming, params={"history": text})


@needs_boosting
def test_models_of_the_boosting_libraries_predict_without_this_package_and_say_what_they_need(
    experiment: str, tmp_path: Path
) -> None:
    model = fitted_model("of libraries", estimator=blend_of_every_library())
    location = log_model(model, "libraries", experiment)
    folder = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)
    rows = raw_rows(20)

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

    with pytest.raises(Exception, match=f"types that are not trusted: .*{FOREIGN_NAME}"):
        mlflow.pyfunc.load_model(copied.as_posix())


def test_rows_keep_their_index_and_whatever_dtype_a_reader_gave_them(
    copied: Path, logged: Logged
) -> None:
    model, rows = mlflow.pyfunc.load_model(copied.as_posix()), raw_rows(12).iloc[::-1]
    expected = logged.model.predict(rows)

    for sent in (rows, rows.astype("object"), rows.astype("str"), rows.assign(note="x")):
        predicted = model.predict(sent)
        assert list(predicted.columns) == ["prediction"]
        pd.testing.assert_series_equal(predicted["prediction"], expected, check_names=False)


def test_no_rows_have_no_predictions(copied: Path) -> None:
    predicted = mlflow.pyfunc.load_model(copied.as_posix()).predict(raw_rows(3).head(0))

    assert predicted.dtypes.to_dict() == {"prediction": "float64"}
    assert predicted.empty


def test_rows_that_cannot_be_predicted_are_named(copied: Path) -> None:
    model, rows = mlflow.pyfunc.load_model(copied.as_posix()), raw_rows(3)

    with pytest.raises(mlflow.exceptions.MlflowException, match=r"missing inputs.*temp"):
        model.predict(rows.drop(columns="temp"))
    with pytest.raises(ValueError, match=r"temp is not a number .*first in row 1: 'warm'"):
        model.predict(rows.assign(temp="warm"))
    with pytest.raises(ValueError, match="rows say no time: give 'timestamp', or day"):
        model.predict(rows.drop(columns="day"))


def test_the_server_of_mlflow_takes_a_missing_value_and_says_what_it_cannot_read(
    copied: Path, logged: Logged
) -> None:
    from fastapi.testclient import TestClient
    from mlflow.pyfunc.scoring_server import init

    client = TestClient(init(mlflow.pyfunc.load_model(copied.as_posix())))
    rows = as_records(raw_rows(10))
    assert rows[0]["temp"] is None

    answer = client.post("/invocations", json={"dataframe_records": rows})
    refused = client.post("/invocations", json={"dataframe_records": [{**rows[0], "hr": "x"}]})

    predicted = [row["prediction"] for row in answer.json()["predictions"]]
    np.testing.assert_array_equal(predicted, logged.model.predict(raw_rows(10)))
    assert refused.status_code == 400
    assert "hr is not a number (1 row, first in row 1: 'x')" in refused.json()["message"]


def test_a_model_of_an_older_release_is_not_logged_anew(experiment: str) -> None:
    model = fitted_model()
    older = dataclasses.replace(
        model, metadata=model.metadata.model_copy(update={"contract": None})
    )

    with pytest.raises(ModelError, match="an older release trained the model; train it again"):
        log_model(older, "older", experiment)


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
    location = log_model(fitted_model(), "damaged", experiment)
    number = mlflow_registry.register_version(
        "damaged", location["model_uri"], "", {"fingerprint": location["model_id"]}
    )
    mlflow_registry.set_alias("damaged", "champion", number)
    artifacts = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)
    damage(artifacts / "artifacts" / "model")

    with pytest.raises(ModelError, match=f"version {number} of 'damaged'.*{message}") as caught:
        load_champion("damaged")

    assert artifacts.as_posix() in str(caught.value)
    assert "kedro rollback --reason" in str(caught.value)


def test_files_that_were_changed_are_not_loaded(experiment: str) -> None:
    location = log_model(fitted_model(), "changed", experiment)
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


KILLED_WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("pragma cache_size = 5")
connection.execute("begin")
connection.execute("delete from registered_model_aliases")
connection.execute("create table half_written (x)")
for _ in range(500):
    connection.execute("insert into half_written values (randomblob(500))")
os._exit(9)
"""


def test_a_transaction_of_a_killed_process_is_taken_back_by_who_looks(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table registered_model_aliases (name, alias, version)")
        connection.execute("insert into registered_model_aliases values ('bikes', 'champion', 3)")
    killed = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path)])
    assert killed.returncode == 9
    assert path.with_name("mlflow.db-journal").stat().st_size > 0

    assert mlflow_registry.version_in_file(f"sqlite:///{path}", "bikes", "champion") == "3"


def test_a_store_that_cannot_be_asked_is_not_a_store_without_a_champion(
    experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def unreachable(*_: Any) -> None:
        raise MlflowException("no connection")

    monkeypatch.setattr(mlflow.MlflowClient, "get_model_version_by_alias", unreachable)

    with pytest.raises(MlflowException, match="no connection"):
        mlflow_registry.version_by_alias(NAME, "champion")
