"""What answers at one moment: a model version and the level factor it is served with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.mlflow.registry import RegisteredVersion
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.prediction.level_and_interval import Adjustment, FloatArray
from regression_lifecycle.serving.compiled_model import ArrayFunction, compile_model
from regression_lifecycle.serving.errors import Mistake, RefusedError, shorten
from regression_lifecycle.serving.model_inputs import ModelInputs
from regression_lifecycle.serving.request_schema import row_fields
from regression_lifecycle.serving.request_validation import BodyReader, Row

LOGGER = logging.getLogger(__name__)
# Enough for both ways in which boosted trees are called.
TRIAL_ROWS = 200
# The last digits of a matrix product depend on how many rows are multiplied at once.
TOLERANCE = 1e-10


class LoadedModel:
    """A loaded model version with all that depends on it alone. It never changes."""

    def __init__(
        self,
        model: TrainedModel,
        registered: RegisteredVersion,
        problem: Problem,
        *,
        enforce_bounds: bool,
        maximum_rows: int,
    ) -> None:
        """Prepare the check of its rows.

        Args:
            model: The model.
            registered: Its version in the registry.
            problem: The contract.
            enforce_bounds: Whether raw columns must keep its bounds.
            maximum_rows: Most rows of a request.

        Raises:
            ConfigurationError: If the problem cannot serve the model's features.
        """
        self.model = model
        self.registered = registered
        self.version = registered.version
        self.loaded_at = datetime.now(UTC)
        self.inputs = ModelInputs(model.metadata.recipe, problem)
        self.reader = BodyReader(
            "rows",
            row_fields(model.metadata.recipe, problem, enforce_bounds=enforce_bounds),
            maximum_rows,
            made=self.inputs.made_names,
            made_from=problem.timestamp.name,
        )
        self._compiled = self._compile(problem)

    @property
    def digest(self) -> str:
        """Digest of its files, which are those that were registered."""
        return self.registered.digest

    @property
    def is_compiled(self) -> bool:
        """Whether the model is called as functions of arrays."""
        return self._compiled is not None

    def try_out(self) -> None:
        """Predict its own example once: what would fail then fails before it is served.

        Raises:
            RefusedError: If it cannot.
        """
        rows = self.example_rows(1)
        self.predict(self.inputs.values(rows))

    def example_rows(self, count: int = 2) -> list[Row]:
        """Return rows that may be sent as they are.

        Args:
            count: Most rows.

        Returns:
            Rows of the model's example; missing values are None.
        """
        names = list(self.inputs.names)
        example = self.model.example[names].head(count).astype(object)
        rows: list[Row] = example.where(example.notna(), None).to_dict("records")
        return rows

    def predict(self, values: Sequence[Sequence[Any]]) -> FloatArray:
        """Predict rows.

        Args:
            values: Features in the order of the model; None for a missing value.

        Returns:
            Predictions of the model alone, shape (n,).

        Raises:
            RefusedError: Status 422 if the model cannot take the rows.
        """
        if self._compiled is not None:
            raw = self._compiled(self.inputs.matrix(values))
            if np.isfinite(raw).all():
                return raw
        # The model itself knows best what is wrong with a row.
        try:
            raw = np.asarray(self.model.predict(self.inputs.table(values)), dtype="float64")
        except ValueError as error:
            # For instance a missing value, and no imputer in front of the estimator.
            raise RefusedError(
                422, f"the model cannot predict this: {shorten(str(error), 200)}"
            ) from error
        mistakes = [
            Mistake("the model finds no finite number for this row", int(number))
            for number in np.flatnonzero(~np.isfinite(raw))
        ]
        if mistakes:
            raise RefusedError(422, mistakes)
        return raw

    def _compile(self, problem: Problem) -> ArrayFunction | None:
        """Turn the model into functions of arrays, if they say what the model says."""
        if self.inputs.text_names:
            return None
        try:
            found = compile_model(self.model.estimator)
            if _agree(found, self.model, self._trial_rows(problem)):
                return found
            reason = "it would predict other numbers"
        # Another estimator or another scikit-learn than it was written for.
        except Exception as error:
            reason = shorten(repr(error))
        LOGGER.warning("version %s is called as it is, which is slower: %s", self.version, reason)
        return None

    def _trial_rows(self, problem: Problem) -> pd.DataFrame:
        """Mix the values of the example with bounds and missing values, column by column."""
        random = np.random.default_rng(0)
        table = {}
        for name in self.inputs.names:
            values = self.model.example[name].tolist()
            column = problem.columns.get(name)
            if column is not None:
                values += [column.minimum, column.maximum, *(column.allowed or ())]
            if name not in self.inputs.made_names and (column is None or column.missing):
                values.append(np.nan)
            known = [float(value) for value in values if value is not None]
            table[name] = random.choice(known, TRIAL_ROWS)
        return pd.DataFrame(table)


def _agree(compiled: ArrayFunction, model: TrainedModel, rows: pd.DataFrame) -> bool:
    """Compare on the trial rows; on those without a missing value if the model wants none."""
    try:
        expected = model.predict(rows)
    except ValueError:
        rows = rows.fillna(rows.median()).fillna(0.0)
        expected = model.predict(rows)
    few = rows.head(2)
    return all(
        np.allclose(compiled(part.to_numpy("float64")), right, rtol=TOLERANCE, atol=0)
        for part, right in ((rows, expected), (few, model.predict(few)))
    )


@dataclass(frozen=True)
class ActiveModel:
    """What a request is answered with from beginning to end, whatever is promoted meanwhile.

    Attributes:
        model: The model version.
        adjustment: Level factor and interval width.
    """

    model: LoadedModel
    adjustment: Adjustment
