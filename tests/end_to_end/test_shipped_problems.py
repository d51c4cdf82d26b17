"""Every problem that comes with the project, through everything that can be run.

The example goes that way in the tutorial (`test_write_outputs`), and step by step beside this.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from tests.conftest import ROOT, open_catalog, run_project
from tests.loop import tick
from tests.shipped import EXAMPLE, PROBLEMS
from tests.tracking import empty_database

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("problems")]


class Walk(NamedTuple):
    """How a problem is taken through the pipelines.

    Attributes:
        as_of: A moment at which the champion of ``kedro run`` has served some windows.
        later: One with more windows, for a retraining.
        backtest: Where the replay begins.
    """

    as_of: str
    later: str
    backtest: str


WALKS = {
    "bike_daily": Walk("2012-09-15", "2012-12-31", "2012-06-01"),
    "shop_sales": Walk("2022-01-01", "2023-01-01", "2020-01-01"),
    "diabetes": Walk("1970-01-01 00:06:40", "1970-01-01 00:07:22", "1970-01-01 00:05"),
}


@pytest.mark.parametrize("problem", [name for name in PROBLEMS if name != EXAMPLE])
def test_a_problem_goes_through_every_pipeline(
    problem: str, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty_database(tmp_path_factory, project / "data" / problem / "mlflow" / "mlflow.db")
    for table in (ROOT / "data" / "01_raw").glob("*.csv"):
        shutil.copy(table, project / "data" / "01_raw")
    run_project(project, env=problem)
    walk_through(project, problem, WALKS[problem])


def walk_through(project: Path, env: str, walk: Walk) -> None:
    def load(entry: str) -> Any:
        return open_catalog(project, env=env).load(entry)

    def kedro_run(*pipelines: str, **params: Any) -> None:
        run_project(project, env=env, pipeline_names=[*pipelines], params=params)

    assert load("gate_decision").decision == "promote"

    tick(project, walk.as_of, env)
    windows = load("window_history")
    judged = windows[windows["status"] == "complete"]
    assert len(judged) >= 1
    assert judged[["rmse", "baseline_rmse", "coverage"]].notna().to_numpy()[-1, :2].all()
    assert set(windows["model_version"]) == {"1"}
    is_many = bool(load("params:problem").series_columns)
    assert windows["n_series"].notna().all() == is_many
    assert (windows["n_missing_rows"] >= 0).all() or env == "diabetes"
    assert load("series_metrics").empty != is_many
    assert load("series_history").empty != is_many

    backtest = {"start": walk.backtest, "oracle": False}
    kedro_run("retraining", "backtest", backtest=backtest, as_of=walk.later)
    assert load("retraining_decision").decision in {"promote", "refuse"}
    assert load("retraining_decision").n_rows > 0
    summary = load("backtest_summary")
    assert {"never", "configured"} <= set(summary["policy"])
    assert summary["rmse"].notna().all()

    champion = load("version_in_use")
    for version in {"1", champion}:
        kedro_run("reproduction", reproduction={"version": version})
        assert load("reproductions")[version]()["verdict"] == "identical"

    labels(project, env)
    kedro_run("scoring", "labels", scoring={"start": walk.as_of, "end": walk.later})
    assert sum(batch["n_rows"] for batch in load("scoring_summary")) > 0
    (label,) = load("labels").to_dict("records")
    assert label["target"] == 77


def labels(project: Path, env: str) -> None:
    """Write a batch with a label of one observation that is known already."""
    catalog = open_catalog(project, env=env)
    newest = catalog.load("observations").tail(1)
    problem = catalog.load("params:problem")
    columns = [*problem.timestamp.raw_columns, *problem.series_columns]
    if problem.timestamp.rows:
        columns = [problem.timestamp.name]
    batch: pd.DataFrame = newest[columns].assign(**{problem.target: 77})
    for name in columns:
        spec = problem.columns.get(name)
        if spec is not None and spec.format is not None:
            batch[name] = batch[name].dt.strftime(spec.format)
    file = project / "data" / "01_raw" / f"{problem.name}_labels.csv"
    batch.to_csv(file, index=False)
