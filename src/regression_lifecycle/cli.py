"""Project commands: Kedro's own ``run``, with errors in words."""

from __future__ import annotations

import copy
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run


@click.group(name="regression-lifecycle")
def cli() -> None:
    """Commands of the Regression Lifecycle project."""


def _run_in_words(*args: Any, **kwargs: Any) -> Any:
    """Run, and answer what the user can mend with one message instead of a traceback."""
    callback = kedro_run.callback
    assert callback is not None
    try:
        return callback(*args, **kwargs)
    except Exception as error:
        message = _in_words(error)
        if message is None:
            raise
        raise click.ClickException(message) from error


def _in_words(error: Exception) -> str | None:
    from kedro.config import MissingConfigException
    from kedro.io import DatasetError
    from kedro.validation.exceptions import ParameterValidationError

    from regression_lifecycle.core.errors import ConfigurationError, LifecycleError

    if isinstance(error, ConfigurationError):
        return f"the configuration cannot be used, and nothing was run:\n{error}"
    if isinstance(error, LifecycleError | DatasetError | ParameterValidationError):
        return str(error)
    if isinstance(error, MissingConfigException):
        return str(error)
    if isinstance(error, ValueError) and str(error).startswith("Failed to find the pipeline"):
        return str(error)
    return None


run = copy.copy(kedro_run)
run.callback = _run_in_words
cli.add_command(run)
