"""File datasets that are either the old file or the new one, never half of it.

Kedro's own file datasets write in place: a crash in the middle leaves a shorter file that still
loads. Here the file is written under a temporary name in the same folder and renamed, which a
local file system does in one step. Remote stores replace objects as a whole anyway and are
written directly.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any, NewType

from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.plotly import JSONDataset as PlotlyDataset
from kedro_datasets.text import TextDataset

HTMLPreview = NewType("HTMLPreview", str)


class AtomicSave:
    """Mixin for a Kedro file dataset: save beside the target, then rename."""

    _staging = False

    def _get_save_path(self) -> PurePosixPath:
        path: PurePosixPath = super()._get_save_path()  # type: ignore[misc]
        return path.with_name(f".{os.getpid()}.{path.name}") if self._staging else path

    def save(self, data: Any) -> None:
        """Write all of the data or leave the old file as it was.

        Args:
            data: What the wrapped dataset takes.
        """
        # A versioned dataset writes each version to a new path and checks it itself.
        if getattr(self, "_protocol", None) != "file" or getattr(self, "_version", None):
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


class AtomicCSVDataset(AtomicSave, CSVDataset):
    """A pandas table in one CSV file."""


class AtomicJSONDataset(AtomicSave, JSONDataset):
    """A JSON document; NaN and infinity are refused, since they are not JSON."""

    DEFAULT_SAVE_ARGS: dict[str, Any] = {"indent": 2, "allow_nan": False}


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
