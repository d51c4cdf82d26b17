"""Metrics as a catalog entry, on a real MLflow store."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.datasets.mlflow_metrics import (
    MlflowMetricsDataset,
    MlflowWindowMetricsDataset,
)

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


# --- figures of windows, with the window's index as step ------------------------------------------


def window_figures(count: int, **columns: object) -> pd.DataFrame:
    rmse = [50.0 + index for index in range(count)]
    start = pd.date_range("2011-01-01", periods=count, freq="7D")
    return pd.DataFrame({"window_index": range(count), "start": start, "rmse": rmse, **columns})


def history_of(run: mlflow.ActiveRun, name: str) -> list[tuple[int, float]]:
    found = mlflow.MlflowClient().get_metric_history(run.info.run_id, name)
    return sorted((metric.step, metric.value) for metric in found)


def test_steps_are_the_windows_and_what_is_not_defined_is_left_out(
    run: mlflow.ActiveRun,
) -> None:
    bias = pd.Series([0.1, None, float("inf")], dtype="float64")
    n = pd.Series([168, None, 24], dtype="Int64")
    dataset = MlflowWindowMetricsDataset(prefix="window")

    dataset.save(window_figures(3, bias=bias, n=n).assign(window_index=[4, 5, 9]))

    assert history_of(run, "window.rmse") == [(4, 50.0), (5, 51.0), (9, 52.0)]
    assert history_of(run, "window.bias") == [(4, 0.1)]
    assert history_of(run, "window.n") == [(4, 168.0), (9, 24.0)]
    assert dataset.load() == {"window.rmse": 52.0, "window.bias": 0.1, "window.n": 24.0}


def test_more_metrics_than_one_call_may_carry_are_split(
    run: mlflow.ActiveRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    log = mlflow.MlflowClient.log_batch

    def counted(client: mlflow.MlflowClient, run_id: str, **given: Any) -> None:
        sizes.append(len(given["metrics"]))
        log(client, run_id, **given)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", counted)

    MlflowWindowMetricsDataset(prefix="window").save(window_figures(400, mae=1.0, bias=0.0))

    assert sizes == [1000, 200]
    assert len(history_of(run, "window.mae")) == 400


def test_a_figure_has_the_time_at_which_its_window_starts(run: mlflow.ActiveRun) -> None:
    starts = pd.to_datetime(["1969-12-27", "2011-01-08"])

    MlflowWindowMetricsDataset(prefix="window").save(window_figures(2).assign(start=starts))

    found = mlflow.MlflowClient().get_metric_history(run.info.run_id, "window.rmse")
    # MLflow has no time before 1970.
    assert [metric.timestamp for metric in found] == [0, 1_294_444_800_000]


def test_only_the_newest_windows_are_logged(run: mlflow.ActiveRun) -> None:
    MlflowWindowMetricsDataset(prefix="window", maximum_windows=2).save(window_figures(5))

    assert history_of(run, "window.rmse") == [(3, 53.0), (4, 54.0)]


def test_without_windows_nothing_is_logged(run: mlflow.ActiveRun) -> None:
    MlflowWindowMetricsDataset(prefix="window").save(window_figures(0))

    assert stored(run) == {}


def test_figures_of_windows_are_silent_without_a_run_or_with_tracking_off(
    experiment: str,
) -> None:
    dataset = MlflowWindowMetricsDataset(prefix="window")
    dataset.save(window_figures(1))
    assert mlflow.active_run() is None
    assert dataset.load() == {}

    with mlflow.start_run(experiment_id=experiment) as active:
        dataset._logging_activated = False
        dataset.save(window_figures(1))
        assert stored(active) == {}
