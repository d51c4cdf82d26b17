"""Files that MLflow keeps a copy of with the run that wrote them.

kedro-mlflow's own artifact dataset hands MLflow a path of this machine, which a file on an object
store does not have.
"""

from __future__ import annotations

from typing import Any

from regression_lifecycle.datasets.atomic_file import AtomicFile
from regression_lifecycle.datasets.atomic_files import (
    AtomicCSVDataset,
    AtomicDecisionDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicPictureDataset,
    AtomicTextDataset,
    OptionalCSVDataset,
)


class LoggedToMlflow:
    """Mixin for a file dataset: what is saved is an artifact of the active run too.

    The name of the whole class has to begin with ``Mlflow``: that is how kedro-mlflow finds the
    datasets that it silences when tracking is off for a pipeline.
    """

    # Set by kedro-mlflow.
    _logging_activated = True

    def __init__(self, filepath: str, **kwargs: Any) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            filepath: Path or URL of the file.
            **kwargs: What the file dataset takes.
        """
        super().__init__(filepath=filepath, **kwargs)  # type: ignore[call-arg]
        self._logged_file = AtomicFile(filepath)

    def save(self, data: Any) -> None:
        """Write the file, then hand it to the active run, if there is one.

        Args:
            data: What the file dataset takes.
        """
        import mlflow

        super().save(data)  # type: ignore[misc]
        if self._logging_activated and mlflow.active_run() is not None:
            with self._logged_file.local_copy() as file:
                mlflow.log_artifact(str(file))


class MlflowCSVDataset(LoggedToMlflow, AtomicCSVDataset):
    """A pandas table in one CSV file."""


class MlflowOptionalCSVDataset(LoggedToMlflow, OptionalCSVDataset):
    """A pandas table in one CSV file that may not be there yet."""


class MlflowParquetDataset(LoggedToMlflow, AtomicParquetDataset):
    """A pandas table in one Parquet file."""


class MlflowJSONDataset(LoggedToMlflow, AtomicJSONDataset):
    """A JSON document."""


class MlflowDecisionDataset(LoggedToMlflow, AtomicDecisionDataset):
    """A decision as a JSON document."""


class MlflowTextDataset(LoggedToMlflow, AtomicTextDataset):
    """A Markdown text."""


class MlflowPictureDataset(LoggedToMlflow, AtomicPictureDataset):
    """A picture."""
