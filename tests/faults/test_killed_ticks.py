"""Kill -9 in the middle of a tick: the old state or the new one, and the next tick completes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import chdir
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.hooks import hook_impl

from tests.conftest import copy_project
from tests.loop import PROMOTED_AT, PROMOTING, state_of, tick

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("killed"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

# Each with its moment: just before the entry is saved, or just after.
POINTS = [
    ("before", "evidently_workspace"),
    ("after", "ledger"),
]


class Killer:
    """Kills its own process at a point of the run, as the kernel or a power cut would."""

    def __init__(self, moment: str, name: str) -> None:
        self._point = (moment, name)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        self._at("before", dataset_name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        self._at("after", dataset_name)

    def _at(self, moment: str, name: str) -> None:
        if (moment, name) == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(project: Path, point: tuple[str, str] | None) -> int:
    """Run one tick in a process of its own, and say how it ended."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.heavy"])
    child = context.Process(target=_tick, args=(project, point))
    child.start()
    child.join(timeout=300)
    assert child.exitcode is not None, "the tick hangs"
    return child.exitcode


def _tick(project: Path, point: tuple[str, str] | None) -> None:
    from regression_lifecycle import settings

    os.chdir(project)
    os.environ.update({"OMP_NUM_THREADS": "1"})
    if point is not None:
        settings.HOOKS = (*settings.HOOKS, Killer(*point))
    raise SystemExit(tick(project, PROMOTED_AT, **PROMOTING))


@pytest.fixture(scope="module")
def whole(promoted_project_once: Path) -> dict[str, Any]:
    """The state after a tick that nobody killed."""
    return _state(promoted_project_once)


def _state(project: Path) -> dict[str, Any]:
    with chdir(project):
        return state_of(project)


@pytest.mark.parametrize("point", POINTS, ids=" ".join)
def test_a_killed_tick_leaves_the_old_or_the_new_state_and_the_next_one_completes(
    point, whole, running_project_once, tmp_path
):
    project = copy_project(running_project_once, tmp_path / "project")

    assert in_a_child(project, point) == -signal.SIGKILL

    database = project / "data/test/lifecycle.db"
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    left = _state(project)
    assert len(json.loads(left["window_history"])) in (0, 3)
    promotions = left["ledger"].count(("promotion", "promote"))
    assert left["champion"] in ("1", "2")
    assert int(left["champion"]) <= promotions, "the champion moved before its evidence was stored"
    manifests = [*(project / "data/test/06_models/snapshots/manifests").glob("*.json")]
    assert promotions <= len(manifests), "a promotion was recorded before its snapshot was stored"
    page = project / "data/test/08_reporting/index.html"
    assert page.read_text().rstrip().endswith("</html>")

    # Also where only the alias was left to be moved.
    assert in_a_child(project, None) == 20
    assert _state(project) == whole
