"""A Parquet table that is read in pieces, as ``pandas.CSVDataset`` does it with ``chunksize``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import DatasetError, get_protocol_and_path

from regression_lifecycle.datasets.atomic_file import open_file_system


class ParquetChunksDataset(AbstractDataset[NoReturn, Iterator[pd.DataFrame]]):
    """One Parquet file, locally or on an object store, that need not fit into memory.

    Example:
        .. code-block:: yaml

            scoring_batch:
              type: regression_lifecycle.datasets.parquet_chunks.ParquetChunksDataset
              filepath: s3://bucket/hours.parquet
              chunksize: 50000
    """

    def __init__(
        self,
        filepath: str,
        chunksize: int = 50_000,
        columns: Sequence[str] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            filepath: File, or a URL that fsspec knows.
            chunksize: Most rows of a piece.
            columns: Columns to read; None for all.
            credentials: For the file system.
            fs_args: Further arguments of the file system.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, self._path = get_protocol_and_path(filepath)
        self._chunksize = chunksize
        self._columns = None if columns is None else list(columns)
        self._fs_args = {**(credentials or {}), **(fs_args or {})}
        self.metadata = metadata

    def load(self) -> Iterator[pd.DataFrame]:
        """Open the file.

        Returns:
            Its rows in pieces, which can be gone through once.
        """
        from pyarrow.parquet import ParquetFile

        # Opened here, so that a missing file is an error of loading.
        file = self._fs().open(self._path, "rb")
        return self._pieces(ParquetFile(file), file)

    def _pieces(self, table: Any, file: Any) -> Iterator[pd.DataFrame]:
        with file:
            for batch in table.iter_batches(self._chunksize, columns=self._columns):
                yield batch.to_pandas()

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the table is an input.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._path} is an input and is not written")

    def _fs(self) -> Any:
        folder = PurePosixPath(self._path).parent
        return open_file_system(self._protocol, folder, **self._fs_args)

    def _exists(self) -> bool:
        return bool(self._fs().exists(self._path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path, "protocol": self._protocol, "chunksize": self._chunksize}
