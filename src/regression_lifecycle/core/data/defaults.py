"""What depends on the table and that nobody has to say: derived from its frequency and columns.

``conf/base`` names each of these where it is used, as ``${derived:name}``; an environment replaces
any of them by a value of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    AnyDuration,
    CalendarDuration,
    duration_text,
    is_at_least,
    is_multiple,
    steps_to_cover,
)

_DAY = pd.Timedelta("1 day")
_WEEK = 7 * _DAY
_YEAR = CalendarDuration(12)
# 52 weeks, so that a day meets its own weekday.
_YEAR_OF_WEEKS = 52 * _WEEK
_LONGEST_SEASON_YEARS = 5
_SEGMENTS = 3
# Of a key that is a feature: more labels say less each, and the past of a series says it better.
_FEW_LABELS = 20
_SEASONS_BACK = 3
_LEVEL_AGES, _LEVEL_AGES_WITHOUT_SEASON = 12, 3
_TIME_INDEX = "2000-01-01"


class _Rows(NamedTuple):
    """Lengths in rows, and fewest rows, for tables of one pace.

    Attributes:
        window_length: Of a window.
        block: Of the holdout's comparison.
        short_block: Of a retraining's comparison.
        gate: Fewest rows that the holdout's gate decides on.
        retraining: Fewest rows that a retraining's gate decides on.
        training: Fewest rows that a challenger is trained on.
        window: Fewest rows of a window with figures.
        drift: Fewest values of a column that are compared.
    """

    window_length: int
    block: int
    short_block: int
    gate: int = 100
    retraining: int = 28
    training: int = 50
    window: int = 10
    drift: int = 20


# Three years of months are many, three years of hours are few: what can be asked of a table
# depends on how fast its rows come.
_WITHOUT_TIME = _Rows(100, 25, 7)
_FAST = _Rows(20, 7, 7)
_WEEKLY = _Rows(20, 4, 4, gate=50)
_MONTHLY = _Rows(12, 3, 3, gate=24, retraining=18, training=36, window=6, drift=10)
_QUARTERLY = _Rows(12, 2, 2, gate=16, retraining=16, training=24, window=6, drift=10)
_YEARLY = _Rows(10, 1, 1, gate=10, retraining=10, training=20, window=5, drift=10)


def longest_gap(step: AnyDuration) -> AnyDuration:
    """Return beyond which gap a few rows at an end of a table of some frequency are a mistake."""
    return _YEAR if is_at_least(_YEAR, 100 * step) else 100 * step


def derive_defaults(problem: Problem, features: Collection[str] | None = None) -> dict[str, Any]:
    """Derive values for the configuration of a table.

    Args:
        problem: The table's description; no row of it is read.
        features: Names of the features, if they are not the derived ones.

    Returns:
        Values by name, as YAML would give them:

        ``maximum_gap``: beyond which a few rows at an end of the table are a mistake: a year, at
        least 100 rows; None without a time.
        ``window_length``: 28 days, at least 20 rows; a year of months, three of quarters, ten of
        years; 100 rows without a time.
        ``label_deadline``: how long missing labels are waited for: as long as a window.
        ``gap``: the horizon: what a fold leaves out between training and test.
        ``season``: the shortest of a week and 52 weeks (or some years, for rows of a month and
        more) that is no less than horizon and label delay, and that a row lies back; None where
        there is none, as for rows of a year or at no fixed distance.
        ``block``: of the holdout's comparison: 7 days, at least 7 rows; 4 weeks, 3 months, 2
        quarters or a year of slower rows; 25 rows without a time.
        ``short_block``: of a retraining's comparison: a day, at least 7 rows; the same of slower
        rows; 7 rows without a time.
        ``gate_rows``, ``retraining_rows``, ``training_rows``: fewest rows that are decided on or
        learnt from: 100, 28 and 50; less of rows that come slower than a day.
        ``window_rows``, ``drift_rows``: fewest rows of a window, and values of a column, that are
        looked at: 10 and 20; 6 (5 of years) and 10 of rows of a month and more; of the values at
        most three quarters of the rows of a window.
        ``fallback_share``: of the baseline that a gate tolerates: 0.2, or 0.5 where a key beside
        the time names series of which some are new.
        ``maximum_age``: of a champion: 84 days, at least 3 windows; 2 windows of rows of a month
        and more; 1,000 rows without a time.
        ``features``: the columns known in advance, the calendar parts that the frequency can
        tell apart, and a time index that carries a trend. Of many series also the columns of the
        key with at most 20 declared labels, ``series_level`` (mean of the newest known season of
        the target, at up to 12 ages) and ``series_season`` (mean of the target one, two and three
        seasons ago).
        ``segments``: up to three columns known in advance that hold labels, and the weekday if it
        is a feature.
        ``drift_columns``: all columns known in advance.
        ``error_metric``: by which models are compared: ``rmse``, or ``pinball`` of a quantile.
    """
    step, rows = problem.frequency, problem.timestamp.rows
    pace = _pace(problem)
    window, block, short_block = (
        count * step for count in (pace.window_length, pace.block, pace.short_block)
    )
    age: AnyDuration = 2 * window
    if isinstance(step, pd.Timedelta):
        age = 1000 * step
        if not rows:
            window, block = max(28 * _DAY, window), max(_WEEK, block)
            short_block, age = max(_DAY, short_block), max(84 * _DAY, 3 * window)
    season = _season(problem)
    usable = [
        name
        for name in problem.columns_known_in_advance
        if problem.columns[name].type not in ("date", "datetime")
    ]
    columns = [name for name in usable if name not in problem.key]
    few = [name for name in usable if name in problem.key and _has_few_labels(problem, name)]
    parts = _calendar_parts(problem, columns)
    labels = [name for name in columns if problem.columns[name].holds_labels]
    weekday = ["calendar_weekday"] if "weekday" in parts else []
    return {
        "maximum_gap": None if rows else duration_text(longest_gap(step)),
        "window_length": duration_text(window),
        "label_deadline": duration_text(window),
        "gap": duration_text(problem.horizon),
        "season": None if season is None else duration_text(season),
        "block": duration_text(block),
        "short_block": duration_text(short_block),
        "gate_rows": pace.gate,
        "retraining_rows": pace.retraining,
        "training_rows": pace.training,
        "window_rows": pace.window,
        # A window with a gap is compared too.
        "drift_rows": min(pace.drift, _rows_of(window, problem) * 3 // 4),
        "fallback_share": 0.5 if problem.series_columns else 0.2,
        "maximum_age": duration_text(age),
        "features": [
            *_features([*few, *columns], parts, step, rows),
            *_history_of_series(problem, season),
        ],
        "segments": [
            *labels[:_SEGMENTS],
            *(weekday if features is None or set(weekday) <= set(features) else []),
        ],
        "drift_columns": columns,
        "error_metric": problem.error_metric,
    }


def _rows_of(window: AnyDuration, problem: Problem) -> int:
    """Most rows of a window; of rows on working days a window of weeks has fewer."""
    rows = steps_to_cover(window, problem.frequency)
    return rows * len(problem.weekdays) // 7 if problem.weekdays else rows


def _pace(problem: Problem) -> _Rows:
    step = problem.frequency
    if problem.timestamp.rows:
        return _WITHOUT_TIME
    if isinstance(step, CalendarDuration):
        return _MONTHLY if step.months < 3 else _QUARTERLY if step.months < 12 else _YEARLY
    return _FAST if step < _WEEK else _WEEKLY


def _season(problem: Problem) -> AnyDuration | None:
    if problem.timestamp.rows or problem.irregular:
        return None
    step = problem.frequency
    years = range(1, _LONGEST_SEASON_YEARS + 1)
    seasons: list[AnyDuration] = [_WEEK, *(count * _YEAR_OF_WEEKS for count in years)]
    if isinstance(step, CalendarDuration):
        seasons = [count * _YEAR for count in years]
    fitting = (
        season
        for season in seasons
        if is_at_least(season, problem.minimum_lag)
        and is_multiple(season, step)
        and not is_at_least(step, season)
    )
    # A yearly table repeats nothing within a year, and nothing says what it repeats later.
    return None if is_at_least(step, _YEAR_OF_WEEKS) else next(fitting, None)


def _calendar_parts(problem: Problem, columns: list[str]) -> list[str]:
    """Name the parts of the calendar that differ between rows, and that no feature is called."""
    if problem.timestamp.rows:
        return []
    longest_step: dict[str, AnyDuration] = {
        "hour": _DAY,
        "weekday": _WEEK,
        "day_of_year": 28 * _DAY,
        "month": _YEAR_OF_WEEKS,
    }
    return [
        part
        for part, limit in longest_step.items()
        if not is_at_least(problem.frequency, limit) and part not in columns
    ]


def _features(
    columns: list[str], parts: list[str], step: AnyDuration, rows: bool
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"kind": "columns", "names": columns}] if columns else []
    if parts:
        found.append({"kind": "calendar", "parts": parts})
    unit = step if rows or not is_at_least(_DAY, step) else _DAY
    origin = "1970-01-01" if rows else _TIME_INDEX
    index = {"kind": "time_index", "name": "time_index", "origin": origin}
    return [*found, {**index, "unit": duration_text(unit), "whole": True}]


def _has_few_labels(problem: Problem, name: str) -> bool:
    spec = problem.columns[name]
    return spec.type == "boolean" or (spec.allowed is not None and len(spec.allowed) <= _FEW_LABELS)


def _history_of_series(problem: Problem, season: AnyDuration | None) -> list[dict[str, Any]]:
    """Level and season of each of several series; nothing of one series, which has a time index."""
    if problem.timestamp.rows or not problem.series_columns:
        return []
    step = problem.frequency
    youngest = steps_to_cover(problem.minimum_lag, step)
    n_ages, stride = _LEVEL_AGES_WITHOUT_SEASON, 1
    if season is not None:
        length = steps_to_cover(season, step)
        n_ages = min(_LEVEL_AGES, length)
        stride = length // n_ages
    ages = {"series_level": [(youngest + count * stride) * step for count in range(n_ages)]}
    if season is not None:
        ages["series_season"] = [count * season for count in range(1, _SEASONS_BACK + 1)]
    return [
        {
            "kind": "lag",
            "name": name,
            "column": problem.target,
            "ages": [duration_text(age) for age in found],
        }
        for name, found in ages.items()
        if name not in problem.columns
    ]
