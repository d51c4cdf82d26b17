"""The code that is at work, as an input of nodes that write it down."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset
from kedro.io.core import DatasetError

from regression_lifecycle.adapters.source_code import describe_source_code
from regression_lifecycle.core.models.provenance import SourceCode


class SourceCodeDataset(AbstractDataset[NoReturn, SourceCode]):
    """Revision and lock file of a project.

    Example:
        .. code-block:: yaml

            source_code:
              type: regression_lifecycle.datasets.source_code.SourceCodeDataset
              project: "${root:}"
    """

    def __init__(self, project: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; nothing is read yet.

        Args:
            project: Folder of the project.
            metadata: For plugins such as Kedro-Viz.
        """
        self._project = project
        self.metadata = metadata

    def load(self) -> SourceCode:
        """Ask git, or the variable ``LIFECYCLE_CODE_REVISION``, and hash the lock file."""
        return describe_source_code(Path(self._project))

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the code is an input.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError("the code is an input and is not written")

    def state(self) -> str:
        """Return nothing: what only is written down with a decision leads to none."""
        return ""

    def _describe(self) -> dict[str, Any]:
        return {"project": self._project}
