"""Where MLflow is, for those who ask it outside of a Kedro run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from regression_lifecycle.core.errors import ConfigurationError, unknown_name

_SCHEMES = (
    *("databricks", "databricks-uc", "file", "http", "https"),
    *("mssql", "mysql", "postgresql", "sqlite", "uc"),
)


class TrackingServer(NamedTuple):
    """Addresses of MLflow; the registry's is empty where it is the tracking server's."""

    tracking_uri: str
    registry_uri: str


def read_tracking_server(loader: Any, project: Path) -> TrackingServer:
    """Read the addresses as kedro-mlflow does, and give MLflow the credentials.

    Args:
        loader: The configuration loader.
        project: The project's folder, inside of which a relative path is.

    Raises:
        ConfigurationError: If MLflow knows no address of that kind.
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


def give_login(section: dict[str, Any]) -> dict[str, Any]:
    """Hand user and password of MLflow's address to MLflow, and keep the address without them.

    MLflow prints the address at the end of a run, and writes it into its errors.

    Args:
        section: What mlflow.yml says.

    Returns:
        The section, whose addresses have no login.
    """
    server = section.get("server") or {}
    names = ("mlflow_tracking_uri", "mlflow_registry_uri")
    parts = {name: urlsplit(str(server.get(name) or "")) for name in names}
    found = {name: one for name, one in parts.items() if one.scheme in ("http", "https")}
    logins = {one.netloc.rpartition("@")[0] for one in found.values()}
    # MLflow knows one login for both.
    if len(logins) != 1 or "" in logins:
        return section
    user, _, password = logins.pop().partition(":")
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(user)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
    bare = {
        name: one._replace(netloc=one.netloc.rpartition("@")[2]).geturl()
        for name, one in found.items()
    }
    return {**section, "server": {**server, **bare}}


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
    scheme = told.partition("://")[0] if "://" in told else ""
    # What MLflow itself says of another one comes after seconds, in a traceback.
    if scheme and scheme.partition("+")[0] not in _SCHEMES:
        raise ConfigurationError(
            f"  mlflow_uri (globals.yml): {unknown_name('kind of address', scheme, _SCHEMES)}"
        )
    if scheme or told.startswith(("databricks", "file:")):
        return told
    return (project / told).absolute().as_uri()
