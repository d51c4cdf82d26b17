"""File datasets that are either the old file or the new one, never half of it.

Kedro's own file datasets write in place: a crash in the middle leaves a shorter file that still
loads. Here the file is written under a temporary name in the same folder and renamed, which a
local file system does in one step. An object store replaces an object in one step when its upload
is complete, so nothing is renamed there; but an upload that fails half way must not be completed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import Any, NewType

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset

from regression_lifecycle.adapters.staged_files import staged_path
from regression_lifecycle.core.decisions.records import Decision, from_json, to_json
from regression_lifecycle.datasets.atomic_file import AtomicFile
from regression_lifecycle.datasets.csv_cells import mark_formulas, unmark_formulas
from regression_lifecycle.datasets.newest_rows import files_of_table, read_newest_rows

HTMLPreview = NewType("HTMLPreview", str)
ImagePreview = NewType("ImagePreview", str)


class AtomicSave:
    """Mixin for a Kedro file dataset: save beside the target, then rename."""

    _protocol: str
    _version: Any
    _fs: Any
    _staging = False

    def _get_save_path(self) -> PurePosixPath:
        path: PurePosixPath = super()._get_save_path()  # type: ignore[misc]
        return PurePosixPath(staged_path(Path(path))) if self._staging else path

    def save(self, data: Any) -> None:
        """Write all of the data or leave the old file as it was.

        Args:
            data: What the wrapped dataset takes.
        """
        # A versioned dataset writes each version to a new path and checks it itself.
        if self._protocol != "file" or self._version:
            # Left by an error, fsspec would complete the object with what it has got so far.
            with nullcontext() if self._protocol == "file" else self._fs.transaction:
                super().save(data)  # type: ignore[misc]
            return
        target = Path(self._get_save_path())
        self._staging = True
        staged = Path(self._get_save_path())
        try:
            super().save(data)  # type: ignore[misc]
            staged.replace(target)
        finally:
            self._staging = False
            staged.unlink(missing_ok=True)


class AtomicParquetDataset(AtomicSave, ParquetDataset):
    """A pandas table in one Parquet file."""

    def load_newest(
        self, columns: Sequence[str], by: str, back: pd.Timedelta, nrows: int
    ) -> pd.DataFrame:
        """Read the newest rows as :func:`read_newest_rows` does."""
        paths = files_of_table(self._fs, str(self._get_load_path()))
        return read_newest_rows(self._fs, paths, columns, by, back, nrows)


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """A pandas table in one CSV file, in which no text is a formula."""

    def load(self) -> pd.DataFrame:
        """Read the table as it was saved."""
        return unmark_formulas(super().load())

    def save(self, data: pd.DataFrame) -> None:
        """Write the table, its formulas marked as texts.

        Args:
            data: The table.
        """
        super().save(mark_formulas(data))


class AtomicJSONDataset(AtomicSave, JSONDataset):
    """A JSON document; NaN and infinity are refused, since they are not JSON."""

    DEFAULT_SAVE_ARGS: dict[str, Any] = {"indent": 2, "allow_nan": False}


class AtomicDecisionDataset(AtomicJSONDataset):
    """A decision as a JSON document."""

    def load(self) -> Decision:
        """Read the decision.

        Raises:
            LifecycleError: If the document is none.
        """
        return from_json(super().load())

    def save(self, data: Decision) -> None:
        """Write all of the decision or leave the old file as it was."""
        super().save(to_json(data))

    def preview(self) -> JSONPreview:
        """Show the document in Kedro-Viz."""
        return JSONPreview(json.dumps(to_json(self.load())))


class AtomicPlotlyDataset(AtomicSave, PlotlyDataset):
    """A Plotly figure as JSON, which Kedro-Viz draws."""


class AtomicTextDataset(AtomicSave, TextDataset):
    """A Markdown text, which Kedro-Viz shows formatted."""

    def preview(self) -> HTMLPreview:
        """Give Kedro-Viz the text; it renders Markdown in an HTML preview.

        Returns:
            The text itself.
        """
        return HTMLPreview(self.load())


class AtomicPictureDataset(AbstractDataset[bytes, bytes]):
    """A picture as the bytes of its file, which Kedro-Viz shows.

    Example:
        .. code-block:: yaml

            error_by_window_picture:
              type: regression_lifecycle.datasets.atomic_files.AtomicPictureDataset
              filepath: data/08_reporting/error_by_window.png
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            filepath: Path or URL of the file; folders are made when it is saved.
            metadata: For plugins such as Kedro-Viz.
        """
        self._file = AtomicFile(filepath)
        # An artifact dataset asks for it under this name.
        self._filepath = Path(self._file.path)
        self.metadata = metadata

    def load(self) -> bytes:
        """Read the file.

        Returns:
            Its bytes.
        """
        return self._file.read()

    def save(self, data: bytes) -> None:
        """Write all of the picture or leave the old file as it was.

        Args:
            data: The bytes of the file.
        """
        self._file.write(data)

    def state(self) -> str:
        """Return what changes when the picture is written, without reading it."""
        return self._file.state()

    def preview(self) -> ImagePreview:
        """Give Kedro-Viz the picture.

        Returns:
            Its bytes in Base64.
        """
        return ImagePreview(base64.b64encode(self.load()).decode())

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file)}


class EmptyWithoutFile:
    """Mixin for a table dataset: where there is no file yet, loading gives a table of no columns.

    Such a table stands for none, so saving one leaves the file as it is. For what a reader can do
    without, such as the backtest on the page, and for what a run may have no news of.
    """

    def load(self) -> pd.DataFrame:
        """Read the table.

        Returns:
            The table; one without columns if there is no file.
        """
        if not self._exists():  # type: ignore[attr-defined]
            return pd.DataFrame()
        return super().load()  # type: ignore[misc]

    def save(self, data: pd.DataFrame) -> None:
        """Write all of the table or leave the old file as it was.

        Args:
            data: The table; one without columns is not written.
        """
        if len(data.columns):
            super().save(data)  # type: ignore[misc]


class OptionalParquetDataset(EmptyWithoutFile, AtomicParquetDataset):
    """A pandas table in one Parquet file that may not be there yet."""


class OptionalCSVDataset(EmptyWithoutFile, AtomicCSVDataset):
    """A pandas table in one CSV file that may not be there yet."""


class OptionalTextDataset(AtomicSave, TextDataset):
    """A text that may not be there yet; without a file it is empty."""

    def load(self) -> str:
        """Read the text.

        Returns:
            All of it; empty if there is no file.
        """
        return str(super().load()) if self._exists() else ""
