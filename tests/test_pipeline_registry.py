"""The registry of pipelines, and the catalog that they need in every environment."""

from __future__ import annotations

import copy
from collections import Counter
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.io import DataCatalog

from regression_lifecycle.pipeline_registry import LOOP, SERVING, STAGES, register_pipelines
from tests.conftest import ROOT
from tests.shipped import ENVIRONMENTS, open_loader

PIPELINES = register_pipelines()
NAMES = (*STAGES, *LOOP, *SERVING)
# Brought along from ingestion, since new data come in with every tick.
INGEST = {
    f"ingestion.{name}" for name in ("read_raw_rows", "enforce_contract", "complete_observations")
}
INGESTING = {"monitoring", "backtest"}
# It draws the page at its end; ticks and people's answers do so in a run of its own.
DRAWING = {"backtest"}
# Brought by others, and the same file in more than one environment.
READ = {"raw_observations", "raw_labels", "scoring_batch"}
# The list of all problems, which each of them writes.
SHARED = {"problem_index"}
# In the order in which Kedro-Viz draws them: it sorts by name what does not depend on each other.
LAYERS = {
    "01_raw",
    # What earlier runs left and a run reads before it writes: champion, windows, decisions.
    "01_recorded",
    "02_intermediate",
    "03_primary",
    "04_feature",
    "05_model_input",
    "06_models",
    "07_model_output",
    "08_decision",
    "08_metrics",
    # The same figures, as MLflow takes them.
    "08_mlflow",
    "08_reporting",
    "08_reporting_plots",
}
MOST_IN_A_ROW = 8
# Addresses that conf/production takes from outside; a folder does for a bucket.
ADDRESSES = {
    "LIFECYCLE_DATA_URL": "data/elsewhere",
    "LIFECYCLE_STORE_URL": "sqlite:///data/elsewhere/lifecycle.db",
    "LIFECYCLE_MLFLOW_URI": "http://127.0.0.1:5000",
}


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, address in ADDRESSES.items():
        monkeypatch.setenv(name, address)


@lru_cache
def catalog_config(env: str) -> dict[str, Any]:
    """The entries of environments, read once and not to be changed."""
    return open_loader(env)["catalog"]


def test_every_stage_can_be_run_by_its_name_and_all_of_them_without_one() -> None:
    pipelines = PIPELINES

    assert list(pipelines) == [*NAMES, "__default__"]
    stages = {node.name for name in STAGES for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == stages


def test_every_folder_of_a_pipeline_is_registered() -> None:
    folder = ROOT / "src" / "regression_lifecycle" / "pipelines"

    assert {path.parent.name for path in folder.glob("*/pipeline.py")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_nodes_of_a_pipeline_stand_in_its_namespace_and_datasets_do_not(name: str) -> None:
    pipeline = PIPELINES[name]

    page = {node for node in pipeline.nodes if name in DRAWING and node.namespace == "dashboard"}
    drawn = {node.name for node in PIPELINES["dashboard"].nodes}
    assert {node.name for node in page} == (drawn if name in DRAWING else set())
    own = {node for node in pipeline.nodes if node.name not in INGEST or name == "ingestion"} - page
    assert {node.namespace for node in own} == {name}
    assert (len(own | page) < len(pipeline.nodes)) == (name in INGESTING)
    names = [name for name in pipeline.datasets() if not name.startswith("params:")]
    assert not [name for name in names if "." in name]


def test_the_cycle_needs_the_raw_table_late_labels_and_what_was_recorded() -> None:
    cycle = PIPELINES["__default__"]

    inputs = {name for name in cycle.inputs() if not name.startswith("params:")}
    assert inputs == {
        "raw_observations",
        "recorded_labels",
        "source_code",
        "champion_model",
        "recorded_observations",
        "recorded_undeclared_columns",
        "recorded_raw_parts",
        "recorded_decisions",
        # Read once the promotion is done, where the training has left the first.
        "recorded_out_of_fold_predictions",
        "recorded_windows",
    }


def test_who_takes_the_first_step_of_the_loop_needs_the_raw_table_alone() -> None:
    for name in INGESTING:
        inputs = PIPELINES[name].inputs()
        assert "raw_observations" in inputs
        assert "observations" not in inputs


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_has_an_entry_with_a_layer(env: str) -> None:
    datasets = {name for made in PIPELINES.values() for name in made.datasets()}
    names = {name for name in datasets if not name.startswith("params:")}
    entries = catalog_config(env)

    layers = {
        name: entries.get(name, {}).get("metadata", {}).get("kedro-viz", {}).get("layer")
        for name in names
    }

    assert {name for name, layer in layers.items() if layer not in LAYERS} == set()
    assert set(entries) == names


@pytest.mark.parametrize("name", PIPELINES)
def test_kedro_viz_draws_the_layers_in_one_order_and_no_row_of_more_than_eight(name: str) -> None:
    from kedro_viz.services.layers import sort_layers

    drawn = PIPELINES[name]
    layers = {
        entry: made["metadata"]["kedro-viz"]["layer"]
        for entry, made in catalog_config("bike_hourly").items()
    }
    datasets = {entry for entry in drawn.datasets() if entry in layers}
    children: dict[str, set[str]] = {node.name: set(node.outputs) for node in drawn.nodes}
    for entry in datasets:
        children[entry] = {node.name for node in drawn.nodes if entry in node.inputs}
    graph = {part: SimpleNamespace(layer=layers.get(part)) for part in children}

    order = sort_layers(graph, children)

    assert order == sorted({layers[entry] for entry in datasets})
    # Between the boxes of a folded view.
    outside = Counter(
        layers[entry] for entry in drawn.inputs() | drawn.outputs() if entry in layers
    )
    assert max(outside.values()) <= MOST_IN_A_ROW


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_entry_can_be_made(env: str) -> None:
    if "spark" in env:
        pytest.importorskip("pyspark", reason="uv sync --extra spark installs it")
    config = catalog_config(env)
    catalog = DataCatalog.from_config(copy.deepcopy(config))

    for name in config:
        assert str(catalog.get(name))


def test_environments_do_not_write_into_each_others_folders() -> None:
    written = {
        env: {
            entry.get("filepath") or entry.get("url")
            for name, entry in catalog_config(env).items()
            if name not in (*READ, *SHARED) and (entry.get("filepath") or entry.get("url"))
        }
        for env in ENVIRONMENTS
        # The example with what is yours, or on other machines and engines.
        if not {"local", "dask", "ray", "duckdb", "polars", "spark"} & {*env.split(",")}
    }

    for one in written:
        for other in written:
            assert one == other or not written[one] & written[other]
