"""The MLflow project: its entry points are commands of this project, with the parameters given."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework.cli.project import run as kedro_run
from mlflow.projects import _project_spec

from regression_lifecycle.core.backtest.parameters import BacktestParameters
from regression_lifecycle.core.prediction.batch_scoring import ScoringParameters
from regression_lifecycle.pipeline_registry import register_pipelines
from tests.conftest import ROOT
from tests.shipped import parameters

# Stands in for the program, and shows what the shell hands it.
STUB = 'kedro() { printf "%s\\n" "$@"; }\n'


def options(entry_point: str, **given: str) -> dict[str, Any]:
    """What `kedro run` would understand."""
    project = _project_spec.load_project(ROOT.as_posix())
    command = project.get_entry_point(entry_point).compute_command(given, None)
    done = subprocess.run(
        ["bash", "-c", STUB + command], capture_output=True, text=True, check=True
    )
    first, *arguments = done.stdout.splitlines()
    assert first == "run"
    context = kedro_run.make_context("run", arguments)
    return {name: value for name, value in context.params.items() if value}


@pytest.mark.parametrize(
    ("entry_point", "pipeline"),
    [
        ("train", "__default__"),
        ("monitor", "monitoring"),
        ("score", "scoring"),
        ("backtest", "backtest"),
    ],
)
def test_what_is_left_empty_stays_as_it_is_configured(entry_point: str, pipeline: str) -> None:
    understood = options(entry_point)

    assert understood["env"] == "bike_hourly,local"
    assert understood["pipelines"] == [pipeline]
    assert pipeline in register_pipelines()
    assert "params" not in understood


@pytest.mark.parametrize(
    ("entry_point", "given", "params"),
    [
        (
            "train",
            {"params": 'evaluation.windows.length="14 days",training.cross_validation.n_splits=3'},
            {
                "evaluation": {"windows": {"length": "14 days"}},
                "training": {"cross_validation": {"n_splits": 3}},
            },
        ),
        ("monitor", {"as-of": "2011-06-04 05:00"}, {"as_of": "2011-06-04 05:00"}),
        (
            "monitor",
            {"as-of": "2011-06-04", "params": "monitoring.segment_rows=7"},
            {"as_of": "2011-06-04", "monitoring": {"segment_rows": 7}},
        ),
        (
            "score",
            {"batch": "december", "start": "2012-12-01", "end": "2013-01-01"},
            {"scoring": {"batch": "december", "start": "2012-12-01", "end": "2013-01-01"}},
        ),
        ("score", {"start": "2012-12-01"}, {"scoring": {"start": "2012-12-01"}}),
        ("backtest", {"end": "2011-06-04"}, {"backtest": {"end": "2011-06-04"}}),
    ],
)
def test_parameters_reach_the_pipeline(
    entry_point: str, given: dict[str, str], params: dict[str, Any]
) -> None:
    assert options(entry_point, env="test", **given) == {
        **options(entry_point, env="test"),
        "params": params,
    }


def test_a_value_is_no_command() -> None:
    given = {"as-of": "$(touch /tmp/x); x"}

    assert options("monitor", **given)["params"] == {"as_of": "$(touch /tmp/x); x"}


def test_the_named_parameters_are_ones_that_the_pipelines_have() -> None:
    entry_points = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]
    common = {"env", "params"}

    assert set(entry_points["score"]["parameters"]) - common <= set(ScoringParameters.model_fields)
    assert set(entry_points["backtest"]["parameters"]) - common <= set(
        BacktestParameters.model_fields
    )
    assert "params:as_of" in register_pipelines()["monitoring"].inputs()


def test_no_parameter_has_the_name_of_one_that_the_run_logs_itself() -> None:
    # MLflow takes one value per name and run, and a pipeline resumes the run of `mlflow run`.
    entry_points = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]
    given = {name for entry_point in entry_points.values() for name in entry_point["parameters"]}

    assert given & set(parameters()) == set()


def test_other_environments_than_the_installed_one_are_described() -> None:
    from mlflow.utils.environment import _PythonEnv

    project = _project_spec.load_project(ROOT.as_posix())

    described = _PythonEnv.from_yaml(project.env_config_path)
    assert Path(project.env_config_path).name == "python_env.yaml"
    assert described.python == "3.11"
    # The project itself, whose pyproject.toml says the rest.
    assert described.dependencies == ["."]
