"""The model as MLflow serves it; MLflow copies this file beside every model and runs it there.

It may import nothing that is not shipped with the model: it has to work in a process that does
not have this package. The trusted types come from the shipped code and not from the artifact.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from regression_lifecycle.core.trusted_types import TRUSTED_TYPES


class RegressionModel(PythonModel):
    """Loads the skops file and predicts rows of a feature table."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the estimator, refusing types that are not trusted.

        Raises:
            ValueError: Naming the types.
        """
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException

        path = Path(context.artifacts["model"]) / "estimator.skops"
        try:
            # It looks at all types before it makes an object of any.
            self._estimator = skops.io.load(path, trusted=list(TRUSTED_TYPES))
        except UntrustedTypesFoundException as error:
            foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES))
            raise ValueError(f"refusing to load untrusted types: {foreign}") from error

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Predict one value per row.

        Returns:
            A table with the column ``prediction``, in the target's unit.
        """
        values = np.asarray(self._estimator.predict(model_input), dtype="float64")
        return pd.DataFrame({"prediction": values}, index=model_input.index)


mlflow.models.set_model(RegressionModel())
