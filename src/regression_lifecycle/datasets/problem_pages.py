"""What the problems of one data root share: the records of their health, and the list of pages."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path

from regression_lifecycle.datasets.atomic_file import open_file_system
from regression_lifecycle.datasets.atomic_files import AtomicTextDataset

Records = dict[str, Any]


class HealthRecordsDataset(AbstractDataset[Any, Records]):
    """Reads the health of every problem of a data root. It cannot be saved: each writes its own.

    Example:
        .. code-block:: yaml

            recorded_health:
              type: regression_lifecycle.datasets.problem_pages.HealthRecordsDataset
              path: data
              record: 08_reporting/health.json
    """

    def __init__(self, path: str, record: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the folder; it is read only on load.

        Args:
            path: The folder that holds a folder for each problem, or its URL.
            record: Path of the file inside the folder of a problem.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, root = get_protocol_and_path(path)
        self._root = PurePosixPath(root)
        self._record = record
        self.metadata = metadata

    def load(self) -> Records:
        """Read the records.

        Returns:
            By the folder of the file, relative to the root with slashes: its JSON; None where it
            holds none.
        """
        file_system = open_file_system(self._protocol, self._root)
        return {folder: _json(file_system.cat_file(path)) for folder, path in self._found().items()}

    def save(self, data: Any) -> None:
        """Refuse: every problem writes its own record.

        Args:
            data: Not looked at.

        Raises:
            TypeError: Always.
        """
        raise TypeError("the records of several problems are read and cannot be saved")

    def state(self) -> list[str]:
        """Return what changes when a problem is added; what another one records is its own."""
        return list(self._found())

    def _found(self) -> dict[str, str]:
        file_system = open_file_system(self._protocol, self._root)
        depth = 1 + len(PurePosixPath(self._record).parts)
        return {
            # Local paths come back as absolute ones, so the end is counted.
            "/".join(PurePosixPath(path).parts[-depth:-1]): path
            for path in sorted(file_system.glob(f"{self._root}/*/{self._record}"))
        }

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._root), "protocol": self._protocol, "record": self._record}


class SharedTextDataset(AtomicTextDataset):
    """A text file that runs of several problems write; that another did is no news for one."""

    def state(self) -> bool:
        """Return whether it is there."""
        return bool(self._fs.exists(str(self._get_load_path())))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
