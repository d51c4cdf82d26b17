"""Everything that is said to MLflow's tracking store and model registry about models.

kedro-mlflow logs parameters, metrics and artifacts by itself; what it lacks (a signature,
registration, aliases, model cards) is here and nowhere else.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from regression_lifecycle.adapters.mlflow.model_files import model_digest, read_model
from regression_lifecycle.adapters.mlflow.raw_signature import example_row, make_signature
from regression_lifecycle.adapters.mlflow.shipped_code import copy_shipped_code
from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.core.models.boosting import distribution_versions, used_libraries
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.scrubbing import scrub

_REQUIREMENTS = (
    *("mlflow", "narwhals", "numpy", "pandas", "pyarrow", "pydantic"),
    *("scikit-learn", "scipy", "skops"),
)
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
FINGERPRINT_TAG = "fingerprint"
DIGEST_TAG = "digest"
BASELINE_TAG = "baseline"
_DECISION_TAGS = ("decision", "reasons", "opponent", BASELINE_TAG)


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model.

    Attributes:
        version: Its number as text.
        tags: Its tags.
    """

    version: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of the model's files as they were logged; empty if an older release logged them."""
        return self.tags.get(DIGEST_TAG, "")


def log_model(model: TrainedModel, name: str, folder: Path) -> dict[str, str]:
    """Log a model to the active run, ready to be loaded and served anywhere.

    Args:
        model: The model.
        name: Name of the logged model.
        folder: A folder called ``model``, in which
            :func:`~regression_lifecycle.adapters.mlflow.model_files.write_model` has written it.

    Returns:
        ``model_uri``, ``model_id``, ``run_id`` and ``digest``, the hash of the model's files.

    Raises:
        ModelError: If an older release trained the model.
    """
    import mlflow

    with tempfile.TemporaryDirectory() as scratch, _unchanged_path():
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"model": str(folder)},
            code_paths=[str(copy_shipped_code(Path(scratch)))],
            signature=make_signature(model.metadata),
            input_example=example_row(model),
            # Left out, MLflow infers them in a second process, which takes half a minute.
            pip_requirements=_requirements(model),
            tags={FINGERPRINT_TAG: model.metadata.fingerprint},
        )
    return {
        "model_uri": info.model_uri,
        "model_id": str(info.model_id),
        "run_id": str(info.run_id),
        DIGEST_TAG: model_digest(folder),
    }


def load_version(
    model_name: str, alias: str, registered: RegisteredVersion, *, needs_digest: bool = False
) -> TrainedModel:
    """Load a registered version, once its files are known to be those that were registered.

    Args:
        model_name: Registered model.
        alias: The alias that it was found by; empty if by its number.
        registered: The version.
        needs_digest: Whether a version without a digest is refused too.

    Returns:
        The model with ``version``, ``model_uri``, ``alias`` and ``baseline`` in its location.

    Raises:
        ModelError: If it cannot be read or must not be trusted.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    version = registered.version
    uri = f"models:/{model_name}/{version}"
    said = f"has the alias '{alias}' but cannot" if alias else "cannot"
    try:
        if needs_digest and not registered.digest:
            raise ModelError(
                f"it has no tag '{DIGEST_TAG}', so nothing tells whether its files were changed; "
                "train and promote a model with this release"
            )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(download_artifacts(artifact_uri=uri, dst_path=scratch))
            folder = folder / "artifacts" / "model"
            # Before anything in the files is looked at.
            if registered.digest and model_digest(folder) != registered.digest:
                raise ModelError(
                    f"its files are not those that were registered: the tag '{DIGEST_TAG}' is "
                    f"{registered.digest[:16]}..., theirs {model_digest(folder)[:16]}..."
                )
            location = {"version": version, "model_uri": uri, "alias": alias}
            if BASELINE_TAG in registered.tags:
                location[BASELINE_TAG] = registered.tags[BASELINE_TAG]
            return read_model(folder, location)
    except (OSError, MlflowException, ModelError) as error:
        raise ModelError(
            f"version {version} of '{model_name}' {said} be read: {error}. "
            f"{_ways_out(model_name, version)}"
        ) from error


def _ways_out(model_name: str, version: str) -> str:
    """Name the mends for a version that cannot be read."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        place = f" in {MlflowClient().get_model_version_download_uri(model_name, version)}"
    except MlflowException:
        place = ""
    return (
        f"Restore its files{place}, or go back to the champion before it: kedro "
        'rollback --reason "why"; if there is none, choose another '
        "problem_name in globals.yml and train"
    )


def version_by_alias(model_name: str, alias: str) -> str | None:
    """Look up the version that an alias points at.

    Args:
        model_name: Registered model.
        alias: For example ``champion``.

    Returns:
        The version number as text, or None.
    """
    registered = registered_by_alias(model_name, alias)
    return None if registered is None else registered.version


def has_registry() -> bool:
    """Tell whether there is a registry to be asked, without making one.

    Returns:
        False for a SQLite file that is not there or has no registry in it yet. MLflow would make
        both, and its way to do so cannot run beside that of the store in one process.
    """
    from mlflow import get_registry_uri

    uri = get_registry_uri()
    return not uri.startswith("sqlite") or _has_aliases(uri)


def version_in_file(uri: str, model_name: str, alias: str) -> str:
    """Look up an alias in a SQLite registry without MLflow, whose store takes a second to open.

    Args:
        uri: Address of the file, as SQLAlchemy takes it.
        model_name: Registered model.
        alias: For example ``champion``.

    Returns:
        The version number as text; empty if there is no such file, registry or alias.
    """
    query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
    found = _read_file(uri, query, model_name, alias) if _has_aliases(uri) else []
    return str(found[0][0]) if found else ""


def _has_aliases(uri: str) -> bool:
    query = "SELECT name FROM sqlite_master WHERE name = 'registered_model_aliases'"
    return bool(_read_file(uri, query))


def _read_file(uri: str, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Ask a SQLite file, without making one; nothing if there is none."""
    import sqlite3

    from sqlalchemy import make_url

    path = Path(make_url(uri).database or "")
    if not path.is_file():
        return []
    # A process that was killed may have left a transaction, which is taken back before the first
    # answer; for that the file must not be opened for reading only.
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def registered_by_alias(model_name: str, alias: str) -> RegisteredVersion | None:
    """Look up the version that an alias points at, with its tags.

    Args:
        model_name: Registered model.
        alias: For example ``champion``.

    Returns:
        The version, or None.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        found = MlflowClient().get_model_version_by_alias(model_name, alias)
    except MlflowException as error:
        if error.error_code in _ABSENT:
            return None
        raise
    return RegisteredVersion(str(found.version), dict(found.tags))


def registered_by_number(model_name: str, version: str) -> RegisteredVersion | None:
    """Look up a version by its number, with its tags; None if there is none."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        found = MlflowClient().get_model_version(model_name, version)
    except MlflowException as error:
        if error.error_code in _ABSENT:
            return None
        raise
    return RegisteredVersion(str(found.version), dict(found.tags))


def register_version(
    model_name: str, model_uri: str, description: str, tags: dict[str, str]
) -> str:
    """Register a logged model, once however often the same model is asked for.

    Args:
        model_name: Registered model; it is created if need be.
        model_uri: ``models:/m-...`` of the logged model.
        description: Markdown, the model card; its first line describes the registered model too.
        tags: Tags of the version, ``fingerprint`` among them.

    Returns:
        The version number as text.
    """
    from mlflow import MlflowClient, register_model

    client = MlflowClient()
    description, tags = scrub(description), {name: scrub(text) for name, text in tags.items()}
    known = client.search_model_versions(f"name = '{model_name}'")
    # The fingerprint and not the logged model: a run that is repeated after a crash logs the
    # same model anew, and it is still the same version.
    found = [
        version for version in known if version.tags.get(FINGERPRINT_TAG) == tags[FINGERPRINT_TAG]
    ]
    with _unsaid():
        entry = found[0] if found else register_model(model_uri, model_name, tags=tags)
    version = str(entry.version)
    # Writing the same text again would still change the version's time of change.
    if entry.description != description:
        client.update_model_version(model_name, version, description=description)
    sentence = description.partition("\n")[0]
    if client.get_registered_model(model_name).description != sentence:
        client.update_registered_model(model_name, description=sentence)
    if found:
        # The files and where they come from stay those of the first time.
        told = {name: tags[name] for name in _DECISION_TAGS if name in tags}
        tag_version(model_name, version, told)
    return version


def tag_version(model_name: str, version: str, tags: dict[str, str]) -> None:
    """Tag a version; a tag that says so already is left alone.

    Args:
        model_name: Registered model.
        version: An existing version.
        tags: Tags; values beyond MLflow's limit are cut.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    known = client.get_model_version(model_name, version).tags
    for name, text in tags.items():
        said = scrub(text)[:5000]
        if known.get(name) != said:
            client.set_model_version_tag(model_name, version, name, said)


def set_alias(model_name: str, alias: str, version: str) -> None:
    """Point an alias at a version.

    Args:
        model_name: Registered model.
        alias: For example ``champion``.
        version: An existing version.
    """
    from mlflow import MlflowClient

    MlflowClient().set_registered_model_alias(model_name, alias, version)


def tag_logged_model(model_id: str, tags: dict[str, str]) -> None:
    """Tag a logged model, for instance with the reasons why it was refused.

    Args:
        model_id: ``m-...``.
        tags: Tags; values beyond MLflow's limit are cut.
    """
    from mlflow import MlflowClient

    MlflowClient().set_logged_model_tags(model_id, {k: scrub(v)[:5000] for k, v in tags.items()})


@contextmanager
def _unchanged_path() -> Iterator[None]:
    """Take back what MLflow puts in front of the import path: the shipped part of this package.

    Workers that are started later would import it in place of the whole one.
    """
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _unsaid() -> Iterator[None]:
    """Keep MLflow from printing what the end of a run says."""
    from mlflow.utils.logging_utils import disable_logging, enable_logging

    disable_logging()
    try:
        yield
    finally:
        enable_logging()


def _requirements(model: TrainedModel) -> list[str]:
    versions = {name: metadata.version(name) for name in _REQUIREMENTS}
    versions |= distribution_versions(used_libraries(model.estimator))
    return [f"{name}=={found}" for name, found in versions.items()]
