"""Counts of rows that no window can reach, so that something would never happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.durations import AnyDuration, duration_text, steps_to_cover
from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.parameters import EvaluationParameters
from regression_lifecycle.core.prediction.interval import PredictionInterval
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters

_MOST_WINDOWS = 1000
# As minimum_rows of an interval is bounded.
_FEWEST_ERRORS = 10


def unreachable_counts(
    problem: Problem, used: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[str]:
    """Find counts that no window reaches under the configuration.

    Args:
        used: The sections that are to be used, typed.
        known: The same, and those that they are held against.

    Yields:
        One line per count, with a value that would do.
    """
    evaluation, windows = used.get("evaluation"), known.get("windows")
    if isinstance(evaluation, EvaluationParameters):
        yield from _of_windows(evaluation.windows, "evaluation.windows", problem)
    if not isinstance(windows, WindowParameters):
        return
    if "windows" in used:
        yield from _of_windows(windows, "windows", problem)
    adjustment, drift, retraining = map(used.get, ("adjustment", "drift", "retraining"))
    if isinstance(adjustment, AdjustmentParameters) and problem.quantile is None:
        yield from _of_interval(adjustment.interval, windows, problem)
    if isinstance(drift, DriftParameters) and "windows" in used:
        yield from _of_drift(drift, windows, problem)
    if isinstance(retraining, RetrainingParameters):
        yield from _of_retraining(retraining, windows, problem)


def _of_windows(windows: WindowParameters, place: str, problem: Problem) -> Iterator[str]:
    capacity = windows.capacity(problem)
    if capacity is None or windows.minimum_rows <= capacity:
        return
    derived = derive_defaults(problem)
    mend = f"minimum_rows: {min(derived['window_rows'], capacity)}"
    longer = "" if problem.timestamp.rows else f", or windows of {derived['window_length']}"
    yield (
        f"{place}.minimum_rows: no window ever has {windows.minimum_rows} rows, since "
        f"{_holds(windows, capacity, problem)}; use {mend}{longer}"
    )


def _of_interval(
    interval: PredictionInterval, windows: WindowParameters, problem: Problem
) -> Iterator[str]:
    capacity = windows.capacity(problem)
    if capacity is None or interval.windows * capacity >= interval.minimum_rows:
        return
    rows = interval.windows * capacity
    mend = f"windows: {-(-interval.minimum_rows // capacity)}"
    if rows >= max(interval.fewest_rows, _FEWEST_ERRORS):
        mend += f", or minimum_rows: {rows}"
    yield (
        f"adjustment.interval.windows: {counted(interval.windows, 'window')} can never have the "
        f"{interval.minimum_rows} rows that minimum_rows asks for, since "
        f"{_holds(windows, capacity, problem)}, so there would be no interval; use {mend}"
    )


def _of_drift(drift: DriftParameters, windows: WindowParameters, problem: Problem) -> Iterator[str]:
    capacity = windows.capacity(problem)
    if capacity is not None and drift.minimum_rows > capacity:
        yield (
            f"drift.minimum_rows: no window ever has {drift.minimum_rows} values, since "
            f"{_holds(windows, capacity, problem)}; use {max(capacity * 3 // 4, 1)}"
        )


def _of_retraining(
    retraining: RetrainingParameters, windows: WindowParameters, problem: Problem
) -> Iterator[str]:
    capacity, longest = windows.capacity(problem), windows.longest(problem)
    gate = retraining.gate

    def enough(count: int) -> bool:
        if capacity is not None and count * capacity < gate.minimum_rows:
            return False
        return longest is None or (
            _blocks(count * longest, gate.comparison.block) >= gate.minimum_blocks
        )

    if enough(retraining.measured_windows):
        return
    needed = next((count for count in range(1, _MOST_WINDOWS) if enough(count)), None)
    mend = "use longer windows" if needed is None else f"use {needed}"
    yield (
        f"retraining.measured_windows: {counted(retraining.measured_windows, 'window')} can never "
        f"judge a challenger, since retraining.gate asks for {gate.minimum_rows} rows in "
        f"{gate.minimum_blocks} blocks of {duration_text(gate.comparison.block)}; "
        f"{mend}, or change the gate"
    )


def _blocks(span: AnyDuration, block: AnyDuration) -> int:
    # A stretch that begins inside of a block touches one more.
    return steps_to_cover(span, block) + 1


def _holds(windows: WindowParameters, capacity: int, problem: Problem) -> str:
    longest = windows.longest(problem)
    if longest is None:
        return f"it is of {capacity} rows"
    return (
        f"{duration_text(longest)} hold {capacity} at most, one every "
        f"{duration_text(problem.frequency)}"
    )
