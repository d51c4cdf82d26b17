"""Model files: what is written predicts the same when it is read, and nothing foreign is read."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd
import pytest
import skops.io

from regression_lifecycle.adapters.mlflow import model_files
from regression_lifecycle.adapters.mlflow.model_files import (
    MODEL_FILES,
    model_digest,
    read_archive,
    read_metadata,
    read_model,
    write_model,
)
from regression_lifecycle.core.errors import ModelError
from tests.examples import (
    EVERY_LIBRARY,
    FOREIGN_NAME,
    LIBRARY_REGRESSORS,
    MODELS,
    behind_an_encoder,
    feature_rows,
    fitted_model,
    needs_boosting,
    raw_rows,
    with_foreign_estimator,
    write_archive,
)

MEMBERS = {
    *("estimator.skops", "metadata.json", "example.json", "history.parquet"),
    "location.json",
}


def rewrite(archive: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the members of an archive as somebody else could."""
    with zipfile.ZipFile(archive) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    change(members)
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)


class BlockedImport:
    """Finds no package of one name."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named '{self.package}'", name=self.package)


class Forgetful(dict[str, Any]):
    """Keeps nothing."""

    def __setitem__(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every estimator from its file, as a process does that did not write it."""
    monkeypatch.setattr(model_files, "_KNOWN", Forgetful())


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "06_models" / "candidate.zip"
    write_archive(fitted_model(), path, {"model_uri": "models:/m-1"})
    return path


def test_a_process_that_holds_an_estimator_does_not_read_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "_KNOWN", WeakValueDictionary())
    model = fitted_model()
    write_archive(model, tmp_path / "model.zip", {"version": "7"})

    read = read_archive(tmp_path / "model.zip")

    assert read.estimator is model.estimator
    assert read.location == {"version": "7"}
    rewrite(tmp_path / "model.zip", lambda members: members.update({"estimator.skops": b"other"}))
    with pytest.raises(ModelError, match="damaged"):
        read_archive(tmp_path / "model.zip")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_read_predicts_the_same_with_missing_values_too(
    tmp_path: Path, name: str
) -> None:
    model = fitted_model(**MODELS[name])
    rows = feature_rows(40)
    assert rows["temp"].isna().any()

    write_archive(model, tmp_path / "model.zip", {})
    read = read_archive(tmp_path / "model.zip")

    np.testing.assert_array_equal(read.predict(rows), model.predict(rows))
    assert model.predict(rows).nunique() > 3


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_a_model_of_a_boosting_library_is_read_as_it_was_written_and_is_no_pickle(
    tmp_path: Path, name: str
) -> None:
    model = fitted_model(estimator=behind_an_encoder(LIBRARY_REGRESSORS[name]))
    rows = feature_rows(40)
    write_archive(model, tmp_path / "model.zip", {})
    read = read_archive(tmp_path / "model.zip")
    again = tmp_path / "again.zip"
    write_archive(read, again, {})

    np.testing.assert_array_equal(read.predict(rows), model.predict(rows))
    np.testing.assert_array_equal(read_archive(again).predict(rows), model.predict(rows))
    with zipfile.ZipFile(again) as outer:
        members = zipfile.ZipFile(io.BytesIO(outer.read("estimator.skops")))
    own = {
        "LightGBM": b"tree\\\\nversion=",
        "XGBoost": b"{L\0\0\0\0\0\0\0\x07learner",
        "CatBoost": b"CBM1",
    }[name]
    found = [members.read(member) for member in members.namelist()]
    assert any(
        own in content if name == "LightGBM" else content.startswith(own) for content in found
    )
    # Pickles of every protocol since 2 begin with this byte.
    assert not [content for content in found if content.startswith(b"\x80")]


@needs_boosting
def test_xgboost_keeps_its_number_of_threads(tmp_path: Path) -> None:
    spec = {"class": "xgboost.XGBRegressor", "params": {"n_estimators": 2, "n_jobs": 3}}
    write_archive(fitted_model(estimator=spec), tmp_path / "model.zip", {})

    booster = read_archive(tmp_path / "model.zip").estimator["estimator"].get_booster()

    config = json.loads(booster.save_config())
    assert config["learner"]["generic_param"]["nthread"] == "3"


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_a_library_that_is_missing_where_a_model_is_read_is_named_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_archive(fitted_model(estimator=LIBRARY_REGRESSORS[name]), tmp_path / "model.zip", {})
    package = LIBRARY_REGRESSORS[name]["class"].partition(".")[0]
    for module in [each for each in sys.modules if each.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [BlockedImport(package), *sys.meta_path])

    with pytest.raises(ModelError, match=f"needs '{package}', .*: uv sync --extra boosting"):
        read_archive(tmp_path / "model.zip")


def test_passport_example_and_location_come_back(archive: Path) -> None:
    saved, read = fitted_model(), read_archive(archive)

    assert read.metadata == saved.metadata
    pd.testing.assert_frame_equal(read.example, saved.example)
    pd.testing.assert_frame_equal(read.history, saved.history)
    assert read.location == {"model_uri": "models:/m-1"}
    assert json.loads(read_metadata(archive))["fingerprint"] == saved.metadata.fingerprint


def test_an_example_keeps_its_missing_values_and_its_kinds_of_numbers(tmp_path: Path) -> None:
    # 0.7 comes back as 0.7000000000000001 where a number is read in a hurry.
    example = pd.DataFrame({"hr": [1, 2], "temp": [np.nan, 0.7]}, index=[7, 3])
    model = dataclasses.replace(fitted_model(), example=example)
    write_archive(model, tmp_path / "model.zip", {})

    pd.testing.assert_frame_equal(read_archive(tmp_path / "model.zip").example, example)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_in_an_archive_is_a_pickle(tmp_path: Path, name: str) -> None:
    write_archive(fitted_model(**MODELS[name]), tmp_path / "model.zip", {})
    with zipfile.ZipFile(tmp_path / "model.zip") as outer:
        assert set(outer.namelist()) == MEMBERS
        inner = zipfile.ZipFile(io.BytesIO(outer.read("estimator.skops")))

    for member in inner.namelist():
        content = inner.read(member)
        if member.endswith(".npy"):
            np.load(io.BytesIO(content), allow_pickle=False)
        else:
            json.loads(content)


def test_a_model_with_a_foreign_type_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    write_archive(fitted_model(), path, {})
    before = path.read_bytes()

    with pytest.raises(ModelError, match=FOREIGN_NAME):
        write_archive(with_foreign_estimator(), path, {})

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.zip"]


def test_an_archive_with_a_foreign_type_is_not_read(archive: Path) -> None:
    foreign = skops.io.dumps(with_foreign_estimator().estimator)
    rewrite(archive, lambda members: members.update({"estimator.skops": foreign}))

    with pytest.raises(ModelError, match=f"not trusted: {FOREIGN_NAME}") as caught:
        read_archive(archive)

    assert str(archive) in str(caught.value)


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("shutil", "rmtree")],
)
def test_a_type_that_was_renamed_to_something_dangerous_is_not_read(
    archive: Path, tmp_path: Path, module: str, name: str
) -> None:
    def tamper(members: dict[str, bytes]) -> None:
        text = io.BytesIO(members["estimator.skops"])
        with zipfile.ZipFile(text) as opened:
            inner = {member: opened.read(member) for member in opened.namelist()}
        schema = json.loads(inner["schema.json"])
        schema["__module__"], schema["__class__"] = module, name
        inner["schema.json"] = json.dumps(schema).encode()
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, "w") as written:
            for member, content in inner.items():
                written.writestr(member, content)
        members["estimator.skops"] = changed.getvalue()

    rewrite(archive, tamper)

    with pytest.raises(ModelError, match=rf"not trusted: {module}\.{name}"):
        read_archive(archive)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("location.json"), "is not a model archive: .*location.json.* Train again"),
        (lambda m: m.pop("estimator.skops"), "is not a model archive: .*estimator.skops"),
        (lambda m: m.update({"location.json": b"{"}), "is not a model archive"),
        (
            lambda m: m.update({"estimator.skops": m["estimator.skops"][:900]}),
            "a damaged model .*zip",
        ),
        (lambda m: m.update({"metadata.json": b'{"problem": "x"}'}), "a damaged model .*metadata"),
        (lambda m: m.update({"example.json": b"[1, 2"}), "a damaged model"),
    ],
)
def test_a_damaged_archive_is_named_with_the_mend(
    archive: Path, change: Callable[[dict[str, bytes]], None], message: str
) -> None:
    rewrite(archive, change)

    with pytest.raises(ModelError, match=f"(?is){message}") as caught:
        read_archive(archive)

    assert str(archive) in str(caught.value)
    assert "rain again" in str(caught.value)


def test_an_archive_that_was_cut_short_is_refused(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:700])

    with pytest.raises(ModelError, match="is not a model archive"):
        read_archive(archive)


def test_a_save_that_fails_leaves_the_old_archive(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = archive.read_bytes()

    def full_disk(self: zipfile.ZipFile, *_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(zipfile.ZipFile, "write", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_archive(fitted_model("another"), archive, {})

    assert archive.read_bytes() == before
    assert [file.name for file in archive.parent.iterdir()] == ["candidate.zip"]


def test_a_folder_without_its_files_says_which_are_missing(tmp_path: Path) -> None:
    write_model(fitted_model(), tmp_path)
    (tmp_path / "metadata.json").unlink()

    with pytest.raises(ModelError, match=r"metadata\.json missing"):
        read_model(tmp_path, {})


def test_a_model_of_an_older_release_has_no_history_and_is_read(archive: Path) -> None:
    def make_older(members: dict[str, bytes]) -> None:
        del members["history.parquet"]
        metadata = json.loads(members["metadata.json"])
        del metadata["contract"]
        members["metadata.json"] = json.dumps(metadata).encode()

    rewrite(archive, make_older)
    model = read_archive(archive)

    assert model.history.empty
    np.testing.assert_array_equal(
        model.predict(feature_rows()), fitted_model().predict(feature_rows())
    )
    with pytest.raises(ModelError, match="older release takes features and no raw rows; train"):
        model.make_features(raw_rows())


def test_the_digest_sees_a_history_that_is_taken_away_or_changed(tmp_path: Path) -> None:
    write_model(fitted_model(), tmp_path)
    before, history = model_digest(tmp_path), tmp_path / "history.parquet"

    history.write_bytes(history.read_bytes() + b" ")
    changed = model_digest(tmp_path)
    history.unlink()

    assert len({before, changed, model_digest(tmp_path)}) == 3


@pytest.mark.parametrize("name", MODEL_FILES)
def test_the_digest_sees_a_change_of_any_file(tmp_path: Path, name: str) -> None:
    write_model(fitted_model(), tmp_path)
    before = model_digest(tmp_path)
    path = tmp_path / name
    content = path.read_bytes()

    path.write_bytes(content + b" ")
    changed = model_digest(tmp_path)
    path.write_bytes(content)

    assert changed != before == model_digest(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=f"{name} missing"):
        model_digest(tmp_path)


def test_the_digest_sees_bytes_that_move_from_one_file_to_the_next(tmp_path: Path) -> None:
    for name, content in zip(MODEL_FILES, (b"ab", b"c", b""), strict=True):
        (tmp_path / name).write_bytes(content)
    before = model_digest(tmp_path)
    for name, content in zip(MODEL_FILES, (b"a", b"bc", b""), strict=True):
        (tmp_path / name).write_bytes(content)

    assert model_digest(tmp_path) != before
