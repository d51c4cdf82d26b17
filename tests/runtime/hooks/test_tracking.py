"""What the tracking hook adds to a run, on a real MLflow store."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import PolicyDecision
from regression_lifecycle.core.durations import Duration
from regression_lifecycle.runtime.hooks import TrackingHook
from regression_lifecycle.runtime.hooks.tracking import SCHEMA_ROWS

PROBLEM = Problem.model_validate(
    {
        "name": "tiny",
        "target": "cnt",
        "timestamp": {"date": "day"},
        "frequency": "1 hour",
        "horizon": "6 hours",
        "columns": {"day": {"type": "datetime"}, "cnt": {"type": "integer", "minimum": 0}},
    }
)
OBSERVATIONS = pd.DataFrame(
    {"timestamp": pd.date_range("2021-03-01", periods=5, freq="h"), "cnt": range(5)}
)


class Inner(StrictModel):
    rate: float = 0.0
    names: tuple[str, ...] = ("a", "b")
    nothing: None = None
    empty: dict[str, int] = {}
    window: Duration = pd.Timedelta("7 days")


class Section(StrictModel):
    inner: Inner = Inner()
    on: bool = False
    by_column: dict[str, int] = {"a column (°C)": 3}
    text: str = "x" * 9000


def started_hook(root: Path, *names: str, **datasets: Any) -> TrackingHook:
    """A hook that has been told of a run of some pipelines."""
    hook = TrackingHook()
    hook.after_context_created(SimpleNamespace(env="test", project_path=root))
    made = {"params:problem": PROBLEM, **datasets}
    catalog = DataCatalog({name: MemoryDataset(data) for name, data in made.items()})
    runner = "<kedro.runner.sequential_runner.SequentialRunner object at 0x7f>"
    hook.before_pipeline_run({"pipeline_names": list(names), "runner": runner}, catalog)
    return hook


def decision(answer: Any) -> PolicyDecision:
    return PolicyDecision(
        decision=answer, reasons=(), as_of="", window="", champion_version="", rules=()
    )


def stored(run: mlflow.ActiveRun) -> Any:
    return mlflow.MlflowClient().get_run(run.info.run_id)


def test_a_run_is_tagged_with_what_it_is(run: mlflow.ActiveRun, tmp_path: Path) -> None:
    started_hook(tmp_path, "training", "evaluation")

    tags = stored(run).data.tags

    assert tags["pipeline"] == "evaluation+training"
    assert tags["env"] == "test"
    assert tags["problem"] == "tiny"
    assert tags["runner"] == "SequentialRunner"
    assert "git_dirty" not in tags


def test_a_bare_run_is_called_the_full_cycle(run: mlflow.ActiveRun, tmp_path: Path) -> None:
    started_hook(tmp_path)

    assert stored(run).data.tags["pipeline"] == "full cycle"


def test_the_commit_is_noted_and_whether_the_code_was_changed_since(
    run: mlflow.ActiveRun, tmp_path: Path
) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    started_hook(tmp_path)
    assert stored(run).data.tags["git_dirty"] == "false"
    assert stored(run).data.tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD")

    (tmp_path / "notes.txt").touch()
    started_hook(tmp_path)
    assert stored(run).data.tags["git_dirty"] == "false"

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "new.py").touch()
    started_hook(tmp_path)
    assert stored(run).data.tags["git_dirty"] == "true"


def test_every_field_of_a_typed_parameter_is_a_parameter_of_the_run(
    run: mlflow.ActiveRun, tmp_path: Path
) -> None:
    hook = started_hook(tmp_path)

    hook.before_node_run({"params:section": Section(), "params:plain": 5, "table": OBSERVATIONS})

    assert stored(run).data.params == {
        "section.inner.rate": "0.0",
        "section.inner.names": "('a', 'b')",
        "section.inner.window": "7 days",
        "section.on": "False",
        "section.by_column.a column __C_": "3",
        "section.text": "x" * 500,
    }


def test_a_section_is_logged_once_however_many_nodes_take_it(
    run: mlflow.ActiveRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = started_hook(tmp_path)
    calls: list[int] = []
    log = mlflow.log_params
    monkeypatch.setattr(mlflow, "log_params", lambda p: (calls.append(len(p)), log(p)))

    for _ in range(3):
        hook.before_node_run({"params:section": Section(), "params:problem": PROBLEM})

    assert len(calls) == 1


def test_observations_give_a_run_its_name_and_its_fingerprint(
    run: mlflow.ActiveRun, tmp_path: Path
) -> None:
    hook = started_hook(tmp_path, "preprocessing")

    # Before any node was given the problem, as the first node of a pipeline loads its inputs.
    hook.after_dataset_loaded("observations", OBSERVATIONS)

    tags = stored(run).data.tags
    assert tags["mlflow.runName"] == "preprocessing 2021-03-01 04:00"
    assert tags["as_of"] == "2021-03-01 04:00:00"
    assert tags["n_observations"] == "5"
    fingerprint = tags["data_fingerprint"]

    started_hook(tmp_path).after_dataset_saved("observations", OBSERVATIONS.assign(cnt=1))
    assert stored(run).data.tags["data_fingerprint"] != fingerprint


def test_a_run_that_was_told_its_moment_is_named_after_it(
    run: mlflow.ActiveRun, tmp_path: Path
) -> None:
    hook = started_hook(tmp_path, "monitoring", training_set=OBSERVATIONS)

    # Ingestion saves all rows first; what takes the moment comes later, and null says nothing.
    hook.after_dataset_saved("observations", OBSERVATIONS)
    hook.before_node_run({"params:as_of": None})
    assert stored(run).data.tags["as_of"] == "2021-03-01 04:00:00"
    hook.before_node_run({"params:as_of": "2021-03-01 02:00"})
    hook.after_dataset_loaded("training_set", OBSERVATIONS)

    tags = stored(run).data.tags
    assert tags["mlflow.runName"] == "monitoring 2021-03-01 02:00"
    assert tags["as_of"] == "2021-03-01 02:00:00"


def test_a_run_is_tagged_and_named_by_what_it_decided_last(experiment: str, tmp_path: Path) -> None:
    names = []
    for last in ("alert", "alert", "keep"):
        with mlflow.start_run(experiment_id=experiment) as run:
            hook = started_hook(tmp_path, "monitoring")
            hook.after_dataset_saved("observations", OBSERVATIONS)
            hook.after_dataset_saved("first_decision", decision("retrain"))
            hook.after_dataset_saved("policy_decision", decision(last))
            hook.after_dataset_saved("champion_version", "4" if last == "alert" else "")
            hook.after_pipeline_run()
        data = stored(run).data
        assert data.tags["decision"] == last
        assert data.tags.get("champion_version") == ("4" if last == "alert" else None)
        names.append(data.tags["mlflow.runName"])

    # Two runs of one moment that decide the same can be told apart.
    title = "monitoring 2021-03-01 04:00"
    assert names == [f"{title} alert", f"{title} alert (2)", f"{title} keep"]


def test_a_moment_at_midnight_is_a_day(run: mlflow.ActiveRun, tmp_path: Path) -> None:
    started_hook(tmp_path, "monitoring").before_node_run({"params:as_of": "2021-03-02"})

    assert stored(run).data.tags["mlflow.runName"] == "monitoring 2021-03-02"


def test_training_and_holdout_rows_are_inputs_of_the_run(
    run: mlflow.ActiveRun, tmp_path: Path
) -> None:
    hook = started_hook(tmp_path, training_set=OBSERVATIONS, holdout_set=OBSERVATIONS)

    for _ in range(2):
        hook.after_dataset_loaded("training_set", OBSERVATIONS)
        hook.after_dataset_saved("holdout_set", OBSERVATIONS.head(2))
        hook.after_dataset_loaded("feature_table", OBSERVATIONS)

    inputs = {
        item.dataset.name: {tag.key: tag.value for tag in item.tags}
        for item in stored(run).inputs.dataset_inputs
    }
    assert inputs == {
        "training_set": {"mlflow.data.context": "training", "rows": "5"},
        "holdout_set": {"mlflow.data.context": "evaluation", "rows": "2"},
    }


def test_the_schema_of_an_input_is_read_off_its_first_rows(
    run: mlflow.ActiveRun, tmp_path: Path
) -> None:
    # A cell of another kind would end MLflow's own look at every cell without a schema.
    text = pd.Series(["a"] * SCHEMA_ROWS + [b"a"], dtype=object)
    table = pd.DataFrame({"timestamp": pd.Timestamp("2021-03-01"), "text": text})

    started_hook(tmp_path).after_dataset_saved("training_set", table)

    (found,) = stored(run).inputs.dataset_inputs
    columns = json.loads(found.dataset.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"]) for column in columns] == [
        ("timestamp", "datetime"),
        ("text", "string"),
    ]
    assert json.loads(found.dataset.profile)["num_rows"] == len(table)


def test_without_a_run_nothing_is_logged_and_no_run_is_opened(
    experiment: str, tmp_path: Path
) -> None:
    before = len(mlflow.search_runs([experiment]))
    hook = started_hook(tmp_path, training_set=OBSERVATIONS)

    hook.before_node_run({"params:section": Section()})
    hook.after_dataset_loaded("observations", OBSERVATIONS)
    hook.after_dataset_saved("training_set", OBSERVATIONS)

    assert mlflow.active_run() is None
    assert len(mlflow.search_runs([experiment])) == before


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_the_next_run_is_logged_anew(experiment: str, tmp_path: Path, end: str) -> None:
    hook = TrackingHook()
    logged = []
    for _ in range(2):
        with mlflow.start_run(experiment_id=experiment) as run:
            hook.after_context_created(SimpleNamespace(env=None, project_path=tmp_path))
            hook.before_pipeline_run({}, DataCatalog({"params:problem": MemoryDataset(PROBLEM)}))
            hook.before_node_run({"params:section": Section()})
            getattr(hook, end)()
        logged.append(stored(run).data)

    assert logged[0].params == logged[1].params != {}
    assert logged[1].tags["env"] == "local"
