"""Which raw column moved a prediction: Shapley values of the columns, sampled.

The method is that of permutation sampling (Strumbelj and Kononenko 2014) with the interventional
value function (Janzing and others 2020): columns that are not known take the values of a
background row. Every order is walked in both directions, which halves the variance. Along one
order the differences add up to the prediction minus that of the background row, so the sum is
exact whatever is sampled; where columns act additively each single value is exact too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.column_features import RawColumns
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.trained_model import TrainedModel

BACKGROUND_ROWS = 32
METHOD = (
    f"Shapley values of raw columns against {BACKGROUND_ROWS} rows of the training set, sampled "
    f"over {2 * BACKGROUND_ROWS} orders; exact where columns act additively"
)
_SEED = 0
# What is predicted in one call.
_ROWS_AT_ONCE = 50_000


class Explainer:
    """Splits predictions of one model into contributions of raw columns.

    Attributes:
        columns: The raw columns. Features that a timestamp makes count for the timestamp, a lag
            and a day statistic for the column that they look at.
        base: Mean prediction of the background rows, in the target's unit.
    """

    def __init__(
        self,
        recipe: FeatureRecipe,
        problem: Problem,
        background: pd.DataFrame,
        predict: Callable[[pd.DataFrame], np.ndarray],
    ) -> None:
        """Predict the background rows.

        Args:
            recipe: The model's features.
            problem: Names the timestamp.
            background: Features of training rows; at most ``BACKGROUND_ROWS``, evenly spread, are
                used.
            predict: Predicts rows of features, shape (n,).
        """
        self._names = list(recipe.feature_names)
        owners = _owners(recipe, problem.timestamp.name)
        self.columns = tuple(dict.fromkeys(owners.values()))
        self._group = {name: self.columns.index(owners[name]) for name in self._names}
        rows = np.linspace(0, len(background) - 1, min(len(background), BACKGROUND_ROWS))
        self._background = background[self._names].iloc[np.unique(rows.astype(int))]
        self._predict = predict
        self.base = float(np.mean(predict(self._background)))
        self._orders = self._draw_orders()

    def explain(self, features: pd.DataFrame) -> pd.DataFrame:
        """Explain predictions.

        Args:
            features: Rows of features.

        Returns:
            A column per raw column, on the index of ``features``: what it adds to ``base``. Their
            sum and ``base`` are the prediction of the model.
        """
        at_once = max(1, _ROWS_AT_ONCE // (len(self._orders) * (len(self.columns) + 1)))
        parts = [
            self._contributions(features[self._names].iloc[start : start + at_once])
            for start in range(0, len(features), at_once)
        ]
        values = np.concatenate(parts) if parts else np.empty((0, len(self.columns)))
        return pd.DataFrame(values, columns=list(self.columns), index=features.index)

    def _draw_orders(self) -> np.ndarray:
        """Draw an order of the columns and its reverse per background row."""
        random = np.random.default_rng(_SEED)
        drawn = [random.permutation(len(self.columns)) for _ in range(len(self._background))]
        return np.array([order for one in drawn for order in (one, one[::-1])])

    def _contributions(self, features: pd.DataFrame) -> np.ndarray:
        n_columns, n_orders, n_rows = len(self.columns), len(self._orders), len(features)
        rank = np.argsort(self._orders, axis=1)
        # known[o, k, c]: whether column c is among the first k of order o.
        known = rank[:, None, :] < np.arange(n_columns + 1)[None, :, None]
        own = np.repeat(np.arange(n_rows), n_orders * (n_columns + 1))
        other = np.tile(np.repeat(np.arange(n_orders) // 2, n_columns + 1), n_rows)
        mask = np.tile(known.reshape(-1, n_columns), (n_rows, 1))
        mixed = {}
        for name in self._names:
            taken, left = features[name].array.take(own), self._background[name].array.take(other)
            mixed[name] = pd.Series(taken).where(mask[:, self._group[name]], pd.Series(left))
        predicted = np.asarray(self._predict(pd.DataFrame(mixed)), dtype="float64")
        steps = np.diff(predicted.reshape(n_rows, n_orders, n_columns + 1), axis=2)
        by_column = np.take_along_axis(steps, rank[None, :, :], axis=2)
        mean: np.ndarray = by_column.mean(axis=1)
        return mean


def explainer_of(model: TrainedModel, problem: Problem) -> Explainer:
    """Make the explainer of a trained model, against rows of its own training set."""
    return Explainer(
        model.metadata.recipe,
        problem,
        model.example,
        lambda features: model.predict(features).to_numpy(),
    )


def _owners(recipe: FeatureRecipe, stamp: str) -> dict[str, str]:
    """Name the raw column behind every feature."""
    owners = {}
    for feature in recipe.features:
        for name in feature.output_names():
            if isinstance(feature, RawColumns):
                owners[name] = name
            else:
                owners[name] = next(iter(feature.columns_read), stamp)
    return owners
