"""The project of the soak: a small table that grows by the week, and the commands that read it."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import yaml

from project import KEDRO, ROOT
from serving import environment

NAME = "soak"
FIRST = pd.Timestamp("2023-01-02")
WEEK = pd.Timedelta("7 days")
STEP = pd.Timedelta("6 hours")
SITES = (1, 2)
# Known before the first model is trained.
FIRST_WEEKS = 20
ROWS_A_WEEK = len(SITES) * int(WEEK / STEP)
TARGET = "visitors"
# Long enough for a command on a busy machine; one that hangs is a violation.
PATIENCE_SECONDS = 1800
_PR_SET_PDEATHSIG = 1
# Names the process of the soak to those that it starts.
PROCESS_VARIABLE = "LIFECYCLE_SOAK_PROCESS"

PARAMETERS: dict[str, Any] = {
    "problem": {
        "description": "Visitors of two sites in six hours.",
        "target": TARGET,
        "timestamp": {"date": "at"},
        "key": ["timestamp", "site"],
        "frequency": "6 hours",
        "horizon": "7 days",
        "columns": {
            "at": {"type": "datetime", "known_in_advance": True},
            "site": {"type": "integer", "allowed": list(SITES), "known_in_advance": True},
            "temp": {"type": "float", "known_in_advance": True},
            TARGET: {"type": "float", "minimum": 0, "missing": True},
        },
    },
    "preprocessing": {
        "features": [
            {"kind": "columns", "names": ["site", "temp"]},
            {"kind": "calendar", "parts": ["hour", "weekday"]},
            {"kind": "lag", "name": "week_before", "column": TARGET, "ages": ["7 days"]},
        ]
    },
    "training": {
        "model": {
            "estimator": {
                "class": "sklearn.ensemble.HistGradientBoostingRegressor",
                "params": {"max_iter": 40, "max_leaf_nodes": 8},
            }
        },
        "cross_validation": {"n_splits": 2},
    },
    "evaluation": {
        "importance": {"rows": 50, "repeats": 1},
        "gate": {
            "minimum_rows": 60,
            "checks": {"bias": None},
            "comparison": {"block": "1 day", "minimum_improvement": -0.5},
        },
    },
    "windows": {"length": "7 days", "minimum_rows": 14},
    "drift": {"calibration": {"resamples": 100}},
    "adjustment": {"interval": {"windows": 4, "minimum_rows": 50}},
    "policy": {
        "rules": {"age": {"kind": "schedule", "action": "retrain", "maximum_age": "21 days"}}
    },
    "retraining": {
        "measured_windows": 1,
        "gate": {
            "checks": {"rmse": None, "bias": None},
            "comparison": {"observed_improvement": None, "minimum_improvement": -0.5},
        },
    },
    "promotion": {"kind": "ask", "deadline": "28 days"},
    "serving": {"poll_seconds": 1},
}


def make_table(weeks: int, seed: int) -> pd.DataFrame:
    """Make all rows that the soak will ever know.

    Args:
        weeks: Weeks after the first ones.
        seed: Of the noise.

    Returns:
        ``at``, ``site``, ``temp``, ``visitors`` and ``week``, 0 for the first one that is no
        training. The level moves every ninth week, so that a policy has something to do.
    """
    moments = pd.date_range(
        FIRST, FIRST + (FIRST_WEEKS + weeks) * WEEK, freq=STEP, inclusive="left"
    )
    rows = pd.MultiIndex.from_product([moments, SITES], names=["at", "site"]).to_frame(index=False)
    random = np.random.default_rng(seed)
    days = (rows["at"] - FIRST) / pd.Timedelta("1 day")
    week = (days // 7).astype(int) - FIRST_WEEKS
    temp = 10 + 8 * np.sin(days / 58) + random.normal(0, 4, len(rows))
    level = np.where(week < 0, 1.0, 1 + 0.3 * ((week // 9) % 2))
    hour = 1 + 0.5 * np.sin(2 * np.pi * rows["at"].dt.hour / 24)
    weekend = np.where(rows["at"].dt.weekday >= 5, 0.6, 1.0)
    mean = 40 * rows["site"] * level * hour * weekend + 2 * temp
    visitors = np.clip(mean + random.normal(0, 4, len(rows)), 0, None)
    return rows.assign(temp=temp.round(2), **{TARGET: visitors.round(1)}, week=week)


def deliver(table: pd.DataFrame, folder: Path) -> None:
    """Put the raw table in place, as the documentation asks for: under another name first."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / "arriving"
    table[["at", "site", "temp", TARGET]].to_csv(staged, index=False)
    staged.replace(folder / f"{NAME}.csv")


def write_configuration(folder: Path, data: Path) -> Path:
    """Describe the problem in a copy of the configuration.

    Args:
        folder: Where the copy is made.
        data: Below it the project writes.

    Returns:
        The configuration folder, for ``--conf-source``.
    """
    conf = folder / "conf"
    problem = conf / NAME
    problem.mkdir(parents=True)
    shutil.copytree(ROOT / "conf" / "base", conf / "base")
    shutil.copy(ROOT / "conf" / "logging.yml", conf)
    (conf / "local").mkdir()
    places = {
        "data_root": data.as_posix(),
        "raw_folder": (folder / "raw").as_posix(),
        # In a folder of its own, so that it can be taken away as a whole.
        "store": f"sqlite:///{(data / 'store' / 'lifecycle.db').as_posix()}",
    }
    (problem / "globals.yml").write_text(
        "".join(f"{k}: {json.dumps(v)}\n" for k, v in places.items())
    )
    for name, section in PARAMETERS.items():
        text = yaml.safe_dump({name: section}, sort_keys=False)
        (problem / f"parameters_{name}.yml").write_text(text)
    return conf


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel end this process when its parent is killed; Linux only.

    Args:
        parent: Process that the parent has to be, or else it is gone already.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


class Running(Protocol):
    """A command that was started.

    Attributes:
        pid: Its process.
    """

    pid: int

    def poll(self) -> int | None:
        """Return its exit code, below 0 if a signal ended it; None while it runs."""

    def wait(self, seconds: float) -> int | None:
        """Return the same, after some time at most."""

    def kill(self) -> None:
        """Send SIGKILL."""


class Commands:
    """Starts commands of the project, each in a process of its own."""

    def __init__(self, conf: Path, log: Path, *, forked: bool) -> None:
        """Remember how they are started.

        Args:
            conf: Configuration folder.
            log: Where their output goes.
            forked: Whether they are children of a server that has imported everything: seconds
                cheaper, and a kill strikes the work instead of imports.
        """
        self._options = [f"--env={NAME}", f"--conf-source={conf}"]
        self.log, self._forked = log, forked

    def start(self, *arguments: str) -> Running:
        """Start a command; what the one before it printed is forgotten.

        Args:
            *arguments: Its name, and its own arguments.
        """
        name, *rest = arguments
        self.log.write_bytes(b"")
        line = [name, *self._options, *rest]
        return _Forked(line, self.log) if self._forked else _Process(line, self.log)

    @property
    def output(self) -> str:
        """What the last command printed."""
        return self.log.read_text(errors="replace")


class _Process:
    def __init__(self, line: Sequence[str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(KEDRO), *line],
                cwd=ROOT,
                env=environment(),
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        self.pid = self._process.pid
        self.poll, self.kill = self._process.poll, self._process.kill

    def wait(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


class _Forked:
    def __init__(self, line: Sequence[str], log: Path) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(["soak_server"])
        self._process = context.Process(target=_run_command, args=(list(line), log), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        self.kill = self._process.kill

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode


def _run_command(line: list[str], log: Path) -> None:
    die_with_parent()
    # Killed before this process had asked the kernel, the soak ends nobody.
    soak = parent_process()
    if soak is None or not soak.is_alive():
        return
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    os.chdir(ROOT)
    from kedro.framework.startup import bootstrap_project

    from regression_lifecycle.cli import cli

    metadata = bootstrap_project(ROOT)
    cli.main(args=line, prog_name="kedro", obj=metadata)
