"""Metrics as a catalog entry, on a real MLflow store."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.datasets.mlflow_metrics import MlflowMetricsDataset
from tests.tracking import tracking_store

METRICS = {
    "candidate": {"rmse": 51.6, "n": 840, "by_hour": {"8": 70.25}},
    "baseline": {"rmse": np.float64(90.5)},
    "share": 0,
}
LOGGED = {
    "holdout.candidate.rmse": 51.6,
    "holdout.candidate.n": 840.0,
    "holdout.candidate.by_hour.8": 70.25,
    "holdout.baseline.rmse": 90.5,
    "holdout.share": 0.0,
}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tracking_store(tmp_path_factory, tmp_path_factory.mktemp("metrics")) as identifier:
        yield identifier


@pytest.fixture
def run(experiment: str) -> Iterator[mlflow.ActiveRun]:
    with mlflow.start_run(experiment_id=experiment) as active:
        yield active


@pytest.fixture
def catalog() -> DataCatalog:
    entry = {
        "type": "regression_lifecycle.datasets.mlflow_metrics.MlflowMetricsDataset",
        "prefix": "holdout",
        "metadata": {"kedro-viz": {"layer": "reporting"}},
    }
    return DataCatalog.from_config({"metrics": entry})


def stored(run: mlflow.ActiveRun) -> dict[str, float]:
    return mlflow.MlflowClient().get_run(run.info.run_id).data.metrics


def test_numbers_are_logged_under_dotted_names(run: mlflow.ActiveRun, catalog: DataCatalog) -> None:
    catalog.save("metrics", METRICS)

    assert stored(run) == LOGGED
    assert catalog.load("metrics") == LOGGED


def test_a_number_that_is_not_defined_is_left_out(
    run: mlflow.ActiveRun, catalog: DataCatalog
) -> None:
    undefined = {"r2": float("nan"), "bias": None, "rmsle": float("inf"), "mae": 3.5}

    catalog.save("metrics", {"candidate": undefined})

    assert stored(run) == {"holdout.candidate.mae": 3.5}


def test_metrics_of_others_are_not_read(run: mlflow.ActiveRun, catalog: DataCatalog) -> None:
    mlflow.log_metrics({"holdout_size": 7.0, "drift.share": 0.5})

    catalog.save("metrics", {"rmse": 1.0})

    assert catalog.load("metrics") == {"holdout.rmse": 1.0}


def test_all_metrics_go_in_one_call(
    run: mlflow.ActiveRun, catalog: DataCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    log = mlflow.log_metrics
    monkeypatch.setattr(
        mlflow, "log_metrics", lambda values: (calls.append(len(values)), log(values))
    )

    catalog.save("metrics", METRICS)

    assert calls == [len(LOGGED)]


def test_outside_a_run_nothing_is_logged_and_no_run_is_opened(
    experiment: str, catalog: DataCatalog
) -> None:
    before = len(mlflow.MlflowClient().search_runs([experiment]))

    catalog.save("metrics", METRICS)

    assert mlflow.active_run() is None
    assert catalog.load("metrics") == {}
    assert len(mlflow.MlflowClient().search_runs([experiment])) == before


def test_the_switch_of_kedro_mlflow_silences_it(run: mlflow.ActiveRun) -> None:
    dataset = MlflowMetricsDataset(prefix="holdout")
    # What kedro-mlflow sets on every dataset whose class begins with "Mlflow".
    dataset._logging_activated = False

    dataset.save(METRICS)

    assert stored(run) == {}


def test_what_is_no_number_is_refused_by_its_entry(
    run: mlflow.ActiveRun, catalog: DataCatalog
) -> None:
    with pytest.raises(DatasetError, match="prefix='holdout'"):
        catalog.save("metrics", {"rmse": "high"})

    assert stored(run) == {}
