"""Snapshots of what versions were trained on: pieces that versions share, a manifest for each."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path

from regression_lifecycle.core.errors import StateError, counted
from regression_lifecycle.core.reproduction.snapshots import (
    Snapshot,
    SnapshotReader,
    is_same,
    named_pieces,
    read_manifest,
    write_manifest,
)
from regression_lifecycle.datasets.atomic_file import AtomicFile, open_file_system

LOGGER = logging.getLogger(__name__)
_MANIFEST = re.compile(r"([1-9][0-9]*)\.json")


class SnapshotDataset(AbstractDataset[Sequence[Snapshot], SnapshotReader]):
    """``<path>/pieces/<hash>.parquet`` and ``<path>/manifests/<version>.json``, on any file system.

    A piece is named by the hash of its content and is stored once, whichever versions it belongs
    to. The manifest comes last, so that it never names a piece that is not there.

    Example:
        .. code-block:: yaml

            snapshot:
              type: regression_lifecycle.datasets.snapshots.SnapshotDataset
              path: data/bike_hourly/06_models/snapshots
    """

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            path: Folder, or a URL that fsspec knows, such as ``s3://bucket/snapshots``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, root = get_protocol_and_path(path)
        self._root = PurePosixPath(root)
        self.metadata = metadata

    def load(self) -> SnapshotReader:
        """List the versions; nothing of their snapshots is read yet.

        Returns:
            A reader, which raises StateError for a manifest or a piece that cannot be read.
        """
        return SnapshotReader(self._versions(), self._read)

    def save(self, data: Sequence[Snapshot]) -> None:
        """Write the pieces that are not there yet, then the manifest, of each snapshot.

        Saving a snapshot of the same model again changes nothing.

        Args:
            data: Snapshots, with the bytes of their pieces; none leaves all as it is.
        """
        for snapshot in data:
            self._store(snapshot)

    def _store(self, snapshot: Snapshot) -> None:
        manifest = snapshot.manifest
        stored = self._sizes()
        written = 0
        for piece in manifest.pieces:
            file, content = (
                self._file("pieces", piece.file_name),
                snapshot.contents[piece.file_name],
            )
            # Of one that is there its name is not believed: a new version would inherit the damage.
            if stored.get(piece.file_name) != piece.n_bytes or file.read() != content:
                file.write(content)
                written += piece.n_bytes
        file = self._manifest(manifest.version)
        # One of the same model stays: it says which code fitted it first, as the registry does.
        if not (file.exists() and is_same(file.read(), manifest)):
            file.write(write_manifest(manifest).encode())
        LOGGER.info(
            "Snapshot of version %s: %s in %s, %s; %s were stored already",
            manifest.version,
            counted(manifest.n_rows, "row"),
            counted(len(manifest.pieces), "piece"),
            _size(manifest.n_bytes),
            _size(manifest.n_bytes - written),
        )

    def _read(self, version: str) -> Snapshot:
        place = self._manifest(version)
        manifest = read_manifest(place.read(), str(place))
        if manifest.version != version:
            raise StateError(
                f"the manifest {place} is that of version {manifest.version} and not of version "
                f"{version}; restore the file"
            )
        contents = {}
        for piece in manifest.pieces:
            file = self._file("pieces", piece.file_name)
            try:
                contents[piece.file_name] = file.read()
            except FileNotFoundError:
                raise StateError(
                    f"the snapshot of version {version} lacks the piece {file} (rows of "
                    f"{piece.period}), so it cannot be read"
                ) from None
            except OSError as error:
                raise StateError(
                    f"the snapshot of version {version} cannot be read: {file} (rows of "
                    f"{piece.period}) is no file that can be opened: {error.strerror or error}. "
                    "Restore it"
                ) from error
        return Snapshot(manifest, contents)

    def _versions(self) -> tuple[str, ...]:
        names = (_MANIFEST.fullmatch(name) for name in self._sizes("manifests"))
        return tuple(sorted((found[1] for found in names if found), key=int))

    def _sizes(self, folder: str = "pieces") -> dict[str, int]:
        """Return the size of every file of a folder; none if it is not there."""
        place = self._root / folder
        file_system = open_file_system(self._protocol, place)
        try:
            found = file_system.ls(str(place), detail=True)
        except FileNotFoundError:
            return {}
        files = (entry for entry in found if entry["type"] == "file")
        return {PurePosixPath(entry["name"]).name: entry["size"] for entry in files}

    def _manifest(self, version: str) -> AtomicFile:
        return self._file("manifests", f"{version}.json")

    def _file(self, *parts: str) -> AtomicFile:
        path = self._root.joinpath(*parts)
        return AtomicFile(str(path) if self._protocol == "file" else f"{self._protocol}://{path}")

    def _remove(self, *parts: str) -> None:
        path = self._root.joinpath(*parts)
        with suppress(FileNotFoundError):
            open_file_system(self._protocol, path.parent).rm_file(str(path))

    def _exists(self) -> bool:
        return bool(self._versions())

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._root), "protocol": self._protocol}


class SnapshotPruningDataset(SnapshotDataset):
    """The same folder; saving a list of versions removes their snapshots.

    Manifests go first, and then the pieces that none of the others names: whatever an interrupted
    save or pruning left is removed by the next one.
    """

    def save(self, data: Sequence[str]) -> None:  # type: ignore[override]
        """Remove the snapshots of some versions.

        A promotion does not fail for it: where a manifest is damaged, nobody knows which pieces it
        needs, so nothing is removed, and a warning says so.

        Args:
            data: The versions; those without a snapshot are passed over.
        """
        stored = self._versions()
        pruned = [version for version in data if version in stored]
        if not pruned:
            return
        left = [self._manifest(version) for version in stored if version not in pruned]
        try:
            named = {name for file in left for name in named_pieces(file.read(), str(file))}
        except StateError as error:
            LOGGER.warning("No snapshot was pruned: %s", error)
            return
        for version in pruned:
            self._remove("manifests", f"{version}.json")
        unnamed = {name: size for name, size in self._sizes().items() if name not in named}
        for name in unnamed:
            self._remove("pieces", name)
        LOGGER.info(
            "Pruned the snapshots of versions %s: %s freed (snapshots.keep)",
            ", ".join(pruned),
            _size(sum(unnamed.values())),
        )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.2f} MB" if n_bytes >= 10_000 else f"{n_bytes:,} bytes"
