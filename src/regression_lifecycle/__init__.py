"""Regression Lifecycle: the whole life of a tabular regression model, run by Kedro.

Importing the package sets a few environment variables unless they are set already. It happens
here because Kedro imports this package before any plugin.
"""

import os
import re
import warnings
from typing import Any

__version__ = "0.2.0"

_DEFAULTS = {
    # Usage statistics off. MLflow understands only the word "true".
    "DO_NOT_TRACK": "true",
    "KEDRO_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A model carries its own pinned requirements; the project's lock file does not belong in it.
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_LOG_UV_FILES": "false",
    # A run should print what a person wants to read.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
for _variable, _value in _DEFAULTS.items():
    os.environ.setdefault(_variable, _value)

# Two warnings of other libraries about other libraries, printed on every command; a user can do
# nothing about them. A filter would not do: MLflow puts one of its own before all others.
_NOISE = re.compile(
    r"register_new_resolver\(\) is deprecated|Add type hints to the `predict` method"
)
_show_warning = warnings.showwarning


def _show_other_warnings(message: Warning | str, *args: Any, **kwargs: Any) -> None:
    if not _NOISE.search(str(message)):
        _show_warning(message, *args, **kwargs)


warnings.showwarning = _show_other_warnings
