"""The loop replayed over the past: what a policy would have decided, week by week.

Every step is taken by the functions that the pipelines use: the windows, the policy, the gate,
the level correction and the interval. A model is named by the window before which it was fitted,
so that policies share fits: a challenger that leaves the newest windows out is the model of an
earlier window, and its refit is the model of this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.backtest.calendars import Schedule
from regression_lifecycle.core.backtest.parameters import BacktestPolicy
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions import policy
from regression_lifecycle.core.decisions.calibration import (
    calibrate_rules,
    count_windows_per_year,
    with_limits,
)
from regression_lifecycle.core.decisions.champion_history import Attempt, attempt_of
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.records import (
    KEEP,
    PASSED,
    RETRAIN,
    GateDecision,
    Reason,
    to_cell,
)
from regression_lifecycle.core.decisions.rules import PolicyState
from regression_lifecycle.core.durations import AnyDuration
from regression_lifecycle.core.evaluation.challenger import (
    RetrainingParameters,
    comparison_windows,
)
from regression_lifecycle.core.evaluation.gate import Contestant, evaluate_gate
from regression_lifecycle.core.evaluation.holdout import CANDIDATE, CHAMPION
from regression_lifecycle.core.evaluation.window_metrics import measure_rows
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory, ServedRows
from regression_lifecycle.core.prediction.level import level_kind
from regression_lifecycle.core.prediction.level_and_interval import (
    Adjustment,
    AdjustmentParameters,
    apply_adjustment,
)
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import Window

NO_CHALLENGE = ""


@dataclass(frozen=True)
class History:
    """The past that is replayed.

    Attributes:
        problem: Names timestamp and target, gives the target's bounds.
        windows: The windows to serve, the oldest first.
        rows: Rows of these windows, window after window, with timestamp, target and ``baseline``.
        bounds: First row of each window in ``rows``, and one more number for the end.
        label_delay: Time from an observation to its label; None if labels come at once.
        parameters: How the windows were cut: says when one has labels enough.
        extras: By window what was computed once for all policies, such as ``drifted_share``.
    """

    problem: Problem
    windows: Sequence[Window]
    rows: pd.DataFrame
    bounds: Sequence[int]
    label_delay: AnyDuration | None = None
    parameters: WindowParameters | None = None
    extras: Sequence[Mapping[str, Any]] = ()

    @property
    def delay(self) -> AnyDuration:
        """Time from an observation to its label."""
        return self.label_delay or pd.Timedelta(0)

    def is_final(self, place: int, at: pd.Timestamp) -> bool:
        """Return whether the labels of a window had come at a moment, or were waited for no longer.

        Args:
            place: Position of the window.
        """
        window = self.windows[place]
        if window.end + self.delay > at:
            return False
        overdue = self.problem.is_label_overdue(window.end, at)
        return self.parameters is None or self.parameters.is_labelled(
            window.n, window.n_labelled, overdue=overdue
        )

    def span(self, place: int) -> slice:
        """Rows of the window at a position."""
        return slice(self.bounds[place], self.bounds[place + 1])


@dataclass(frozen=True)
class FittedPast:
    """One model of the backtest.

    Attributes:
        predictions: Its predictions of all later rows; NaN for rows before its window.
        trained_until: Newest row that it was trained on.
        cpu_seconds: What the fit cost.
    """

    predictions: FloatArray
    trained_until: pd.Timestamp
    cpu_seconds: float


@dataclass(frozen=True)
class Phase:
    """A policy over all windows, once.

    Attributes:
        steps: What :func:`replay` yielded.
        models: Positions of the models that it took.
    """

    steps: Sequence[Mapping[str, Any]]
    models: frozenset[int]


@dataclass(frozen=True)
class PolicyReplay:
    """One policy over all windows.

    Attributes:
        name: Its name among those that compete.
        policy: What was replayed.
        phases: One replay; of a calendar one per phase.
    """

    name: str
    policy: BacktestPolicy
    phases: Sequence[Phase]


ModelOf = Callable[[int], FittedPast]
"""Gives the model fitted before a window, by the window's position; fits it if need be."""


def replay(
    history: History,
    model_of: ModelOf,
    candidate: BacktestPolicy,
    monitored: PolicyParameters,
    deployment: AdjustmentParameters,
    retraining: RetrainingParameters,
    schedule: Schedule = frozenset(),
) -> Iterator[dict[str, Any]]:
    """Replay one policy over all windows.

    Args:
        history: The past.
        model_of: Fits on demand.
        candidate: The policy to replay.
        monitored: The project's own policy, for a candidate of kind ``configured``.
        deployment: Level correction and interval.
        retraining: Judging windows and gate.
        schedule: When a candidate without rules retrains.

    Yields:
        After each window a row of ``backtest_history`` without the policy's name, with the sums
        that a summary needs (``n_known``, ``n_counted``, ``sum_weight``, ``squares``,
        ``absolutes``, ``log_squares``, ``losses``, ``below``, ``sum_target``,
        ``sum_absolute_target``, ``sum_prediction``, ``covered``), and in the first window of a new
        version ``changes``, the weighted sum of absolute differences between what it served and
        what the one before would have; NaN in all others.
    """
    run = _Run(history, model_of, candidate, monitored, deployment, retraining, schedule)
    for position in range(len(history.windows)):
        yield run.step(position)


class _Run:
    """The state of one replay."""

    def __init__(
        self,
        history: History,
        model_of: ModelOf,
        candidate: BacktestPolicy,
        monitored: PolicyParameters,
        deployment: AdjustmentParameters,
        retraining: RetrainingParameters,
        schedule: Schedule,
    ) -> None:
        self._history, self._model_of = history, model_of
        self._candidate, self._retraining = candidate, retraining
        self._schedule = schedule
        self._configured = candidate.rules_of(monitored)
        # With the limits that were calibrated when the champion was promoted.
        self._rules = self._configured
        self._deployment = candidate.adjustment_of(deployment)
        self._past = AdjustmentHistory(level_kind(history.problem), history.label_delay)
        self._served: list[dict[str, Any]] = []
        self._champion = 0
        # Since the champion's promotion.
        self._attempted: int | None = None
        self._attempts: tuple[Attempt, ...] = ()

    def step(self, position: int) -> dict[str, Any]:
        window, predecessor = self._history.windows[position], self._champion
        decided = self._decide(position) if position else _first()
        rows, version = self._history.span(position), str(self._champion)
        table = self._history.rows[rows].reset_index(drop=True)
        raw, adjustment, said = self._serve(self._champion, position)
        target = table[self._history.problem.target].to_numpy(dtype="float64")
        prediction = said["prediction"].to_numpy()
        figures = measure_rows(
            pd.concat([table, said.assign(raw_prediction=raw)], axis=1),
            self._history.problem,
        )
        served = ServedRows(target, raw, prediction)
        self._past.add(window.start, window.end, version, figures["coverage"], served)
        extras = self._history.extras[position] if self._history.extras else {}
        row = {
            "window": window.key,
            "window_index": window.index,
            "start": window.start,
            "end": window.end,
            "status": window.status,
            "n": window.n,
            "n_labelled": window.n_labelled,
            "model_version": version,
            "model_age_windows": position - self._champion,
            "level_factor": adjustment.level_factor,
            "level_shift": adjustment.level_shift,
            # What is missing, was rejected or asked of the service is not replayed, so the rules
            # about it are silent.
            "n_missing_rows": math.nan,
            "n_rejected": math.nan,
            "missing_share": math.nan,
            "drifted_share": math.nan,
            "features_skew": math.nan,
            "predictions_skew": math.nan,
            **figures,
            **extras,
            **decided,
        }
        self._served.append(row)
        weights = self._history.problem.weights_of(table)
        weight = np.ones(len(table)) if weights is None else weights.to_numpy()
        changes = math.nan
        if self._champion != predecessor:
            former = self._serve(predecessor, position)[2]["prediction"].to_numpy()
            changes = float((weight * np.abs(prediction - former))[np.isfinite(target)].sum())
        return {**row, **_sums(target, prediction, weight, figures), "changes": changes}

    def _serve(self, model: int, position: int) -> tuple[FloatArray, Adjustment, pd.DataFrame]:
        """What a model says of a window, its level and interval, and what is served of both."""
        raw = self._model_of(model).predictions[self._history.span(position)]
        start = self._history.windows[position].start
        adjustment = self._past.adjustment(start, str(model), self._deployment)
        said = apply_adjustment(raw, adjustment, self._history.problem)
        return raw, adjustment, said

    def _decide(self, position: int) -> dict[str, Any]:
        """Decide before a window, on what was known when it began."""
        start = self._history.windows[position].start
        if self._rules is None:
            reasons: tuple[Reason, ...] = ()
            wanted = position in self._schedule
            if wanted:
                reasons = (Reason("due", {"policy": self._candidate.description}),)
            decided, alarms = RETRAIN if wanted else KEEP, ""
        else:
            decision = policy.decide(self._state(position, start), self._rules)
            decided, reasons, alarms = decision.decision, decision.reasons, decision.alarms
        gate, promoted = NO_CHALLENGE, False
        if decided == RETRAIN and not self._candidate.gated:
            self._champion, promoted = position, True
        elif decided == RETRAIN:
            self._attempted = position
            answer, challenger = self._challenge(position, start)
            # Nobody is there to be asked: what waits counts as approved.
            gate, promoted = answer.decision, answer.decision in PASSED
            reasons += answer.reasons
            if promoted:
                self._champion = position if self._retraining.refit else challenger
                self._attempted, self._attempts = None, ()
                self._rules = self._calibrated(start)
            elif attempt := attempt_of(answer):
                self._attempts += (attempt,)
        return {
            "decision": decided,
            "reasons": to_cell(reasons),
            "alarms": alarms,
            "gate": gate,
            "promoted": promoted,
        }

    def _calibrated(self, start: pd.Timestamp) -> PolicyParameters | None:
        """The rules with the limits that the windows served so far give."""
        if self._configured is None:
            return None
        windows = pd.DataFrame(self._known(start))
        versions = windows.groupby("model_version", sort=False)
        stretches = [part.to_dict("records") for _, part in versions]
        counts_rows = self._history.problem.timestamp.rows
        per_year = count_windows_per_year(windows["start"], counts_rows=counts_rows)
        limits = calibrate_rules(self._configured, stretches, per_year)
        return with_limits(self._configured, limits)

    def _known(self, start: pd.Timestamp) -> list[dict[str, Any]]:
        """The served windows as they were known at a moment."""
        return [
            {**row, "status": "pending labels"}
            if row["status"] == "complete" and not self._history.is_final(place, start)
            else row
            for place, row in enumerate(self._served)
        ]

    def _state(self, position: int, start: pd.Timestamp) -> PolicyState:
        own = [row for row in self._known(start) if row["model_version"] == str(self._champion)]
        since = None if self._attempted is None else position - self._attempted
        return PolicyState(
            as_of=start,
            champion_version=str(self._champion),
            trained_until=self._model_of(self._champion).trained_until,
            windows=own,
            windows_since_attempt=since,
            counts_rows=self._history.problem.timestamp.rows,
        )

    def _challenge(self, position: int, start: pd.Timestamp) -> tuple[GateDecision, int]:
        """Let the newest windows judge; also tells which model the challenger is."""
        champion = self._model_of(self._champion)
        known = [
            window
            for place, window in enumerate(self._history.windows[:position])
            if self._history.is_final(place, start)
        ]
        chosen = comparison_windows(
            known, champion.trained_until, self._retraining.measured_windows
        )
        rows = self._history.rows.iloc[:0].assign(**{CANDIDATE: [], CHAMPION: []})
        first = position
        if chosen:
            keys = {window.key for window in chosen}
            places = [
                place for place, window in enumerate(self._history.windows) if window.key in keys
            ]
            first = places[0]
            inside = np.concatenate([np.arange(*self._history.bounds[p : p + 2]) for p in places])
            rows = self._history.rows.iloc[inside].assign(
                **{
                    CANDIDATE: self._model_of(first).predictions[inside],
                    CHAMPION: champion.predictions[inside],
                }
            )
        answer = evaluate_gate(
            rows,
            Contestant(trained_until=self._model_of(first).trained_until),
            Contestant(
                version=str(self._champion),
                trained_until=champion.trained_until,
                attempts=self._attempts,
            ),
            self._history.problem,
            self._retraining.gate,
        )
        return answer, first


def _first() -> dict[str, Any]:
    return {
        "decision": RETRAIN,
        "reasons": to_cell([Reason("first_model")]),
        "alarms": "",
        "gate": NO_CHALLENGE,
        "promoted": True,
    }


def _sums(
    target: FloatArray, prediction: FloatArray, weight: FloatArray, figures: Mapping[str, Any]
) -> dict[str, Any]:
    known = np.isfinite(target) & np.isfinite(prediction)
    error, weight = prediction[known] - target[known], weight[known]
    logs = np.log1p(np.maximum(prediction[known], 0)) - np.log1p(np.maximum(target[known], 0))
    covered = figures["coverage"]
    counted = weight > 0
    return {
        "n_known": int(known.sum()),
        "n_counted": int(counted.sum()),
        "squares": float((weight * error**2).sum()),
        "absolutes": float((weight * np.abs(error)).sum()),
        "log_squares": float((weight * logs**2).sum())
        if (target[known][counted] >= 0).all()
        else math.nan,
        **{
            # A window without a row that counts adds nothing to the pool.
            name: figures[metric] * weight.sum() if counted.any() else 0.0
            for name, metric in (("losses", "pinball"), ("below", "quantile_coverage"))
        },
        "covered": covered * int(known.sum()) if math.isfinite(covered) else math.nan,
    }
