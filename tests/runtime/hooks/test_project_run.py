"""A run that `mlflow run` began is resumed where it can be, and is no clash where it cannot."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest

from regression_lifecycle.runtime.hooks import ProjectRunHook
from tests.tracking import EXPERIMENT


def hook(experiment: str) -> ProjectRunHook:
    made = ProjectRunHook()
    found = SimpleNamespace(experiment_id=experiment, name=EXPERIMENT)
    tracking = SimpleNamespace(experiment=SimpleNamespace(_experiment=found))
    context: Any = SimpleNamespace(mlflow=SimpleNamespace(tracking=tracking))
    made.after_context_created(context)
    return made


def test_a_run_of_the_projects_experiment_is_resumed(
    experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = mlflow.MlflowClient().create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", begun)

    hook(experiment).before_pipeline_run()

    with mlflow.start_run(experiment_id=experiment) as run:
        assert run.info.run_id == begun


@pytest.mark.parametrize("where", ["another database", "the experiment"])
def test_a_run_from_elsewhere_is_left_alone_and_the_way_to_one_run_is_told(
    experiment: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
) -> None:
    begun = "0" * 32
    if where == "the experiment":
        begun = mlflow.MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", begun)

    hook(experiment).before_pipeline_run()

    assert "MLFLOW_RUN_ID" not in os.environ
    assert where in caplog.text
    assert f"--experiment-name {EXPERIMENT}" in caplog.text


def test_without_mlflow_run_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)

    ProjectRunHook().before_pipeline_run()
