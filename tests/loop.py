"""The closed loop in a test project: ticks, planted changes, and what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from regression_lifecycle.runtime.tick import run_tick
from tests.conftest import ROOT, load_dataset

RAW = "data/01_raw/hour.csv"


def tick(project: Path, as_of: str, env: str = "test", **params: Any) -> int:
    """Run one tick as ``kedro tick`` does, in this process."""
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    return run_tick(project, env, {"as_of": as_of, **params})


def only_rules(**rules: dict[str, Any]) -> dict[str, Any]:
    """The section ``policy`` with these rules, and none of the others that are shipped."""
    text = (ROOT / "conf" / "base" / "parameters_policy.yml").read_text(encoding="utf-8")
    shipped = yaml.safe_load(text)["policy"]["rules"]
    return {"policy": {"rules": {**dict.fromkeys(shipped), **rules}}}


def plant(project: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the raw table of a project; ``day`` is there to select by."""
    raw = pd.read_csv(project / RAW)
    day = pd.to_datetime(raw["dteday"])
    changed = change(raw.assign(day=day)).drop(columns="day")
    changed.to_csv(project / RAW, index=False)


def windows_of(project: Path) -> pd.DataFrame:
    """Newest revisions of the recorded windows, by name."""
    from regression_lifecycle.core.monitoring.window_plan import newest_revisions

    return newest_revisions(load_dataset(project, "window_history")).set_index("window")


def champion_of(project: Path) -> str:
    """Version of the champion; empty if there is none."""
    model = load_dataset(project, "champion_model")
    return "" if model is None else str(model.location["version"])
