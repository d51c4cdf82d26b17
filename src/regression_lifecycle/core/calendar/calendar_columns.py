"""Columns that only repeat the calendar, such as a weekday: found, and held against the time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from regression_lifecycle.core.errors import DataContractError

# Each value of a part has to be seen so often, in so many rows, that chance is none.
_FEWEST = 2
_FEWEST_ROWS = 28
_PARTS: Mapping[str, tuple[int, Callable[[datetime], int]]] = {
    "hour": (24, lambda moment: moment.hour),
    "weekday": (7, lambda moment: moment.weekday()),
    "day of the month": (31, lambda moment: moment.day),
    "month": (12, lambda moment: moment.month),
    "quarter": (4, lambda moment: (moment.month + 2) // 3),
}


class CalendarColumn(NamedTuple):
    """What a column says of the time of its row.

    Attributes:
        part: Which part of the calendar it repeats.
        values: Its value by the number of that part.
    """

    part: str
    values: Mapping[int, Hashable]


def find_calendar_columns(
    rows: pd.DataFrame, stamp: str, names: Iterable[str]
) -> dict[str, CalendarColumn]:
    """Find the columns of which one part of the calendar decides, one value for each.

    Years are left aside: with two of them, a price that rose once would count as one.

    Args:
        rows: Rows of many times, in any order.
        stamp: Name of the timestamp.
        names: The columns that are looked at.

    Returns:
        By name those whose values and a part's decide of each other in all rows, where every value
        that the part can have is seen at least twice; none in fewer than 28 rows.
    """
    found: dict[str, CalendarColumn] = {}
    if len(rows) < _FEWEST_ROWS:
        return found
    # A model that was stored has them as text.
    moments = pd.to_datetime(rows[stamp], format="ISO8601").tolist()
    parts = {part: [of(moment) for moment in moments] for part, (_, of) in _PARTS.items()}
    for name in names:
        for part, numbers in parts.items():
            pairs = pd.Series(list(zip(numbers, rows[name].tolist(), strict=True))).value_counts()
            values = dict(pairs.index)
            one_each = len(pairs) == len(values) == len(set(values.values())) == _PARTS[part][0]
            if one_each and pairs.min() >= _FEWEST:
                found[name] = CalendarColumn(part, values)
                break
    return found


def refuse_other_calendar(
    row: Mapping[str, Any], stamp: str, columns: Mapping[str, CalendarColumn]
) -> None:
    """Refuse a row whose columns say another time than its timestamp.

    Args:
        row: Values by column; what is absent or missing says nothing.
        stamp: Name of the timestamp, a ``datetime``.
        columns: What :func:`find_calendar_columns` found.

    Raises:
        DataContractError: Naming the column, its value and the one of all other such times.
    """
    moment = row.get(stamp)
    if moment is None:
        return
    for name, column in columns.items():
        given, usual = row.get(name), column.values[_PARTS[column.part][1](moment)]
        if given is not None and given != usual:
            raise DataContractError(
                f"{name} is {_shown(given)}, but the {column.part} of {moment} always has "
                f"{_shown(usual)}; correct one of them"
            )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else repr(value)
