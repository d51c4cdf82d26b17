"""The whole job on real data, as a user runs it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import NEWEST_DAY, open_catalog, run_project
from tests.loop import champion_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]

STAGES = ("ingestion", "preprocessing", "training", "evaluation", "promotion", "drift_check")
# What makes another model and asks whether it may take the champion's place.
CHALLENGING = ["training", "evaluation", "promotion"]
FORBIDDEN = {"casual", "registered", "instant", "cnt"}


def registry_state(project: Path) -> dict[str, list[tuple]]:
    with sqlite3.connect(project / "data/test/mlflow/mlflow.db") as connection:
        state = {
            table: connection.execute(f"select * from {table}").fetchall()
            for table in ("registered_models", "model_versions", "registered_model_aliases")
        }
    with sqlite3.connect(project / "data/test/lifecycle.db") as connection:
        state["ledger"] = connection.execute("select * from ledger").fetchall()
    return state


def file_digests(project: Path) -> dict[str, str]:
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / "data/test").rglob("*"))
        if path.is_file() and "mlflow" not in path.parts and "lifecycle.db" not in path.name
    }


def test_cycle_leaves_a_gated_registered_champion_with_its_evidence(finished_project):
    catalog = open_catalog(finished_project)
    champion = catalog.load("champion_model")
    decision = catalog.load("gate_decision")
    ledger = catalog.load("ledger")

    assert decision.decision == "promote"
    assert champion.location["version"] == "1"
    assert champion.metadata.fingerprint == decision.candidate_fingerprint
    assert list(ledger["decision"]) == ["promote"]
    assert list(ledger["candidate_version"]) == ["1"]
    for report in ("data_quality_report", "regression_report", "drift_report"):
        assert (finished_project / f"data/test/08_reporting/{report}/report.html").is_file()


def test_part_of_the_target_reaches_neither_features_nor_signature(finished_project):
    import mlflow

    table = open_catalog(finished_project).load("feature_table")
    signature = mlflow.models.get_model_info("models:/bike_test@champion").signature

    assert set(table.columns) & FORBIDDEN == {"cnt"}
    assert not set(signature.inputs.input_names()) & FORBIDDEN


def test_training_and_holdout_do_not_overlap_in_time(finished_project):
    catalog = open_catalog(finished_project)
    training = catalog.load("training_set")["timestamp"]
    holdout = catalog.load("holdout_set")["timestamp"]

    assert training.max() < holdout.min() == pd.Timestamp("2011-04-01")
    assert holdout.max() < pd.Timestamp("2011-05-06")


def test_one_run_with_parameters_metrics_lineage_and_tags(finished_project):
    import mlflow

    open_catalog(finished_project)
    experiment = mlflow.get_experiment_by_name("bike_test")
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])

    assert [run.info.status for run in runs] == ["FINISHED"]
    assert mlflow.active_run() is None
    run = runs[0]
    assert run.info.run_name == f"full cycle {NEWEST_DAY} 23:00 promote"
    assert run.data.tags["decision"] == "promote"
    assert run.data.tags["champion_version"] == "1"
    assert run.data.params["training.model.estimator.params.log_shift"] == "5"
    assert run.data.metrics["holdout.candidate.rmse"] > 0
    assert run.data.metrics["cross_validation.rmse"] > 0
    assert 0 <= run.data.metrics["drift.drifted_share"] <= 1
    assert run.data.tags["problem"] == "bike_test"
    assert run.data.tags["env"] == "test"
    assert len(run.data.tags["data_fingerprint"]) == 16
    assert {item.dataset.name for item in run.inputs.dataset_inputs} == {
        "training_set",
        "holdout_set",
    }


def test_reports_say_first_whose_they_are(finished_project):
    catalog = open_catalog(finished_project)
    fingerprint = catalog.load("candidate_model").metadata.fingerprint
    folder = finished_project / "data/test/08_reporting"
    facts = {
        name: json.loads((folder / name / "metrics.json").read_text())["metadata"]
        for name in ("drift_report", "regression_report", "data_quality_report")
    }

    n_holdout, n_training = (len(catalog.load(name)) for name in ("holdout_set", "training_set"))
    for name in ("drift_report", "regression_report"):
        assert facts[name]["candidate"] == fingerprint
        about = facts[name]["about"]
        assert about.startswith(f"problem bike_test; candidate {fingerprint[:12]}, trained until")
        assert f"{n_holdout:,} rows; reference: training rows" in about
    assert f"{n_training:,} rows" in facts["drift_report"]["about"]
    assert facts["data_quality_report"]["about"].startswith("problem bike_test; no model; obser")
    links = catalog.load("report_links").set_index("name")["candidate"]
    assert links["drift_report"] == fingerprint
    assert links["data_quality_report"] == ""


def test_second_run_changes_no_model_no_alias_and_no_row(finished_copy, capsys):
    # The first one that meets a champion: its predictions stand beside the candidate's from now on.
    run_project(finished_copy)
    state = registry_state(finished_copy)
    files = file_digests(finished_copy)
    run_project(finished_copy)
    again = file_digests(finished_copy)

    assert registry_state(finished_copy) == state
    assert len(state["model_versions"]) == len(state["ledger"]) == 1
    assert "same data, same configuration" in capsys.readouterr().out
    changed = {name for name in files if files[name] != again.get(name)}
    # Only what names the MLflow run or holds a time of its own may differ.
    assert {Path(name).name for name in changed} <= {
        "candidate_model.zip",
        "registration.json",
        "snapshot.json.gz",
        "report.html",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_each_pipeline_runs_alone_once_its_inputs_exist(finished_copy, stage):
    state = registry_state(finished_copy)
    run_project(finished_copy, pipeline_names=[stage])

    assert registry_state(finished_copy) == state


def test_better_configuration_takes_the_champions_place_and_worse_does_not(finished_copy):
    estimator = {
        "class": "sklearn.ensemble.HistGradientBoostingRegressor",
        "params": {"max_iter": 2, "random_state": 0},
    }
    strict = {
        "evaluation": {"gate": {"comparison": {"minimum_improvement": 0.0}}},
        "training": {"model": {"estimator": estimator}},
    }
    run_project(finished_copy, pipeline_names=CHALLENGING, params=strict)
    catalog = open_catalog(finished_copy)

    assert catalog.load("gate_decision").decision == "refuse"
    assert champion_of(catalog) == "1"
    assert list(catalog.load("ledger")["decision"]) == ["promote", "refuse"]

    # Other features as well: the champion's own are made again from the observations.
    features = [
        {"kind": "columns", "names": ["hr", "workingday", "weathersit", "temp", "atemp", "hum"]},
        {"kind": "calendar", "parts": ["weekday"]},
        {"kind": "time_index", "name": "day_index", "origin": "2011-01-01", "unit": "1 day"},
    ]
    target = {"function": "numpy.square", "inverse": "numpy.sqrt"}
    transformers = [
        {
            "name": "weather",
            "columns": ["weathersit"],
            "steps": [
                {
                    "class": "sklearn.impute.SimpleImputer",
                    "params": {"strategy": "most_frequent"},
                }
            ],
        }
    ]
    lenient = {
        "evaluation": {"gate": {"comparison": {"minimum_improvement": -0.4}}},
        "preprocessing": {"features": features},
        "training": {
            "model": {
                "transformers": transformers,
                "target_transform": target,
            }
        },
    }
    run_project(finished_copy, pipeline_names=["preprocessing", *CHALLENGING], params=lenient)

    catalog = open_catalog(finished_copy)
    decision = catalog.load("gate_decision")
    assert (decision.opponent, decision.champion_version) == ("champion", "1")
    assert champion_of(catalog) == "2"
