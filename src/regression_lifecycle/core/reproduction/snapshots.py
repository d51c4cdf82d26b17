"""The snapshot of a version: its training rows, its configuration, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import Field, ValidationError

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import StateError, bounded_list
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.mistakes import in_words
from regression_lifecycle.core.models.provenance import Provenance
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.reproduction.pieces import Piece, cut_into_pieces


class TrainingConfiguration(StrictModel):
    """All that decides what is fitted on given rows, seeds among it.

    Attributes:
        best_parameters: What a search found; empty without one.
    """

    problem: Problem
    preprocessing: PreprocessingParameters
    training: TrainingParameters
    best_parameters: dict[str, Any]


class SnapshotManifest(StrictModel):
    """What a snapshot consists of, as it is stored.

    Attributes:
        version: Number of the registered version, as text.
        fingerprint: Of the model.
        data_fingerprint: Of its training rows.
        n_rows: Number of training rows.
        pieces: The rows, in their order.
    """

    version: str
    fingerprint: str
    data_fingerprint: str
    n_rows: int = Field(ge=1)
    pieces: tuple[Piece, ...] = Field(min_length=1)
    configuration: TrainingConfiguration
    provenance: Provenance

    @property
    def n_bytes(self) -> int:
        """Size of all pieces together."""
        return sum(piece.n_bytes for piece in self.pieces)


@dataclass(frozen=True)
class TrainingRecord:
    """What a model was fitted on and how, before it has a version.

    Attributes:
        rows: Key, features, target and weight of the rows that count, in the order of time.
        fingerprint: Of the model that these rows and this configuration give.
        data_fingerprint: Of the rows.
    """

    rows: pd.DataFrame
    configuration: TrainingConfiguration
    fingerprint: str
    data_fingerprint: str


@dataclass(frozen=True)
class Snapshot:
    """A manifest with its pieces.

    Attributes:
        contents: Bytes of the pieces by name of their file.
    """

    manifest: SnapshotManifest
    contents: Mapping[str, bytes]


@dataclass(frozen=True)
class SnapshotReader:
    """The snapshots that are stored.

    Attributes:
        versions: Versions that have one, the oldest first.
        read: Reads the snapshot of one of them.
    """

    versions: tuple[str, ...]
    read: Callable[[str], Snapshot]


def take_snapshot(record: TrainingRecord, version: str, provenance: Provenance) -> Snapshot:
    """Return the snapshot of a registered version.

    Args:
        version: Its number as text.
    """
    pieces = cut_into_pieces(record.rows, record.configuration.problem)
    manifest = SnapshotManifest(
        version=version,
        fingerprint=record.fingerprint,
        data_fingerprint=record.data_fingerprint,
        n_rows=len(record.rows),
        pieces=tuple(pieces),
        configuration=record.configuration,
        provenance=provenance,
    )
    return Snapshot(manifest, {piece.file_name: content for piece, content in pieces.items()})


def find_snapshot(snapshots: SnapshotReader, version: str) -> Snapshot:
    """Read the snapshot of a version.

    Raises:
        StateError: If it has none.
    """
    if version not in snapshots.versions:
        raise StateError(
            f"version {version} has no snapshot, so it cannot be reproduced: there is no such "
            "version, its snapshot was pruned (snapshots.keep), or it is older than snapshots. "
            f"Versions that have one: {bounded_list(snapshots.versions)}"
        )
    return snapshots.read(version)


def write_manifest(manifest: SnapshotManifest) -> str:
    """Return a manifest as JSON text."""
    return manifest.model_dump_json(by_alias=True, indent=2) + "\n"


def read_manifest(text: str | bytes, place: str) -> SnapshotManifest:
    """Read a manifest.

    Args:
        place: The file, for the message.

    Raises:
        StateError: If it is damaged, or this release does not know what it says.
    """
    try:
        return SnapshotManifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StateError(
            f"the manifest {place} cannot be read: {where or 'it'}: {in_words(first)}. Restore the "
            "file; if another release wrote it, reproduce the version with the code revision that "
            "its tag in MLflow names"
        ) from error


def is_same(text: str | bytes, manifest: SnapshotManifest) -> bool:
    """Return whether a stored manifest holds the same model by the same pieces."""
    try:
        stored = SnapshotManifest.model_validate_json(text)
    except ValidationError:
        return False
    return (stored.fingerprint, stored.pieces) == (manifest.fingerprint, manifest.pieces)


def named_pieces(text: str | bytes, place: str) -> set[str]:
    """Return the files that a manifest names, whichever release wrote it.

    Args:
        place: The file, for the message.

    Raises:
        StateError: If it is damaged.
    """
    try:
        pieces = json.loads(text)["pieces"]
        return {Piece.model_validate(piece).file_name for piece in pieces}
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"the manifest {place} is damaged; restore it, or delete it if the version need not be "
            "reproduced"
        ) from error
