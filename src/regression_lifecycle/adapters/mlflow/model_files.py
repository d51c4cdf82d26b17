"""A trained model as a folder of files, or the same in one archive; none is a pickle.

``estimator.skops`` holds the fitted Pipeline, ``metadata.json`` where it comes from,
``example.json`` a few rows of features, and ``history.parquet`` the newest observations. Models of
older releases lack the last one.

The file is shipped beside every registered model, with all that it imports.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pandas as pd

from regression_lifecycle.adapters.staged_files import staged_path
from regression_lifecycle.core.errors import ModelError, bounded_list
from regression_lifecycle.core.models.boosting import EXTRA, LIBRARIES, store_natively
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel
from regression_lifecycle.core.trusted_types import TRUSTED_TYPES

ESTIMATOR_FILE, PASSPORT_FILE, EXAMPLE_FILE = "estimator.skops", "metadata.json", "example.json"
MODEL_FILES = (ESTIMATOR_FILE, PASSPORT_FILE, EXAMPLE_FILE)
HISTORY_FILE, LOCATION_FILE = "history.parquet", "location.json"

# The estimators that this process holds, by the SHA-256 of their file: the candidate of a run is
# its champion a moment later, and reading a file of a thousand arrays takes longer than hashing it.
_KNOWN: WeakValueDictionary[str, Any] = WeakValueDictionary()


def write_model(model: TrainedModel, folder: Path) -> None:
    """Write a model into an existing folder.

    Args:
        model: The model.
        folder: Where to.

    Raises:
        ModelError: If the model holds a type that loading would refuse.
    """
    import skops.io

    store_natively()
    path = folder / ESTIMATOR_FILE
    # Ten times smaller: skops writes every array as a file of its own.
    skops.io.dump(model.estimator, path, compression=zipfile.ZIP_DEFLATED)
    _refuse_untrusted(path)
    _KNOWN[_digest(path)] = model.estimator
    (folder / PASSPORT_FILE).write_text(model.metadata.model_dump_json(indent=2) + "\n")
    example = model.example.to_json(orient="split", date_format="iso", date_unit="s")
    (folder / EXAMPLE_FILE).write_text(example + "\n")
    if len(model.history):
        model.history.to_parquet(folder / HISTORY_FILE, index=False)


def model_digest(folder: Path) -> str:
    """Hash the files of a model, so that a change of any of them is seen.

    Args:
        folder: The model's folder.

    Returns:
        The SHA-256 of names and contents, as hexadecimal digits.

    Raises:
        ModelError: If a file is missing.
    """
    _refuse_incomplete(folder)
    whole = hashlib.sha256()
    for name in _present(folder):
        # Hashes of one length each: nothing can move from the end of one file into the next.
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(bytes.fromhex(_digest(folder / name)))
    return whole.hexdigest()


def read_model(folder: Path, location: dict[str, str]) -> TrainedModel:
    """Read what :func:`write_model` wrote.

    Args:
        folder: The model's folder.
        location: Where the folder comes from, kept on the model.

    Returns:
        The model.

    Raises:
        ModelError: If a file is missing or damaged, or holds a type that is not trusted.
    """
    _refuse_incomplete(folder)
    try:
        return _read_files(folder, location)
    except ModelError:
        raise
    except ModuleNotFoundError as error:
        mend = f": uv sync --extra {EXTRA}" if error.name in LIBRARIES else ""
        raise ModelError(f"it needs '{error.name}', which is not installed{mend}") from error
    except Exception as error:  # a damaged file fails in as many ways as it has readers
        raise ModelError(f"a damaged model ({type(error).__name__}: {error})") from error


def _read_files(folder: Path, location: dict[str, str]) -> TrainedModel:
    example = json.loads((folder / EXAMPLE_FILE).read_text())
    history = folder / HISTORY_FILE
    return TrainedModel(
        estimator=_load_estimator(folder / ESTIMATOR_FILE),
        metadata=ModelMetadata.model_validate_json((folder / PASSPORT_FILE).read_text()),
        example=pd.read_json(
            io.StringIO(json.dumps(example)), orient="split", dtype=False, precise_float=True
        ),
        location=dict(location),
        history=pd.read_parquet(history) if history.is_file() else pd.DataFrame(),
    )


def pack_archive(folder: Path, path: Path, location: dict[str, str]) -> None:
    """Put the files of a model and its location into one file, which replaces the old one at once.

    Args:
        folder: What :func:`write_model` wrote.
        path: The file, ending in ``.zip``.
        location: Where else the model is, for instance in MLflow.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = staged_path(path)
    try:
        # The estimator is compressed already; the archive only holds the files together.
        with zipfile.ZipFile(staged, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(_present(folder)):
                archive.write(folder / name, name)
            archive.writestr(LOCATION_FILE, json.dumps(location, indent=2) + "\n")
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def read_archive(path: Path) -> TrainedModel:
    """Read what :func:`pack_archive` wrote.

    Args:
        path: The file.

    Returns:
        The model with the location that was stored.

    Raises:
        ModelError: If the file is no model archive or holds a type that is not trusted.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            with zipfile.ZipFile(path) as archive:
                names = [HISTORY_FILE] if HISTORY_FILE in archive.namelist() else []
                for name in (*MODEL_FILES, LOCATION_FILE, *names):
                    (folder / name).write_bytes(archive.read(name))
            location = json.loads((folder / LOCATION_FILE).read_text())
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise ModelError(f"{path} is not a model archive: {error}. Train again") from None
        try:
            return read_model(folder, location)
        except ModelError as error:
            # The scratch folder means nothing to anyone; the archive does.
            raise ModelError(f"{path}: {error}. Train again") from error


def read_metadata(path: Path) -> str:
    """Read the metadata out of an archive without loading the model.

    Args:
        path: The file.

    Returns:
        The metadata as JSON text.
    """
    with zipfile.ZipFile(path) as archive:
        return archive.read(PASSPORT_FILE).decode()


def _present(folder: Path) -> list[str]:
    """Return the names of a model's files, in the order in which they are hashed."""
    return [*MODEL_FILES, *(name for name in (HISTORY_FILE,) if (folder / name).is_file())]


def _refuse_incomplete(folder: Path) -> None:
    missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"not a model: {bounded_list(missing)} missing")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_estimator(path: Path) -> Any:
    digest = _digest(path)
    known = _KNOWN.get(digest)
    if known is not None:
        return known
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        # It looks at all types before it makes an object of any.
        estimator = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException:
        _refuse_untrusted(path)
        raise
    _KNOWN[digest] = estimator
    return estimator


def _refuse_untrusted(path: Path) -> None:
    import skops.io

    foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES))
    if foreign:
        raise ModelError(
            f"{path.name} holds types that are not trusted: {bounded_list(foreign)}. Choose "
            "another estimator, or add them to core/trusted_types.py after review"
        )
