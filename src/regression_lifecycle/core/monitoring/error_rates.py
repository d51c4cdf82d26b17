"""How often rules, gate and interval of a champion are wrong: as stated, and as found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ERROR_RATES
from regression_lifecycle.core.decisions.calibration import (
    MINIMUM_WINDOWS,
    calibrate_rules,
    count_values,
)
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import CalibratedLimit, CalibratedRule
from regression_lifecycle.core.decisions.variation import measure_variation, varies
from regression_lifecycle.core.durations import period_number
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.comparison import paired_losses
from regression_lifecycle.core.evaluation.pass_rates import pass_rates
from regression_lifecycle.core.monitoring.calibration_windows import CalibrationWindows
from regression_lifecycle.core.prediction.coverage import FIFTHS, coverage_by_prediction
from regression_lifecycle.core.prediction.interval import PredictionInterval

Subject = Literal["rule", "gate", "interval", "losses"]
RULE: Subject = "rule"
GATE: Subject = "gate"
INTERVAL: Subject = "interval"
LOSSES: Subject = "losses"

NO_LIMIT = (
    f"A rule without a limit here keeps the configured one: {MINIMUM_WINDOWS} windows whose "
    "figures differ are needed"
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
        served: Rows with ``window_end``, ``target``, ``prediction``, ``lower`` and ``upper``, as
            they would have been served.

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
