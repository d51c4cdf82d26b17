"""A trained model together with everything needed to use it and to say where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, ModelError, bounded_list
from regression_lifecycle.core.features.specifications import FeatureRecipe


class ModelMetadata(StrictModel):
    """What is known of a model; stored beside it and never changed.

    Attributes:
        problem: Name of the problem.
        fingerprint: Hash of training data, configuration and library versions. Equal
            fingerprints mean the same model.
        data_fingerprint: Hash of the training rows alone.
        target: The column that it predicts.
        recipe: How its features are made.
        category_features: Those of them that hold labels; all others are numbers.
        trained_from: First training timestamp.
        trained_until: Last training timestamp.
        n_rows: Number of training rows.
        target_mean: Mean of the training target, the last resort of every naive forecast.
        target_median: Median of the training target.
        target_quantile: Its quantile, where a quantile is predicted.
        parameters: Best parameters of a search, as text.
    """

    problem: str
    fingerprint: str
    data_fingerprint: str
    target: str
    recipe: FeatureRecipe
    category_features: tuple[str, ...] = ()
    trained_from: Moment
    trained_until: Moment
    n_rows: int
    target_mean: float
    target_median: float
    target_quantile: float | None = None
    parameters: dict[str, str] = {}

    @property
    def constants(self) -> dict[str, float]:
        """Naive forecasts that are one number, by name, the last resort first."""
        if self.target_quantile is not None:
            return {"quantile": self.target_quantile}
        return {"mean": self.target_mean, "median": self.target_median}


@dataclass(frozen=True)
class TrainedModel:
    """A fitted estimator with its metadata.

    Attributes:
        estimator: Fitted scikit-learn Pipeline.
        metadata: Where it comes from.
        example: Rows of features with key and raw columns, spread over the training set: what
            documentation shows, and what explanations compare with.
        history: Recent observations, that features of later rows look back at; without a row
            where none does, or an older release made the model.
        location: Where a dataset found or put it (``model_uri``, ``version`` and the like), and
            the ``baseline`` that it was promoted against; empty for a model that was never stored.
    """

    estimator: Any
    metadata: ModelMetadata
    example: pd.DataFrame
    location: dict[str, str] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def baseline(self) -> str:
        """Naive forecast that it is held against in every window: the one it had to beat."""
        return self.location.get("baseline", "mean")

    def predict(self, features: pd.DataFrame) -> pd.Series:
        """Predict rows of a feature table.

        Args:
            features: At least the features of the recipe; other columns are left aside.

        Returns:
            Predictions in the target's unit on the index of ``features``.

        Raises:
            ModelError: If a feature is missing.
        """
        names = list(self.metadata.recipe.feature_names)
        missing = [name for name in names if name not in features.columns]
        if missing:
            raise ModelError(f"the feature table lacks {bounded_list(missing)}")
        values = self.estimator.predict(features[names])
        return pd.Series(np.asarray(values, dtype="float64"), index=features.index)


def version_of(model: TrainedModel | None) -> str:
    """Name the registered version of a model.

    Args:
        model: A model, or None.

    Returns:
        Version number as text; empty for None and for a model that is not registered.
    """
    return "" if model is None else str(model.location.get("version", ""))


def require_same_problem(champion: TrainedModel, problem: Problem) -> None:
    """Refuse a champion of another target or of features that the problem does not give any more.

    Raises:
        ConfigurationError: Naming version, column and the ways out.
    """
    differs = _difference(champion.metadata, problem)
    if differs:
        raise ConfigurationError(
            f"champion version {version_of(champion)} {differs}. Put the configuration back, "
            "or begin a problem of its own, whose windows are not mixed with these: another "
            "problem_name in globals.yml (raw_table keeps the file), then kedro run"
        )


def _difference(known: ModelMetadata, problem: Problem) -> str:
    if known.target != problem.target:
        return f"predicts {known.target}, but problem.target is {problem.target}"
    try:
        known.recipe.check(problem)
    except ConfigurationError as error:
        return f"needs a feature that problem does not allow any more: {error}"
    labels = set(known.recipe.category_names(problem))
    changed = sorted(labels ^ {*known.category_features})
    if changed:
        name = changed[0]
        now, then = ("labels", "numbers") if name in labels else ("numbers", "labels")
        kind = problem.columns[name].type
        return f"needs {then} in '{name}', but problem.columns.{name}.type '{kind}' gives {now}"
    return ""
