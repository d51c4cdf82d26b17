"""What a run that came to its end leaves to the next one, and a run that did not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.framework import project as kedro_project
from kedro.framework.hooks import hook_impl

from regression_lifecycle.settings import HOOKS
from tests.conftest import open_catalog, run_project
from tests.tracking import empty_database

EDITED_ROW, N_ROWS = 30, 300
# Of what ingestion saves, in its order: what the next run looked at, and what stands last.
SAVED = ["observations", "raw_parts"]


class Killer:
    """Ends a run once an entry is saved."""

    def __init__(self, name: str) -> None:
        self._name = name

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        if dataset_name == self._name:
            raise SystemExit(9)


@pytest.fixture
def ingest(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Runs the pipeline of a project, to its end or until an entry is saved."""
    empty_database(tmp_path_factory, project / "data/test/mlflow/mlflow.db")
    conf = project / "conf"
    (conf / "test" / "catalog.yml").write_text(
        "raw_observations:\n"
        "  type: regression_lifecycle.datasets.raw_parquet.RawParquetDataset\n"
        "  filepath: data/01_raw/parts\n"
        "  chunksize: 50\n"
    )
    write(project, pd.read_csv(project / "data/01_raw/hour.csv").head(N_ROWS))

    def run(env: str, killed_after: str = "") -> None:
        hooks = (*HOOKS, Killer(killed_after)) if killed_after else HOOKS
        monkeypatch.setattr(kedro_project.settings, "HOOKS", hooks)
        last = ["ingestion.complete_observations"]
        run_project(project, env, pipeline_names=["ingestion"], to_nodes=last)

    return run


def write(project: Path, table: pd.DataFrame) -> None:
    """Write the raw table as two files, the older rows first."""
    folder = project / "data/01_raw/parts"
    folder.mkdir(exist_ok=True)
    table.head(100).to_parquet(folder / "1.parquet")
    table.iloc[100:].to_parquet(folder / "2.parquet")


def edit(project: Path, row: int = EDITED_ROW) -> None:
    table = pd.read_parquet(project / "data/01_raw/parts").reset_index(drop=True)
    table.loc[row, "hum"] = 0.123
    write(project, table)


def changes(project: Path) -> list[list[Any]]:
    table = open_catalog(project).load("observation_changes")
    return table[["change", "n_rows", "columns"]].to_numpy().tolist()


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    found = sum("hum in 1" in message for message in caplog.messages)
    caplog.clear()
    return found


@pytest.mark.parametrize("env", ["test", "test,duckdb"])
def test_an_edit_is_told_by_the_run_that_comes_to_its_end_once(
    ingest: Callable[..., None], project: Path, caplog: pytest.LogCaptureFixture, env: str
) -> None:
    ingest(env)
    edit(project)

    for name in SAVED:
        with pytest.raises(SystemExit):
            ingest(env, killed_after=name)
    caplog.clear()
    ingest(env)

    assert warnings(caplog) == 1
    assert changes(project) == [["changed", 1, "hum in 1"]]
    ingest(env)
    assert warnings(caplog) == 0
    assert changes(project) == []


def test_engines_that_take_turns_compare_with_the_last_run_that_came_to_its_end(
    ingest: Callable[..., None], project: Path
) -> None:
    ingest("test,duckdb")
    edit(project)
    with pytest.raises(SystemExit):
        ingest("test", killed_after="observations")
    edit(project, row=200)

    # What it typed in its last run is not what the observations were made from since.
    ingest("test,duckdb")

    assert changes(project) == [["changed", 2, "hum in 2"]]
