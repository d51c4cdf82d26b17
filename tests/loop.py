"""The closed loop in a test project: ticks, planted changes, and what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from kedro.io import DataCatalog

from regression_lifecycle.runtime.tick import run_tick
from tests.conftest import ROOT, open_catalog

RAW = "data/01_raw/hour.csv"


def tick(project: Path, as_of: str | None, env: str = "test", **params: Any) -> int:
    """Run one tick as ``kedro tick`` does, in this process."""
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    return run_tick(project, env, {"as_of": as_of, **params})


def only_rules(**rules: dict[str, Any]) -> dict[str, Any]:
    """The section ``policy`` with these rules, and none of the others that are shipped."""
    text = (ROOT / "conf" / "base" / "parameters_policy.yml").read_text(encoding="utf-8")
    shipped = yaml.safe_load(text)["policy"]["rules"]
    return {"policy": {"rules": {**dict.fromkeys(shipped), **rules}}}


# A tick at this moment and with these parameters retrains, and the challenger passes.
PROMOTED_AT = "2011-03-26"
PROMOTING: dict[str, Any] = {
    **only_rules(age={"kind": "schedule", "maximum_age": "14 days"}),
    "retraining": {
        "gate": {
            "checks": {"rmse": None, "bias": None, "r2": {"minimum": -5}},
            "comparison": {"observed_improvement": None, "minimum_improvement": -0.9},
        }
    },
}

# Pages of the windows that alarm, as shipped; conf/test draws none.
WITH_PAGES: dict[str, Any] = {"monitoring": {"reports": {"pages": "alarmed"}}}


def monitor(project: Path, as_of: str, env: str = "test", **params: Any) -> Any:
    """Look at new windows as a tick does, and return the decision of the policy.

    Neither is a model trained, if the policy asks for it, nor a page drawn.
    """
    from kedro.framework.startup import bootstrap_project

    from regression_lifecycle.runtime.session import LifecycleSession

    bootstrap_project(project)
    params = {"as_of": as_of, **params}
    with LifecycleSession.create(project_path=project, env=env, runtime_params=params) as session:
        session.run(pipeline_names=["monitoring"])
        return session.load_context().catalog.load("policy_decision")


def plant(project: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the raw table of a project; ``day`` is there to select by."""
    raw = pd.read_csv(project / RAW)
    day = pd.to_datetime(raw["dteday"])
    changed = change(raw.assign(day=day)).drop(columns="day")
    changed.to_csv(project / RAW, index=False)


def state_of(project: Path) -> dict[str, Any]:
    """Everything that a tick may change, without times of writing and names of runs."""
    tables: dict[str, Any] = {}
    catalog = open_catalog(project)
    for name in ("window_history", "drift_history", "segment_history", "predictions"):
        table = catalog.load(name).drop(columns="recorded_at", errors="ignore")
        tables[name] = table.to_json(orient="records")
    ledger = catalog.load("ledger")
    tables["ledger"] = sorted(zip(ledger["kind"], ledger["decision"], strict=True))
    tables["champion"] = champion_of(catalog)
    tables["reports"] = sorted(
        path.parent.name
        for path in (project / "data/test/08_reporting/windows").glob("*/snapshot.json.gz")
    )
    return tables


def windows_of(state: Path | DataCatalog) -> pd.DataFrame:
    """Newest revisions of the windows that a project or its catalog has recorded, by name."""
    from regression_lifecycle.core.monitoring.window_plan import newest_revisions

    return newest_revisions(_catalog(state).load("window_history")).set_index("window")


def champion_of(state: Path | DataCatalog) -> str:
    """Version of the champion of a project or its catalog; empty if there is none."""
    model = _catalog(state).load("champion_model")
    return "" if model is None else str(model.location["version"])


def _catalog(state: Path | DataCatalog) -> DataCatalog:
    return open_catalog(state) if isinstance(state, Path) else state
