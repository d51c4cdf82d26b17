"""The features of a model, as they are configured and as they travel with it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, bounded_list
from regression_lifecycle.core.features import clock_features  # noqa: F401 (registers them)
from regression_lifecycle.core.features.column_features import RawColumns
from regression_lifecycle.core.features.feature import Feature, Reach


class FeatureRecipe(StrictModel):
    """All features of a model, in the order of its signature.

    A model carries its recipe with it, so that a champion trained on other features can still
    be compared on the same rows.
    """

    features: tuple[Feature, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = self.feature_names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"features made twice: {bounded_list(twice)}")
        return self

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The model's input columns, in order."""
        return tuple(name for feature in self.features for name in feature.output_names())

    @property
    def made_names(self) -> tuple[str, ...]:
        """Those of them that are no columns of the table."""
        return tuple(
            name
            for feature in self.features
            if not isinstance(feature, RawColumns)
            for name in feature.output_names()
        )

    @property
    def columns_read(self) -> frozenset[str]:
        """Columns of the table that the features are made of, beside the timestamp."""
        return frozenset(name for feature in self.features for name in feature.columns_read)

    @property
    def needs_moment(self) -> bool:
        """Whether a feature asks when its row is."""
        return not all(isinstance(feature, RawColumns) for feature in self.features)

    @property
    def reach(self) -> Reach:
        """How far around a row all features together look."""
        reaches = [feature.reach for feature in self.features]
        return Reach(
            max(reach.back for reach in reaches), max(reach.days_ahead for reach in reaches)
        )

    def category_names(self, problem: Problem) -> tuple[str, ...]:
        """Return the features that hold labels; all others are numbers."""
        columns = problem.columns
        return tuple(
            name
            for name in self.feature_names
            if name in columns and columns[name].type == "category"
        )

    def check(self, problem: Problem) -> None:
        """Refuse a recipe that would leak or that the table cannot serve.

        Raises:
            ConfigurationError: Naming the feature, the column and the mend.
        """
        if problem.weight_column in self.columns_read:
            raise ConfigurationError(
                f"'{problem.weight_column}' is problem.weight_column, which says how much a row "
                "counts and is never a feature; take it out"
            )
        for feature in self.features:
            feature.check(problem)
        # A made feature under a raw column's name would be taken for the column: a join keeps
        # the table's own values under that name, known ahead or not.
        taken = {*self.made_names} & {problem.timestamp.name, *problem.columns}
        if taken:
            raise ConfigurationError(
                f"feature names already in use by the table: {bounded_list(sorted(taken))}; "
                "choose other names"
            )
