"""Whether the holdout still looks like the training data, column by column."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import narwhals as nw
import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import (
    ReferenceProfile,
    make_profile,
    merge_profiles,
    score_window,
)
from regression_lifecycle.core.drift.verdict import drifted_share
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.evaluation.holdout import CANDIDATE
from regression_lifecycle.core.frames.collecting import count_rows, pieces
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, window_of_rows
from regression_lifecycle.pipelines.roles import column_roles
from regression_lifecycle.pipelines.subjects import about_candidate

PREDICTION = "prediction"
_ROWS_AT_ONCE = 500_000


class CountedReference(NamedTuple):
    """What the holdout is compared with.

    Attributes:
        rows: The rows that a report draws.
        profile: What was counted.
        n_rows: Rows of the reference, of which these may be a sample.
    """

    rows: pd.DataFrame
    profile: ReferenceProfile
    n_rows: int


def make_reference(
    training_set: pd.DataFrame,
    out_of_fold_predictions: pd.DataFrame,
    candidate: TrainedModel,
    problem: Problem,
    reference_predictions: str,
) -> pd.DataFrame:
    """Join the training rows with the predictions that the holdout's are compared with.

    Args:
        training_set: All training rows.
        out_of_fold_predictions: Rows of the cross-validation's test folds with ``prediction``.
        candidate: The model, for predictions in sample.
        reference_predictions: ``out_of_fold`` or ``in_sample``.

    Returns:
        The training set with ``prediction``; out of fold it is missing for the rows that were
        in no test fold.
    """
    if reference_predictions == "in_sample":
        return training_set.assign(**{PREDICTION: candidate.predict(training_set)})
    keys = list(problem.key_columns)
    # Joined by the key alone, and the other columns are not copied.
    predicted = training_set[keys].merge(
        out_of_fold_predictions[[*keys, PREDICTION]], on=keys, how="left"
    )
    return training_set.assign(**{PREDICTION: predicted[PREDICTION].to_numpy()})


def count_reference(
    reference: pd.DataFrame,
    feature_table: Any,
    problem: Problem,
    parameters: DriftParameters,
) -> CountedReference:
    """Count the values of the reference, once for the holdout and all of its windows.

    Args:
        reference: The rows that the model was fitted on, with ``prediction``.
        feature_table: All rows, on any engine. If all are to be looked at, those with a target from
            the first to the last one that the model was fitted on are read, piece by piece. Only
            rows that it was fitted on have a prediction.
        problem: The table's description.
        parameters: Columns, and how many rows are looked at.

    Returns:
        The rows and their profile.

    Raises:
        ConfigurationError: If a column is not in the table.
    """
    columns = list(_roles(reference, problem, parameters).columns())
    if parameters.maximum_rows is not None:
        profile = make_profile(reference, columns, parameters)
        return CountedReference(reference, profile, len(reference))
    predicted = [column for column in columns if column[2] == "prediction"]
    known = [column for column in columns if column[2] != "prediction"]
    names = [name for name, _, _ in known]
    if parameters.given is not None:
        names.append(parameters.given)
    fitted = reference[problem.timestamp.name]
    moment, target = nw.col(problem.timestamp.name), nw.col(problem.target)
    # What the stored rows say, and not the split that is configured by now: it may reach into the
    # holdout.
    training = (
        nw.from_native(feature_table)
        .filter(moment >= fitted.min().to_pydatetime(), moment <= fitted.max().to_pydatetime())
        .filter(~target.is_null())
        .to_native()
    )
    rows = pieces(training, problem, _ROWS_AT_ONCE, list(dict.fromkeys(names)))
    counted = merge_profiles((make_profile(piece, known, parameters) for piece in rows), parameters)
    predictions = make_profile(reference, predicted, parameters)
    profile = ReferenceProfile((*counted.columns, *predictions.columns))
    return CountedReference(reference, profile, count_rows(training))


def check_drift(
    reference: CountedReference,
    predictions: pd.DataFrame,
    candidate: TrainedModel,
    problem: Problem,
    parameters: DriftParameters,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Compare the whole holdout with the reference.

    Args:
        reference: Rows with features, target and ``prediction``, and their profile.
        predictions: Holdout rows with the column ``candidate``.
        candidate: The model that the report is about.
        problem: The table's description.
        parameters: Columns, methods and thresholds.

    Returns:
        Evidently snapshot, one row of verdict per column, and the drifted share for MLflow.

    Raises:
        ConfigurationError: If a column is not in the table.
    """
    roles = _roles(predictions, problem, parameters)
    current = predictions.rename(columns={CANDIDATE: PREDICTION})
    verdict = score_window(reference.profile, current, parameters)
    about = about_candidate(candidate, current, reference.n_rows, problem)
    snapshot = evidently.drift_snapshot(
        reference.rows, current, roles, verdict, parameters, metadata=about
    )
    share = drifted_share(verdict)
    return snapshot, verdict, {} if math.isnan(share) else {"drifted_share": share}


def check_window_drift(
    reference: CountedReference,
    predictions: pd.DataFrame,
    problem: Problem,
    window_parameters: WindowParameters,
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Compare every window of the holdout with the reference, figures only.

    Args:
        reference: What the windows are compared with.
        predictions: Holdout rows with the column ``candidate``.
        problem: The table's description.
        window_parameters: How windows are cut.
        parameters: Columns, methods and thresholds.

    Returns:
        One row of verdict per window and column, with ``window``, ``start`` and ``end`` first.
    """
    current = predictions.rename(columns={CANDIDATE: PREDICTION})
    windows = list_windows(current, problem, window_parameters)
    place = window_of_rows(current, windows, problem, window_parameters)
    tables = []
    for window in windows:
        rows = current[place == window.index]
        verdict = score_window(reference.profile, rows, parameters)
        shown = {"window": window.label, "start": window.start, "end": window.end}
        for position, (name, value) in enumerate(shown.items()):
            verdict.insert(position, name, value)
        tables.append(verdict)
    return pd.concat(tables, ignore_index=True)


def _roles(
    rows: pd.DataFrame, problem: Problem, parameters: DriftParameters
) -> evidently.ColumnRoles:
    named = [("columns", name) for name in parameters.columns]
    named += [] if parameters.given is None else [("given", parameters.given)]
    for key, name in named:
        if name not in rows.columns:
            raise ConfigurationError(
                f"drift.{key}: {unknown_name('column', name, rows.columns, 40)}"
            )
    return column_roles(problem, parameters.columns, prediction=PREDICTION)
