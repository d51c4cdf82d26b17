"""Every run of MLflow comes to an end, and every figure to its run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.runtime.hooks.killed_run import KILLED_TAG, RUN_NAME
from tests.test_cli import files
from tests.tracking import empty_database

DATABASE = Path("data", "test", "mlflow", "mlflow.db")


@pytest.fixture
def tracked(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose MLflow has its tables already."""
    empty_database(tmp_path_factory, project / DATABASE)
    yield project
    mlflow.set_tracking_uri(None)


def kedro_run(project: Path, *arguments: str) -> Result:
    from regression_lifecycle.cli import cli

    metadata = bootstrap_project(project)
    arguments = ("run", "--env=test", "--pipelines=ingestion", *arguments)
    return CliRunner().invoke(cli, arguments, obj=metadata)


def statuses(project: Path) -> list[tuple[str, str | None]]:
    """Status and mark of every run, the oldest first."""
    client = mlflow.MlflowClient(f"sqlite:///{(project / DATABASE).as_posix()}")
    experiment = client.get_experiment_by_name("bike_test")
    runs = client.search_runs([experiment.experiment_id], order_by=["start_time"])
    return [(run.info.status, run.data.tags.get(KILLED_TAG)) for run in runs]


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_run_that_was_killed_is_ended_and_marked_by_the_next_one(tracked: Path) -> None:
    mark = tracked / "data" / "test" / RUN_NAME
    command = [sys.executable, "-m", "kedro", "run", "--env=test", "--pipelines=ingestion"]
    process = subprocess.Popen(command, cwd=tracked, stderr=subprocess.DEVNULL)
    wait_for(lambda: mark.exists() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert statuses(tracked) == [("RUNNING", None)]
    half = mark.with_name(f".{process.pid}.observations.parquet")
    half.touch()

    result = kedro_run(tracked)

    assert result.exit_code == 0, result.output
    assert statuses(tracked) == [
        ("KILLED", "the next run: its process was gone"),
        ("FINISHED", None),
    ]
    assert not mark.exists()
    assert not half.exists()


@pytest.mark.parametrize(
    "arguments", [("--async",), ("--runner-params=is_async=True",)], ids=["flag", "parameter"]
)
def test_loading_in_threads_is_refused_since_it_would_lose_the_figures(
    tracked: Path, arguments: tuple[str, ...]
) -> None:
    before = files(tracked)

    result = kedro_run(tracked, *arguments)

    assert result.exit_code == 1
    assert "--async (is_async) loads and saves in threads" in result.output
    assert files(tracked) == before
