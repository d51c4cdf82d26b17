"""A raw table as Parquet, read at once or in pieces; the contract says what its values mean."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NoReturn, TypeVar

import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import DatasetError, get_protocol_and_path

from regression_lifecycle.core.errors import DataContractError, bounded_list
from regression_lifecycle.core.ingestion.raw_table import RawPart
from regression_lifecycle.datasets.atomic_file import OneFile
from regression_lifecycle.datasets.newest_rows import files_of_table, is_hidden
from regression_lifecycle.datasets.raw_pieces import RawPieces

_Item = TypeVar("_Item")
LOGGER = logging.getLogger(__name__)

# What pandas calls an index without a name; it is no column of the table.
_INDEX = r"__index_level_\d+__"
_LONGEST_CAUSE = 200


def _to_pandas(table: Any) -> pd.DataFrame:
    """Convert, with all digits of whole numbers beside missing ones, which would make floats."""
    import pyarrow as pa

    # What pandas wrote about the types is no part of the table.
    found: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_signed_integer(column.type) and column.null_count:
            found[name] = column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    return found


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def _packed(sized: Iterable[tuple[_Item, int]], rows: int) -> Iterator[list[_Item]]:
    """Put items together until they have so many rows; one that has more stands alone."""
    held: list[_Item] = []
    n_rows = 0
    for item, own in sized:
        if held and n_rows + own > rows:
            yield held
            held, n_rows = [], 0
        held.append(item)
        n_rows += own
    # A file without row groups still has columns.
    yield held


def _digest(file: Any, table: Any, groups: Sequence[int]) -> str:
    """Hash the bytes of row groups, and all by which they are read."""
    found = hashlib.blake2b(str(table.schema_arrow).encode(), digest_size=16)
    for number in groups:
        group = table.metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            form = (column.path_in_schema, column.physical_type, column.num_values)
            found.update(repr((*form, column.compression, column.encodings)).encode())
            starts = [column.data_page_offset, column.dictionary_page_offset]
            # A writer that has no dictionary may say so by 0.
            file.seek(min(start for start in starts if start))
            found.update(file.read(column.total_compressed_size))
    return found.hexdigest()


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    """Say of damaged bytes that they are: Arrow raises a dozen kinds of errors over them."""
    try:
        yield
    except DataContractError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            # The fault of a disk, a right or a network.
            raise
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataContractError(
            f"{PurePosixPath(path).name} cannot be read as a Parquet file "
            f"({cause[:_LONGEST_CAUSE]}); save it anew"
        ) from None


class RawParquetDataset(OneFile, AbstractDataset[NoReturn, "pd.DataFrame | RawPieces"]):
    """One Parquet file, or a folder of such files, locally or on an object store.

    The files of a folder are one table, in the order of their names; what lies in folders inside of
    it is no part.

    Example:
        .. code-block:: yaml

            scoring_batch:
              type: regression_lifecycle.datasets.raw_parquet.RawParquetDataset
              filepath: s3://bucket/hours.parquet
              chunksize: 50000
    """

    def __init__(
        self,
        filepath: str,
        chunksize: int | None = None,
        columns: Sequence[str] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            filepath: File or folder, or a URL that fsspec knows.
            chunksize: Most rows of a piece; None to read the table at once.
            columns: Columns to read; None for all.
            credentials: For the file system.
            fs_args: Further arguments of the file system.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, path = get_protocol_and_path(filepath)
        self._filepath = PurePosixPath(path)
        self._chunksize = chunksize
        self._columns = None if columns is None else list(columns)
        self._fs_args = {**(credentials or {}), **(fs_args or {})}
        self.metadata = metadata

    def load(self) -> pd.DataFrame | RawPieces:
        """Read the table.

        Returns:
            Its rows, a named index as a column like any other; pieces of them where a ``chunksize``
            is given.

        Raises:
            DataContractError: If a file is no Parquet file, is damaged, names a column twice, or
                has other columns than the first one.
        """
        before = self.state()
        # Opened here, so that a missing file is an error of loading.
        for path in self._files():
            self._fs.open(path, "rb").close()
        self._warn_of_others()
        if self._chunksize is None:
            return _joined([*self._batches()])
        return RawPieces(None, partial(self._pieces_again, before), partial(self._parts, before))

    def state(self) -> str:
        """Return what changes when a file is written, without reading it; empty without one."""
        if not self._exists():
            return ""
        file_system = self._fs
        return " ".join(f"{path} {file_system.ukey(path)}" for path in self._files())

    def _files(self) -> list[str]:
        found = files_of_table(self._fs, str(self._filepath))
        if not found:
            raise DataContractError(
                f"the folder {self._filepath.name} holds no file whose name ends with .parquet"
            )
        return found

    def _warn_of_others(self) -> None:
        """Name what lies in the folder and is not read, such as a month that is a CSV file."""
        folder = str(self._filepath)
        if not self._fs.isdir(folder):
            return
        read = {PurePosixPath(path).name for path in self._files()}
        found = (str(path) for path in self._fs.ls(folder, detail=False))
        others = sorted({PurePosixPath(path).name for path in found if not is_hidden(path)} - read)
        if others:
            LOGGER.warning(
                "Not read of the folder %s, since parts are files whose names end with .parquet: "
                "%s. Save them so, or move them away",
                self._filepath.name,
                bounded_list(others),
            )

    def _pieces_again(self, before: str) -> Iterator[pd.DataFrame]:
        self._refuse_change(before)
        yield from self._pieces()

    def _refuse_change(self, before: str) -> None:
        if self.state() != before:
            raise DataContractError(
                f"{self._filepath.name} is another file than when its first row was read, so "
                "nothing of it was taken. Run again"
            )

    def _pieces(self) -> Iterator[pd.DataFrame]:
        """Read pieces that are as large as they may be: rows are sorted only inside of one."""
        sized = ((batch, len(batch)) for batch in self._batches())
        yield from map(_joined, _packed(sized, self._chunksize or 1))

    def _batches(self) -> Iterator[pd.DataFrame]:
        for path, _, table, names in self._tables():
            yield from self._read(path, table, [*range(table.num_row_groups)], names)

    def _parts(self, before: str) -> Iterator[RawPart]:
        self._refuse_change(before)
        for path, file, table, names in self._tables():
            numbers = range(table.num_row_groups)
            sized = ((number, table.metadata.row_group(number).num_rows) for number in numbers)
            for groups in _packed(sized, self._chunksize or 1):
                with _in_words(path):
                    digest = _digest(file, table, groups)
                yield RawPart(digest, partial(self._read, path, table, groups, names))
        # What was read first and last may be parts of two tables.
        self._refuse_change(before)

    def _tables(self) -> Iterator[tuple[str, Any, Any, list[str]]]:
        """Open each file: its path, itself, its table, and the names of the wanted columns."""
        from pyarrow.parquet import ParquetFile

        first: list[str] = []
        for path in self._files():
            with ExitStack() as opened:
                with _in_words(path):
                    file = opened.enter_context(self._fs.open(path, "rb"))
                    table = ParquetFile(file)
                names, name = table.schema_arrow.names, PurePosixPath(path).name
                twice = sorted({column for column in names if names.count(column) > 1})
                if twice:
                    raise DataContractError(
                        f"columns that stand twice in {name}: {bounded_list(twice)}"
                    )
                names = [column for column in names if not re.fullmatch(_INDEX, column)]
                first = first or names
                others = sorted({*names} ^ {*first})
                if others:
                    raise DataContractError(
                        f"{name} has not the columns of the first file of {self._filepath.name}: "
                        f"{bounded_list(others)} stand in one of them alone. Write it anew"
                    )
                yield path, file, table, self._columns or first

    def _read(
        self, path: str, table: Any, groups: list[int], names: list[str]
    ) -> Iterator[pd.DataFrame]:
        import pyarrow as pa

        with _in_words(path):
            n_rows = sum(table.metadata.row_group(number).num_rows for number in groups)
            if self._chunksize is None or not n_rows:
                yield _to_pandas(table.read_row_groups(groups, names))
                return
            for batch in table.iter_batches(self._chunksize, groups, columns=names):
                yield _to_pandas(pa.Table.from_batches([batch]))

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the table is an input.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._filepath} is an input and is not written")

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "chunksize": self._chunksize,
        }
