"""Versions fitted again from their snapshots, as a user asks for it later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError

from regression_lifecycle.core.reproduction.snapshots import SnapshotReader
from regression_lifecycle.datasets.snapshots import SnapshotDataset
from regression_lifecycle.runtime.tick import PROMOTED
from tests.conftest import copy_project, open_catalog, run_project
from tests.end_to_end.test_full_cycle import CHALLENGING, file_digests
from tests.loop import PROMOTING, champion_of, plant, state_of, tick

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("loop")]

SNAPSHOTS = "data/test/06_models/snapshots"


@pytest.fixture
def promoted(
    promoted_project_once: Path, tmp_path: Path, in_folder: Callable[[Path], Path]
) -> Path:
    """A project of one's own whose second tick promoted version 2."""
    return in_folder(copy_project(promoted_project_once, tmp_path / "project"))


def reproduce(project: Path, *arguments: str) -> Result:
    """Type ``kedro reproduce --env=test`` and more."""
    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    return CliRunner().invoke(cli, ["reproduce", "--env=test", *arguments], obj=metadata)


def report_of(project: Path, version: str) -> dict[str, Any]:
    path = project / "data/test/reproductions" / version / "report.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def snapshots_of(project: Path) -> SnapshotReader:
    reader: SnapshotReader = open_catalog(project).load("recorded_snapshots")
    return reader


def runs_of_mlflow() -> int:
    import mlflow

    client = mlflow.MlflowClient()
    return len(client.search_runs([one.experiment_id for one in client.search_experiments()]))


def change_all(project: Path) -> None:
    """Another table and other parameters of training than the version was made from."""
    plant(project, lambda raw: raw.assign(cnt=raw["cnt"] * 3 + 1).iloc[24:])
    parameters = project / "conf" / "local" / "parameters.yml"
    parameters.write_text(
        "training: {model: {seed: 7, estimator: {class: sklearn.linear_model.Ridge, params: {}}}}\n"
    )


def test_the_first_version_is_the_same_whatever_has_changed_since(finished_copy: Path) -> None:
    import mlflow

    project = finished_copy
    change_all(project)
    state, files, runs = state_of(project), file_digests(project), runs_of_mlflow()

    result = reproduce(project, "--version", "1")

    assert result.exit_code == 0, result.output
    report = report_of(project, "1")
    assert (report["verdict"], report["n_different"]) == ("identical", 0)
    assert report["registered"] == report["reproduced"]
    assert "Identical: the snapshot gives version 1 again" in result.output
    # Neither champion nor ledger nor runs know of it; none is begun, or begun again.
    assert mlflow.active_run() is None
    assert (state_of(project), runs_of_mlflow()) == (state, runs)
    written = {name for name, digest in file_digests(project).items() if files.get(name) != digest}
    assert {Path(name).parts[:3] for name in written if "mlflow" not in name} <= {
        ("data", "test", "reproductions"),
        ("data", "test", ".lock"),
    }


def test_a_retrained_version_is_the_same_and_is_the_default(promoted: Path) -> None:
    change_all(promoted)

    assert reproduce(promoted).exit_code == 0
    assert report_of(promoted, "2")["verdict"] == "identical"
    assert reproduce(promoted, "--version=1").exit_code == 0
    assert report_of(promoted, "1")["verdict"] == "identical"


def test_versions_share_pieces(promoted: Path) -> None:
    reader = snapshots_of(promoted)
    first, second = (reader.read(version).manifest for version in ("1", "2"))

    assert [piece.period for piece in first.pieces if piece in second.pieces] == [
        "2011-01",
        "2011-02",
    ]


def test_a_piece_that_was_changed_is_refused_by_name(promoted: Path) -> None:
    piece = snapshots_of(promoted).read("2").manifest.pieces[-1]
    path = promoted / SNAPSHOTS / "pieces" / piece.file_name
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    result = reproduce(promoted)

    assert result.exit_code == 1
    assert f"the piece {piece.file_name} (rows of {piece.period}) was changed" in result.output
    assert "Traceback" not in result.output


def test_another_model_is_different_and_the_exit_code_says_so(finished_copy: Path) -> None:
    path = finished_copy / SNAPSHOTS / "manifests" / "1.json"
    text = path.read_text()
    assert text.count('"max_iter": 30') == 1
    path.write_text(text.replace('"max_iter": 30', '"max_iter": 2'))

    result = reproduce(finished_copy)

    report = report_of(finished_copy, "1")
    assert (result.exit_code, report["verdict"]) == (1, "different")
    assert report["registered"]["fingerprint"] != report["reproduced"]["fingerprint"]
    assert report["n_different"] > 0


def test_code_that_differs_is_named(finished_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_CODE_REVISION", "of-tomorrow")

    result = reproduce(finished_copy)

    assert result.exit_code == 0
    assert [one["name"] for one in report_of(finished_copy, "1")["differences"]] == [
        "code revision"
    ]
    assert "and is of-tomorrow" in result.output


def test_a_version_says_in_mlflow_which_code_made_it(finished_copy: Path) -> None:
    import mlflow

    manifest = snapshots_of(finished_copy).read("1").manifest
    found = mlflow.MlflowClient().get_model_version("bike_test", "1")

    assert found.tags["data_fingerprint"] == manifest.data_fingerprint
    assert found.tags["code_revision"] == manifest.provenance.code_revision
    assert found.tags["lock_hash"] == manifest.provenance.lock_hash
    assert manifest.provenance.code_revision in found.description


def test_what_is_refused_leaves_no_snapshot(finished_copy: Path) -> None:
    worse = {"evaluation": {"gate": {"checks": {"r2": {"minimum": 0.99}}}}, "training": {"seed": 1}}
    worse["training"] = {"model": {"seed": 1, "estimator": {"params": {"log_shift": 50}}}}
    run_project(finished_copy, pipeline_names=CHALLENGING, params=worse)

    assert open_catalog(finished_copy).load("gate_decision").decision == "refuse"
    assert snapshots_of(finished_copy).versions == ("1",)


def test_without_a_snapshot_one_sentence_says_so(finished_copy: Path) -> None:
    result = reproduce(finished_copy, "--version", "9")

    assert result.exit_code == 1
    assert "version 9 has no snapshot" in result.output
    assert "Versions that have one: 1" in result.output


def test_a_promotion_that_cannot_store_the_snapshot_moves_nothing(
    running_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(SnapshotDataset, "_store", full)
        with pytest.raises(DatasetError, match="No space left"):
            tick(running_project, "2011-03-26", **PROMOTING)
    catalog = open_catalog(running_project)
    assert champion_of(catalog) == "1"
    assert list(catalog.load("ledger")["candidate_version"].dropna()) == ["1"]

    assert tick(running_project, "2011-03-26", **PROMOTING) == PROMOTED
    assert champion_of(running_project) == "2"
    assert snapshots_of(running_project).versions == ("1", "2")


def test_old_snapshots_are_pruned_and_the_others_stay_whole(promoted: Path) -> None:
    keep = {"snapshots": {"keep": {"kind": "newest", "versions": 1}}}

    assert tick(promoted, "2011-04-16", **PROMOTING, **keep) == PROMOTED

    # The champion, and the one that a rollback returns to.
    assert snapshots_of(promoted).versions == ("2", "3")
    assert reproduce(promoted, "--version=2").exit_code == 0
    assert reproduce(promoted).exit_code == 0
    assert "version 1 has no snapshot" in reproduce(promoted, "--version=1").output
