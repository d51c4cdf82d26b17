"""What may be imported without waiting for what: heavy libraries come with their first use."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

CATALOG = {
    "report": {
        "type": "regression_lifecycle.datasets.evidently_report.EvidentlyReportDataset",
        "filepath": "/nowhere/report",
    },
    "workspace": {
        "type": "regression_lifecycle.datasets.evidently_workspace.EvidentlyWorkspaceDataset",
        "path": "/nowhere",
        "project": "bikes",
    },
}
# What the first commands of a user should not wait for.
HEAVY = ("sklearn", "evidently", "plotly", "skops", "sqlalchemy", "mlflow.pyfunc", "scipy")


class Step(NamedTuple):
    """Code, and packages that it must not import."""

    code: str
    unwanted: tuple[str, ...]


# One process takes them all, so that each also stands for those before it.
STEPS = {
    "the package": Step("import regression_lifecycle", ("pandas", "sklearn", "kedro", "mlflow")),
    "a catalog with Evidently's entries": Step(
        "from kedro.io import DataCatalog\n"
        f"made = DataCatalog.from_config({CATALOG})\n"
        f"assert all(made[name] for name in {list(CATALOG)})",
        ("evidently", "sklearn", "pandas", "plotly"),
    ),
    "the adapter of Evidently": Step(
        "import regression_lifecycle.adapters.evidently", ("evidently", "plotly", "sklearn")
    ),
    "the adapter of the dashboard": Step(
        "import regression_lifecycle.adapters.dashboard", ("altair", "vl_convert", "jinja2")
    ),
    "the pipelines": Step(
        "from regression_lifecycle.pipeline_registry import register_pipelines\n"
        "register_pipelines()",
        ("evidently", "plotly", "skops", "sqlalchemy", "mlflow", "sklearn"),
    ),
    "the help of the commands": Step(
        "from regression_lifecycle.cli import cli\n"
        "with contextlib.redirect_stdout(io.StringIO()) as shown:\n"
        "    cli(['--help'], standalone_mode=False)\n"
        "assert 'serve' in shown.getvalue()",
        ("fastapi", "uvicorn", "sklearn"),
    ),
}
SHOW = "print(json.dumps(sorted(sys.modules)))"


def modules_after(*pieces: str) -> list[set[str]]:
    """Return what a new process has imported after each piece of code."""
    code = "\n".join(["import contextlib, io, json, sys", *(f"{each}\n{SHOW}" for each in pieces)])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return [set(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    shown = modules_after(*(step.code for step in STEPS.values()))
    return dict(zip(STEPS, shown, strict=True))


@pytest.mark.parametrize("name", STEPS)
def test_what_is_not_needed_yet_is_not_imported(imported: dict[str, set[str]], name: str) -> None:
    packages = {module.split(".")[0] for module in imported[name]}

    assert packages & set(STEPS[name].unwanted) == set()


def test_reading_settings_and_pipelines_imports_nothing_heavy_of_its_own() -> None:
    without, with_project = modules_after(
        "import kedro_mlflow.framework.hooks, kedro_mlflow.framework.cli.cli",
        "import regression_lifecycle.settings\n"
        "from regression_lifecycle.pipeline_registry import register_pipelines",
    )

    added = with_project - without
    assert "regression_lifecycle.pipeline_registry" in added
    # A tenth of a second that spares every command which loads a model one: see settings.py.
    added = {name for name in added if not name.startswith("scipy.special")}
    assert sorted(name for name in added if name.startswith(HEAVY)) == []
