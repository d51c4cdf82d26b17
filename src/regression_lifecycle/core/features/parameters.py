"""The parameters of preprocessing: which features, and where training ends."""

from __future__ import annotations

from pydantic import Field

from regression_lifecycle.core.data.splits import SplitParameters
from regression_lifecycle.core.features.specifications import FeatureRecipe


class PreprocessingParameters(FeatureRecipe):
    """The features and the split.

    Attributes:
        split: Where training ends and the holdout begins.
        maximum_training_rows: Most rows that a model is fitted on; of more a seeded sample is
            drawn, of every series and of all its time alike. None fits on all of them, which have
            to fit into memory.
    """

    split: SplitParameters
    maximum_training_rows: int | None = Field(None, ge=100)

    @property
    def recipe(self) -> FeatureRecipe:
        """The features alone, as they travel with a model."""
        return FeatureRecipe(features=self.features)
