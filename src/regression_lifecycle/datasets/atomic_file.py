"""One file, on a disk or on an object store, that is read and replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from kedro.io.core import get_protocol_and_path

from regression_lifecycle.adapters.staged_files import staged_path


def open_file_system(protocol: str, folder: PurePosixPath, **arguments: Any) -> Any:
    """Give the file system of a folder, as the folder is now.

    Args:
        protocol: For fsspec, such as ``file`` or ``s3``.
        folder: What is going to be looked at.
        **arguments: Credentials and the like.

    Returns:
        A file system of fsspec.
    """
    import fsspec

    file_system = fsspec.filesystem(protocol, **arguments)
    # fsspec remembers listings in the process, and another one may have written since.
    file_system.invalidate_cache(str(folder))
    return file_system


def copy_dataset(source: Any, target: Any) -> None:
    """Let one table be what another one is; file to file no row of it is read.

    Args:
        source: A dataset that has been saved.
        target: A dataset of the same engine; it is either the old table or the new one.
    """
    file_system, paths = getattr(source, "_fs", None), (source._filepath, target._filepath)
    before, after = map(str, paths)
    if file_system is None or not file_system.isfile(before):
        target.save(source.load())
    elif source._protocol == "file":
        staged = staged_path(Path(after))
        staged.unlink(missing_ok=True)
        try:
            try:
                # Both are only ever replaced, so one content may have two names.
                staged.hardlink_to(before)
            except OSError:
                file_system.copy(before, str(staged))
            staged.replace(after)
        finally:
            staged.unlink(missing_ok=True)
    else:
        file_system.copy(before, after)


class OneFile:
    """Mixin for a dataset of one file: where it is, whether it is there, and what tells of a write.

    The dataset says so by ``_protocol``, ``_filepath`` and ``_fs_args``.
    """

    _protocol: str
    _filepath: PurePosixPath
    _fs_args: dict[str, Any]

    def state(self) -> str:
        """Return what changes when the file is written, without reading it; empty without one."""
        return str(self._fs.ukey(str(self._filepath))) if self._exists() else ""

    @property
    def _fs(self) -> Any:
        return open_file_system(self._protocol, self._filepath.parent, **self._fs_args)

    def _exists(self) -> bool:
        return bool(self._fs.exists(str(self._filepath)))


class AtomicFile:
    """A file that is either the old one or the new one, never half of it.

    On a disk it is written under a temporary name in its folder and renamed; an object store
    shows an object when its upload is complete. Credentials are those that fsspec finds in the
    environment.
    """

    def __init__(self, filepath: str) -> None:
        """Describe the file; nothing is read or written yet.

        Args:
            filepath: A path, or a URL that fsspec knows, such as ``s3://bucket/picture.png``.
        """
        self.protocol, path = get_protocol_and_path(filepath)
        self.path = PurePosixPath(path)

    def __str__(self) -> str:
        """The path, or the URL."""
        return str(self.path) if self.is_local else f"{self.protocol}://{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine."""
        return self.protocol == "file"

    def read(self) -> bytes:
        """Read all of it.

        Returns:
            Its bytes.
        """
        if self.is_local:
            return Path(self.path).read_bytes()
        content: bytes = self._file_system().cat_file(str(self.path))
        return content

    def write(self, content: bytes) -> None:
        """Replace it in one step; folders are made.

        Args:
            content: Its bytes.
        """
        if not self.is_local:
            self._file_system().pipe_file(str(self.path), content)
            return
        target = Path(self.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = staged_path(target)
        try:
            staged.write_bytes(content)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)

    def exists(self) -> bool:
        """Look whether it is there.

        Returns:
            True if so.
        """
        return bool(self._file_system().isfile(str(self.path)))

    def state(self) -> str:
        """Return what changes when the file is written, without reading it; empty without one."""
        return str(self._file_system().ukey(str(self.path))) if self.exists() else ""

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """Give what reads local files only the file itself, or a copy that is gone afterwards.

        Yields:
            A file of the same name.
        """
        if self.is_local:
            yield Path(self.path)
            return
        with TemporaryDirectory() as scratch:
            copy = Path(scratch, self.path.name)
            copy.write_bytes(self.read())
            yield copy

    def _file_system(self) -> Any:
        return open_file_system(self.protocol, self.path.parent)
