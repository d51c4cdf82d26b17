"""Parquet tables that an engine reads lazily, so that no run needs memory for all of their rows."""

from __future__ import annotations

import json
import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from errno import ENOENT
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from uuid import uuid4

import narwhals as nw
import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import get_filepath_str, get_protocol_and_path

from regression_lifecycle.adapters import duckdb_engine
from regression_lifecycle.adapters.staged_files import staged_path
from regression_lifecycle.core.errors import DataContractError, bounded_list
from regression_lifecycle.core.fingerprints import combined_fingerprint
from regression_lifecycle.core.frames.collecting import Pieces
from regression_lifecycle.core.ingestion.contract import TypedPieces
from regression_lifecycle.core.ingestion.raw_table import TypedPart
from regression_lifecycle.datasets.atomic_file import OneFile
from regression_lifecycle.datasets.atomic_files import AtomicParquetDataset
from regression_lifecycle.datasets.newest_rows import files_of_table

_ROWS_IN_A_GROUP = 100_000
# In a folder of parts, which of them are the table.
_LISTED = "parts.json"
_FOUND = b"found"


class LazyParquetDataset(OneFile, AbstractDataset[Any, Any]):
    """One Parquet file, locally or on an object store; it is either the old one or the new one.

    A folder of such files, as Spark writes it, is read as well, and replaced by a file. Typed rows
    are a folder of parts, of which only those are written that it does not hold.

    What is loaded is read when it is collected or saved. A table that is made from the file which
    it replaces must be collected first.
    """

    _ENGINE: ClassVar[str]
    # Names that the engine reads as those of several columns.
    _PATTERN: ClassVar[re.Pattern[str]]

    def __init__(
        self,
        filepath: str,
        optional: bool = False,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            filepath: File, or a URL that fsspec knows.
            optional: Whether the file may be missing, which is read as a table without columns.
            credentials: For the file system.
            fs_args: Further arguments of the file system.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, path = get_protocol_and_path(filepath)
        # kedro-mlflow and Kedro-Viz ask for it under this name.
        self._filepath = PurePosixPath(path)
        self._optional = optional
        self._fs_args = {**(credentials or {}), **(fs_args or {})}
        self.metadata = metadata

    def load(self) -> Any:
        """Give the table to the engine.

        Returns:
            A lazy frame of the engine; a pandas table without columns if the file may be missing
            and is.

        Raises:
            FileNotFoundError: If it is missing and may not be.
        """
        if not self._exists():
            if self._optional:
                return pd.DataFrame()
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(self._filepath))
        return self._scan()

    def save(self, data: Any) -> None:
        """Write all of the table or leave the old file as it was.

        Args:
            data: A frame of any engine that Narwhals knows, or pandas tables one after another,
                with the same columns and dtypes, at least one.
        """
        if isinstance(data, TypedPieces):
            self._save_parts(data)
        else:
            self._replace(self._filepath, partial(_write, data, check=self._check_names))

    def _replace(self, path: PurePosixPath, write: Callable[[Path], None]) -> None:
        """Let a file be written, and put it in place in one step."""
        if self._protocol == "file":
            target = Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = staged_path(target)
            try:
                write(staged)
                staged.replace(target)
            finally:
                staged.unlink(missing_ok=True)
            return
        with TemporaryDirectory() as scratch:
            file = Path(scratch, path.name)
            write(file)
            file_system = self._fs
            # An upload that fails half way is not completed.
            with file_system.transaction:
                file_system.put_file(str(file), str(path))

    def _save_parts(self, data: TypedPieces) -> None:
        """Write the parts that no file holds, then name those of the table, then remove others.

        Until they are named the table is the old one.
        """
        folder, file_system = str(self._filepath), self._fs
        if file_system.isfile(folder):
            # As it was written when a table was one file.
            file_system.rm_file(folder)
        found = []
        for part in data.parts():
            name = part.name
            file = f"{_file_name(name)}.parquet"
            path = self._filepath / file
            known = self._found_in(str(path)) if name else None
            if known is None:
                self._replace(path, partial(_write_part, part, check=self._check_names))
            else:
                part.recall(known)
            found.append((name, file))
        named = json.dumps(found).encode()
        self._replace(self._filepath / _LISTED, partial(_write_bytes, named))
        kept = {file for _, file in found}
        for stored in files_of_table(file_system, folder):
            if PurePosixPath(stored).name not in kept:
                file_system.rm_file(stored)

    def _listed(self) -> list[tuple[str, str]]:
        """Return name and file of the parts of the table; none if it is no table of such parts."""
        path = str(self._filepath / _LISTED)
        file_system = self._fs
        if not file_system.exists(path):
            return []
        return [(name, file) for name, file in json.loads(file_system.cat_file(path))]

    def _found_in(self, path: str) -> str | None:
        """Return what was found when a stored part was typed; None if it is not stored."""
        from pyarrow.parquet import read_metadata

        file_system = self._fs
        if not file_system.exists(path):
            return None
        with file_system.open(path, "rb") as file:
            found: bytes = read_metadata(file).metadata[_FOUND]
        return found.decode()

    def load_newest(
        self, columns: Sequence[str], by: str, back: pd.Timedelta, nrows: int
    ) -> pd.DataFrame:
        """Read the newest rows into memory, as the dataset of pandas does from the same file.

        Args:
            columns: What is wanted of them; what the file does not have is left out.
            by: Column of moments, one of ``columns``.
            back: How far back from the newest row all rows are wanted.
            nrows: How many rows are wanted at least, if there are so many.

        Returns:
            These rows, and what stands in one piece of the file with them.
        """
        file = AtomicParquetDataset(
            filepath=get_filepath_str(self._filepath, self._protocol), fs_args=self._fs_args
        )
        return file.load_newest(columns, by, back, nrows)

    @abstractmethod
    def _scan(self) -> Any:
        """Return the lazy frame."""

    def _check_names(self, names: Sequence[str]) -> None:
        """Refuse columns that the engine would take for others."""
        several = [name for name in names if self._PATTERN.fullmatch(str(name))]
        if several:
            raise DataContractError(
                f"{self._ENGINE} reads the name of a column as that of many: "
                f"{bounded_list(several)}. Rename it, or compute with pandas"
            )

    def _files(self) -> list[str]:
        if listed := self._listed():
            return [str(self._filepath / file) for _, file in listed]
        return files_of_table(self._fs, str(self._filepath))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol}


class DuckDBParquetDataset(LazyParquetDataset):
    """A Parquet file as a relation of DuckDB.

    Example:
        .. code-block:: yaml

            observations:
              type: regression_lifecycle.datasets.engine_tables.DuckDBParquetDataset
              filepath: data/02_intermediate/observations.parquet
              settings: {memory_limit: 4GB, temp_directory: /tmp/duckdb}
    """

    _ENGINE = "DuckDB"
    _PATTERN = re.compile(r"\*")

    def __init__(self, *, settings: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            settings: Of DuckDB, by name; they hold for all relations of the process.
            **kwargs: What every lazy Parquet table takes.
        """
        super().__init__(**kwargs)
        self._settings = dict(settings or {})

    def _check_names(self, names: Sequence[str]) -> None:
        super()._check_names(names)
        alike: dict[str, list[str]] = {}
        for name in names:
            alike.setdefault(str(name).casefold(), []).append(str(name))
        for same in alike.values():
            if len(same) > 1:
                raise DataContractError(
                    f"DuckDB does not tell columns apart whose names differ by case: "
                    f"{bounded_list(same)}. Rename one, or take another engine, such as polars"
                )

    def _scan(self) -> Any:
        connection = duckdb_engine.connect(self._settings)
        if self._protocol == "file":
            return connection.read_parquet(self._files())
        # Another entry may have given it before, with other credentials.
        if connection.filesystem_is_registered(self._protocol):
            connection.unregister_filesystem(self._protocol)
        connection.register_filesystem(self._fs)
        return connection.read_parquet([f"{self._protocol}://{file}" for file in self._files()])


class PolarsParquetDataset(LazyParquetDataset):
    """A Parquet file as a lazy frame of Polars.

    Example:
        .. code-block:: yaml

            observations:
              type: regression_lifecycle.datasets.engine_tables.PolarsParquetDataset
              filepath: data/02_intermediate/observations.parquet
    """

    _ENGINE = "Polars"
    _PATTERN = re.compile(r"\*|\^.*\$", re.DOTALL)

    def _scan(self) -> Any:
        import polars as pl

        if self._protocol == "file":
            return pl.scan_parquet(self._files(), glob=False)
        import pyarrow.dataset

        files = pyarrow.dataset.dataset(self._files(), format="parquet", filesystem=self._fs)
        return pl.scan_pyarrow_dataset(files)


def _write(data: Any, file: Path, check: Callable[[Sequence[str]], None]) -> None:
    """Write a frame as Parquet, if its names can be told apart."""
    if isinstance(data, pd.DataFrame):
        check(list(data.columns))
        # As the datasets of pandas do it, which keep what pandas knows of the table.
        data.to_parquet(file, row_group_size=_ROWS_IN_A_GROUP)
    elif isinstance(data, Iterator | Pieces):
        _write_pieces(iter(data), file, check)
    else:
        frame: Any = nw.from_native(data)
        frame.lazy().sink_parquet(file)


def _write_part(part: TypedPart, file: Path, check: Callable[[Sequence[str]], None]) -> None:
    """Write a part of the typed rows with what was found when they were typed."""
    _write_pieces(part.type_rows(), file, check, lambda: {_FOUND.decode(): part.found()})


def _file_name(part: str) -> str:
    """Name the file of a part: by all that it depends on, or as no other one."""
    if not part:
        return uuid4().hex
    by = ("regression-lifecycle", "pandas", "pyarrow")
    return combined_fingerprint({"part": part, **{name: version(name) for name in by}})


def _write_pieces(
    given: Iterator[pd.DataFrame],
    file: Path,
    check: Callable[[Sequence[str]], None],
    metadata: Callable[[], dict[str, str]] | None = None,
) -> None:
    """Write pieces one behind the other, and what is known when they are written."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    first = next(given)
    check(list(first.columns))
    schema = pa.Schema.from_pandas(first, preserve_index=False).remove_metadata()
    with ParquetWriter(file, schema) as writer:
        for piece in chain([first], given):
            table = pa.Table.from_pandas(piece, schema, preserve_index=False)
            writer.write_table(table, row_group_size=_ROWS_IN_A_GROUP)
        if metadata is not None:
            writer.add_key_value_metadata(metadata())


def _write_bytes(content: bytes, file: Path) -> None:
    file.write_bytes(content)
