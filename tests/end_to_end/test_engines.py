"""The loop on another engine: a training, windows and a promotion give what pandas gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, make_project, open_catalog, run_project
from tests.engines import OF_INGESTION, OF_TICKS, assert_equal_tables
from tests.loop import PROMOTED_AT, PROMOTING, tick

ENGINES = ["duckdb", "polars"]
OF_RUN = [
    *("training_set", "cross_validation_scores", "out_of_fold_predictions"),
    *("holdout_predictions", "segment_metrics", "window_metrics", "feature_importance"),
    *("drift_verdict", "window_drift", "error_rates"),
]


def make_engine_project(folder: Path, engine: str) -> Path:
    """A project in which an engine reads several pieces, although the table is small."""
    project = make_project(folder)
    (project / "conf" / engine / "globals.yml").write_text("raw_chunksize: 700\n", "utf-8")
    return project


def test_a_run_gives_the_decision_and_figures_of_pandas(
    finished_project_once, tmp_path, monkeypatch
):
    project, env = make_engine_project(tmp_path / "project", "polars"), "test,polars"
    monkeypatch.chdir(project)

    run_project(project, env=env)

    found, expected = open_catalog(project, env), open_catalog(finished_project_once)
    assert_equal_tables(found, expected, [*OF_INGESTION, *OF_RUN])


def test_ticks_give_the_decisions_and_figures_of_pandas(
    promoted_project_once, tmp_path, monkeypatch
):
    project, env = make_engine_project(tmp_path / "project", "duckdb"), "test,duckdb"
    monkeypatch.chdir(project)

    tick(project, "2011-03-05", env)
    assert tick(project, PROMOTED_AT, env, **PROMOTING) == 20

    found, expected = open_catalog(project, env), open_catalog(promoted_project_once)
    assert_equal_tables(found, expected, [*OF_INGESTION, *OF_TICKS])


@pytest.mark.parametrize("engine", [*ENGINES, "spark"])
def test_an_engine_is_nothing_but_its_folder(engine):
    """It replaces entries of the catalog by type, and sets what bounds memory; nothing else."""
    folder = ROOT / "conf" / engine
    base: dict[str, object] = {}
    for file in (ROOT / "conf" / "base").glob("catalog_*.yml"):
        base |= yaml.safe_load(file.read_text("utf-8"))
    catalog = yaml.safe_load((folder / "catalog.yml").read_text("utf-8"))
    entries = {name: entry for name, entry in catalog.items() if not name.startswith("_")}
    assert entries.keys() <= base.keys()
    for name, entry in entries.items():
        # What is handed on in memory has no file in base.
        same = {"filepath", "metadata"} & base[name].keys()
        assert {key: entry[key] for key in same} == {key: base[name][key] for key in same}
    allowed = {"preprocessing": {"maximum_training_rows"}, "training": {"compute"}}
    parameters = yaml.safe_load((folder / "parameters.yml").read_text("utf-8"))
    for section, values in parameters.items():
        assert set(values) <= allowed[section]


def test_the_code_names_engines_at_their_addresses_only():
    source = ROOT / "src" / "regression_lifecycle"
    addresses = {"adapters", "datasets"}
    for file in source.rglob("*.py"):
        if file.relative_to(source).parts[0] not in addresses:
            text = file.read_text("utf-8")
            assert not {"import duckdb", "import polars", "import pyspark"} & {*text.splitlines()}
    assert Path(source, "adapters", "duckdb_engine.py").exists()
