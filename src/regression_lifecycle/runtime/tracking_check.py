"""Whether MLflow can be used, asked before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.runtime.outside import no_answer_of_mlflow
from regression_lifecycle.runtime.relocation import refuse_moved
from regression_lifecycle.runtime.tracking_server import TrackingServer, read_tracking_server

# For one answer of a server.
_SECONDS = 10


def require_tracking_server(loader: Any, project: Path) -> TrackingServer:
    """Refuse what MLflow would answer with a traceback after minutes, or with a wrong place.

    Args:
        loader: The configuration loader.
        project: The project's folder.

    Returns:
        The addresses: no SQLite file among them holds something else, no server is away, and the
        artifacts are in this project.

    Raises:
        LifecycleError: Naming the file or the address, and the mend.
    """
    from regression_lifecycle.adapters.database import refuse_foreign_file

    server = read_tracking_server(loader, project)
    for uri in filter(None, server):
        refuse_foreign_file(uri)
        if uri.startswith(("http://", "https://")):
            _require_answer(uri)
    refuse_moved(loader, project, server.tracking_uri)
    return server


def _require_answer(uri: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        # Whatever it answers, it is there; a proxy in front of it need not hand this path on.
        http_request(
            get_default_host_creds(uri),
            "/health",
            "GET",
            max_retries=0,
            timeout=_SECONDS,
            raise_on_status=False,
        )
    except MlflowException as error:
        raise LifecycleError(no_answer_of_mlflow(uri, error)) from error
