"""Connects a run with the workers that its configuration names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.framework.hooks import hook_impl

from regression_lifecycle.adapters.workers import connect

SECTION = "params:training"


class WorkersHook:
    """Lets the fits of a run go to workers of Dask or Ray while ``training.compute`` says so."""

    _disconnect: Callable[[], None] | None = None

    # Before a run begins in MLflow, which a scheduler that is away must not leave behind.
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Connect, if any node of the run fits models."""
        if SECTION not in pipeline.inputs():
            return
        compute = catalog.load(SECTION).compute
        self._disconnect = connect(compute.backend, compute.scheduler)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """End the connection."""
        self._end()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """End the connection."""
        self._end()

    def _end(self) -> None:
        if self._disconnect is not None:
            self._disconnect()
            self._disconnect = None
