"""A project that was moved or copied says so, is mended by a command, and touches no other one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from tests.test_cli import files
from tests.tracking import empty_database

DATABASE = Path("data", "test", "mlflow", "mlflow.db")
ARTIFACTS = Path("data", "test", "mlflow", "artifacts")


@pytest.fixture
def first(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project in whose registry a model is, with its files."""
    database = empty_database(tmp_path_factory, project / DATABASE)
    mlflow.set_tracking_uri(f"sqlite:///{database.as_posix()}")
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("bike_test", (project / ARTIFACTS).as_uri())
    client.create_run(experiment)
    model = client.create_logged_model(experiment)
    folder = project / ARTIFACTS / "models" / model.model_id / "artifacts"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    client.create_registered_model("bike_test")
    client.create_model_version("bike_test", f"models:/{model.model_id}", model_id=model.model_id)
    yield project
    mlflow.set_tracking_uri(None)


@pytest.fixture
def second(first: Path, tmp_path: Path, in_folder: Callable[[Path], Path]) -> Path:
    """A copy of it, which is the working folder."""
    return in_folder(Path(shutil.copytree(first, tmp_path / "a copy's folder")))


def kedro(project: Path, command: str, *arguments: str) -> Result:
    from regression_lifecycle.cli import cli

    metadata = bootstrap_project(project)
    return CliRunner().invoke(cli, [command, "--env=test", *arguments], obj=metadata)


def places(project: Path) -> str:
    """All that the database says."""
    with closing(sqlite3.connect(project / DATABASE)) as connection:
        tables = ("runs", "logged_models", "model_versions", "experiments")
        rows = [connection.execute(f"select * from {name}").fetchall() for name in tables]
    return str([row for table in rows for row in table if "Default" not in row])


@pytest.mark.parametrize("command", [("run", "--pipelines=monitoring"), ("tick",), ("serve",)])
def test_every_command_that_would_use_the_models_of_the_old_place_refuses(
    first: Path, second: Path, command: tuple[str, ...]
) -> None:
    before = files(first)

    result = kedro(second, *command)

    assert result.exit_code == 1, result.output
    told = " ".join(result.output.split())
    assert f"MLflow looks for models in {first / ARTIFACTS}" in told
    assert f"they belong in {second / ARTIFACTS}" in told
    assert "kedro relocate with the same --env" in told
    assert files(first) == before


def test_relocate_writes_the_new_place_everywhere_and_once(first: Path, second: Path) -> None:
    before = files(first)
    old, new = (first / ARTIFACTS).as_uri(), (second / ARTIFACTS).as_uri()
    assert places(second).count(old) == 4

    result = kedro(second, "relocate")

    assert result.exit_code == 0, result.output
    assert places(second).count(new) == 4
    assert old not in places(second)
    assert files(first) == before
    assert kedro(second, "relocate").output.startswith("Nothing to do")
    # The labels pipeline reads no model; what matters is that it is let through.
    assert "moved" not in kedro(second, "run", "--pipelines=ingestion").output


def test_relocate_changes_nothing_while_the_files_of_a_model_are_not_there(second: Path) -> None:
    shutil.rmtree(second / ARTIFACTS / "models")
    before = places(second)

    result = kedro(second, "relocate")

    assert result.exit_code == 1
    assert "the files of 1 model are not there" in result.output
    assert places(second) == before


def test_a_project_in_its_place_and_one_reached_by_another_name_are_not_refused(
    first: Path, tmp_path: Path
) -> None:
    other = tmp_path / "link"
    other.symlink_to(first)

    for project in (first, other):
        assert kedro(project, "relocate").output.startswith("Nothing to do")
