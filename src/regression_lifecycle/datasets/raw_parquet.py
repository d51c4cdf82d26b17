"""A raw table as Parquet, read at once or in pieces; the contract says what its values mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import DatasetError, get_protocol_and_path

from regression_lifecycle.core.errors import DataContractError, bounded_list
from regression_lifecycle.datasets.atomic_file import OneFile
from regression_lifecycle.datasets.raw_pieces import RawPieces

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


class RawParquetDataset(OneFile, AbstractDataset[NoReturn, "pd.DataFrame | RawPieces"]):
    """One Parquet file, locally or on an object store.

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
            filepath: File, or a URL that fsspec knows.
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
        """Read the file.

        Returns:
            Its rows, a named index as a column like any other; pieces of them where a ``chunksize``
            is given.

        Raises:
            DataContractError: If it is no Parquet file, is damaged, or names a column twice.
        """
        # Opened here, so that a missing file is an error of loading.
        before = self.state()
        pieces = self._pieces(self._fs.open(str(self._filepath), "rb"))
        if self._chunksize is None:
            [table] = pieces
            return table
        return RawPieces(pieces, partial(self._pieces_again, before))

    def _pieces_again(self, before: str) -> Iterator[pd.DataFrame]:
        if self.state() != before:
            raise DataContractError(
                f"{self._filepath.name} is another file than when its first row was read, so "
                "nothing of it was taken. Run again"
            )
        yield from self._pieces(self._fs.open(str(self._filepath), "rb"))

    def _pieces(self, file: Any) -> Iterator[pd.DataFrame]:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        with file, self._in_words():
            table = ParquetFile(file)
            names = table.schema_arrow.names
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise DataContractError(
                    f"columns that stand twice in {self._filepath.name}: {bounded_list(twice)}"
                )
            wanted = self._columns or [name for name in names if not re.fullmatch(_INDEX, name)]
            if self._chunksize is None:
                yield _to_pandas(table.read(wanted))
                return
            for batch in table.iter_batches(self._chunksize, columns=wanted):
                yield _to_pandas(pa.Table.from_batches([batch]))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
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
                f"{self._filepath.name} cannot be read as a Parquet file "
                f"({cause[:_LONGEST_CAUSE]}); save it anew"
            ) from None

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
