"""From predictions out of sample to the limits of the champion's rules, and their error rates."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.data.as_of import read_as_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ERROR_RATES
from regression_lifecycle.core.decisions.champion_history import PROMOTIONS
from regression_lifecycle.core.decisions.records import ChampionDecision
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    add_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.models import training
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.models.training import FOLD, FORMER, OUT_OF_FOLD
from regression_lifecycle.core.monitoring import calibration_windows
from regression_lifecycle.core.monitoring.calibration_windows import CalibrationWindows


def choose_rated_folds(
    decision: ChampionDecision, out_of_fold_predictions: pd.DataFrame
) -> pd.DataFrame:
    """Take the rows of the test folds for a new champion, and none if the old one stays.

    Nothing of what they would say of the old one is kept.
    """
    is_new = decision.decision in PROMOTIONS
    return out_of_fold_predictions if is_new else out_of_fold_predictions.iloc[:0]


def add_champion_baseline(
    out_of_fold_predictions: pd.DataFrame,
    champion: TrainedModel | None,
    observations: pd.DataFrame,
    problem: Problem,
    parameters: BaselineParameters,
) -> pd.DataFrame:
    """Add the naive forecast that the champion is held against to the rows of the test folds.

    Args:
        out_of_fold_predictions: Rows of the test folds with target, ``prediction`` and ``fold``;
            without a column if no training has left any, and without folds by an older release.
        champion: The deployed model.
        observations: What the naive forecast looks back in.
        parameters: How far it looks back.

    Returns:
        The rows with ``baseline``, without their features; none without a champion or of another
        target.
    """
    rows = out_of_fold_predictions
    named = {problem.target, OUT_OF_FOLD, FOLD} <= {*rows.columns}
    if champion is None or rows.empty or not named:
        return pd.DataFrame()
    known, name = champion.metadata, champion.baseline
    said = (
        problem.target,
        problem.weight_column,
        OUT_OF_FOLD,
        FORMER,
        FOLD,
        training.CONFIGURATION,
    )
    rows = rows[[name for name in dict.fromkeys([*problem.row_order, *said]) if name in rows]]
    forecasts = naive_forecasts(
        observations, rows, known.constants, problem, parameters, known.trained_until, name
    )
    return add_baseline(rows, forecasts, name)


def find_rated_version(out_of_fold_rows: pd.DataFrame, champion: TrainedModel | None) -> str:
    """Name the version whose error rates the predictions of the folds can tell.

    A training whose candidate was refused has left predictions too. Limits that were learnt from
    another model's errors would make the champion's rules deaf.

    Args:
        out_of_fold_rows: Rows of the test folds of the newest training.
        champion: The deployed model.

    Returns:
        The champion; empty without one, or where the folds had another configuration than it.
    """
    if champion is None or training.CONFIGURATION not in out_of_fold_rows:
        return version_of(champion)
    own = champion.metadata.configuration_fingerprint
    is_own = bool((out_of_fold_rows[training.CONFIGURATION] == own).all())
    return version_of(champion) if is_own else ""


def collect_windows(
    out_of_fold_windows: pd.DataFrame,
    recorded_windows: pd.DataFrame,
    rated_version: str,
    as_of: Any,
    problem: Problem,
) -> CalibrationWindows:
    """Put windows of training rows and served windows together.

    Args:
        out_of_fold_windows: Windows of out-of-fold predictions.
        recorded_windows: ``window_history``.
        rated_version: The champion, if the folds are those of its configuration.
        as_of: The moment at which we stand; None for all that is there.
    """
    return calibration_windows.collect_windows(
        out_of_fold_windows, recorded_windows, rated_version, read_as_of(as_of, problem), problem
    )


def join_rates(*rates: pd.DataFrame) -> pd.DataFrame:
    """Join what was found about rules, losses, gate and interval.

    Returns:
        Rows of ``error_rates``.
    """
    return ERROR_RATES.frame(pd.concat(rates, ignore_index=True))


def keep_rates(decision: ChampionDecision, found_error_rates: pd.DataFrame) -> pd.DataFrame:
    """Keep what was calibrated for a new champion.

    Args:
        found_error_rates: Rows of ``error_rates`` for the model in use after the decision.

    Returns:
        The rows; none if the old champion stays, whose limits stay too. A version that waits gets
        its rows once it is approved.
    """
    is_new = decision.decision in PROMOTIONS
    return found_error_rates if is_new else found_error_rates.iloc[:0]
