"""The loop on another engine: a training, windows and a promotion give what pandas gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pandas.testing import assert_frame_equal

from tests.conftest import ROOT, make_project, open_catalog
from tests.loop import PROMOTED_AT, PROMOTING, tick

ENGINES = ["duckdb", "polars"]
# What belongs to a run and not to what it found: where, when, and of which files.
VOLATILE = ["recorded_at", "run_id", "mlflow_run_id", "code_revision"]
TABLES = [
    *("rejected_observations", "observation_gaps", "observation_changes", "training_set"),
    *("window_history", "drift_history", "segment_history", "predictions", "adjustments"),
    *("out_of_fold_predictions", "holdout_predictions", "feature_importance", "error_rates"),
    *("segment_metrics", "drift_verdict"),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_ticks_give_the_decisions_and_figures_of_pandas(
    engine, promoted_project_once, tmp_path, monkeypatch
):
    project, env = make_project(tmp_path / "project"), f"test,{engine}"
    monkeypatch.chdir(project)
    # Several pieces, although the table is small.
    (project / "conf" / engine / "globals.yml").write_text("raw_chunksize: 700\n", "utf-8")

    tick(project, "2011-03-05", env)
    assert tick(project, PROMOTED_AT, env, **PROMOTING) == 20

    found, expected = open_catalog(project, env), open_catalog(promoted_project_once)
    decisions = [
        catalog.load("ledger").drop(columns=VOLATILE, errors="ignore")
        for catalog in (found, expected)
    ]
    names = ["kind", "decision", "as_of", "candidate_fingerprint", "champion_version"]
    assert_frame_equal(*(table[[n for n in names if n in table]] for table in decisions))
    for name in TABLES:
        tables = [catalog.load(name) for catalog in (found, expected)]
        tables = [table.drop(columns=VOLATILE, errors="ignore") for table in tables]
        assert_frame_equal(*tables, check_exact=False, rtol=1e-9, atol=1e-9, obj=name)


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
        # What base keeps in memory has no path there.
        for key in {"filepath", "metadata"} & set(base[name]):
            assert entry[key] == base[name][key], name
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
