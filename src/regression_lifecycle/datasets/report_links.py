"""The reports that lie in a folder, for the page that links to them."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path

from regression_lifecycle.datasets.atomic_file import open_file_system
from regression_lifecycle.datasets.previews import TablePreview, newest_first

PAGE, FIGURES = "report.html", "metrics.json"


class ReportLinksDataset(AbstractDataset[Any, pd.DataFrame]):
    """Lists the Evidently pages below a folder. It cannot be saved: the reports are the truth.

    Example:
        .. code-block:: yaml

            report_links:
              type: regression_lifecycle.datasets.report_links.ReportLinksDataset
              path: data/08_reporting
              windows: windows
    """

    def __init__(self, path: str, windows: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the folder; it is read only on load.

        Args:
            path: Folder of the page, or its URL; links are relative to it.
            windows: Folder below it in which every report is that of a window, named
                ``<window>_v<model version>``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, root = get_protocol_and_path(path)
        self._root = PurePosixPath(root)
        self._windows = windows
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Look what is there.

        Returns:
            ``name``, ``path`` (relative, with slashes), ``window`` (empty for a report that is not
            that of a window) and ``candidate`` (fingerprint of the model that it is about, where it
            was not in use yet), in the order of paths.
        """
        file_system = open_file_system(self._protocol, self._root)
        rows = []
        for depth in (f"*/{PAGE}", f"{self._windows}/*/{PAGE}"):
            for found in sorted(file_system.glob(f"{self._root}/{depth}")):
                folder = PurePosixPath(found).parent
                inside = folder.parent.name == self._windows
                window = folder.name.rpartition("_v")[0] if inside else ""
                # Local paths come back as absolute ones, so the end is counted.
                parts = PurePosixPath(found).parts[-1 - depth.count("/") :]
                candidate = "" if inside else _candidate(file_system, folder)
                rows.append((folder.name, "/".join(parts), window, candidate))
        names = ["name", "path", "window", "candidate"]
        return pd.DataFrame(rows, columns=names, dtype="str")

    def save(self, data: Any) -> None:
        """Refuse: the list is read from the folder.

        Args:
            data: Not looked at.

        Raises:
            TypeError: Always.
        """
        raise TypeError("the list of reports is read from their folder and cannot be saved")

    def state(self) -> list[str]:
        """Return what changes with every page that is added, removed or about another model."""
        links = self.load()
        return [f"{path} {candidate}" for path, candidate in links[["path", "candidate"]].values]

    def preview(self, nrows: int = 10) -> TablePreview:
        """Show the newest reports in Kedro-Viz.

        Args:
            nrows: How many.

        Returns:
            The table in pandas' split form.
        """
        return newest_first(self.load(), nrows)

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._root), "protocol": self._protocol, "windows": self._windows}


def _candidate(file_system: Any, folder: PurePosixPath) -> str:
    path = str(folder / FIGURES)
    if not file_system.exists(path):
        return ""
    return str(json.loads(file_system.cat_file(path))["metadata"].get("candidate", ""))
