"""From a file to the closed loop: what no shipped table is like, and no line is edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.runtime.new_table import WRITTEN, create_problem
from regression_lifecycle.runtime.tick import EXIT_CODES, run_tick
from tests.conftest import open_catalog, run_project
from tests.shapes import SHAPES
from tests.tracking import empty_database

pytestmark = pytest.mark.slow

GIVEN = ("target", "name", "time", "key", "horizon", "known_in_advance", "label_delay")
# What spares time, in conf/local: fewer comparisons inside of the default model, and fewer fits.
SPARING = {
    "training": {
        "model": {
            "estimator": {
                "class": "regression_lifecycle.core.estimators.AdaptiveRegressor",
                "params": {"n_folds": 1, "selection_rows": 2000},
            }
        },
        "cross_validation": {"n_splits": 2},
    },
    "evaluation": {"importance": {"rows": 100, "repeats": 1}},
    "backtest": {
        "policies": dict.fromkeys(("every_6", "every_2", "always", "equal_cost")),
        "oracle": False,
    },
}
# Shape, and most rows, for the sake of time. Days, months of series and rows without a time are
# shipped, and go the same way in test_shipped_problems.
KINDS = {
    "yearly": ("yearly_trend", 40),
    "weekly with gaps": ("weekly_gaps", 230),
    "irregular": ("irregular", 350),
    "500 series": ("series_500", 24_000),
    "signed": ("signed_daily", 350),
}


@pytest.mark.parametrize(
    ("shape", "n_rows"),
    # Each is a group, since they share nothing and take long.
    [
        pytest.param(*kind, id=name, marks=pytest.mark.xdist_group(name))
        for name, kind in KINDS.items()
    ],
)
def test_a_table_goes_through_everything(
    project: Path, tmp_path_factory: pytest.TempPathFactory, shape: str, n_rows: int
) -> None:
    table, n_series = SHAPES[shape].table(1).head(n_rows), SHAPES[shape].n_series
    empty_database(tmp_path_factory, project / "data" / shape / "mlflow" / "mlflow.db")
    n_new = max(len(table) // n_series // 10, 3) * n_series
    file, env = project / "data" / "01_raw" / f"{shape}.csv", f"{shape},local"
    table.iloc[:-n_new].to_csv(file, index=False)
    (project / "conf/local/parameters.yml").write_text(yaml.safe_dump(SPARING))
    bootstrap_project(project)

    # The command, and the first champion.
    answers = {**dict.fromkeys(GIVEN), "target": "sold"}
    assert create_problem(project, file, None, answers, None, print) == WRITTEN
    run_project(project, env=env)
    catalog = open_catalog(project, env=env)
    metrics = catalog.load("holdout_metrics")
    assert catalog.load("gate_decision").decision == "promote"
    assert metrics["candidate"]["rmse"] < 0.9 * metrics["baseline"]["rmse"]

    # New rows are predicted, and the last of them are labelled anew.
    table.to_csv(file, index=False)
    labels = labels_of(table.tail(n_series))
    labels.to_csv(project / "data" / "01_raw" / f"{shape}_labels.csv", index=False)
    run_project(project, env=env, pipeline_names=["scoring", "labels"])
    scored = scored_rows(project, env)
    assert len(scored) >= n_new
    assert np.isfinite(scored["prediction"]).all()

    # The loop looks at them.
    assert run_tick(project, env, {}) in EXIT_CODES
    catalog = open_catalog(project, env=env)
    observations = catalog.load("observations")
    assert len(observations) == len(table)
    assert sorted(observations["sold"].tail(n_series)) == sorted(labels["sold"])
    windows = catalog.load("window_history")
    judged = windows[windows["status"] == "complete"]
    assert len(judged) > 0
    assert np.isfinite(judged["rmse"]).all()
    assert (project / "data" / shape / "08_reporting" / "index.html").is_file()

    # A challenger is judged, and the past is replayed.
    run_project(project, env=env, pipeline_names=["retraining", "backtest"])
    catalog = open_catalog(project, env=env)
    answer = catalog.load("retraining_decision").decision
    assert answer in ("promote", "refuse", "unchanged")
    replayed = catalog.load("backtest_summary").set_index("policy")
    assert list(replayed.index) == ["never", "configured"]
    assert (replayed["n"] > 0).all()
    assert np.isfinite(replayed["rmse"]).all()


def labels_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Labels a little above what the rows say; rows without a time are named by their number."""
    key = [name for name in ("day", "shop") if name in rows]
    labels = rows[key] if key else pd.DataFrame({"timestamp": rows.index}, rows.index)
    return labels.assign(sold=rows["sold"] + 1)


def scored_rows(project: Path, env: str) -> Any:
    catalog = open_catalog(project, env=env)
    return pd.concat(
        [
            piece
            for batch in catalog.load("batch_predictions")
            for piece in batch.read(batch.first, batch.last)
        ]
    )
