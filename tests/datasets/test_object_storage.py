"""Files on an object store: whole objects, seen by other processes, logged to MLflow all the same.

fsspec's memory file system stands in for the store: like one it has neither folders nor renames.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.datasets.atomic_file import AtomicFile, copy_dataset
from regression_lifecycle.datasets.atomic_files import (
    AtomicParquetDataset,
    AtomicPictureDataset,
    OptionalParquetDataset,
)
from regression_lifecycle.datasets.mlflow_files import MlflowJSONDataset, MlflowPictureDataset
from regression_lifecycle.datasets.mlflow_models import (
    MlflowRegistrationDataset,
    MlflowTrainedModelDataset,
)
from regression_lifecycle.datasets.problem_pages import HealthRecordsDataset
from regression_lifecycle.datasets.report_links import ReportLinksDataset
from tests.datasets.test_atomic_files import BROKEN, GOOD, MODULE, assert_same
from tests.examples import feature_rows, fitted_model

BUCKET = "memory:///bucket"


@pytest.fixture(autouse=True)
def bucket() -> Iterator[Any]:
    """The store, empty before and after."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


def catalog_of(kind: str) -> DataCatalog:
    args = {"save_args": {"index": False}} if kind == "AtomicCSVDataset" else {}
    entry = {"type": f"{MODULE}.{kind}", "filepath": f"{BUCKET}/sub/data", **args}
    return DataCatalog.from_config({"data": entry})


@pytest.mark.parametrize(("kind", "data"), BROKEN)
def test_a_save_that_fails_leaves_the_old_object_and_no_other(
    bucket: Any, kind: str, data: Any
) -> None:
    catalog = catalog_of(kind)
    catalog.save("data", GOOD[kind])
    before = bucket.cat_file("/bucket/sub/data")

    with pytest.raises(DatasetError):
        catalog.save("data", data)

    assert bucket.cat_file("/bucket/sub/data") == before
    assert bucket.find("/bucket") == ["/bucket/sub/data"]
    catalog.save("data", GOOD[kind])
    if kind != "AtomicCSVDataset":  # its text knows no types
        assert_same(catalog.load("data"), GOOD[kind])


@pytest.mark.parametrize(("kind", "data"), BROKEN)
def test_a_first_save_that_fails_leaves_no_object(bucket: Any, kind: str, data: Any) -> None:
    with pytest.raises(DatasetError):
        catalog_of(kind).save("data", data)

    assert bucket.find("/") == []


def test_a_picture_is_one_object(bucket: Any) -> None:
    dataset = AtomicPictureDataset(f"{BUCKET}/08_reporting/error.png")
    assert not dataset.exists()

    dataset.save(b"\x89PNG")

    assert dataset.load() == b"\x89PNG"
    assert dataset.exists()
    assert bucket.find("/") == ["/bucket/08_reporting/error.png"]
    assert "memory://" in str(dataset)


def test_a_model_is_one_object_and_comes_back(bucket: Any) -> None:
    dataset = MlflowTrainedModelDataset(f"{BUCKET}/06_models/candidate.zip", "tiny")
    model = fitted_model("print")
    assert not dataset.exists()

    dataset.save(model)

    assert bucket.find("/") == ["/bucket/06_models/candidate.zip"]
    loaded = dataset.load()
    assert loaded.metadata == model.metadata
    rows = feature_rows()
    pd.testing.assert_series_equal(loaded.predict(rows), model.predict(rows))
    assert json.loads(dataset.preview()) == json.loads(model.metadata.model_dump_json())


def test_a_registration_is_one_object(bucket: Any) -> None:
    dataset = MlflowRegistrationDataset(f"{BUCKET}/06_models/registration.json", "tiny")
    said = {"decision": "refuse", "model_uri": "", "model_id": "", "description": "", "tags": {}}

    dataset.save(said)

    assert dataset.load() == {**said, "version": ""}
    assert bucket.find("/") == ["/bucket/06_models/registration.json"]


def test_reports_are_found_with_their_windows(bucket: Any) -> None:
    for folder in ("drift_report", "windows/2011-02-05_v1", "windows/2011-02-12_v2"):
        bucket.pipe_file(f"/bucket/08_reporting/{folder}/report.html", b"")
    bucket.pipe_file("/bucket/08_reporting/windows/2011-02-19_v2/snapshot.json.gz", b"")

    links = ReportLinksDataset(f"{BUCKET}/08_reporting", "windows").load()

    assert links.to_dict("list") == {
        "name": ["drift_report", "2011-02-05_v1", "2011-02-12_v2"],
        "path": [
            "drift_report/report.html",
            "windows/2011-02-05_v1/report.html",
            "windows/2011-02-12_v2/report.html",
        ],
        "window": ["", "2011-02-05", "2011-02-12"],
        "candidate": ["", "", ""],
    }


def test_the_health_of_other_problems_is_found(bucket: Any) -> None:
    bucket.pipe_file("/bucket/data/bikes/08_reporting/health.json", b'{"verdict": "act"}')

    records = HealthRecordsDataset(f"{BUCKET}/data", "08_reporting/health.json").load()

    assert records == {"bikes/08_reporting": {"verdict": "act"}}


@pytest.mark.parametrize("place", ["disk", "bucket"])
def test_mlflow_gets_a_copy_of_what_is_saved_in_a_run(
    experiment: str, tmp_path: Path, place: str
) -> None:
    root = tmp_path.as_posix() if place == "disk" else BUCKET
    decision = MlflowJSONDataset(f"{root}/gate_decision.json")
    picture = MlflowPictureDataset(f"{root}/error.png")

    decision.save({"decision": "outside of a run"})
    with mlflow.start_run(experiment_id=experiment) as run:
        decision.save({"decision": "promote"})
        picture.save(b"\x89PNG")
        # As kedro-mlflow does for a pipeline without tracking.
        silent = MlflowJSONDataset(f"{root}/silent.json")
        silent._logging_activated = False
        silent.save({"decision": "refuse"})

    assert decision.load() == {"decision": "promote"}
    assert picture.load() == b"\x89PNG"
    kept = Path(run.info.artifact_uri)
    assert json.loads((kept / "gate_decision.json").read_text()) == {"decision": "promote"}
    assert (kept / "error.png").read_bytes() == b"\x89PNG"
    assert sorted(path.name for path in kept.iterdir()) == ["error.png", "gate_decision.json"]


def test_what_the_bucket_lacks_is_named_with_its_address() -> None:
    file = AtomicFile(f"{BUCKET}/absent.json")

    assert str(file) == "memory:///bucket/absent.json"
    assert not file.exists()
    with pytest.raises(FileNotFoundError):
        file.read()


@pytest.mark.parametrize("folder", [BUCKET, "file"], ids=["object store", "disk"])
def test_a_copy_is_the_table_of_then(tmp_path: Path, folder: str) -> None:
    place = tmp_path.as_posix() if folder == "file" else folder
    table = AtomicParquetDataset(filepath=f"{place}/table.parquet")
    copy = OptionalParquetDataset(filepath=f"{place}/copy.parquet")
    then = pd.DataFrame({"a": [1, 2]})

    for rows in (then.assign(a=0), then):
        table.save(rows)
        copy_dataset(table, copy)
    table.save(then.assign(a=9))

    assert_same(copy.load(), then)
    assert {path.name for path in tmp_path.iterdir()} <= {"table.parquet", "copy.parquet"}
