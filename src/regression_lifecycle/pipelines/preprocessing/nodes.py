"""From observations to features, and from the past to the future."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import split_by_time
from regression_lifecycle.core.features.builders import build_feature_table
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.frames.collecting import collect, count_rows, sample

LOGGER = logging.getLogger(__name__)
_SEED = 0


def make_features(observations: Any, problem: Problem, parameters: PreprocessingParameters) -> Any:
    """Build the feature table.

    Args:
        observations: Observations, on any engine that Narwhals knows.
        problem: The table's description.
        parameters: The features.

    Returns:
        Key, features, the other columns that are known ahead, and the target: on the engine, or in
        pieces that are made when they are saved.
    """
    return build_feature_table(
        observations, problem, parameters.recipe, keep=problem.columns_known_in_advance
    )


def split_features(
    feature_table: Any, problem: Problem, parameters: PreprocessingParameters
) -> tuple[pd.DataFrame, Any]:
    """Cut the feature table in two by time.

    Args:
        feature_table: The feature table, on any engine.
        problem: Names timestamp and target.
        parameters: Where to cut, and how many rows train at most.

    Returns:
        Training set in memory, without the rows whose target is missing, and holdout set on the
        engine.

    Raises:
        DataContractError: If one of them would be empty.
    """
    split = split_by_time(
        feature_table, problem.timestamp.name, parameters.split, target=problem.target
    )
    return draw_training_rows(split.training, problem, parameters), split.holdout


def draw_training_rows(
    rows: Any, problem: Problem, parameters: PreprocessingParameters
) -> pd.DataFrame:
    """Bring the rows that a model is fitted on into memory.

    Args:
        rows: Rows with key and target, on any engine; which are drawn depends on nothing else.
        parameters: How many rows train at most.

    Returns:
        All of them, or a sample.
    """
    maximum = parameters.maximum_training_rows
    if maximum is None or (n_rows := count_rows(rows)) <= maximum:
        return collect(rows, problem)
    drawn = sample(rows, problem, maximum, _SEED, n_rows)
    LOGGER.info(
        "Training on a sample of %s of %s rows, of every series and of all its time alike "
        "(preprocessing.maximum_training_rows)",
        f"{len(drawn):,}",
        f"{n_rows:,}",
    )
    return drawn
