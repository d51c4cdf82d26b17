"""From checked rows to what the model takes, and to the row's name in the prediction log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.prediction.level_and_interval import FloatArray
from regression_lifecycle.serving.request_validation import Row

# Moments whose features are remembered, about 1 kB each.
REMEMBERED_MOMENTS = 10_000


class ModelInputs:
    """Puts rows into the order of a model's features. One thread uses it."""

    def __init__(self, recipe: FeatureRecipe, problem: Problem) -> None:
        """Look at the recipe.

        Args:
            recipe: The model's features.
            problem: Names the timestamp, and tells text from numbers.
        """
        self.names = recipe.feature_names
        self.text_names = frozenset(
            name
            for name in self.names
            if name in problem.columns and problem.columns[name].type == "category"
        )
        clock = tuple(spec for spec in recipe.features if not spec.columns_read)
        self.made_names = tuple(name for spec in clock for name in spec.output_names())
        self._recipe = FeatureRecipe(features=clock) if clock else None
        self._problem = problem
        self._stamp = problem.timestamp.name
        self._known: dict[datetime, Row] = {}

    def values(self, rows: Sequence[Row]) -> list[list[Any]]:
        """Return the features of rows; what is left out is made from their timestamp.

        Args:
            rows: Checked rows.

        Returns:
            Per row the features in the order of the model; None for a missing value.
        """
        lacking = [
            row
            for row in rows
            if self._recipe is not None and any(name not in row for name in self.made_names)
        ]
        made = self._of_moments({row[self._stamp] for row in lacking}) if lacking else {}
        names, stamp, nothing = self.names, self._stamp, dict[str, Any]()
        if lacking:
            rows = [
                {**made.get(row[stamp], nothing), **row} if row.get(stamp) else row for row in rows
            ]
        return [[row.get(name) for name in names] for row in rows]

    def matrix(self, values: Sequence[Sequence[Any]]) -> FloatArray:
        """Return features as numbers, for a model without text features.

        Args:
            values: What :meth:`values` gave.

        Returns:
            Shape (n, features), NaN where a value is missing.
        """
        return np.array(values, dtype="float64").reshape(len(values), len(self.names))

    def table(self, values: Sequence[Sequence[Any]]) -> pd.DataFrame:
        """Return features as the model was fitted on them.

        Args:
            values: What :meth:`values` gave.

        Returns:
            A table with the model's features: float64, and text for category columns.
        """
        if not self.text_names:
            return pd.DataFrame(self.matrix(values), columns=list(self.names))
        return pd.DataFrame(
            {
                name: pd.array(column, dtype="str")
                if name in self.text_names
                else np.array(column, dtype="float64")
                for name, column in zip(self.names, zip(*values, strict=True), strict=True)
            }
        )

    def _of_moments(self, moments: set[datetime]) -> dict[datetime, Row]:
        new = sorted(moments - self._known.keys())
        if new:
            if len(self._known) + len(new) > REMEMBERED_MOMENTS:
                self._known = {}
                new = sorted(moments)
            self._known.update(zip(new, self._make(new), strict=True))
        return self._known

    def _make(self, moments: list[datetime]) -> list[Row]:
        """Make features with the code of the pipelines: a second one would be a second truth."""
        assert self._recipe is not None
        problem = self._problem
        keys = [name for name in problem.key_columns if name != self._stamp]
        observations = pd.DataFrame(
            {
                self._stamp: pd.Series(moments, dtype="datetime64[us]"),
                **dict.fromkeys(keys, 0),
                problem.target: 0.0,
            }
        )
        table = build_features(observations, problem, self._recipe)
        made: list[Row] = table[list(self.made_names)].to_dict("records")
        return made


class RowNames:
    """Names rows by their key, as the tables of the store do."""

    def __init__(self, problem: Problem) -> None:
        """Look at the key.

        Args:
            problem: Names the key columns and their types.
        """
        # The observations hold whole numbers as such only where none may be missing.
        self._parts = [
            (
                name,
                name in problem.columns
                and problem.columns[name].type in ("integer", "boolean")
                and not problem.columns[name].missing,
            )
            for name in problem.key_columns
        ]

    def of(self, row: Row) -> str | None:
        """Name a row as :func:`~regression_lifecycle.core.data.keys.row_keys` does.

        Args:
            row: A checked row.

        Returns:
            The key's parts joined by ``|``; None if one of them was not sent.
        """
        parts = []
        for name, whole in self._parts:
            value = row.get(name)
            if value is None:
                return None
            parts.append(str(int(value)) if whole else str(value))
        return "|".join(parts)
