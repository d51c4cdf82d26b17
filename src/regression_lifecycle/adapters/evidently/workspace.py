"""A folder that Evidently's own UI opens: one project, its dashboard, and a run per snapshot.

Evidently's workspace class reads every run there is before it writes one, names each run anew
and writes in place. Here the files are written directly: under a name that follows from the run's
key, so that a rerun replaces and never doubles, and as a whole, since the UI does not start on
half of a file.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.evidently.figures import drift_records
from regression_lifecycle.adapters.evidently.library import quiet
from regression_lifecycle.adapters.evidently.panels import dashboard
from regression_lifecycle.adapters.evidently.results import (
    OVER_THRESHOLD,
    collect,
    relative_drift_results,
)
from regression_lifecycle.adapters.staged_files import staged_path

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

# The page that the UI offers for download pastes names and values into a script. What would end
# that script gets another bracket; it is nothing that Evidently itself writes.
_MARKUP = re.compile(rb"<(?=/?script|!--)", re.IGNORECASE)
_NAMESPACE = uuid.UUID("6a1f2f0c-5f0e-5b0e-9a39-0c1a7d2c8e11")


class Workspace:
    """One project in a workspace folder.

    Args:
        folder: The workspace; made when first written to.
        project: Name of the project.
        description: What the UI says below the name.
    """

    def __init__(self, folder: Path, project: str, description: str = "") -> None:
        self._folder = folder
        self._name = project
        self._description = description
        self._id = uuid.uuid5(_NAMESPACE, project)
        self._project = folder / str(self._id)

    def add(self, key: str, snapshot: Snapshot) -> bool:
        """Put a snapshot in its place.

        Args:
            key: Which run it is; a run with the same key is replaced.
            snapshot: A report that has run.

        Returns:
            Whether anything changed: an equal run is left as it is.
        """
        with quiet():
            model = snapshot.to_snapshot_model()
            model.name = model.name or key
            # The UI's dashboard fails on a fact that is a list, such as the notes.
            model.metadata = {name: _text(fact) for name, fact in model.metadata.items()}
            model.metadata["key"] = key
            drawn = collect(relative_drift_results(drift_records(snapshot)))
            model.metric_results = {**model.metric_results, **drawn}
            model.top_level_metrics = [*model.top_level_metrics, *drawn]
            return self._write(self._run(key), _MARKUP.sub(rb"\\u2039", _dump(model.dict())))

    def open(self) -> None:
        """Make the project unless it is there: an open UI takes runs of known projects only."""
        if self.exists():
            return
        with quiet():
            from evidently.sdk.models import ProjectModel

            about = self._description or None
            project = ProjectModel(id=self._id, name=self._name, description=about)
            self._write(self._project / "metadata.json", _dump(project.dict()))

    def arrange(self) -> None:
        """Make the dashboard from the columns of the runs, unless there is one.

        One that was made before any column had been compared is made again; a dashboard that was
        changed by hand stays as it was changed.
        """
        path = self._project / "dashboard.json"
        with quiet():
            empty = [_dump(dashboard(self._id, (), of_quantile=one)) for one in (False, True)]
            if not path.exists() or path.read_bytes() in empty:
                self._write(path, _dump(self._dashboard()))

    def runs(self) -> list[dict[str, str]]:
        """List the runs.

        Returns:
            ``key``, ``name``, ``timestamp`` (ISO 8601) and ``id`` of each run, in the order of
            time; empty if there is no workspace.
        """
        found = []
        for path in self._runs():
            run = json.loads(path.read_bytes())
            found.append(
                {
                    "key": str(run["metadata"].get("key", "")),
                    "name": str(run["name"] or ""),
                    "timestamp": str(run["timestamp"]).replace(" ", "T"),
                    "id": path.stem,
                }
            )
        return sorted(found, key=lambda run: (run["timestamp"], run["key"]))

    def exists(self) -> bool:
        """Say whether the project is there.

        Returns:
            Whether the UI would show it.
        """
        return (self._project / "metadata.json").exists()

    def _runs(self) -> list[Path]:
        return sorted((self._project / "snapshots").glob("*.json"))

    def _run(self, key: str) -> Path:
        return self._project / "snapshots" / f"{uuid.uuid5(self._id, key)}.json"

    def _dashboard(self) -> dict[str, Any]:
        columns: dict[str, None] = {}
        of_quantile = False
        for path in self._runs():
            run = json.loads(path.read_bytes())
            of_quantile |= "quantile" in run["metadata"]
            metrics = run["metric_results"].values()
            configs = [metric["metric_value_location"]["metric"]["params"] for metric in metrics]
            columns |= {
                config["column"]: None
                for config in configs
                if config["type"].endswith(":ValueDrift") and config["method"] == OVER_THRESHOLD
            }
        return dashboard(self._id, tuple(columns), of_quantile=of_quantile)

    def _write(self, path: Path, content: bytes) -> bool:
        if path.exists() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside the workspace, not inside: an open UI sees a file that moves in from elsewhere as
        # a new one, and takes no notice of one that is renamed in a folder it watches.
        staged = staged_path(self._folder.parent / path.name)
        try:
            staged.write_bytes(content)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
        return True


def _text(fact: Any) -> str:
    return "; ".join(str(item) for item in fact) if isinstance(fact, list) else str(fact)


def _dump(content: Mapping[str, Any]) -> bytes:
    from evidently.legacy.utils import NumpyEncoder

    return json.dumps(content, cls=NumpyEncoder).encode()
