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
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation import challenger as challenge
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters, training_rows
from regression_lifecycle.core.features.builders import build_feature_table
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.frames.collecting import collect, on_engine_of
from regression_lifecycle.core.ingestion.key_joins import join_on_key
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import Window, list_windows, window_of_rows
from regression_lifecycle.pipelines.preprocessing.nodes import draw_if_too_many
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
class DrawnRows:
    """Observations that were drawn to train, in memory; None where all train that may.

    Attributes:
        training: For the challenger.
        refit: For a refit.
    """

    training: pd.DataFrame | None
    refit: pd.DataFrame | None


@dataclass(frozen=True)
class Refit:
    """What is to be promoted, and what it is to be fitted on again.

    Attributes:
        rows: None if the challenger stays as it is.
        best_parameters: What the search found for the challenger.
    """

    challenger: TrainedModel
    rows: pd.DataFrame | None
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
    looked_at = collect(known, problem, parameters.columns_read(problem))
    windows = list_windows(looked_at, problem, parameters, as_of=moment)
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


def draw_known_rows(
    known_observations: Any,
    comparison_windows: KnownWindows,
    problem: Problem,
    parameters: RetrainingParameters,
    preprocessing: PreprocessingParameters,
) -> DrawnRows:
    """Draw the observations that train, where there are more than may.

    Args:
        known_observations: Observations on any engine.
        preprocessing: How many rows train at most.

    Returns:
        Those of the challenger's training, which ends before the first window of the comparison,
        and those of a refit, which ends at ``as_of``.
    """

    def draw(moment: pd.Timestamp) -> pd.DataFrame | None:
        rows = training_rows(known_observations, problem, moment, parameters.training_length)
        return draw_if_too_many(rows, problem, preprocessing)

    return DrawnRows(draw(comparison_windows.start), draw(comparison_windows.as_of))


def make_known_features(
    known_observations: Any,
    drawn_rows: DrawnRows,
    comparison_windows: KnownWindows,
    problem: Problem,
    preprocessing: PreprocessingParameters,
) -> Any:
    """Make the challenger's features.

    Returns:
        Key, features and target, at least of the rows that train or compare: on the engine of the
        observations, or in pieces that are made when they are saved.
    """
    rows = None
    if drawn_rows.training is not None and drawn_rows.refit is not None:
        moment = nw.col(problem.timestamp.name)
        compared: Any = nw.from_native(known_observations)
        compared = compared.filter(*_between(moment, comparison_windows.windows))
        wanted = [drawn_rows.training, drawn_rows.refit, collect(compared.to_native(), problem)]
        rows = pd.concat(wanted).drop_duplicates(list(problem.row_order), ignore_index=True)
    return build_feature_table(known_observations, problem, preprocessing.recipe, rows=rows)


def take_comparison_rows(
    known_features: Any,
    known_observations: Any,
    comparison_windows: KnownWindows,
    problem: Problem,
    parameters: WindowParameters,
) -> pd.DataFrame:
    """Take the rows of the windows in which the challenger meets the champion.

    Args:
        known_features: Key, features and target, on any engine.
        known_observations: What they were made from, by which windows are cut.

    Returns:
        Key, features and target, in memory and in the order of time.
    """
    windows = comparison_windows.windows
    moment, keys = nw.col(problem.timestamp.name), list(problem.row_order)
    looked_at = nw.from_native(known_observations)
    if parameters.by_time:
        looked_at = looked_at.filter(*_between(moment, windows))
    columns = dict.fromkeys([*keys, *parameters.columns_read(problem)])
    rows = collect(looked_at.to_native(), problem, list(columns))
    placed = rows.loc[(window_of_rows(rows, windows, problem, parameters) >= 0).to_numpy(), keys]
    near = nw.from_native(known_features).filter(*_between(moment, windows))
    found = collect(near.to_native(), problem).merge(placed, on=keys, how="inner")
    return found.sort_values(problem.timestamp.name, kind="stable", ignore_index=True)


def _between(moment: nw.Expr, windows: Sequence[Window]) -> tuple[nw.Expr, nw.Expr]:
    """Return the bounds of all windows together; nothing lies between those of none."""
    if not windows:
        return moment.is_null(), ~moment.is_null()
    start = min(window.start for window in windows).to_pydatetime()
    return moment >= start, moment < max(window.end for window in windows).to_pydatetime()


def split_known_features(
    known_features: Any,
    drawn_rows: DrawnRows,
    comparison_windows: KnownWindows,
    problem: Problem,
    parameters: RetrainingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the rows that train from what is known.

    Args:
        known_features: Key, features and target, on any engine.

    Returns:
        The challenger's training rows, which end before the first window of the comparison; the
        rows for a refit, which end at ``as_of``.

    Raises:
        DataContractError: If too few labelled rows lie before the comparison.
    """
    before, keys = comparison_windows.start, list(problem.row_order)

    def choose(moment: pd.Timestamp, drawn: pd.DataFrame | None) -> pd.DataFrame:
        if drawn is None:
            rows = training_rows(known_features, problem, moment, parameters.training_length)
            return collect(rows, problem)
        frame: Any = nw.from_native(known_features)
        wanted: Any = nw.from_native(on_engine_of(known_features, drawn[keys]))
        found = join_on_key(frame, wanted, problem, "semi")
        return collect(found.to_native(), problem).reset_index(drop=True)

    training = choose(before, drawn_rows.training)
    refit = choose(comparison_windows.as_of, drawn_rows.refit)
    count = count_steps(training, problem)
    if count < parameters.minimum_training_rows:
        unit = "times" if problem.series_columns else "rows"
        raise DataContractError(
            f"{count} labelled {unit} lie before {before}, where the judging windows begin; "
            f"retraining.minimum_training_rows is {parameters.minimum_training_rows}. Wait for "
            "more data, or lower it or retraining.measured_windows"
        )
    return training, refit


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
    refit_rows: pd.DataFrame,
    best_parameters: dict[str, Any],
    is_wanted: bool,
) -> Refit:
    """Plan what a challenger that passed is fitted on again.

    Args:
        refit_rows: All labelled rows up to ``as_of``.
        best_parameters: Result of the search on the challenger's training rows.
        is_wanted: Whether a refit is configured.
    """
    wanted = is_wanted and challenger_decision.decision in PASSED
    return Refit(challenger, refit_rows if wanted else None, best_parameters)


def choose_fitted_rows(refit: Refit, challenger_training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the model that is to be promoted was fitted on."""
    return challenger_training_set if refit.rows is None else refit.rows


def refit_challenger(
    refit: Refit,
    problem: Problem,
    preprocessing: PreprocessingParameters,
    training: TrainingParameters,
) -> TrainedModel:
    """Fit the configuration that passed on everything up to ``as_of``.

    Returns:
        The refitted model, with the challenger's history, which ends at ``as_of`` too; the
        challenger itself if nothing is to be fitted again.
    """
    if refit.rows is None:
        return refit.challenger
    refitted = train(refit.rows, refit.best_parameters, problem, preprocessing, training)
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
