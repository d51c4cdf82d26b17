"""How often rules, gate and interval of a champion are wrong: as stated, and as found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ERROR_RATES, WINDOW_HISTORY
from regression_lifecycle.core.decisions.calibration import (
    MINIMUM_WINDOWS,
    calibrate_rules,
    count_values,
    count_windows_per_year,
)
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import CalibratedLimit, CalibratedRule
from regression_lifecycle.core.decisions.variation import measure_variation, varies
from regression_lifecycle.core.durations import period_number
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.comparison import paired_losses
from regression_lifecycle.core.evaluation.pass_rates import pass_rates
from regression_lifecycle.core.evaluation.window_metrics import measure_rows
from regression_lifecycle.core.monitoring.window_plan import newest_revisions
from regression_lifecycle.core.prediction.adjustment_history import AdjustmentHistory, ServedRows
from regression_lifecycle.core.prediction.coverage import FIFTHS, coverage_by_prediction
from regression_lifecycle.core.prediction.interval import PredictionInterval
from regression_lifecycle.core.prediction.level import level_kind
from regression_lifecycle.core.prediction.level_and_interval import (
    AdjustmentParameters,
    apply_adjustment,
)
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, place_features

Subject = Literal["rule", "gate", "interval", "losses"]
RULE: Subject = "rule"
GATE: Subject = "gate"
INTERVAL: Subject = "interval"
LOSSES: Subject = "losses"

NO_LIMIT = (
    f"A rule without a limit here keeps the configured one: {MINIMUM_WINDOWS} windows whose "
    "figures differ are needed"
)

_FOLD = "fold="
_SERVED = ["window_end", "target", "prediction", "lower", "upper"]
# A window of which features or folds left out some rows still tells how errors vary.
_ENOUGH = 0.9


@dataclass(frozen=True)
class CalibrationWindows:
    """The windows that say how a model is wrong which does not change.

    Attributes:
        version: The champion whose limits are asked for; empty if there is none.
        as_of: The moment at which they are known; None without a window.
        windows_per_year: How many windows a year has.
        stretches: Rows of ``window_history`` that are complete, those of one model in a row.
    """

    version: str
    as_of: pd.Timestamp | None
    windows_per_year: float
    stretches: tuple[tuple[Mapping[str, Any], ...], ...]

    @property
    def of_folds(self) -> list[Mapping[str, Any]]:
        """Those of training rows; gate and interval are rated by nothing else."""
        rows = (row for part in self.stretches for row in part)
        return [row for row in rows if str(row["model_version"]).startswith(_FOLD)]


def serve_out_of_fold(
    predicted: pd.DataFrame,
    observations: pd.DataFrame,
    problem: Problem,
    parameters: WindowParameters,
    adjustment: AdjustmentParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Replay what would have been served to the training rows, by models that did not see them.

    Args:
        predicted: Rows of the test folds with target, ``prediction``, ``fold`` and ``baseline``.
        observations: All observations, by which windows are cut.

    Returns:
        Rows of ``window_history``, the oldest first, with ``fold=1`` and so on as version: every
        fold has a model of its own. And their rows with ``window_end``, ``target``, ``prediction``,
        ``lower`` and ``upper`` as they would have been served.
    """
    if predicted.empty:
        return WINDOW_HISTORY.frame(), pd.DataFrame(columns=_SERVED)
    listed = list_windows(observations, problem, parameters)
    place = place_features(predicted, observations, listed, problem, parameters)
    past = AdjustmentHistory(level_kind(problem), problem.label_delay)
    windows, served = [], []
    for window in listed:
        inside = predicted[place == window.index].reset_index(drop=True)
        if window.status != "complete" or len(inside) < _ENOUGH * window.n_labelled:
            continue
        # A window in which one fold ends and the next begins is the last of the former.
        version = f"{_FOLD}{inside['fold'].min()}"
        raw, target = (inside[name].to_numpy("float64") for name in ("prediction", problem.target))
        said = apply_adjustment(raw, past.adjustment(window.start, version, adjustment), problem)
        inside = inside.drop(columns="prediction").assign(raw_prediction=raw, **said)
        figures = measure_rows(inside, problem)
        rows = ServedRows(target, raw, said["prediction"].to_numpy())
        past.add(window.start, window.end, version, figures["coverage"], rows)
        about = {name: getattr(window, name) for name in ("start", "end", "status", "n")}
        named = {"problem": problem.name, "window": window.key, "model_version": version}
        windows.append({**named, **about, **figures})
        served.append(said.assign(target=target, window_end=window.end)[_SERVED])
    rows_served = pd.concat(served, ignore_index=True) if served else pd.DataFrame(columns=_SERVED)
    return WINDOW_HISTORY.frame(windows), rows_served


def collect_windows(
    out_of_fold_windows: pd.DataFrame,
    recorded_windows: pd.DataFrame,
    version: str,
    as_of: pd.Timestamp | None,
    problem: Problem,
) -> CalibrationWindows:
    """Put the windows of all predictions out of sample together.

    Args:
        out_of_fold_windows: Windows of the training rows.
        recorded_windows: ``window_history``; of each window and version the newest revision counts.
        version: The champion.
        as_of: What ended later is left out; None takes everything.
    """
    own = WINDOW_HISTORY.frame(recorded_windows[recorded_windows["problem"] == problem.name])
    windows = pd.concat([out_of_fold_windows, newest_revisions(own)], ignore_index=True)
    known = windows["status"] == "complete"
    if as_of is not None:
        known &= windows["end"] <= as_of
    windows = windows[known].sort_values("start", kind="stable")
    groups = windows.groupby("model_version", sort=False)
    return CalibrationWindows(
        version=version,
        as_of=as_of if as_of is not None or windows.empty else windows["end"].max(),
        windows_per_year=count_windows_per_year(
            windows["start"], counts_rows=problem.timestamp.rows
        ),
        stretches=tuple(tuple(part.to_dict("records")) for _, part in groups),
    )


def rate_rules(
    windows: CalibrationWindows, problem: Problem, parameters: PolicyParameters
) -> pd.DataFrame:
    """Calibrate the rules of the policy.

    Returns:
        A row of ``error_rates`` per rule that states a rate of false alarms: ``measured`` is that
        of the simulation. Both it and the limit are missing where the windows say none, so that
        no limit of a former calibration is left.
    """
    found = calibrate_rules(parameters, windows.stretches, windows.windows_per_year)
    rows = []
    for name, rule in parameters.rules.items():
        if not isinstance(rule, CalibratedRule) or rule.false_alarms_per_year is None:
            continue
        row = {"name": name, "stated": rule.false_alarms_per_year, "rule": rule.terms}
        row["n_windows"] = count_values(rule, windows.stretches)
        if limit := found.get(name):
            row |= {"measured": limit.simulated, "limit": limit.value, "memory": limit.memory}
        rows.append(row)
    return make_rates(RULE, rows, windows, problem)


def rate_losses(windows: CalibrationWindows, problem: Problem) -> pd.DataFrame:
    """Measure how the errors of consecutive windows remember.

    Returns:
        A row of ``error_rates`` for the problem's main error; none of fewer than 12 windows, and
        none where all have the same error.
    """
    metric = problem.error_metric
    series = [
        np.array([float(row[metric]) for row in part if math.isfinite(row[metric])])
        for part in windows.stretches
    ]
    series = [part for part in series if len(part)]
    if sum(map(len, series)) < MINIMUM_WINDOWS or not varies(series):
        return ERROR_RATES.frame()
    found = measure_variation([np.sqrt(part) for part in series], signed=False)
    row = {"name": metric, "memory": found.memory, "n_windows": found.n_windows}
    return make_rates(LOSSES, [row], windows, problem)


def rate_gate(
    predicted: pd.DataFrame,
    windows: CalibrationWindows,
    problem: Problem,
    parameters: RetrainingParameters,
) -> pd.DataFrame:
    """State how often challengers of known worth pass the comparison of a retraining.

    The model of a fold and that of the fold before it meet on the rows of the fold, as a challenger
    and a champion do.

    Args:
        predicted: Rows of the test folds with target, ``prediction`` and ``former_prediction``.

    Returns:
        A row of ``error_rates`` per worth; of a gate that asks for a better challenger the
        share that is ``stated`` for an equal one; ``measured`` is missing where the losses say
        nothing. None if no two folds meet.
    """
    if "former_prediction" not in predicted or not windows.stretches:
        return ERROR_RATES.frame()
    asked, stamp = parameters.gate.comparison, problem.timestamp.name
    both = predicted.dropna(subset=["prediction", "former_prediction"])
    # What ended later than the moment at which we stand is not known.
    both = both[both[stamp] < windows.as_of].reset_index(drop=True)
    if both.empty:
        return ERROR_RATES.frame()
    weight = problem.weights_of(both)
    said = (both["prediction"], both["former_prediction"])
    losses = paired_losses(
        both[stamp], both[problem.target], *said, asked, problem.quantile, weight
    )
    found = pass_rates(losses, asked, _judging_blocks(predicted, windows, problem, parameters))
    n_windows = _count_windows(both[stamp], windows)
    rows = [
        {
            "name": _worth(rate.worth),
            "measured": rate.share,
            "n_windows": n_windows,
            "stated": 1 - asked.confidence
            if rate.worth == asked.minimum_improvement == 0
            else math.nan,
        }
        for rate in found
    ]
    return make_rates(GATE, rows, windows, problem)


def rate_interval(
    served: pd.DataFrame,
    windows: CalibrationWindows,
    problem: Problem,
    parameters: PredictionInterval,
) -> pd.DataFrame:
    """State which share of rows the interval holds, of all and by the size of the prediction.

    Args:
        served: Rows as they would have been served, as :func:`serve_out_of_fold` returns them.

    Returns:
        Rows of ``error_rates``: ``all rows``, and ``fifth 1`` of the smallest predictions to
        ``fifth 5``, not measured where equal predictions make fewer parts. None if no row had an
        interval.
    """
    known = served[served["window_end"] <= windows.as_of] if windows.stretches else served[:0]
    bins = coverage_by_prediction(known)
    if not bins:
        return ERROR_RATES.frame()
    # Of served windows nothing is taken: they had other models, and the folds say it of this one.
    held = [row for row in windows.of_folds if math.isfinite(row["coverage"])]
    count = sum(part.n for part in bins)
    shares = {"all rows": sum(part.n * part.coverage for part in bins) / count}
    parts = [part.coverage for part in bins] if len(bins) == FIFTHS else [math.nan] * FIFTHS
    shares |= {f"fifth {place}": share for place, share in enumerate(parts, start=1)}
    rows = [
        {
            "name": name,
            "stated": parameters.level,
            "measured": share,
            "n_windows": len(held),
        }
        for name, share in shares.items()
    ]
    return make_rates(INTERVAL, rows, windows, problem)


def _judging_blocks(
    predicted: pd.DataFrame,
    windows: CalibrationWindows,
    problem: Problem,
    parameters: RetrainingParameters,
) -> int | None:
    """Count the blocks of the newest windows, as many as a retraining is judged by."""
    spans = sorted({(row["start"], row["end"]) for part in windows.stretches for row in part})
    moments = predicted[problem.timestamp.name]
    counts = [
        period_number(inside, parameters.gate.comparison.block).nunique()
        for start, end in spans
        if len(inside := moments[(moments >= start) & (moments < end)])
    ]
    if not counts:
        return None
    return round(float(np.median(counts)) * parameters.measured_windows)


def _count_windows(moments: pd.Series, windows: CalibrationWindows) -> int:
    """Count the windows of training rows in which some moments lie."""
    spans = ((row["start"], row["end"]) for row in windows.of_folds)
    return sum(bool(((moments >= start) & (moments < end)).any()) for start, end in spans)


def _worth(worth: float) -> str:
    if worth == 0:
        return "equal challenger"
    return f"{100 * abs(worth):g}% {'better' if worth > 0 else 'worse'}"


def make_rates(
    subject: Subject,
    rows: list[dict[str, Any]],
    windows: CalibrationWindows,
    problem: Problem,
) -> pd.DataFrame:
    """Bring what was found into rows of ``error_rates``.

    Args:
        rows: ``name`` and, as far as they are known, ``stated``, ``measured``, ``limit``,
            ``memory``, ``n_windows`` and ``rule``.

    Returns:
        The rows; none without a champion, of whom they would be, and none without a window, at
        whose end they would be known.
    """
    if not windows.version or not windows.stretches:
        return ERROR_RATES.frame()
    about = {"problem": problem.name, "model_version": windows.version, "subject": subject}
    return ERROR_RATES.frame([{**about, "as_of": windows.as_of, **row} for row in rows])


def limits_of(
    error_rates: pd.DataFrame, version: str, problem: Problem
) -> Iterator[tuple[str, CalibratedLimit]]:
    """Read the limits of a champion's rules back.

    Args:
        error_rates: Rows of that table.
        version: The champion.

    Yields:
        Names of rules and their limits.
    """
    own = (
        (error_rates["problem"] == problem.name)
        & (error_rates["model_version"] == version)
        & (error_rates["subject"] == RULE)
        & error_rates["limit"].notna()
    )
    for row in error_rates[own].to_dict("records"):
        yield (
            str(row["name"]),
            CalibratedLimit(
                value=row["limit"],
                false_alarms_per_year=row["stated"],
                simulated=row["measured"],
                memory=row["memory"],
                n_windows=int(row["n_windows"]),
                rule=row["rule"],
            ),
        )
