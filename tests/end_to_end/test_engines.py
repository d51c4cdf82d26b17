"""A whole run and a tick on another engine: the decisions and figures of pandas."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.conftest import make_project, open_catalog, run_project

ENGINES = ["duckdb", "polars"]
TABLES = [
    *("rejected_observations", "observation_gaps", "training_set", "cross_validation_scores"),
    *("holdout_predictions", "segment_metrics", "window_metrics", "feature_importance"),
    *("drift_verdict", "window_drift_verdict"),
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def engine_project(engine, tmp_path_factory):
    """A project whose first run was one of the engine."""
    project = make_project(tmp_path_factory.mktemp(engine) / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        run_project(project, env=f"test,{engine}")
    return project


def document(project: Path, name: str) -> dict[str, object]:
    content = json.loads((project / "data" / "test" / "08_reporting" / name).read_text("utf-8"))
    return {key: value for key, value in content.items() if not key.endswith("_at")}


def test_a_run_gives_the_figures_of_pandas(engine, engine_project, finished_project_once):
    catalogs = [
        open_catalog(engine_project, f"test,{engine}"),
        open_catalog(finished_project_once),
    ]
    for name in TABLES:
        found, expected = (catalog.load(name) for catalog in catalogs)
        assert isinstance(found, pd.DataFrame)
        assert_frame_equal(found, expected, check_exact=False, rtol=1e-9, atol=1e-9, obj=name)
