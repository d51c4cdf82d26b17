"""The project inside a notebook: its catalog and parameters, without a run and without logs."""

from __future__ import annotations

import logging
import logging.config
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from regression_lifecycle.core.errors import StateError

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext

_LOGGING = Path("conf", "logging.yml")


def open_project(env: str | None = None) -> KedroContext:
    """Open the project that the working folder lies in.

    Args:
        env: What ``kedro run --env`` takes; None for ``KEDRO_ENV`` or the default.

    Returns:
        The context: ``catalog`` loads what runs have stored, ``params`` is the configuration. What
        is worth less than a warning is not logged.

    Raises:
        StateError: If the working folder is in no project.
        ConfigurationError: If an environment is unknown.
    """
    from kedro.utils import find_kedro_project

    project = find_kedro_project(Path.cwd())
    if project is None:
        raise StateError(f"{Path.cwd()} is in no Kedro project; open the notebook inside of one")
    # Kedro looks for it in the working folder alone, and else prints in colours.
    os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(project / _LOGGING))
    from kedro.framework.startup import bootstrap_project

    from regression_lifecycle.runtime.session import LifecycleSession

    # Whose progress bar nobody waits for.
    warnings.filterwarnings("ignore", message="IProgress not found")
    bootstrap_project(project)
    logging.config.dictConfig(yaml.safe_load((project / _LOGGING).read_text(encoding="utf-8")))
    logging.getLogger("regression_lifecycle").setLevel(logging.WARNING)
    return LifecycleSession.create(project_path=project, env=env).load_context()
