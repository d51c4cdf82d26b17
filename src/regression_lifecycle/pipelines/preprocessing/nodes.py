"""From observations to features, and from the past to the future."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import split_by_time
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters


def make_features(observations: Any, problem: Problem, parameters: PreprocessingParameters) -> Any:
    """Build the feature table.

    Args:
        observations: Observations, on any engine that Narwhals knows.
        problem: The table's description.
        parameters: The features.

    Returns:
        Key, features, the other columns that are known ahead, and the target.
    """
    return build_features(
        observations, problem, parameters.recipe, keep=problem.columns_known_in_advance
    )


def split_features(
    feature_table: pd.DataFrame, problem: Problem, parameters: PreprocessingParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut the feature table in two by time.

    Args:
        feature_table: The feature table.
        problem: Names timestamp and target.
        parameters: Where to cut.

    Returns:
        Training set, without the rows whose target is missing, and holdout set.

    Raises:
        DataContractError: If one of them would be empty.
    """
    split = split_by_time(
        feature_table, problem.timestamp.name, parameters.split, target=problem.target
    )
    return split.training, split.holdout
