"""The notebooks run for any table, whatever has run before, and print results alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]


def run_notebooks(project: Path, *names: str, env: str = "test") -> str:
    """Run notebooks in a process of their own, and return what they print."""
    paths = [str(path) for name in names for path in sorted((ROOT / "notebooks").glob(name))]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "run_notebooks.py"), *paths],
        cwd=project,
        env={**os.environ, "KEDRO_ENV": env, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def test_after_a_cycle_they_show_gate_and_champion(finished_project: Path) -> None:
    printed = run_notebooks(finished_project, "0[134]*.ipynb")

    assert "recorded: promote" in printed
    assert "as configured\n  promote: " in printed
    assert "minimum_improvement 0.5\n  refuse: " in printed
    assert "prediction" in printed
    assert "0 recorded windows" in printed


def test_after_ticks_they_show_windows_and_decisions(promoted_project_once: Path) -> None:
    printed = run_notebooks(promoted_project_once, "03*.ipynb", "04*.ipynb")

    assert "bike_test: 3 windows, 1 versions" in printed
    assert "2011-03-26 00:00:00  retrain: " in printed
    assert "no holdout yet: kedro run" in printed


def test_a_table_is_explored_before_anything_has_run(project: Path) -> None:
    shutil.copy(ROOT / "data" / "01_raw" / "shops.csv", project / "data" / "01_raw")

    printed = run_notebooks(project, "02*.ipynb", env="shop_sales,local")

    assert "target            sold" in printed
    assert "0 set aside" in printed
