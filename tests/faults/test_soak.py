"""A week of a project that is struck again and again: in the end it knows what the other knows.

The long form is ``benchmarks/soak.py``; this one is the same with a few kills;
other faults take a minute each.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("killed"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs prctl and renameat2"),
]
KILLS = 4


def test_a_project_that_is_struck_for_weeks_knows_what_an_undisturbed_one_knows(
    tmp_path: Path,
) -> None:
    script = ROOT / "benchmarks" / "soak.py"
    options = ["--weeks", "1", "--kills", str(KILLS), "--seed", "2", "--fork"]

    done = subprocess.run(
        [sys.executable, str(script), *options, "--folder", str(tmp_path / "soak")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    kills, others, late = re.search(
        r"kills (\d+) of \d+, other faults (\d+), too late (\d+)", done.stdout
    ).groups()
    assert int(kills) + int(others) + int(late) >= KILLS
    assert int(kills) >= 2
    assert "differences: 0, violations: 0" in done.stdout
