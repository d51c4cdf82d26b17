"""From the training set to a candidate model."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

import regression_lifecycle
from regression_lifecycle.core.data.as_of import known_at
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import CalendarDuration
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.features.raw_rows import make_contract, recent_observations
from regression_lifecycle.core.fingerprints import combined_fingerprint, table_fingerprint
from regression_lifecycle.core.metrics import mean_or_quantile
from regression_lifecycle.core.models import training
from regression_lifecycle.core.models.boosting import distribution_versions, used_libraries
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.profiling.leaks import find_copies
from regression_lifecycle.core.reproduction.snapshots import (
    TrainingConfiguration,
    TrainingRecord,
)

EXAMPLE_ROWS = 64
LOGGER = logging.getLogger(__name__)


def search_parameters(
    training_set: pd.DataFrame,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    parameters: TrainingParameters,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Look for better parameters, if the configuration asks for a search.

    Args:
        training_set: Features and target in the order of time; rows whose target is missing
            are left out.

    Returns:
        The best parameters (none without a search) and one row per trial.
    """
    training_set = _labelled(training_set, problem)
    features, target = _features_and_target(training_set, problem, preprocessing)
    return training.search_parameters(
        training.make_pipeline(parameters.model),
        features,
        target,
        _times(training_set, problem),
        parameters,
        problem.quantile,
        problem.weights_of(training_set),
    )


def cross_validate(
    training_set: pd.DataFrame,
    best_parameters: dict[str, Any],
    problem: Problem,
    preprocessing: PreprocessingParameters,
    parameters: TrainingParameters,
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Score the model on later rows than it was fitted on, fold by fold.

    Args:
        training_set: Features and target in the order of time; rows whose target is missing
            are left out.

    Returns:
        Scores by fold, their means for MLflow, and the rows of all test folds with their
        out-of-sample ``prediction``, the ``former_prediction`` of the model of the fold before, and
        the number of the ``fold``, from 1; and the ``configuration_fingerprint`` that tells of
        which models they are.
    """
    training_set = _labelled(training_set, problem)
    features, target = _features_and_target(training_set, problem, preprocessing)
    _warn_of_leaks(training_set, features, problem)
    model = training.make_pipeline(parameters.model).set_params(**best_parameters)
    times = _times(training_set, problem)
    scores, predictions = training.cross_validate(
        model,
        features,
        target,
        times,
        parameters,
        problem.quantile,
        problem.weights_of(training_set),
    )
    means = {
        name: float(values.mean())
        for name, values in scores.drop(columns=["fold", "n_train"]).items()
    }
    of = {training.CONFIGURATION: _configuration_fingerprint(preprocessing, parameters)}
    predicted = training_set.assign(**predictions, **of).dropna(subset=["prediction"])
    return scores, means, predicted.reset_index(drop=True)


def train(
    training_set: pd.DataFrame,
    best_parameters: dict[str, Any],
    problem: Problem,
    preprocessing: PreprocessingParameters,
    parameters: TrainingParameters,
) -> TrainedModel:
    """Fit the candidate on all rows of the training set that count.

    Args:
        training_set: Features and target in the order of time; rows whose target is missing
            are left out.

    Returns:
        The candidate with its metadata.
    """
    configuration = describe_training(best_parameters, problem, preprocessing, parameters)
    training_set = _rows_to_fit(training_set, problem)
    data, fingerprint = _fingerprints(training_set, configuration)
    features, target = _features_and_target(training_set, problem, preprocessing)
    weight = problem.weights_of(training_set)
    model = training.make_pipeline(parameters.model).set_params(**best_parameters)
    estimator = training.fit(model, features, target, parameters.compute, weight)
    stamp = training_set[problem.timestamp.name]
    metadata = ModelMetadata(
        problem=problem.name,
        fingerprint=fingerprint,
        data_fingerprint=data,
        configuration_fingerprint=_configuration_fingerprint(preprocessing, parameters),
        target=problem.target,
        recipe=preprocessing.recipe,
        category_features=preprocessing.recipe.category_names(problem),
        trained_from=stamp.min(),
        trained_until=stamp.max(),
        n_rows=len(training_set),
        target_mean=mean_or_quantile(target, None, weight),
        target_median=mean_or_quantile(target, 0.5, weight),
        target_quantile=None
        if problem.quantile is None
        else mean_or_quantile(target, problem.quantile, weight),
        parameters={name: str(value) for name, value in best_parameters.items()},
        contract=make_contract(preprocessing.recipe, problem),
    )
    known = [name for name in problem.columns_known_in_advance if name in training_set]
    names = dict.fromkeys([*problem.row_order, *features, *known])
    spread = np.unique(np.linspace(0, len(training_set) - 1, EXAMPLE_ROWS).astype(int))
    example = training_set[[name for name in names if name in training_set]].iloc[spread]
    return TrainedModel(estimator, metadata, example.reset_index(drop=True))


def describe_training(
    best_parameters: dict[str, Any],
    problem: Problem,
    preprocessing: PreprocessingParameters,
    parameters: TrainingParameters,
) -> TrainingConfiguration:
    """Put together all that decides what :func:`train` fits on given rows."""
    return TrainingConfiguration(
        problem=problem,
        preprocessing=preprocessing,
        training=parameters,
        best_parameters=best_parameters,
    )


def make_training_record(
    training_set: pd.DataFrame, configuration: TrainingConfiguration
) -> TrainingRecord:
    """Return what :func:`train` fits, without fitting it.

    Returns:
        The rows that count, and of these the columns that the fit looks at.
    """
    problem = configuration.problem
    rows = _rows_to_fit(training_set, problem)
    data, fingerprint = _fingerprints(rows, configuration)
    fitted = _fitted_columns(rows, configuration)
    key = [name for name in problem.row_order if name in rows and name not in fitted]
    return TrainingRecord(pd.concat([rows[key], fitted], axis=1), configuration, fingerprint, data)


def _fingerprints(rows: pd.DataFrame, configuration: TrainingConfiguration) -> tuple[str, str]:
    """Hash the rows that count, and these with all else that decides what the model is."""
    fitted = _fitted_columns(rows, configuration)
    data = table_fingerprint(
        pd.concat([rows[configuration.problem.timestamp.name], fitted], axis=1)
    )
    model = training.make_pipeline(configuration.training.model)
    model.set_params(**configuration.best_parameters)
    fingerprint = combined_fingerprint(
        {
            "data": data,
            "recipe": configuration.preprocessing.recipe.digest(),
            "model": configuration.training.model.digest(),
            "parameters": configuration.best_parameters,
            "scikit-learn": version("scikit-learn"),
            **distribution_versions(used_libraries(model)),
            "code": regression_lifecycle.__version__,
        }
    )
    return data, fingerprint


def _fitted_columns(rows: pd.DataFrame, configuration: TrainingConfiguration) -> pd.DataFrame:
    """Features, target and weight of rows that count."""
    features, target = _features_and_target(
        rows, configuration.problem, configuration.preprocessing
    )
    weight = configuration.problem.weights_of(rows)
    return pd.concat([features, target, *([] if weight is None else [weight])], axis=1)


def attach_history(
    fitted_model: TrainedModel, observations: pd.DataFrame, as_of: Any, problem: Problem
) -> TrainedModel:
    """Give the candidate the past that features of coming rows look back at.

    Args:
        observations: All observations.
        as_of: The moment at which we stand; None for the end of the observations.

    Returns:
        The candidate with the newest observations that are known by then.
    """
    known, _ = known_at(as_of, observations, problem)
    history = recent_observations(known, fitted_model.metadata.recipe, problem)
    return replace(fitted_model, history=history)


def _rows_to_fit(training_set: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    known = _labelled(training_set, problem)
    if problem.weight_column is None:
        return known
    return problem.counting(known).reset_index(drop=True)


def _labelled(training_set: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    is_known = training_set[problem.target].notna()
    # A copy takes as much memory again.
    known = training_set if is_known.all() else training_set[is_known]
    if known.empty:
        raise DataContractError(
            f"no row of the training set has a value of '{problem.target}', so there is nothing "
            "to learn from; wait for labels, or cut later (preprocessing.split)"
        )
    if problem.weight_column is not None and problem.counting(known).empty:
        raise DataContractError(
            f"every row of the training set has the weight 0 in '{problem.weight_column}', so "
            "there is nothing to learn from"
        )
    return known.reset_index(drop=True)


def _times(table: pd.DataFrame, problem: Problem) -> pd.Series:
    """Return when rows are due: of months the first day, whatever day they stand at."""
    moments: pd.Series = table[problem.timestamp.name]
    if isinstance(problem.frequency, CalendarDuration):
        return moments.dt.to_period("M").dt.start_time
    return moments


def _warn_of_leaks(training_set: pd.DataFrame, features: pd.DataFrame, problem: Problem) -> None:
    moments = None if problem.timestamp.rows else training_set[problem.timestamp.name]
    values = {**dict(features.items()), problem.target: training_set[problem.target]}
    for leak in find_copies(values, problem.target, moments):
        LOGGER.warning(
            "Feature %s is suspected to give the target away: %s. If it is not known before the "
            "row's own time, list it under problem.forbidden_columns",
            leak.column,
            leak.reason,
        )


def _features_and_target(
    table: pd.DataFrame, problem: Problem, preprocessing: PreprocessingParameters
) -> tuple[pd.DataFrame, pd.Series]:
    # Column by column, since a list of them is a copy, of a million rows a hundred megabytes.
    features = {name: table[name] for name in preprocessing.feature_names}
    return pd.DataFrame(features, copy=False), table[problem.target].astype("float64")


def _configuration_fingerprint(
    preprocessing: PreprocessingParameters, parameters: TrainingParameters
) -> str:
    """Hash what is the same in the models of all folds and of later retrainings."""
    return combined_fingerprint(
        {"recipe": preprocessing.recipe.digest(), "model": parameters.model.digest()}
    )
