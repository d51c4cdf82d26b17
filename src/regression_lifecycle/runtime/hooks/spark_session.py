"""Starts Spark for a run whose tables Spark reads or writes."""

from __future__ import annotations

from typing import Any

from kedro.config import MissingConfigException
from kedro.framework.hooks import hook_impl


class SparkSessionHook:
    """Hands ``spark.yml`` on, and lets a run fail before its first node if Spark is away."""

    _is_configured = False

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Read ``spark.yml``, where the environments have one."""
        from regression_lifecycle.adapters.spark_session import configure

        try:
            properties = context.config_loader["spark"]
        except MissingConfigException:
            properties = {}
        self._is_configured = bool(properties)
        if properties:
            configure(properties)

    # Before a run begins in MLflow, which a cluster that is away must not leave behind.
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Start the session, if the run has a table for it; other runs need no Java."""
        if not self._is_configured:
            return
        from regression_lifecycle.adapters.spark_session import get_session
        from regression_lifecycle.datasets.spark_tables import SparkTableDataset

        names = [name for name in pipeline.datasets() if name in catalog]
        if any(isinstance(catalog.get(name), SparkTableDataset) for name in names):
            get_session()
