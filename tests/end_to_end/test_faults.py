"""After a run that went wrong there is the old state or the new one, never something between."""

from __future__ import annotations

import shutil
from contextlib import chdir

import pytest
from kedro.io import DatasetError

from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.core.errors import ModelError
from tests.conftest import copy_project, open_catalog, run_project
from tests.end_to_end.test_full_cycle import file_digests, registry_state
from tests.loop import champion_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]

OTHER_MODEL = {
    "training": {
        "model": {
            "estimator": {"params": {"boosting": {"params": {"max_iter": 60}}}},
        }
    }
}


@pytest.fixture(scope="module")
def challenged_once(finished_project_once, tmp_path_factory):
    """A project in which another model has passed the gate; shared, not to be changed."""
    project = copy_project(finished_project_once, tmp_path_factory.mktemp("c") / "project")
    with chdir(project):
        run_project(project, pipeline_names=["training", "evaluation"], params=OTHER_MODEL)
    return project


@pytest.fixture
def challenged(challenged_once, tmp_path, in_folder):
    """The same, of one's own."""
    return in_folder(copy_project(challenged_once, tmp_path / "project"))


def promote(project):
    run_project(project, pipeline_names=["promotion"], params=OTHER_MODEL)


def crash(*_: object) -> None:
    raise ConnectionError("the registry went away")


def test_a_crash_before_the_alias_moves_keeps_the_champion_and_the_next_run_completes(
    challenged, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_registry, "set_alias", crash)
        with pytest.raises(DatasetError, match="registry went away"):
            promote(challenged)
    assert champion_of(challenged) == "1"

    promote(challenged)
    state = registry_state(challenged)

    assert champion_of(challenged) == "2"
    assert len(state["model_versions"]) == len(state["ledger"]) == 2


def test_a_crash_while_registering_leaves_ledger_and_champion_alone(challenged, monkeypatch):
    before = registry_state(challenged)
    monkeypatch.setattr(mlflow_registry, "register_version", crash)
    with pytest.raises(DatasetError, match="registry went away"):
        promote(challenged)

    assert registry_state(challenged) == before


def test_a_broken_file_is_refused_and_nothing_is_written_but_a_failed_run(finished_copy):
    import mlflow

    raw = finished_copy / "data/01_raw/hour.csv"
    lines = raw.read_text().splitlines()
    lines[4] = lines[4].replace("0.24", "warm")
    raw.write_text("\n".join(lines) + "\n")
    before, files = registry_state(finished_copy), file_digests(finished_copy)

    with pytest.raises(Exception, match=r"temp is not a number in 1 row, first in row 4"):
        run_project(finished_copy)

    assert registry_state(finished_copy) == before
    assert file_digests(finished_copy) == files
    open_catalog(finished_copy)
    experiment = mlflow.get_experiment_by_name("bike_test")
    newest = mlflow.MlflowClient().search_runs([experiment.experiment_id], max_results=1)[0]
    assert newest.info.status == "FAILED"


def test_a_champion_that_cannot_be_read_stops_the_evaluation(finished_copy, monkeypatch):
    def unreadable(*_: object) -> None:
        raise ModelError("truncated file")

    monkeypatch.setattr(mlflow_registry, "read_model", unreadable)
    before = registry_state(finished_copy)
    with pytest.raises(DatasetError, match="cannot be read"):
        run_project(finished_copy, pipeline_names=["evaluation"])

    assert registry_state(finished_copy) == before


def test_promotion_refuses_a_decision_about_another_candidate(challenged, finished_project_once):
    decision = "data/test/08_reporting/gate_decision.json"
    shutil.copy(finished_project_once / decision, challenged / decision)
    before = registry_state(challenged)
    with pytest.raises(Exception, match="decided about another candidate"):
        promote(challenged)

    assert registry_state(challenged) == before
