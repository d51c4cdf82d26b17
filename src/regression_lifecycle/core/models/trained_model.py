"""A trained model together with everything needed to use it and to say where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import (
    ConfigurationError,
    DataContractError,
    ModelError,
    bounded_list,
)
from regression_lifecycle.core.features.raw_rows import features_of, lay_over, read_rows
from regression_lifecycle.core.features.specifications import FeatureRecipe


class ModelMetadata(StrictModel):
    """What is known of a model; stored beside it and never changed.

    Attributes:
        problem: Name of the problem.
        fingerprint: Hash of training data, configuration and library versions. Equal
            fingerprints mean the same model.
        data_fingerprint: Hash of the training rows alone.
        configuration_fingerprint: Hash of features and model as they are configured; empty for a
            model of an older release.
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
        contract: What it has to know of the problem to take raw rows; None for a model of an older
            release, which takes features alone.
    """

    problem: str
    fingerprint: str
    data_fingerprint: str
    configuration_fingerprint: str = ""
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
    contract: Problem | None = None

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
        location: Where a dataset found or put it (``model_uri``, ``version`` and the like), and
            the ``baseline`` that it was promoted against; empty for a model that was never stored.
        history: The newest observations that were known when it was trained, as far back as
            features of coming rows look; empty for a model of an older release.
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

    def make_features(self, raw: pd.DataFrame, recent: pd.DataFrame | None = None) -> pd.DataFrame:
        """Make the features of raw rows, as the pipelines do.

        Lags and statistics of days are read from the rows, from ``recent`` and from the model's
        history; of one key the first of these counts.

        Args:
            raw: Rows as :func:`~regression_lifecycle.core.features.raw_rows.read_rows` takes them.
            recent: Raw rows of the past, with what was observed; any column but time and key may
                be left out.

        Returns:
            Timestamp, rest of the key and features, in the same order on the same index.

        Raises:
            DataContractError: If a column is missing or a value cannot be read.
            ModelError: If an older release trained the model.
        """
        contract, recipe = self.metadata.contract, self.metadata.recipe
        if contract is None:
            raise ModelError(
                "a model of an older release takes features and no raw rows; train and promote one "
                "with this release: kedro run"
            )
        past = self.history
        if recent is not None and len(recent):
            try:
                known = read_rows(recent, recipe, contract, self._newest(past), observed=True)
            except DataContractError as error:
                raise DataContractError(f"recent observations: {error}") from None
            past = lay_over(known, past, contract, *contract.columns)
            past = past.sort_values(list(contract.row_order), ignore_index=True)
        rows = read_rows(raw, recipe, contract, self._newest(past))
        return features_of(rows, past, recipe, contract)

    def _newest(self, past: pd.DataFrame) -> pd.Timestamp:
        contract, until = self.metadata.contract, self.metadata.trained_until
        if contract is None or past.empty:
            return until
        return max(until, past[contract.timestamp.name].max())


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
