"""Project commands: Kedro's own ``run``, with errors in words."""

from __future__ import annotations

import copy
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

# How Kedro begins what it says of --nodes, --tags and the like that select nothing.
_WRONG_SELECTION = ("Pipeline does not contain", "Pipeline contains no nodes")


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
    from kedro.framework.cli.utils import KedroCliError
    from kedro.io import DatasetError
    from kedro.validation.exceptions import ParameterValidationError

    from regression_lifecycle.core.errors import ConfigurationError, LifecycleError

    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    cause = _root_cause(error)
    if isinstance(error, ConfigurationError):
        return f"the configuration cannot be used, and nothing was run:\n{error}"
    if isinstance(error, DatasetError) and isinstance(cause, FileNotFoundError):
        name = str(error).partition(":")[0]
        return (
            f"{name}: there is no file {cause.filename}. Put it there, or run the pipeline that "
            "writes it first"
        )
    if isinstance(error, DatasetError) and isinstance(cause, LifecycleError):
        return f"{cause}{notes}"
    if isinstance(
        error, LifecycleError | DatasetError | ParameterValidationError | MissingConfigException
    ):
        return f"{error}{notes}"
    if isinstance(error, KedroCliError):
        # Kedro would print "NoneType: None" in its place.
        return error.message
    if isinstance(error, ValueError) and str(error).startswith(_WRONG_SELECTION):
        return str(error)
    return None


def _root_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


run = copy.copy(kedro_run)
run.callback = _run_in_words
cli.add_command(run)
