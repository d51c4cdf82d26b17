"""How often the rules about a champion are wrong: what is stated, and what the table says."""

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
    count_windows_per_year,
)
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rules import CalibratedLimit
from regression_lifecycle.core.decisions.variation import measure_variation
from regression_lifecycle.core.evaluation.window_metrics import measure_rows
from regression_lifecycle.core.monitoring.window_plan import newest_revisions
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, place_features

Subject = Literal["rule", "gate", "interval", "losses"]
RULE: Subject = "rule"
LOSSES: Subject = "losses"

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


def measure_out_of_fold_windows(
    predicted: pd.DataFrame,
    observations: pd.DataFrame,
    problem: Problem,
    parameters: WindowParameters,
) -> pd.DataFrame:
    """Cut out-of-fold predictions of the training rows into windows, as served ones are cut.

    Args:
        predicted: Rows of the test folds with target, ``prediction``, ``fold`` and ``baseline``.
        observations: All observations, by which windows are cut.

    Returns:
        Rows of ``window_history``, the oldest first, with ``fold=1`` and so on as version: every
        fold has a model of its own. What was never served, such as coverage, is missing.
    """
    if predicted.empty:
        return WINDOW_HISTORY.frame()
    listed = list_windows(observations, problem, parameters)
    place = place_features(predicted, observations, listed, problem, parameters)
    said = predicted["prediction"]
    rows = predicted.assign(raw_prediction=said, lower=math.nan, upper=math.nan)
    found = []
    for window in listed:
        inside = rows[place == window.index]
        if window.status == "complete" and len(inside) >= _ENOUGH * window.n_labelled:
            about = {name: getattr(window, name) for name in ("start", "end", "status", "n")}
            # A window in which one fold ends and the next begins is the last of the former.
            version = f"fold={inside['fold'].min()}"
            named = {"problem": problem.name, "window": window.key, "model_version": version}
            found.append({**named, **about, **measure_rows(inside, problem)})
    return WINDOW_HISTORY.frame(found)


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
        of the simulation. None if there are too few windows.
    """
    found = calibrate_rules(parameters, windows.stretches, windows.windows_per_year)
    rows = [
        {
            "name": name,
            "stated": limit.false_alarms_per_year,
            "measured": limit.simulated,
            "limit": limit.value,
            "memory": limit.memory,
            "n_windows": limit.n_windows,
        }
        for name, limit in found.items()
    ]
    return make_rates(RULE, rows, windows, problem)


def rate_losses(windows: CalibrationWindows, problem: Problem) -> pd.DataFrame:
    """Measure how the errors of consecutive windows remember.

    Returns:
        A row of ``error_rates`` for the problem's main error; none of fewer than 12 windows.
    """
    metric = problem.error_metric
    series = [
        np.array([float(row[metric]) for row in part if math.isfinite(row[metric])])
        for part in windows.stretches
    ]
    series = [part for part in series if len(part)]
    if sum(map(len, series)) < MINIMUM_WINDOWS:
        return ERROR_RATES.frame()
    found = measure_variation([np.sqrt(part) for part in series], signed=False)
    row = {"name": metric, "memory": found.memory, "n_windows": found.n_windows}
    return make_rates(LOSSES, [row], windows, problem)


def make_rates(
    subject: Subject,
    rows: list[dict[str, Any]],
    windows: CalibrationWindows,
    problem: Problem,
) -> pd.DataFrame:
    """Bring what was found into rows of ``error_rates``.

    Args:
        rows: ``name`` and, as far as they are known, ``stated``, ``measured``, ``limit``,
            ``memory`` and ``n_windows``.

    Returns:
        The rows; none without a champion, of whom they would be.
    """
    if not windows.version:
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
            ),
        )
