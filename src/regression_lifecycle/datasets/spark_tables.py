"""Tables that Spark reads and writes: folders of Parquet files, replaced in one step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow as pa
from kedro_datasets.spark import SparkDatasetV2

from regression_lifecycle.adapters.spark_session import get_session
from regression_lifecycle.adapters.staged_files import staged_path
from regression_lifecycle.core.errors import StateError

_SUCCESS = "_SUCCESS"
_MARKS_SUCCESS = "mapreduce.fileoutputcommitter.marksuccessfuljobs"


class SparkTableDataset(SparkDatasetV2):
    """A table that is either the old one or the new one, never half of it.

    On a disk the path is a symbolic link to the folder that holds the table. A new table is
    written to a folder beside it, and the link is replaced, in one step. The same path can be
    read by pandas, Polars and DuckDB, and may be a single file that one of these wrote.

    An object store knows neither links nor renaming: Spark empties the folder, fills it, and puts
    the file ``_SUCCESS`` there at last. A folder without one is no table here. For tables that
    stay readable while they are replaced use ``file_format: delta`` there.

    Example:
        .. code-block:: yaml

            feature_table:
              type: regression_lifecycle.datasets.spark_tables.SparkTableDataset
              filepath: data/04_feature/feature_table.parquet
    """

    DEFAULT_SAVE_ARGS: dict[str, Any] = {"mode": "overwrite"}
    _save_args: dict[str, Any]
    _staged: PurePosixPath | None = None

    def __init__(self, *, optional: bool = False, **kwargs: Any) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            optional: Whether the table may be missing, which is read as one without columns.
            **kwargs: What Kedro's dataset takes.
        """
        super().__init__(**kwargs)
        # kedro-mlflow and Kedro-Viz ask for it under this name.
        self._filepath = PurePosixPath(self._path)
        self._optional = optional

    @property
    def _is_linked(self) -> bool:
        # A volume of Databricks is an object store in the guise of a folder.
        is_volume = str(self._path).startswith("/Volumes/")
        return self._protocol == "file" and not is_volume and not self._version

    def _get_save_path(self) -> PurePosixPath:
        path: PurePosixPath = self._staged or super()._get_save_path()
        return path

    def _get_load_path(self) -> PurePosixPath:
        path: PurePosixPath = super()._get_load_path()
        # What is read lazily is the table of now, whatever the link says later.
        return PurePosixPath(Path(path).resolve()) if self._is_linked else path

    def _load(self) -> Any:
        if self._optional and not self._exists():
            return pd.DataFrame()
        get_session()
        return super()._load()

    def _save(self, data: Any) -> None:
        """Write all of the table or leave the old one as it was.

        Args:
            data: A frame of Spark or pandas, or an iterator of pandas tables with the same
                columns and dtypes, at least one.
        """
        if not self._is_linked:
            self._write(data)
            return
        target = Path(self._get_save_path())
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = target.with_name(f"{_prefix(target)}{uuid4().hex[:8]}")
        self._staged = PurePosixPath(folder)
        try:
            self._write(data)
            self._require_shared_disk(folder)
            _link(target, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._staged = None
        for former in target.parent.glob(f"{_prefix(target)}*"):
            if former != folder:
                shutil.rmtree(former, ignore_errors=True)

    def _write(self, data: Any) -> None:
        if not isinstance(data, Iterator):
            super()._save(_on_spark(data))
            return
        save_args, mode, piece = self._save_args, "overwrite", next(data)
        try:
            for following in chain(data, [None]):
                # The table is none before its last piece is there.
                mark = {_MARKS_SUCCESS: str(following is None).lower()}
                self._save_args = {**save_args, **mark, "mode": mode}
                super()._save(_on_spark(piece))
                mode, piece = "append", following
        finally:
            self._save_args = save_args

    def _exists(self) -> bool:
        if self._is_linked:
            return Path(self._get_load_path()).exists()
        if self._file_format == "parquet":
            return bool(self._exists_function(str(self._get_load_path() / _SUCCESS)))
        get_session()
        return bool(super()._exists())

    def _require_shared_disk(self, folder: Path) -> None:
        """Refuse the empty folder that is left where workers write to disks of their own."""
        if self._file_format == "parquet" and next(folder.glob("part-*"), None) is None:
            raise StateError(
                f"Spark's workers wrote nothing to {folder.parent}: they do not share this disk. "
                "Name one that they share, or an object store, as data_root in globals.yml"
            )


def _on_spark(data: Any) -> Any:
    """Give Spark a pandas table by way of Arrow, which makes NULL of NaN."""
    if not isinstance(data, pd.DataFrame):
        return data
    return get_session().createDataFrame(pa.Table.from_pandas(data, preserve_index=False))


def _prefix(target: Path) -> str:
    """Return how the folders begin that a path has led to."""
    return f".{target.name}-"


def _link(target: Path, folder: Path) -> None:
    """Let a path lead to a folder beside it, in one step."""
    if target.is_dir() and not target.is_symlink():
        # What a copy has made of a link; a folder cannot be replaced.
        target.rename(target.with_name(f"{_prefix(target)}{uuid4().hex[:8]}"))
    link = staged_path(target)
    try:
        # Relative, so that the folder around it can be moved.
        link.symlink_to(folder.name)
        link.replace(target)
    finally:
        link.unlink(missing_ok=True)
