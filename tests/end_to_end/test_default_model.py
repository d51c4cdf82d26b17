"""From a file to a champion in two commands, for tables that trees alone do not learn."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.runtime.new_table import WRITTEN, create_problem
from tests.conftest import open_catalog, run_project
from tests.shapes import SHAPES

GIVEN = ("target", "name", "time", "key", "horizon", "known_in_advance", "label_delay")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["quarterly_60", "series_50"])
def test_a_described_table_becomes_a_champion(project: Path, name: str) -> None:
    file = project / "data" / "01_raw" / f"{name}.csv"
    SHAPES[name].table(1).to_csv(file, index=False)
    bootstrap_project(project)
    answers = {**dict.fromkeys(GIVEN), "target": "sold"}
    assert create_problem(project, file, None, answers, None, print) == WRITTEN

    run_project(project, env=f"{name},local")

    catalog = open_catalog(project, env=f"{name},local")
    assert catalog.load("gate_decision").decision == "promote"
    metrics = catalog.load("holdout_metrics")
    assert metrics["candidate"]["rmse"] < 0.8 * metrics["baseline"]["rmse"]
