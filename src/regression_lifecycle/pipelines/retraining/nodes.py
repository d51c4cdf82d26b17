"""A challenger on fresh data, compared with the champion on windows that neither has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters, make_alerts
from regression_lifecycle.core.data.as_of import known_at
from regression_lifecycle.core.data.keys import count_steps
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import (
    PASSED,
    UNCHANGED,
    GateDecision,
    Metrics,
    Reason,
)
from regression_lifecycle.core.decisions.waiting import waiting_version
from regression_lifecycle.core.durations import AnyDuration
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation import challenger as challenge
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters, training_rows
from regression_lifecycle.core.features.builders import build_row_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.frames.collecting import collect
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import Window, list_windows, place_features
from regression_lifecycle.pipelines.preprocessing.nodes import draw_training_rows
from regression_lifecycle.pipelines.training.nodes import train


@dataclass(frozen=True)
class KnownWindows:
    """The windows that are known at a moment, the oldest first."""

    as_of: pd.Timestamp
    windows: tuple[Window, ...]

    @property
    def start(self) -> pd.Timestamp:
        """Where the first one begins; without one the moment itself."""
        return self.windows[0].start if self.windows else self.as_of


@dataclass(frozen=True)
class Refit:
    """What is to be promoted, and whether it is to be fitted again.

    Attributes:
        moment: The fit takes what was known at it; None if the challenger stays as it is.
        training_length: Only so much time before the moment; None for everything.
        best_parameters: What the search found for the challenger.
    """

    challenger: TrainedModel
    moment: pd.Timestamp | None
    training_length: AnyDuration | None
    best_parameters: dict[str, Any]


def cut_known_observations(
    observations: Any, as_of: Any, problem: Problem, parameters: WindowParameters
) -> tuple[Any, KnownWindows]:
    """Cut what is known at ``as_of``, and list its windows.

    Args:
        observations: Observations on any engine.
        as_of: The moment at which we stand; None for the end of the observations.

    Returns:
        The known observations, with the target missing where its label is not known yet; and
        their windows.
    """
    known, moment = known_at(as_of, observations, problem)
    windows = list_windows(known, problem, parameters, as_of=moment)
    return known, KnownWindows(moment, tuple(windows))


def choose_comparison_windows(
    known_windows: KnownWindows, champion: TrainedModel | None, count: int
) -> KnownWindows:
    """Choose the newest complete windows that the champion was not trained on.

    Args:
        count: How many are wanted.
    """
    trained_until = None if champion is None else champion.metadata.trained_until
    chosen = challenge.comparison_windows(known_windows.windows, trained_until, count)
    return replace(known_windows, windows=tuple(chosen))


def make_training_rows(
    known_observations: Any,
    comparison_windows: KnownWindows,
    problem: Problem,
    parameters: RetrainingParameters,
    preprocessing: PreprocessingParameters,
) -> pd.DataFrame:
    """Make the rows that train the challenger.

    Args:
        known_observations: Observations on any engine.
        preprocessing: The features, and how many rows train at most.

    Returns:
        Key, features and target in memory, of labelled rows that end before the first window of
        the comparison.

    Raises:
        DataContractError: If too few labelled rows lie before the comparison.
    """
    before = comparison_windows.start
    wanted = training_rows(known_observations, problem, before, parameters.training_length)
    rows = draw_training_rows(wanted, problem, preprocessing)
    count = count_steps(rows, problem)
    if count < parameters.minimum_training_rows:
        unit = "times" if problem.series_columns else "rows"
        raise DataContractError(
            f"{count} labelled {unit} lie before {before}, where the judging windows begin; "
            f"retraining.minimum_training_rows is {parameters.minimum_training_rows}. Wait for "
            "more data, or lower it or retraining.measured_windows"
        )
    return build_row_features(rows, known_observations, problem, preprocessing.recipe)


def make_comparison_rows(
    known_observations: Any,
    comparison_windows: KnownWindows,
    problem: Problem,
    parameters: WindowParameters,
    preprocessing: PreprocessingParameters,
) -> pd.DataFrame:
    """Make the rows of the windows in which the challenger meets the champion.

    Args:
        known_observations: Observations on any engine.
        parameters: How windows are cut.
        preprocessing: The features.

    Returns:
        Key, features and target, in memory and in the order of time.
    """
    windows = comparison_windows.windows
    frame: Any = nw.from_native(known_observations)
    near = frame.filter(*_between(nw.col(problem.timestamp.name), windows)).to_native()
    rows = collect(near, problem).reset_index(drop=True)
    inside = place_features(rows, known_observations, windows, problem, parameters) >= 0
    return build_row_features(rows[inside], known_observations, problem, preprocessing.recipe)


def _between(moment: nw.Expr, windows: Sequence[Window]) -> tuple[nw.Expr, nw.Expr]:
    """Return the bounds of all windows together; nothing lies between those of none."""
    if not windows:
        return moment.is_null(), ~moment.is_null()
    start = min(window.start for window in windows).to_pydatetime()
    return moment >= start, moment < max(window.end for window in windows).to_pydatetime()


def add_moment(gate_decision: GateDecision, comparison_windows: KnownWindows) -> GateDecision:
    """Add what the gate does not know of a challenger.

    Args:
        comparison_windows: Know the moment at which the decision stands.

    Returns:
        The decision with ``as_of`` and ``challenger_fingerprint``.
    """
    fingerprint = gate_decision.candidate_fingerprint
    return replace(
        gate_decision, challenger_fingerprint=fingerprint, as_of=str(comparison_windows.as_of)
    )


def plan_refit(
    challenger: TrainedModel,
    challenger_decision: GateDecision,
    comparison_windows: KnownWindows,
    best_parameters: dict[str, Any],
    parameters: RetrainingParameters,
) -> Refit:
    """Plan whether a challenger is fitted again: if it passed and that is configured.

    Args:
        comparison_windows: Know the moment at which the decision stands.
        best_parameters: Result of the search on the challenger's training rows.
    """
    wanted = parameters.refit and challenger_decision.decision in PASSED
    moment = comparison_windows.as_of if wanted else None
    return Refit(challenger, moment, parameters.training_length, best_parameters)


def make_fitted_rows(
    refit: Refit,
    challenger_training_set: pd.DataFrame,
    known_observations: Any,
    problem: Problem,
    preprocessing: PreprocessingParameters,
) -> pd.DataFrame:
    """Make the rows that the model that is to be promoted is fitted on.

    Args:
        known_observations: Observations on any engine.

    Returns:
        For a refit all labelled rows up to its moment, or a sample; otherwise the challenger's.
    """
    if refit.moment is None:
        return challenger_training_set
    known = training_rows(known_observations, problem, refit.moment, refit.training_length)
    rows = draw_training_rows(known, problem, preprocessing)
    return build_row_features(rows, known_observations, problem, preprocessing.recipe)


def refit_challenger(
    refit: Refit,
    fitted_rows: pd.DataFrame,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    training: TrainingParameters,
) -> TrainedModel:
    """Fit the configuration that passed on everything up to ``as_of``.

    Returns:
        The refitted model, with the challenger's history, which ends at ``as_of`` too; the
        challenger itself if nothing is to be fitted again.
    """
    if refit.moment is None:
        return refit.challenger
    refitted = train(fitted_rows, refit.best_parameters, problem, preprocessing, training)
    return replace(refitted, history=refit.challenger.history)


def finalize_decision(
    challenger_decision: GateDecision, promoted: TrainedModel, champion: TrainedModel | None
) -> tuple[GateDecision, Metrics]:
    """Join the challenger's evidence with the model that is to be promoted.

    Args:
        promoted: The refitted model, or the challenger.

    Returns:
        The decision with ``candidate_fingerprint``: unchanged, if the very model is champion
        already. And the metrics by model, for MLflow.
    """
    fingerprint = promoted.metadata.fingerprint
    decision = replace(challenger_decision, candidate_fingerprint=fingerprint)
    if champion is not None and champion.metadata.fingerprint == fingerprint:
        same = Reason("same_model", {"champion_version": version_of(champion)})
        decision = replace(decision, decision=UNCHANGED, reasons=(same,))
    return decision, decision.metrics


def build_alerts(
    decision: GateDecision, ledger: pd.DataFrame, problem: Problem, parameters: AlertParameters
) -> list[Alert]:
    """Return what people should know of the decision, once it is in the ledger.

    Args:
        ledger: All decisions, with this one.
    """
    recorded = decision.challenger_fingerprint in set(ledger["challenger_fingerprint"])
    if decision.decision != UNCHANGED and not recorded:
        return []
    waiting = waiting_version(ledger, problem.name)
    return make_alerts(None, decision, problem, parameters, waiting=waiting)
