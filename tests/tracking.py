"""MLflow stores for tests: a real SQLite database each, copied from one that is made once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from regression_lifecycle.adapters.mlflow import registry
from regression_lifecycle.adapters.mlflow.model_files import write_model
from regression_lifecycle.core.models.trained_model import TrainedModel
from tests.conftest import built_once

EXPERIMENT = "tiny"


def empty_database(factory: pytest.TempPathFactory, copy: Path) -> Path:
    """Give a copy of an MLflow database with all its tables and nothing in them.

    Making the tables takes seconds of computing time, copying them none.

    Args:
        copy: The copy; its folder is made.

    Returns:
        The copy.
    """

    def build(folder: Path) -> None:
        import mlflow

        folder.mkdir()
        database = (folder / "mlflow.db").as_posix()
        mlflow.MlflowClient(f"sqlite:///{database}").search_experiments()

    template = built_once(factory, "empty_mlflow", build) / "mlflow.db"
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template, copy)
    return copy


@contextmanager
def tracking_store(factory: pytest.TempPathFactory, folder: Path) -> Iterator[str]:
    """Give MLflow an empty store in a folder, for as long as the block runs.

    Args:
        folder: Where the store lies.

    Yields:
        The identifier of the experiment ``tiny``.
    """
    import mlflow

    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    before = {name: os.environ.get(name) for name in names}
    database = empty_database(factory, folder / "mlflow.db")
    try:
        mlflow.set_tracking_uri(f"sqlite:///{database.as_posix()}")
        yield mlflow.create_experiment(EXPERIMENT, (folder / "artifacts").as_posix())
    finally:
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_tracking_uri(None)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def log_model(model: TrainedModel, name: str, experiment: str) -> dict[str, str]:
    """Write a model and log it to a run of its own."""
    import mlflow

    with TemporaryDirectory() as scratch, mlflow.start_run(experiment_id=experiment):
        folder = Path(scratch, "model")
        folder.mkdir()
        write_model(model, folder)
        return registry.log_model(model, name, folder)
