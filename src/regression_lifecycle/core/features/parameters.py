"""The parameters of preprocessing: which features, and where training ends."""

from __future__ import annotations

from regression_lifecycle.core.data.splits import SplitParameters
from regression_lifecycle.core.features.specifications import FeatureRecipe


class PreprocessingParameters(FeatureRecipe):
    """The features and the split.

    Attributes:
        split: Where training ends and the holdout begins.
    """

    split: SplitParameters

    @property
    def recipe(self) -> FeatureRecipe:
        """The features alone, as they travel with a model."""
        return FeatureRecipe(features=self.features)
