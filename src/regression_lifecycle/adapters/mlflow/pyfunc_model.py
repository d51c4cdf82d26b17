"""The model as MLflow serves it; MLflow copies this file beside every model and runs it there.

It has to work in a process that does not have this package: whatever it imports is shipped with
the model. The trusted types come from the shipped code and not from the artifact.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from regression_lifecycle.adapters.mlflow.model_files import read_model
from regression_lifecycle.core.errors import LifecycleError


class UnusableRowsError(MlflowException, ValueError):
    """Rows that cannot be predicted; MLflow's server answers with the message and status 400."""

    def __init__(self, message: str) -> None:
        """Give it the status of a bad request."""
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)


class RegressionModel(PythonModel):
    """Predicts raw rows."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model, refusing types that are not trusted.

        Raises:
            ModelError: If it cannot be read or must not be trusted.
        """
        self._model = read_model(Path(context.artifacts["model"]), {})

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Predict one value per row.

        Args:
            model_input: Raw rows.
            params: ``history``: recent observations as JSON, a list of records. They count more
                than those that the model carries.

        Returns:
            A table with the column ``prediction``, in the target's unit.

        Raises:
            UnusableRowsError: If a column is missing or a value cannot be read.
        """
        if not len(model_input):
            return pd.DataFrame({"prediction": []}, dtype="float64")
        try:
            recent = _read_history((params or {}).get("history") or "[]")
            features = self._model.make_features(model_input, recent)
            return self._model.predict(features).to_frame("prediction")
        except LifecycleError as error:
            raise UnusableRowsError(str(error)) from error


def _read_history(text: str) -> pd.DataFrame:
    try:
        records = json.loads(text)
    except ValueError as error:
        raise UnusableRowsError(f"the parameter 'history' is not JSON: {error}") from None
    if not isinstance(records, list) or not all(isinstance(row, dict) for row in records):
        raise UnusableRowsError("the parameter 'history' is no list of records, one per row")
    return pd.DataFrame(records)


mlflow.models.set_model(RegressionModel())
