"""Errors in the data should name the file, which the functions that find them do not know."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from regression_lifecycle.core.errors import DataContractError


class ErrorHook:
    """Adds the files that a run read to an error about data."""

    @hook_impl
    def on_pipeline_error(self, error: Exception, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Note the files of the pipeline's inputs on the error."""
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, DataContractError):
            cause = cause.__cause__
        if cause is None:
            return
        for name in sorted(pipeline.inputs()):
            # What earlier runs recorded is not what a person hands in.
            if name.startswith(("params:", "recorded_")):
                continue
            path: Any = getattr(catalog.get(name), "_filepath", None)
            if path is not None:
                error.add_note(f"read from {path}")
