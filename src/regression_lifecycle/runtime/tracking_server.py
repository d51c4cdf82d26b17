"""Where MLflow is, for those who ask it outside of a Kedro run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple


class TrackingServer(NamedTuple):
    """Addresses of MLflow; the registry's is empty where it is the tracking server's."""

    tracking_uri: str
    registry_uri: str


def read_tracking_server(loader: Any, project: Path) -> TrackingServer:
    """Read the addresses as kedro-mlflow does, and give MLflow the credentials.

    Args:
        loader: The configuration loader.
        project: The project's folder, inside of which a relative path is.
    """
    server = read_section(loader, "mlflow").get("server") or {}
    credentials = read_section(loader, "credentials").get(str(server.get("credentials"))) or {}
    # MLflow reads them from there.
    os.environ.update({str(name): str(value) for name, value in credentials.items()})
    registry = server.get("mlflow_registry_uri")
    return TrackingServer(
        _uri(server.get("mlflow_tracking_uri"), project),
        _uri(registry, project) if registry else "",
    )


def refuse_damaged_databases(server: TrackingServer) -> None:
    """Refuse addresses of SQLite files that hold something else, in place of MLflow's traceback.

    Raises:
        LifecycleError: Naming the file and the mend.
    """
    from regression_lifecycle.adapters.database import refuse_foreign_file

    for uri in server:
        refuse_foreign_file(uri)


def read_section(loader: Any, kind: str) -> dict[str, Any]:
    """Read one kind of configuration; empty if there is no file of it."""
    from kedro.config import MissingConfigException

    try:
        found: dict[str, Any] = loader[kind]
    except MissingConfigException:
        return {}
    return found


def _uri(uri: str | None, project: Path) -> str:
    told = uri or os.environ.get("MLFLOW_TRACKING_URI", "mlruns")
    if "://" in told or told.startswith(("databricks", "file:")):
        return told
    return (project / told).absolute().as_uri()
