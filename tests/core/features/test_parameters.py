from __future__ import annotations

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.features.specifications import FeatureRecipe
from tests import shipped

FEATURES = [{"kind": "lag", "name": "week_ago", "column": "cnt", "ages": ["7 days"]}]


def parameters(holdout_start="2012-08-07 12:00", features=FEATURES):
    return PreprocessingParameters(
        features=features, split={"kind": "date", "holdout_start": holdout_start}
    )


def test_the_recipe_that_travels_with_a_model_is_the_features_alone():
    assert parameters().recipe == FeatureRecipe(features=FEATURES)


def test_another_split_is_the_same_recipe_and_other_features_are_not():
    other = [{**FEATURES[0], "ages": ["14 days"]}]
    assert parameters("2012-01-01").recipe.digest() == parameters().recipe.digest()
    assert parameters(features=other).recipe.digest() != parameters().recipe.digest()


def test_a_split_is_asked_for():
    with pytest.raises(ValidationError, match="split"):
        PreprocessingParameters(features=FEATURES)


def test_the_features_of_the_repository_are_allowed_for_its_table(bike_problem):
    recipe = PreprocessingParameters.model_validate(shipped.parameters()["preprocessing"]).recipe
    recipe.check(bike_problem)
    assert not {"cnt", "casual", "registered"} & set(recipe.feature_names)
