"""From checked raw rows to what the model takes, and to the rows' names in the prediction log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.column_features import RawColumns
from regression_lifecycle.core.features.feature import SingleRow
from regression_lifecycle.core.features.row_history import (
    ONLY_SERIES,
    RequestRows,
    RowHistory,
)
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.serving.request_validation import Row

# Of a row that says no time, none of whose features asks for one.
_NO_MOMENT = datetime.min


@dataclass(frozen=True)
class Inputs:
    """Features of rows.

    Attributes:
        values: Per row the features in the order of the model; None for a missing value.
        lacking: Per row, by name of the feature, what it had to do without.
        keys: Names of the rows; None where a part of the key was not sent.
    """

    values: list[list[Any]]
    lacking: Sequence[Mapping[str, list[str]]]
    keys: Sequence[str | None]


class ModelInputs:
    """Makes the features of raw rows, with the code that the pipelines' features are made by."""

    def __init__(self, recipe: FeatureRecipe, problem: Problem) -> None:
        """Look at the recipe.

        Args:
            recipe: The model's features.
            problem: Names the timestamp, and tells text from numbers.
        """
        self.names = recipe.feature_names
        self.text_names = frozenset(recipe.category_names(problem))
        self.raw_names = tuple(
            name for spec in recipe.features if isinstance(spec, RawColumns) for name in spec.names
        )
        self.looked_up = frozenset(
            name
            for spec in recipe.features
            if spec.columns_read and not isinstance(spec, RawColumns)
            for name in spec.output_names()
        )
        # What comes after the fact is not a row's own to say.
        self._seen_by_others = frozenset(
            name for name in recipe.columns_read if problem.is_known_in_advance(name)
        )
        self._features = recipe.features
        self._problem = problem
        self._stamp = problem.timestamp.name
        self.row_names = RowNames(problem)

    def make(self, rows: Sequence[Row], history: RowHistory) -> Inputs:
        """Make the features of the rows of one request.

        Args:
            rows: Checked and completed rows.
            history: What is known of other rows.

        Returns:
            Their features.
        """
        request = RequestRows(history)
        keys = [self.row_names.of(row) for row in rows]
        places = []
        for number, (row, name) in enumerate(zip(rows, keys, strict=True)):
            # A row without a key is known to itself alone.
            key = name or f"\0{number}"
            moment = row.get(self._stamp) or _NO_MOMENT
            places.append((key, self.row_names.series_of(row), moment))
            if self.looked_up:
                request.add(*places[-1], self._known_of(row))
        values, lacking = [], []
        remembered: dict[Any, Any] = {}
        with history.lock:
            for row, (key, series, moment) in zip(rows, places, strict=True):
                if self.looked_up and len(request) < len(rows):
                    # Two rows of one key: each is made of its own values.
                    request.add(key, series, moment, self._known_of(row))
                    remembered = {}
                single = SingleRow(
                    row, moment, series, request, self._problem, remembered=remembered
                )
                values.append([v for feature in self._features for v in feature.of_row(single)])
                lacking.append(single.lacking)
        return Inputs(values, lacking, keys)

    def matrix(self, values: Sequence[Sequence[Any]]) -> FloatArray:
        """Return features as numbers, for a model without text features.

        Args:
            values: See :class:`Inputs`.

        Returns:
            Shape (n, features), NaN where a value is missing.
        """
        return np.array(values, dtype="float64").reshape(len(values), len(self.names))

    def table(self, values: Sequence[Sequence[Any]]) -> pd.DataFrame:
        """Return features as the model was fitted on them.

        Args:
            values: See :class:`Inputs`.

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

    def _known_of(self, row: Row) -> Row:
        """Keep what features of other rows may look at."""
        return {name: row[name] for name in self._seen_by_others if name in row}


class RowNames:
    """Names rows by their key, and their series, as the tables of the store do."""

    def __init__(self, problem: Problem) -> None:
        """Look at the key.

        Args:
            problem: Names the key columns and their types.
        """
        self._key = [_part(name, problem) for name in problem.key_columns]
        self._series = [_part(name, problem) for name in problem.series_columns]

    def of(self, row: Row) -> str | None:
        """Name a row as :func:`~regression_lifecycle.core.data.keys.row_keys` does.

        Args:
            row: A checked row.

        Returns:
            The key's parts joined by ``|``; None if one of them was not sent.
        """
        return _joined(self._key, row)

    def series_of(self, row: Row) -> str:
        """Name its series as :func:`~regression_lifecycle.core.data.keys.series_names` does.

        Args:
            row: A checked row.

        Returns:
            The parts of the key that are no time; empty where there are none, or one is missing.
        """
        return (_joined(self._series, row) if self._series else None) or ONLY_SERIES


def _part(name: str, problem: Problem) -> tuple[str, bool]:
    # The observations hold whole numbers as such only where none may be missing.
    spec = problem.columns.get(name)
    return name, spec is not None and spec.type in ("integer", "boolean") and not spec.missing


def _joined(parts: Sequence[tuple[str, bool]], row: Row) -> str | None:
    texts = []
    for name, whole in parts:
        value = row.get(name)
        if value is None:
            return None
        texts.append(str(int(value)) if whole else str(value))
    return "|".join(texts)
