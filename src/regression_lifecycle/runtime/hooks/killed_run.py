"""A run that came to its end is the last run; one that was killed is ended by the next one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from regression_lifecycle.adapters.staged_files import remove_leftovers

RUN_NAME = ".mlflow_run"
KILLED_TAG = "ended_by"


# What the next ingestion holds its own against; parts say what the observations are made from.
COMPARED = ("undeclared_columns", "observations", "raw_parts")


class KilledRunHook:
    """Knows which runs came to their end.

    The number of the run at work stands in a file beside the lock, under which all this happens:
    whoever finds it there at the start ends that run, which MLflow would call running for ever. And
    what an ingestion stored is recorded when the run ends, so that no edit of the raw table is lost
    with a run that was killed before anybody was told of it.
    """

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember who knows the folder of the lock."""
        self._loader = context.config_loader

    @property
    def _file(self) -> Path:
        return Path(self._loader.local_folder) / RUN_NAME

    # Called right after kedro-mlflow has begun the run.
    @hook_impl
    def before_pipeline_run(self) -> None:
        """End the run that was left, with its half files, and write down the one that begins."""
        import mlflow

        run, file = mlflow.active_run(), self._file
        own = "" if run is None else run.info.run_id
        left = file.read_text().strip() if file.exists() else ""
        if left and left != own:
            remove_leftovers(file.parent)
            _end(left)
        file.unlink(missing_ok=True)
        if own:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(own)

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Record what was ingested, and forget the run, which kedro-mlflow ends."""
        if {*COMPARED} <= pipeline.all_outputs():
            from regression_lifecycle.core.ingestion.raw_table import RawTable
            from regression_lifecycle.datasets.atomic_file import copy_dataset

            # Killed in between, it leaves no parts rather than those of other observations.
            catalog.save("recorded_raw_parts", RawTable([]).describe_parts())
            for name in COMPARED:
                copy_dataset(catalog.get(name), catalog.get(f"recorded_{name}"))
        self._file.unlink(missing_ok=True)

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Forget the run, which kedro-mlflow marks as failed."""
        self._file.unlink(missing_ok=True)


def _end(run_id: str) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    # Somebody may have deleted it.
    with suppress(MlflowException):
        if client.get_run(run_id).info.status == "RUNNING":
            client.set_tag(run_id, KILLED_TAG, "the next run: its process was gone")
            client.set_terminated(run_id, "KILLED")
