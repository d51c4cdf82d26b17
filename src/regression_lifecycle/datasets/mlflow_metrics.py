"""Metrics of a run as one catalog entry and one call to MLflow."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

MetricTree = dict[str, Any]


class MlflowMetricsDataset(AbstractDataset[MetricTree, dict[str, float]]):
    """A nested mapping of numbers, logged to the active run under dotted names.

    ``{"candidate": {"rmse": 52.1}}`` with the prefix ``holdout`` becomes the metric
    ``holdout.candidate.rmse``. All of them go in one call: kedro-mlflow's history dataset
    commits one metric at a time, which takes ten times as long. Values that are not finite are
    left out, since a metric that is not defined is not a number.
    """

    def __init__(self, prefix: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset.

        Args:
            prefix: First part of every metric's name.
            metadata: For plugins such as Kedro-Viz.
        """
        self._prefix = prefix
        self.metadata = metadata
        self._logging_activated = True

    def save(self, data: MetricTree) -> None:
        """Log all finite numbers of a mapping.

        Args:
            data: Numbers, or mappings of numbers, by name.
        """
        import mlflow

        if self._logging_activated and mlflow.active_run() is not None:
            mlflow.log_metrics(dict(_flat(data, self._prefix)))

    def load(self) -> dict[str, float]:
        """Read the metrics of the active run back.

        Returns:
            Metrics by their full names; empty outside a run.
        """
        return _logged(self._prefix)

    def _describe(self) -> dict[str, Any]:
        return {"prefix": self._prefix}


class MlflowWindowMetricsDataset(AbstractDataset[pd.DataFrame, dict[str, float]]):
    """Figures of windows as MLflow metrics, with the window's index as step.

    Saving takes a table with the columns ``window_index`` and ``start`` and one column per metric,
    and logs it in as few calls as MLflow allows. The start is the time of a figure, so that a chart
    over time has the windows where the page has them. Every run logs all windows of the deployed
    model up to ``maximum_windows``, the newest ones, so that each run shows the whole curve.
    Loading gives the newest value of each metric.
    """

    def __init__(
        self, prefix: str, maximum_windows: int = 500, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe the dataset.

        Args:
            prefix: First part of every metric's name.
            maximum_windows: Most windows that are logged, the newest.
            metadata: For plugins such as Kedro-Viz.
        """
        self._prefix = prefix
        self._maximum_windows = maximum_windows
        self.metadata = metadata
        self._logging_activated = True

    def save(self, data: pd.DataFrame) -> None:
        """Log the finite figures of every window.

        Args:
            data: ``window_index``, ``start`` and one column per metric.
        """
        import mlflow
        from mlflow.entities import Metric

        run = mlflow.active_run()
        if not self._logging_activated or run is None:
            return
        newest = data.tail(self._maximum_windows)
        # MLflow refuses moments before 1970.
        times = (newest["start"].astype("datetime64[ms]").astype("int64")).clip(lower=0)
        metrics = [
            Metric(f"{self._prefix}.{name}", float(value), int(time), int(step))
            for name in newest.columns.drop(["window_index", "start"])
            for step, time, value in zip(newest["window_index"], times, newest[name], strict=True)
            if pd.notna(value) and math.isfinite(value)
        ]
        client = mlflow.MlflowClient()
        for first in range(0, len(metrics), _LARGEST_BATCH):
            client.log_batch(run.info.run_id, metrics=metrics[first : first + _LARGEST_BATCH])

    def load(self) -> dict[str, float]:
        """Read the newest values back.

        Returns:
            Metrics by their full names; empty outside a run.
        """
        return _logged(self._prefix)

    def _describe(self) -> dict[str, Any]:
        return {"prefix": self._prefix, "maximum_windows": self._maximum_windows}


# MLflow takes no more in one call.
_LARGEST_BATCH = 1000


def _logged(prefix: str) -> dict[str, float]:
    import mlflow

    run = mlflow.active_run()
    if run is None:
        return {}
    stored = mlflow.MlflowClient().get_run(run.info.run_id).data.metrics
    return {name: value for name, value in stored.items() if name.startswith(f"{prefix}.")}


def _flat(tree: MetricTree, prefix: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}.{name}")
        elif value is not None and math.isfinite(value):
            found.append((f"{prefix}.{name}", float(value)))
    return found
