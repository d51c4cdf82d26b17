"""Importing the package: what it switches off, and whom it leaves the choice to."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml

from tests.conftest import ROOT

TELEMETRY = {
    "DO_NOT_TRACK": "true",
    "KEDRO_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
SHOW = (
    "import json, os, regression_lifecycle;"
    f"print(json.dumps({{name: os.environ.get(name) for name in {list(TELEMETRY)}}}))"
)


def variables_after_import(**preset: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in TELEMETRY}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        capture_output=True,
        text=True,
        check=True,
        env={**clean, **preset},
    )
    return json.loads(done.stdout)


def test_nothing_is_reported_to_anyone_unless_it_is_asked_for() -> None:
    assert variables_after_import() == TELEMETRY


@pytest.mark.parametrize("name", TELEMETRY)
def test_a_choice_that_was_made_is_respected(name: str) -> None:
    assert variables_after_import(**{name: "false"}) == {**TELEMETRY, name: "false"}


def test_mlflow_understands_the_switch() -> None:
    code = (
        "import regression_lifecycle;"
        "from mlflow.telemetry.utils import is_telemetry_disabled;"
        "print(is_telemetry_disabled())"
    )
    clean = {name: value for name, value in os.environ.items() if name not in {*TELEMETRY, "CI"}}

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )

    assert done.stdout.strip() == "True"


def test_kedro_is_told_that_there_is_no_consent() -> None:
    assert yaml.safe_load((ROOT / ".telemetry").read_text()) == {"consent": False}
