"""Regression Lifecycle: the whole life of a tabular regression model, run by Kedro.

Importing the package switches the usage statistics of Kedro, MLflow and Evidently off unless
the environment already says otherwise. It happens here because Kedro imports this package
before any plugin, and because MLflow understands only the word ``true``.
"""

import os

__version__ = "0.1.0"

for _variable in ("DO_NOT_TRACK", "KEDRO_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY"):
    os.environ.setdefault(_variable, "true")
