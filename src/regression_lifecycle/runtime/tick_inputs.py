"""What a tick reads, as far as it tells whether anything has changed since the last one.

Nothing is loaded: files are told by size and time, tables by the number of their rows and the
newest stamp, the champion by its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from regression_lifecycle.core.data.as_of import first_and_last
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import COMPLETED_TICKS, ERROR_RATES, SENT_ALERTS
from regression_lifecycle.core.fingerprints import combined_fingerprint
from regression_lifecycle.runtime.parameter_check import read_sections
from regression_lifecycle.runtime.run_lock import LOCK_NAME
from regression_lifecycle.runtime.tracking_check import require_tracking_server
from regression_lifecycle.runtime.tracking_server import read_section

PACKAGE = Path(__file__).resolve().parents[1]
# What others write, at any time, while a tick is at work too.
WRITTEN_BY_OTHERS = (
    *("raw_observations", "recorded_labels"),
    *("service_predictions", "recorded_batches"),
)
# Written by monitoring alone, and before the windows, which are looked at.
IMPLIED = ("recorded_predictions",)
CHAMPION = "champion_model"
VERSIONS = "registered_versions"
States = dict[str, Any]
_KINDS = ("parameters", "catalog", "mlflow")


class CompletedTick(NamedTuple):
    """A tick that came to its end.

    Attributes:
        exit_code: How it ended.
        fingerprint: Hash of everything that it read.
        page_fingerprint: Hash of everything that its page shows.
    """

    exit_code: int
    fingerprint: str
    page_fingerprint: str


class TickInputs:
    """The entries of the catalog that a tick reads, the page that it draws, and the last tick."""

    def __init__(
        self, loader: Any, project: Path, read: Iterable[str], page: Iterable[str]
    ) -> None:
        """Read the configuration; no entry is looked at yet.

        Args:
            loader: The configuration loader.
            project: The project's folder.
            read: Entries that the pipelines read from outside.
            page: Entries that the page is made of, and those that it is written to.

        Raises:
            ConfigurationError: If the problem or the alerts cannot be read.
        """
        self._loader, self._project = loader, project
        self._page = sorted(page)
        self._names = sorted({*read, *self._page} - set(IMPLIED))
        sections = read_sections(loader["parameters"], ("problem", "alerts"), loader.origin)
        self._problem: Problem = sections["problem"]
        self._maximum_attempts: int = sections["alerts"].maximum_attempts
        self._configuration = combined_fingerprint(
            {
                **{
                    kind: read_section(loader, kind) for kind in ("parameters", "catalog", "mlflow")
                },
                "version": metadata.version("regression-lifecycle"),
                "code": sorted(
                    (str(file.relative_to(PACKAGE)), file.stat().st_mtime_ns)
                    for file in PACKAGE.rglob("*")
                    if file.suffix in (".py", ".j2", ".css", ".js")
                ),
            }
        )

    @property
    def lock_path(self) -> Path:
        """The lock file of the workspace."""
        return Path(self._loader.local_folder) / LOCK_NAME

    def states(self) -> States | None:
        """Look at every entry.

        Returns:
            What changes when the entry does; None if an entry does not tell, such as a query.
        """
        found = self._states_of(self._names)
        return None if None in found.values() else found

    def observations_end(self) -> pd.Timestamp | None:
        """Return the moment at which the newest stored observation is over; None without one."""
        observations = self._catalog(["observations"])["observations"]
        if not observations.exists():
            return None
        _, newest = first_and_last(observations.load(), self._problem)
        end: pd.Timestamp = newest + self._problem.frequency
        return end

    def champion(self) -> str:
        """Return the version in use; empty if there is none."""
        return str(self._states_of([CHAMPION])[CHAMPION])

    def fingerprint(self, states: Mapping[str, Any]) -> str:
        """Hash what a tick reads."""
        return combined_fingerprint({"configuration": self._configuration, **states})

    def page_fingerprint(self, states: Mapping[str, Any]) -> str:
        """Hash what the page shows."""
        return self.fingerprint({name: states[name] for name in self._page})

    def last_tick(self) -> CompletedTick | None:
        """Read the last tick that came to its end."""
        from regression_lifecycle.adapters.database import read_rows

        rows = read_rows(self._loader.store_url, COMPLETED_TICKS, {"problem": self._problem.name})
        if rows.empty:
            return None
        last = rows.iloc[0]
        return CompletedTick(
            int(last["exit_code"]), str(last["fingerprint"]), str(last["page_fingerprint"])
        )

    def record(self, before: States, after: States, as_of: str, exit_code: int) -> None:
        """Record that a tick came to its end.

        Args:
            before: What it found.
            after: What it left. What others write meanwhile counts as it was found.
            as_of: The moment at which it stood.
            exit_code: How it ended.
        """
        from regression_lifecycle.adapters.database import upsert_rows

        seen = {**after, **{name: before[name] for name in WRITTEN_BY_OTHERS}}
        row = {
            "problem": self._problem.name,
            "as_of": pd.Timestamp(as_of),
            "exit_code": exit_code,
            "fingerprint": self.fingerprint(seen),
            "page_fingerprint": self.page_fingerprint(seen),
        }
        upsert_rows(self._loader.store_url, COMPLETED_TICKS, pd.DataFrame([row]))

    def contradictions(self, newest: int | None = None) -> list[str]:
        """Return what the store says in two ways.

        Args:
            newest: How many windows are looked at, the newest ones; None for all.
        """
        from regression_lifecycle.runtime.store_check import find_contradictions

        self._tell_mlflow()
        url, versions = self._loader.store_url, self._catalog([VERSIONS])[VERSIONS]
        return find_contradictions(url, self._problem, self.champion(), versions.has, newest)

    def waits_for_approval(self) -> bool:
        """Return whether a version waits for a person's answer."""
        from regression_lifecycle.adapters.database import read_decisions
        from regression_lifecycle.core.decisions.waiting import waiting_version

        return (
            waiting_version(read_decisions(self._loader.store_url), self._problem.name) is not None
        )

    def has_error_rates(self) -> bool:
        """Return whether it was calibrated how often the champion's rules are wrong.

        Without a champion there is nothing to calibrate.
        """
        from regression_lifecycle.adapters.database import read_rows

        own = {"problem": self._problem.name, "model_version": self.champion()}
        columns = ["subject"]
        return (
            not own["model_version"]
            or not read_rows(self._loader.store_url, ERROR_RATES, own, columns).empty
        )

    def has_failed_alerts(self) -> bool:
        """Return whether an alert waits to be sent again."""
        from regression_lifecycle.adapters.database import read_rows

        failed = read_rows(
            self._loader.store_url,
            SENT_ALERTS,
            {"problem": self._problem.name, "status": "failed"},
            ["attempts"],
        )
        return bool((failed["attempts"] < self._maximum_attempts).any())

    def print_end(self) -> None:
        """Print how the model is, as the page has it, and where the page is."""
        from regression_lifecycle.core.decisions.health import read_health
        from regression_lifecycle.runtime.terminal import (
            open_console,
            print_health,
            print_where_to_look,
        )

        catalog = self._catalog(["health_record", "dashboard_page"])
        console, env = open_console(), self._loader.named_environment
        if catalog.exists("health_record"):
            print_health(console, read_health(catalog.load("health_record")))
        page = Path(str(catalog.get("dashboard_page")._filepath))
        shown = page.relative_to(self._project) if page.is_relative_to(self._project) else page
        print_where_to_look(console, str(shown), env=env)

    def _states_of(self, names: Iterable[str]) -> States:
        self._tell_mlflow()
        catalog = self._catalog(names)
        return {name: _state_of(catalog[name]) for name in names}

    def _tell_mlflow(self) -> None:
        """Tell MLflow where its server is."""
        import mlflow

        server = require_tracking_server(self._loader, self._project)
        mlflow.set_tracking_uri(server.tracking_uri)
        if server.registry_uri:
            mlflow.set_registry_uri(server.registry_uri)

    def _catalog(self, names: Iterable[str]) -> Any:
        from kedro.framework.context.context import _convert_paths_to_absolute_posix
        from kedro.io import DataCatalog

        entries = self._loader["catalog"]
        wanted = {name: entries[name] for name in names}
        # As Kedro's context does: a relative path is one inside the project.
        absolute = _convert_paths_to_absolute_posix(self._project, wanted)
        return DataCatalog.from_config(absolute, read_section(self._loader, "credentials"))


def _state_of(dataset: Any) -> Any:
    """What changes when a dataset does; None if it does not tell."""
    if hasattr(dataset, "state"):
        return dataset.state()
    # One of Kedro's own, of a file.
    file_system, path = getattr(dataset, "_fs", None), str(getattr(dataset, "_filepath", ""))
    if file_system is None:
        return None
    if not file_system.exists(path):
        return ""
    return file_system.ukey(path) if file_system.isfile(path) else None
