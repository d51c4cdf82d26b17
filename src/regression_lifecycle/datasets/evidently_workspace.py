"""Evidently's own UI as a catalog entry: a workspace folder with one run per window."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from regression_lifecycle.datasets.previews import TablePreview

if TYPE_CHECKING:
    from regression_lifecycle.adapters.evidently.library import Snapshot
    from regression_lifecycle.adapters.evidently.workspace import Workspace


class EvidentlyWorkspaceDataset(
    AbstractDataset["dict[str, Snapshot | Callable[[], Snapshot]]", "list[dict[str, str]]"]
):
    """``EvidentlyWorkspaceDataset`` keeps snapshots as the runs of a project in Evidently's UI.

    ``evidently ui --workspace <path>`` opens it. A run is known by its key: saving it again
    replaces it, an equal one is left alone, and runs of other keys stay. The project and its
    dashboard are made with the first save; a dashboard changed in the UI stays as it is. The
    workspace can be deleted at any time and is made anew by the next save.

    Examples:
        Using the [YAML API](https://docs.kedro.org/en/stable/catalog-data/data_catalog_yaml_examples/):

        ```yaml
        evidently_workspace:
          type: regression_lifecycle.datasets.evidently_workspace.EvidentlyWorkspaceDataset
          path: data/08_reporting/evidently_workspace
          project: bikes
        ```

    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str],
        project: str,
        description: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the workspace; nothing is written before the first save.

        Args:
            path: The workspace folder, on a local disk, which is where the UI reads.
            project: Name of the project in it.
            description: What the UI says below the name.
            metadata: For plugins such as Kedro-Viz.
        """
        self._path = Path(path)
        self._project = project
        self._description = description
        self.metadata = metadata

    def load(self) -> list[dict[str, str]]:
        """List the runs of the project.

        Returns:
            ``key``, ``name``, ``timestamp`` and ``id`` of each run, the oldest first; empty if
            there is no workspace.
        """
        return self._workspace().runs()

    def save(self, data: dict[str, Snapshot | Callable[[], Snapshot]]) -> None:
        """Add or replace runs, one after the other.

        Args:
            data: Snapshots by key, for instance window and model version; or functions that give
                them, such as the partitions that a ``PartitionedDataset`` loads.
        """
        workspace = self._workspace()
        workspace.open()
        for key, content in sorted(data.items()):
            workspace.add(key, content() if callable(content) else content)
        workspace.arrange()

    def preview(self, nrows: int = 20) -> TablePreview:
        """Show the newest runs in Kedro-Viz.

        Args:
            nrows: How many.

        Returns:
            The table in pandas' split form.
        """
        newest = self.load()[: -nrows - 1 : -1]
        columns = ["timestamp", "name", "key"]
        rows = [[run[column] for column in columns] for run in newest]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})

    def _workspace(self) -> Workspace:
        from regression_lifecycle.adapters.evidently.workspace import Workspace

        return Workspace(self._path, self._project, self._description)

    def _exists(self) -> bool:
        return self._workspace().exists()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "project": self._project}
