"""What answers at one moment: a model version and the level factor it is served with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.mlflow.registry import RegisteredVersion
from regression_lifecycle.core.calendar.calendar_columns import (
    CalendarColumn,
    find_calendar_columns,
    refuse_other_calendar,
)
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.row_moments import RowMoments
from regression_lifecycle.core.errors import DataContractError, bounded_list
from regression_lifecycle.core.features.row_history import RowHistory
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.core.models.explanation import Explainer, explainer_of
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.prediction.level_and_interval import Adjustment
from regression_lifecycle.serving.compiled_model import ArrayFunction, compile_model
from regression_lifecycle.serving.errors import Mistake, RefusedError, overloaded, shorten
from regression_lifecycle.serving.model_inputs import Inputs, ModelInputs
from regression_lifecycle.serving.request_schema import belongs_elsewhere, key_fields, row_fields
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
        recipe = model.metadata.recipe
        self.recipe_digest = recipe.digest()
        self._problem = problem
        self._moments = RowMoments(problem, needed=recipe.needs_moment)
        self._calendar = self._calendar_columns() if enforce_bounds else {}
        self.reader = BodyReader(
            {
                "rows": row_fields(recipe, problem, enforce_bounds=enforce_bounds),
                "keys": key_fields(problem),
            },
            maximum_rows,
            finish=self._complete,
            elsewhere=belongs_elsewhere(problem),
        )
        self._sendable = (*problem.row_order, *problem.columns_known_in_advance)
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
        example = self.model.example[list(self.inputs.names)].head(1).astype(object)
        self.predict(example.where(example.notna(), None).to_numpy().tolist())

    def example_row(self) -> Row:
        """Return a minimal raw row that may be sent as it is, and met by :meth:`example_label`.

        Returns:
            Key and the columns that the model takes as they are; missing values are None.
        """
        parts = {*self._problem.timestamp.raw_columns} - {*self._problem.key_columns}
        names = dict.fromkeys([*self._problem.row_order, *self.inputs.raw_names])
        return self._example([name for name in names if name not in parts])

    def example_label(self) -> Row:
        """Return a label of that row, the median of the training set."""
        target = self.model.metadata.target_median
        whole = self._problem.columns[self._problem.target].type != "float"
        key = self._example(list(self._problem.row_order))
        return {**key, self._problem.target: float(round(target)) if whole else target}

    def _example(self, names: list[str]) -> Row:
        example = self.model.example
        row = example[[name for name in names if name in example]].tail(1).astype(object)
        (values,) = row.where(row.notna(), None).to_dict("records")
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
        }

    def _complete(self, row: Row) -> None:
        self._moments.complete(row)
        refuse_other_calendar(row, self._problem.timestamp.name, self._calendar)

    def _calendar_columns(self) -> dict[str, CalendarColumn]:
        """Find the raw columns that only repeat the calendar, in the rows that the model shows."""
        problem, example = self._problem, self.model.example
        stamp = problem.timestamp
        if stamp.rows or stamp.name not in example:
            return {}
        names = [
            name
            for name in problem.columns_known_in_advance
            if name in example and name not in stamp.raw_columns
            if problem.columns[name].type in ("integer", "category")
        ]
        return find_calendar_columns(example, stamp.name, names)

    def rows_of(
        self, keys: Sequence[Row], history: RowHistory, *, knows_sent_rows: bool
    ) -> list[Row]:
        """Return the rows that were sent ahead of time.

        Args:
            keys: Checked and completed keys.
            history: What is known.
            knows_sent_rows: Whether the store could be asked for all of them.

        Returns:
            The rows.

        Raises:
            RefusedError: Status 422 naming the keys whose rows were not sent, or not all of them;
                503 if one is missing and nobody knows whether it was sent.
        """
        rows, mistakes = [], []
        for number, key in enumerate(keys):
            found = history.row(self.inputs.row_names.of(key) or "") or {}
            lacking = [name for name in self.inputs.raw_names if name not in found]
            # A label alone may be known of it.
            if not found.keys() & {*self._sendable}:
                if not knows_sent_rows:
                    raise overloaded("rows that were sent to /rows cannot be read from the store")
                mistakes.append(Mistake("no row of this key was sent to /rows", number))
            elif lacking:
                text = f"the row that was sent to /rows lacks {bounded_list(lacking)}"
                mistakes.append(Mistake(text, number))
            row = {name: found[name] for name in self._sendable if name in found} | dict(key)
            try:
                refuse_other_calendar(row, self._problem.timestamp.name, self._calendar)
            except DataContractError as error:
                mistakes.append(Mistake(str(error), number))
            rows.append(row)
        if mistakes:
            raise RefusedError(422, mistakes)
        return rows

    def explain(self, inputs: Inputs) -> tuple[float, list[dict[str, float]]]:
        """Say what each raw column adds to predictions of the model alone.

        Args:
            inputs: Features of rows.

        Returns:
            What a prediction is before any column is known, and per row what each column adds.
        """
        found = self._explainer.explain(self.inputs.table(inputs.values))
        rows: list[dict[str, float]] = found.to_dict("records")
        return self._explainer.base, rows

    @cached_property
    def _explainer(self) -> Explainer:
        # Costs a prediction of the background rows, so it waits until somebody asks.
        return explainer_of(self.model, self._problem)

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
            if name in self.inputs.looked_up or (column is not None and column.missing):
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
        adjustment: Level and interval.
        history: What is known of other rows.
    """

    model: LoadedModel
    adjustment: Adjustment
    history: RowHistory
