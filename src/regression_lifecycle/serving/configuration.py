"""What the service reads under ``conf/``, checked before anything is opened."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.prediction.service_parameters import ServingParameters
from regression_lifecycle.runtime.parameter_check import check_names, read_sections
from regression_lifecycle.runtime.relocation import refuse_moved
from regression_lifecycle.runtime.tracking_server import read_tracking_server
from regression_lifecycle.serving.known_rows import StoredTable

CHAMPION, OBSERVATIONS = "champion_model", "observations"
# Of observations that are no file.
SECONDS_BETWEEN_READINGS = 60
SPOOL = Path("07_model_output", "spool.db")


@dataclass(frozen=True)
class ServiceConfiguration:
    """Everything that the service is told.

    Attributes:
        problem: The contract.
        serving: How it is reached and how much it takes.
        adjustment: Level correction and interval.
        model_name: Registered model.
        alias: The alias that is followed.
        tracking_uri: Where MLflow is.
        registry_uri: Where its registry is; empty if it is the same.
        store_url: SQLAlchemy URL of the store.
        spool: File of rows that wait for the store.
        observations: The stored observations; None if the catalog has none.
        token: What callers must send; empty if nobody is asked.
    """

    problem: Problem
    serving: ServingParameters
    adjustment: AdjustmentParameters
    model_name: str
    alias: str
    tracking_uri: str
    registry_uri: str
    store_url: str = field(repr=False)
    spool: Path
    observations: StoredTable | None = None
    token: str = field(default="", repr=False)


def read_configuration(
    loader: Any, project: Path, host: str | None = None, port: int | None = None
) -> ServiceConfiguration:
    """Read the project's configuration.

    Args:
        loader: The project's configuration loader.
        project: The project's folder.
        host: Address in place of the configured one.
        port: Port in place of the configured one.

    Returns:
        The configuration.

    Raises:
        ConfigurationError: With one line per mistake.
        StateError: If the project was moved, so that another one's model would be served.
    """
    check_names(loader)
    parameters = loader["parameters"]
    given = {"host": host, "port": port}
    over = {name: value for name, value in given.items() if value is not None}
    section = parameters.get("serving") or {}
    sections = read_sections(
        {**parameters, "serving": {**section, **over}},
        ("problem", "adjustment", "serving"),
        loader.origin,
    )
    serving: ServingParameters = sections["serving"]
    serving.refuse_open_door()
    champion = _champion(loader["catalog"])
    server = read_tracking_server(loader, project)
    refuse_moved(loader, project, server.tracking_uri)
    return ServiceConfiguration(
        problem=sections["problem"],
        serving=serving,
        adjustment=sections["adjustment"],
        model_name=champion["model_name"],
        alias=champion["alias"],
        tracking_uri=server.tracking_uri,
        registry_uri=server.registry_uri,
        store_url=loader.store_url,
        spool=loader.local_folder / SPOOL,
        observations=_observations(loader["catalog"]),
        token=_token(serving.token_env),
    )


@dataclass(frozen=True)
class CatalogTable:
    """A dataset of the catalog, and what tells that it was written again.

    Attributes:
        dataset: The dataset.
    """

    dataset: Any

    def load_newest(
        self, columns: Sequence[str], by: str, back: pd.Timedelta, nrows: int
    ) -> pd.DataFrame:
        """Read the newest rows where the dataset can, or the table as a whole."""
        part = getattr(self.dataset, "load_newest", None)
        table: pd.DataFrame = part(columns, by, back, nrows) if part else self.dataset.load()
        return table

    def state(self) -> object:
        """Return what changes with every write to a file; None as long as there is none."""
        if not self.dataset.exists():
            return None
        if hasattr(self.dataset, "state"):
            return self.dataset.state()
        files, path = getattr(self.dataset, "_fs", None), getattr(self.dataset, "_filepath", None)
        if files is None or path is None:
            # Nothing tells; to read it at each look would be to read it all the time.
            return int(time.monotonic() // SECONDS_BETWEEN_READINGS)
        files.invalidate_cache()
        return files.ukey(str(path))


def _observations(catalog: Mapping[str, Any]) -> CatalogTable | None:
    entry = catalog.get(OBSERVATIONS)
    if not isinstance(entry, Mapping):
        return None
    from kedro.io import AbstractDataset

    # What is stored was checked when it was saved.
    entry = {name: value for name, value in entry.items() if name != "validator"}
    return CatalogTable(AbstractDataset.from_config(OBSERVATIONS, entry))


def _champion(catalog: Mapping[str, Any]) -> dict[str, str]:
    entry = catalog.get(CHAMPION)
    if not isinstance(entry, Mapping) or not entry.get("model_name"):
        raise ConfigurationError(
            f"  the catalog has no entry '{CHAMPION}' with a 'model_name', so it is not known "
            "which registered model is to be served"
        )
    return {
        "model_name": str(entry["model_name"]),
        "alias": str(entry.get("alias", "champion")),
    }


def _token(variable: str | None) -> str:
    if variable is None:
        return ""
    token = os.environ.get(variable, "")
    if not token or not token.isascii() or not token.isprintable() or token != token.strip():
        raise ConfigurationError(
            f"  serving.token_env: the environment variable {variable} must hold the token, in "
            "letters, digits and signs of ASCII without blanks around it"
        )
    return token
