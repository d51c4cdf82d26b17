"""The notebooks run for any table, whatever has run before, and print results alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_project
from tests.run_notebooks import BETWEEN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]


@pytest.fixture(scope="module")
def printed(
    finished_project_once: Path, promoted_project_once: Path, tmp_path_factory: Any
) -> dict[str, str]:
    """What the notebooks print after a cycle, after ticks, and before anything has run.

    In one process, which is the one thing besides the notebooks that imports everything.
    """
    fresh = make_project(tmp_path_factory.mktemp("fresh") / "project")
    shutil.copy(ROOT / "data" / "01_raw" / "shops.csv", fresh / "data" / "01_raw")
    asked = {
        "after a cycle": (finished_project_once, "test", "0[134]*.ipynb"),
        "after ticks": (promoted_project_once, "test", "0[34]*.ipynb"),
        "before a run": (fresh, "shop_sales,local", "02*.ipynb"),
    }
    lines = [
        json.dumps([str(project), env, *map(str, sorted((ROOT / "notebooks").glob(pattern)))])
        for project, env, pattern in asked.values()
    ]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "run_notebooks.py")],
        input="\n".join(lines),
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return dict(zip(asked, ran.stdout.split(BETWEEN), strict=False))


def test_after_a_cycle_they_show_gate_and_champion(printed: dict[str, str]) -> None:
    said = printed["after a cycle"]

    assert "recorded: promote" in said
    assert "as configured\n  promote: " in said
    assert "minimum_improvement 0.5\n  refuse: " in said
    assert "prediction" in said
    assert "0 recorded windows" in said


def test_after_ticks_they_show_windows_and_decisions(printed: dict[str, str]) -> None:
    said = printed["after ticks"]

    assert "bike_test: 3 windows, 1 versions" in said
    assert "2011-03-26 00:00:00  retrain: " in said
    assert "no holdout yet: kedro run" in said


def test_a_table_is_explored_before_anything_has_run(printed: dict[str, str]) -> None:
    said = printed["before a run"]

    assert "target            sold" in said
    assert "0 set aside" in said
