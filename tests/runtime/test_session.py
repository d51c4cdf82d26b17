"""The session: how an interrupted run is recorded, and what comes before the first trace."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, StateError
from regression_lifecycle.core.ingestion.raw_table import RawTable
from regression_lifecycle.pipelines.ingestion import pipeline
from regression_lifecycle.pipelines.ingestion.nodes import complete_observations
from tests.conftest import run_project
from tests.tracking import empty_database

pytestmark = pytest.mark.slow

NODES = [
    f"ingestion.{name}" for name in ("read_raw_rows", "enforce_contract", "complete_observations")
]


@pytest.fixture
def tracked(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with the tables of MLflow, which take it seconds to make."""
    empty_database(tmp_path_factory, project / "data/test/mlflow/mlflow.db")
    raw = project / "data/01_raw/hour.csv"
    raw.write_text("".join(raw.read_text().splitlines(keepends=True)[:50]))
    yield project
    mlflow.set_tracking_uri(None)


@pytest.fixture
def in_the_middle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Puts something in the place of the work of the last node."""

    def put(happening: Callable[[], Any]) -> None:
        def interrupted(
            accepted_rows: pd.DataFrame,
            raw_table: RawTable,
            labels: pd.DataFrame,
            problem: Problem,
            recorded_observations: pd.DataFrame,
        ) -> tuple[pd.DataFrame, ...]:
            happening()
            raise AssertionError("it should not get here")

        monkeypatch.setattr(pipeline, "complete_observations", interrupted)

    return put


def statuses(project: Path) -> list[str]:
    path = project / "data/test/mlflow/mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("select status from runs")]


def raise_(error: BaseException) -> Callable[[], None]:
    def happening() -> None:
        raise error

    return happening


def run_ingestion(project: Path, **kwargs: Any) -> None:
    run_project(project, pipeline_names=["ingestion"], node_names=NODES, **kwargs)


def test_a_run_that_ends_is_finished(tracked: Path) -> None:
    run_ingestion(tracked)

    assert statuses(tracked) == ["FINISHED"]
    assert mlflow.active_run() is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupted_run_is_killed(
    tracked: Path, in_the_middle: Callable[..., None], error: BaseException
) -> None:
    in_the_middle(raise_(error))

    with pytest.raises(type(error)):
        run_ingestion(tracked)

    assert statuses(tracked) == ["KILLED"]
    assert mlflow.active_run() is None


@pytest.fixture
def own_handler() -> Iterator[Callable[..., None]]:
    """A handler of the surrounding process, which a run must put back."""

    def handler(*_: object) -> None:
        raise AssertionError("the run did not handle the signal")

    before = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, before)


def test_a_terminated_run_is_killed_and_exits_as_one(
    tracked: Path, in_the_middle: Callable[..., None], own_handler: Callable[..., None]
) -> None:
    in_the_middle(lambda: signal.raise_signal(signal.SIGTERM))

    with pytest.raises(SystemExit) as caught:
        run_ingestion(tracked)

    assert caught.value.code == 128 + signal.SIGTERM
    assert statuses(tracked) == ["KILLED"]
    assert signal.getsignal(signal.SIGTERM) is own_handler


def test_a_run_with_an_error_has_failed(tracked: Path, in_the_middle: Callable[..., None]) -> None:
    in_the_middle(raise_(RuntimeError("in the node")))

    with pytest.raises(RuntimeError, match="in the node"):
        run_ingestion(tracked)

    assert statuses(tracked) == ["FAILED"]
    assert mlflow.active_run() is None


def test_the_next_run_in_the_process_is_a_run_of_its_own(
    tracked: Path, in_the_middle: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_middle(raise_(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_ingestion(tracked)
    monkeypatch.setattr(pipeline, "complete_observations", complete_observations)

    run_ingestion(tracked)

    assert sorted(statuses(tracked)) == ["FINISHED", "KILLED"]


def test_a_run_outside_the_main_thread_leaves_signals_alone(tracked: Path) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run_ingestion(tracked)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert failures == []
    assert statuses(tracked) == ["FINISHED"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"params": {"ingestion": {"minimum_rows": 0}}},
        {"params": {"ingestoin": {}}},
        {"params": {"problem": {"target": "count"}}},
    ],
)
def test_parameters_are_checked_before_the_tracking_database_exists(
    project: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        run_ingestion(project, **wrong)

    assert not (project / "data" / "test").exists()


def test_an_unknown_pipeline_is_answered_before_the_tracking_database_exists(
    project: Path,
) -> None:
    with pytest.raises(ConfigurationError, match="unknown pipeline 'ingest'; did you mean"):
        run_project(project, pipeline_names=["ingest"])

    assert not (project / "data" / "test").exists()


def test_the_older_argument_names_one_pipeline(tracked: Path) -> None:
    run_project(tracked, pipeline_name="ingestion", node_names=NODES)

    assert (tracked / "data/test/02_intermediate/observations.parquet").is_file()


def test_a_mistake_in_mlflow_yml_is_told_with_its_file(project: Path) -> None:
    own = project / "conf/own/mlflow.yml"
    own.parent.mkdir()
    own.write_text("server: {mlflow_tracking_ur: x}\ntracking: {run: {nested: maybe}}\n")

    with pytest.raises(ConfigurationError) as error:
        run_project(project, "test,own", pipeline_names=["labels"])

    first, second = str(error.value).splitlines()
    assert "did you mean 'mlflow_tracking_uri'?" in first
    assert second.startswith("  tracking.run.nested: ")
    assert all(line.endswith("(conf/own/mlflow.yml)") for line in (first, second))


@pytest.mark.parametrize("error", [StateError, RuntimeError])
def test_an_error_comes_without_advice_to_resume(
    tracked: Path,
    in_the_middle: Callable[[Callable[[], Any]], None],
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
) -> None:
    in_the_middle(raise_(error("nothing to go back to")))

    with pytest.raises(error):
        run_ingestion(tracked)

    assert "Repeat the previous command" not in caplog.text
    assert "nodes that have not run" not in caplog.text
