"""What depends on the table and that nobody has to say: derived from its frequency and columns.

``conf/base`` names each of these where it is used, as ``${derived:name}``; an environment replaces
any of them by a value of its own.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from regression_lifecycle.core.config import duration_text
from regression_lifecycle.core.data.problem import Problem

_DAY = pd.Timedelta("1 day")
_YEAR = pd.Timedelta("366 days")
_SEASONS = (pd.Timedelta("7 days"), pd.Timedelta("364 days"))
_WINDOW_ROWS, _ROWS_WITHOUT_TIME = 20, 100
_BLOCK_ROWS, _BLOCK_WITHOUT_TIME = 7, 25
_SEGMENTS = 3
_TIME_INDEX = "2000-01-01"


def derive_defaults(problem: Problem) -> dict[str, Any]:
    """Derive values for the configuration of a table.

    Args:
        problem: The table's description; no row of it is read.

    Returns:
        Values by name, as YAML would give them:

        ``maximum_gap``: beyond which a few rows at an end of the table are a mistake: 366 days, at
        least 100 rows; None without a time.
        ``window_length``: 28 days, at least 20 rows; 100 rows without a time.
        ``gap_rows``: the horizon in rows: what a fold leaves out between training and test.
        ``baseline``: ``seasonal`` where a season is at least the horizon, else ``mean``.
        ``season``: a week or, for a longer horizon or rows of a week and more, 52 weeks.
        ``block``: of the holdout's comparison: 7 days, at least 7 rows; 25 rows without a time.
        ``short_block``: of a retraining's comparison: a day, at least 7 rows; 7 without a time.
        ``maximum_age``: of a champion: 84 days, at least 3 windows; 1,000 rows without a time.
        ``features``: the columns known in advance, the calendar parts that the frequency can
        tell apart, and a time index that carries a trend.
        ``segments``: up to three columns known in advance that hold labels, and the weekday.
        ``drift_columns``: all columns known in advance.
        ``level_correction_windows``, ``interval_scale``: 2 and ``sqrt`` where the target cannot be
        negative; 0 (off, since it is a factor) and ``constant`` where it can.
    """
    step, rows = problem.frequency, problem.timestamp.rows
    window = _ROWS_WITHOUT_TIME * step if rows else max(28 * _DAY, _WINDOW_ROWS * step)
    season = _season(problem)
    columns = [
        name
        for name in problem.columns_known_in_advance
        if problem.columns[name].type not in ("date", "datetime") and name not in problem.key
    ]
    parts = _calendar_parts(problem)
    labels = [name for name in columns if problem.columns[name].holds_labels]
    minimum = problem.columns[problem.target].minimum
    signed = minimum is None or minimum < 0
    return {
        "maximum_gap": None if rows else duration_text(max(_YEAR, 100 * step)),
        "window_length": duration_text(window),
        "gap_rows": math.ceil(problem.horizon / step),
        "baseline": "mean" if season is None else "seasonal",
        "season": None if season is None else duration_text(season),
        "block": duration_text(
            _BLOCK_WITHOUT_TIME * step if rows else max(7 * _DAY, _BLOCK_ROWS * step)
        ),
        "short_block": duration_text(max(_BLOCK_ROWS * step, step if rows else _DAY)),
        "maximum_age": duration_text(1000 * step if rows else max(84 * _DAY, 3 * window)),
        "features": _features(columns, parts, step, rows),
        "segments": [*labels[:_SEGMENTS], *(["calendar_weekday"] if "weekday" in parts else [])],
        "drift_columns": columns,
        "level_correction_windows": 0 if signed else 2,
        "interval_scale": "constant" if signed else "sqrt",
    }


def _season(problem: Problem) -> pd.Timedelta | None:
    if problem.timestamp.rows:
        return None
    fitting = [
        season
        for season in _SEASONS
        if season >= problem.horizon
        and season > problem.frequency
        and not season % problem.frequency
    ]
    return fitting[0] if fitting else None


def _calendar_parts(problem: Problem) -> list[str]:
    """Name the parts of the calendar that differ between rows, and that no column is called."""
    if problem.timestamp.rows:
        return []
    longest = {"hour": _DAY, "weekday": 7 * _DAY, "day_of_year": 28 * _DAY, "month": 364 * _DAY}
    return [
        part
        for part, limit in longest.items()
        if problem.frequency < limit and part not in problem.columns
    ]


def _features(
    columns: list[str], parts: list[str], step: pd.Timedelta, rows: bool
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"kind": "columns", "names": columns}] if columns else []
    if parts:
        found.append({"kind": "calendar", "parts": parts})
    unit = step if rows else max(_DAY, step)
    origin = "1970-01-01" if rows else _TIME_INDEX
    index = {"kind": "time_index", "name": "time_index", "origin": origin}
    return [*found, {**index, "unit": duration_text(unit), "whole": True}]
