"""Metrics of a run as one catalog entry and one call to MLflow."""

from __future__ import annotations

import math
from typing import Any

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
        import mlflow

        run = mlflow.active_run()
        if run is None:
            return {}
        stored = mlflow.MlflowClient().get_run(run.info.run_id).data.metrics
        return {
            name: value for name, value in stored.items() if name.startswith(f"{self._prefix}.")
        }

    def _describe(self) -> dict[str, Any]:
        return {"prefix": self._prefix}


def _flat(tree: MetricTree, prefix: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}.{name}")
        elif value is not None and math.isfinite(value):
            found.append((f"{prefix}.{name}", float(value)))
    return found
