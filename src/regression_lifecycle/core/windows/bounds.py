"""Where windows begin and end, and what they are called, before anything in them is counted."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from regression_lifecycle.core.windows.parameters import WindowParameters

_PERIOD_CODES = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
# One mistyped year among hourly windows would otherwise list them for minutes.
_MAXIMUM_WINDOWS = 100_000


class Bounds(NamedTuple):
    """The key of a window, its first moment, and the first one after it."""

    key: str
    start: pd.Timestamp
    end: pd.Timestamp


def bounds_by_time(
    first: pd.Timestamp, last: pd.Timestamp, parameters: WindowParameters
) -> list[Bounds]:
    """Bound the windows of which the time alone decides.

    Args:
        first: Oldest row.
        last: Moment in the last window; explicit windows are taken as they are.
        parameters: How windows are cut.

    Returns:
        The bounds in the order of time.

    Raises:
        ConfigurationError: If there would be too many windows.
    """
    if parameters.explicit:
        edges = [(window.start, window.end) for window in parameters.explicit]
    elif parameters.period is not None:
        code = _PERIOD_CODES[parameters.period]
        begin = first if parameters.origin is None else parameters.origin
        periods = pd.period_range(begin.to_period(code), last.to_period(code), freq=code)
        _refuse_too_many(len(periods), begin, last)
        starts = periods.append(periods[-1:] + 1).to_timestamp()
        return [
            Bounds(_period_text(start, parameters.period), start.as_unit("us"), end.as_unit("us"))
            for start, end in pairwise(starts)
        ]
    else:
        length: pd.Timedelta = parameters.length
        begin = parameters.origin
        if begin is None:
            # Counted from the day, but nothing is listed before the first row.
            day = first.normalize()
            begin = day + (first - day) // length * length
        count = max((last - begin) // length + 1, 0)
        _refuse_too_many(count, begin, last)
        edges = list(pairwise(begin + number * length for number in range(count + 1)))
    return [
        Bounds(moment_text(start), start.as_unit("us"), end.as_unit("us")) for start, end in edges
    ]


def _refuse_too_many(count: int, first: pd.Timestamp, last: pd.Timestamp) -> None:
    if count > _MAXIMUM_WINDOWS:
        raise ConfigurationError(
            f"{count:,} windows lie between {first} and {last}, at most {_MAXIMUM_WINDOWS:,} are "
            "listed; make them longer, or begin later with windows.origin"
        )


def bounds_by_rows(
    table: pd.DataFrame, problem: Problem, parameters: WindowParameters
) -> list[Bounds]:
    """Bound windows by rows or by column: from the oldest row to a frequency after the newest.

    Args:
        table: Rows in any order.
        problem: Names timestamp and key, and gives the frequency.
        parameters: How windows are cut.

    Returns:
        The bounds in the order of the windows.
    """
    codes, keys = row_codes(table, problem, parameters)
    moments = table[problem.timestamp.name].astype("datetime64[us]")
    spans = moments[codes >= 0].groupby(codes[codes >= 0]).agg(["min", "max"])
    return [
        Bounds(keys[code], start, (newest + problem.frequency).as_unit("us"))
        for code, start, newest in spans.itertuples()
    ]


def row_codes(
    table: pd.DataFrame, problem: Problem, parameters: WindowParameters
) -> tuple[np.ndarray, list[str]]:
    """Number the windows by rows or by column.

    Args:
        table: Rows in any order.
        problem: Names timestamp and key, by which rows are put in order.
        parameters: How windows are cut.

    Returns:
        The number of the window per row, -1 for none, and the keys by number.
    """
    order_by = [name for name in problem.row_order if name in table.columns]
    # A sort that keeps equal rows as they stand, by position: the index may repeat itself.
    order = table[order_by].reset_index(drop=True).sort_values(order_by, kind="stable").index
    order = order.to_numpy()
    if parameters.origin is not None:
        moments = table[problem.timestamp.name].to_numpy()
        order = order[moments[order] >= parameters.origin.to_datetime64()]
    codes = np.full(len(table), -1)
    if parameters.column is not None:
        codes[order], values = pd.factorize(table[parameters.column].iloc[order])
        return codes, [f"{parameters.column}={_value_text(value)}" for value in values]
    size = parameters.rows or 1
    codes[order] = np.arange(len(order)) // size
    count = -(-len(order) // size)
    return codes, [f"rows={k * size}-{(k + 1) * size - 1}" for k in range(count)]


def moment_text(moment: pd.Timestamp) -> str:
    """Write a moment as short as it is: the date, and the time of day only if it is not midnight.

    Args:
        moment: A moment.

    Returns:
        For example ``2011-01-29`` or ``2011-01-29 06:00``.
    """
    if moment == moment.normalize():
        return str(moment.date())
    whole_minutes = moment == moment.floor("min")
    text: str = moment.isoformat(sep=" ", timespec="minutes" if whole_minutes else "auto")
    return text


def _period_text(start: pd.Timestamp, period: str) -> str:
    if period == "week":
        # The year of an ISO week is that of its Thursday: 2021-01-01 lies in 2020-W53.
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    if period == "quarter":
        return f"{start.year}-Q{start.quarter}"
    return str(start.date())[: {"day": 10, "month": 7, "year": 4}[period]]


def _value_text(value: object) -> str:
    # A missing value somewhere turns whole numbers into floats; the key stays "batch=7".
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
