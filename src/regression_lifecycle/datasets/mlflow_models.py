"""Models in MLflow as catalog entries, where kedro-mlflow's own datasets stop.

The names begin with ``Mlflow``: that is how kedro-mlflow's switch finds the datasets that it
has to silence when tracking is off for a pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NewType, NoReturn

from kedro.io import AbstractDataset

from regression_lifecycle.adapters.mlflow import registry
from regression_lifecycle.adapters.mlflow.model_files import (
    pack_archive,
    read_archive,
    read_metadata,
    write_model,
)
from regression_lifecycle.core.decisions.records import PASSED, ApprovalDecision
from regression_lifecycle.core.decisions.wording import line
from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.datasets.atomic_file import AtomicFile

JSONPreview = NewType("JSONPreview", str)

# The model that was loaded last, by registry, name, alias and version: all entries of a catalog
# that stand for the champion share it, and so do the pipelines of a tick.
_LOADED: dict[tuple[str, str, str, str], TrainedModel] = {}


class MlflowTrainedModelDataset(AbstractDataset[TrainedModel, TrainedModel]):
    """A trained model in an archive, logged to the active MLflow run when it is saved.

    The archive lets another pipeline start from the model later; MLflow holds the history.

    Example:
        .. code-block:: yaml

            candidate_model:
              type: regression_lifecycle.datasets.mlflow_models.MlflowTrainedModelDataset
              filepath: data/06_models/candidate_model.zip
              name: bike_hourly
    """

    def __init__(self, filepath: str, name: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            filepath: Path or URL of the archive, ending in ``.zip``.
            name: Name of the logged model in MLflow.
            metadata: For plugins such as Kedro-Viz.
        """
        self._file = AtomicFile(filepath)
        self._filepath = Path(self._file.path)
        self._name = name
        self.metadata = metadata
        self._logging_activated = True
        self._loaded: tuple[str, TrainedModel] | None = None

    def load(self) -> TrainedModel:
        """Read the model from its archive; while that stays as it is, a run reads it once.

        Returns:
            The model; its location says where MLflow has it.
        """
        state = self._file.state()
        if self._loaded is None or self._loaded[0] != state:
            with self._file.local_copy() as archive:
                self._loaded = state, read_archive(archive)
        return self._loaded[1]

    def save(self, data: TrainedModel) -> None:
        """Log the model if a run is active, then put the archive in place in one step.

        A model that MLflow has already is not logged again.

        Args:
            data: The model.
        """
        import mlflow

        location = data.location if "model_uri" in data.location else {}
        with TemporaryDirectory() as scratch:
            folder = Path(scratch, "model")
            folder.mkdir()
            write_model(data, folder)
            if not location and self._logging_activated and mlflow.active_run() is not None:
                location = registry.log_model(data, self._name, folder)
            if self._file.is_local:
                pack_archive(folder, Path(self._file.path), location)
            else:
                archive = Path(scratch, self._file.path.name)
                pack_archive(folder, archive, location)
                self._file.write(archive.read_bytes())
        # While this process still holds the estimator, which then is not made from the file again.
        self.load()

    def preview(self) -> JSONPreview:
        """Show the model's metadata in Kedro-Viz.

        Returns:
            The metadata as JSON text.
        """
        with self._file.local_copy() as archive:
            return JSONPreview(read_metadata(archive))

    def _exists(self) -> bool:
        return self._file.exists()

    def _release(self) -> None:
        self._loaded = None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file), "name": self._name}


class _AliasDataset(AbstractDataset[Any, Any]):
    """An alias of a registered model."""

    def __init__(
        self, model_name: str, alias: str = "champion", metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe the dataset; MLflow is asked only on load and save.

        Args:
            model_name: Registered model.
            alias: The alias.
            metadata: For plugins such as Kedro-Viz.
        """
        self._model_name = model_name
        self._alias = alias
        self.metadata = metadata
        self._logging_activated = True

    def _version(self) -> str | None:
        return registry.version_by_alias(self._model_name, self._alias)

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._model_name, "alias": self._alias}


class MlflowAliasedModelDataset(_AliasDataset):
    """The registered model behind an alias: load it, or move the alias by saving a version.

    Loading gives None while there is no such alias: the first run of a project has no champion.
    """

    def load(self) -> TrainedModel | None:
        """Load the model behind the alias; while that stays, a process reads it once.

        Returns:
            The model, or None if nothing has the alias.
        """
        from mlflow import get_registry_uri

        registered = registry.registered_by_alias(self._model_name, self._alias)
        if registered is None:
            return None
        known = (get_registry_uri(), self._model_name, self._alias, registered.version)
        if known not in _LOADED:
            loaded = registry.load_version(self._model_name, self._alias, registered)
            _LOADED.clear()
            _LOADED[known] = loaded
        return _LOADED[known]

    def save(self, data: str) -> None:
        """Point the alias at a version; the version it points at already stays untouched.

        Args:
            data: Version number as text; an empty text leaves the alias alone.
        """
        current = self._version()
        # Also where tracking is off for a pipeline: which version answers is no record of a run.
        if data and data != current:
            registry.set_alias(self._model_name, self._alias, data)

    def state(self) -> str:
        """Return what changes when the alias moves, without loading a model."""
        from mlflow import get_registry_uri

        uri = get_registry_uri()
        if uri.startswith("sqlite"):
            return registry.version_in_file(uri, self._model_name, self._alias)
        return self._version() or ""

    def preview(self) -> JSONPreview:
        """Show in Kedro-Viz which version has the alias.

        Returns:
            Name, alias and version as JSON text.
        """
        from mlflow import is_tracking_uri_set

        # Kedro-Viz runs no hooks unless it is told to, and then nobody has said where MLflow is:
        # asking would make an empty database in the working folder.
        version: str | None = "start Kedro-Viz with --include-hooks to see it"
        if is_tracking_uri_set():
            version = self._version()
        return JSONPreview(json.dumps({**self._describe(), "version": version}))

    def _exists(self) -> bool:
        return self._version() is not None


class MlflowAliasDataset(_AliasDataset):
    """The number of the version behind an alias, whether or not its model can be read."""

    def load(self) -> str:
        """Ask for the version.

        Returns:
            Version number as text; empty if nothing has the alias.
        """
        return self._version() or ""

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: :class:`MlflowAliasedModelDataset` moves the alias.

        Args:
            data: Not looked at.

        Raises:
            TypeError: Always.
        """
        raise TypeError("this entry only reads which version has the alias")

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._model_name, "alias": self._alias}


class MlflowVersionsDataset(AbstractDataset[NoReturn, Callable[[str], TrainedModel]]):
    """Every version of a registered model, whether or not it has an alias."""

    def __init__(self, model_name: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; MLflow is asked only when a version is read.

        Args:
            model_name: Registered model.
            metadata: For plugins such as Kedro-Viz.
        """
        self._model_name = model_name
        self.metadata = metadata
        self._logging_activated = True

    def load(self) -> Callable[[str], TrainedModel]:
        """Return a function that loads a version by its number.

        Returns:
            The function; it raises ModelError if there is no such version, or if it cannot be read
            or must not be trusted.
        """
        return self._read

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: :class:`MlflowRegistrationDataset` registers.

        Raises:
            TypeError: Always.
        """
        raise TypeError("this entry only reads versions")

    def has(self, version: str) -> bool:
        """Return whether the registry has a version."""
        return registry.registered_by_number(self._model_name, version) is not None

    def _read(self, version: str) -> TrainedModel:
        registered = registry.registered_by_number(self._model_name, version)
        if registered is None:
            raise ModelError(f"'{self._model_name}' has no version {version} in MLflow")
        return registry.load_version(self._model_name, "", registered)

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._model_name}


class MlflowRegistrationDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """A decision carried out in the registry: a new version, or reasons on a refused model.

    Saving a registration registers the model if it passed the gate (once, however often it
    is saved) and tags the logged model with the decision. Loading gives the registration back
    with the ``version`` that it got, empty if none.
    """

    def __init__(
        self, filepath: str, model_name: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            filepath: Path or URL of the JSON file that keeps the outcome.
            model_name: Registered model.
            metadata: For plugins such as Kedro-Viz.
        """
        self._file = AtomicFile(filepath)
        self._filepath = Path(self._file.path)
        self._model_name = model_name
        self.metadata = metadata
        self._logging_activated = True

    def load(self) -> dict[str, Any]:
        """Read the last registration.

        Returns:
            What was saved, with ``version``.
        """
        outcome: dict[str, Any] = json.loads(self._file.read())
        return outcome

    def save(self, data: dict[str, Any]) -> None:
        """Carry a registration out.

        Args:
            data: ``decision``, ``model_uri``, ``model_id``, ``description`` and ``tags``.
        """
        version = ""
        if self._logging_activated and data["model_id"]:
            if data["decision"] in PASSED:
                version = registry.register_version(
                    self._model_name, data["model_uri"], data["description"], data["tags"]
                )
            registry.tag_logged_model(data["model_id"], data["tags"])
        outcome = json.dumps({**data, "version": version}, indent=2) + "\n"
        self._file.write(outcome.encode())

    def preview(self) -> JSONPreview:
        """Show the outcome in Kedro-Viz.

        Returns:
            Decision, version and tags as JSON text.
        """
        outcome = self.load()
        return JSONPreview(json.dumps({k: v for k, v in outcome.items() if k != "description"}))

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file), "model_name": self._model_name}


class MlflowVersionTagsDataset(AbstractDataset[list[ApprovalDecision], NoReturn]):
    """What became of versions that waited for approval, as tags of the registered versions."""

    def __init__(self, model_name: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; MLflow is asked only on save.

        Args:
            model_name: Registered model.
            metadata: For plugins such as Kedro-Viz.
        """
        self._model_name = model_name
        self.metadata = metadata
        self._logging_activated = True

    def load(self) -> NoReturn:
        """Refuse: the ledger knows the decisions.

        Raises:
            TypeError: Always.
        """
        raise TypeError("this entry only tags versions; the ledger has the decisions")

    def save(self, data: list[ApprovalDecision]) -> None:
        """Tag versions with ``decision``, ``reasons`` and ``actor``.

        Args:
            data: May be empty.
        """
        for decision in data if self._logging_activated else []:
            actor = {"actor": decision.actor} if decision.actor else {}
            tags = {"decision": decision.decision, "reasons": line(decision.reasons), **actor}
            registry.tag_version(self._model_name, decision.version, tags)

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._model_name}
