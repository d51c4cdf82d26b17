"""The time of a single row, told in one way and completed in the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.core.calendar.moments import assemble_moments
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.row_moments import RowMoments, moment_of, parts_of
from regression_lifecycle.core.errors import DataContractError

INTEGER = {"type": "integer", "known_in_advance": True}
COLUMNS = {
    "d": {"type": "date", "known_in_advance": True},
    "t": {"type": "datetime", "format": "%H:%M", "known_in_advance": True},
    **dict.fromkeys(("y", "q", "m", "w", "dd", "h"), INTEGER),
    "h1": {**INTEGER, "minimum": 1, "maximum": 24},
    "target": {"type": "float"},
}


def problem_of(**parts: str) -> Problem:
    return Problem.model_validate(
        {
            "name": "rows",
            "target": "target",
            "timestamp": parts,
            "frequency": "1 hour",
            "horizon": "1 hour",
            "columns": COLUMNS,
        }
    )


def completed(problem: Problem, needed: bool = True, **row: Any) -> dict[str, Any]:
    RowMoments(problem, needed=needed).complete(row)
    return row


AT_7 = datetime(2021, 3, 9, 7)


@pytest.mark.parametrize(
    ("parts", "row", "moment"),
    [
        ({"date": "d"}, {"d": AT_7}, AT_7),
        ({"date": "d", "hour": "h"}, {"d": datetime(2021, 3, 9), "h": 7.0}, AT_7),
        (
            {"date": "d", "hour": "h1"},
            {"d": datetime(2021, 3, 9), "h1": 24.0},
            datetime(2021, 3, 10),
        ),
        (
            {"date": "d", "time": "t"},
            {"d": datetime(2021, 3, 9), "t": datetime(1900, 1, 1, 7, 30)},
            datetime(2021, 3, 9, 7, 30),
        ),
        ({"year": "y"}, {"y": 2021.0}, datetime(2021, 1, 1)),
        ({"year": "y", "quarter": "q"}, {"y": 2021.0, "q": 3.0}, datetime(2021, 7, 1)),
        ({"year": "y", "month": "m"}, {"y": 2021.0, "m": 2.0}, datetime(2021, 2, 1)),
        ({"year": "y", "week": "w"}, {"y": 2020.0, "w": 53.0}, datetime(2020, 12, 28)),
        (
            {"year": "y", "month": "m", "day": "dd", "hour": "h"},
            {"y": 2021.0, "m": 3.0, "dd": 9.0, "h": 7.0},
            AT_7,
        ),
    ],
)
def test_parts_and_moment_are_made_of_each_other(
    parts: dict[str, str], row: dict[str, Any], moment: datetime
) -> None:
    problem = problem_of(**parts)

    assert completed(problem, **row) == {**row, "timestamp": moment}
    assert completed(problem, timestamp=moment) == {**row, "timestamp": moment}
    assert completed(problem, timestamp=moment, **row) == {**row, "timestamp": moment}
    columns = {part: pd.Series([row[name]]) for part, name in parts.items()}
    assert assemble_moments(columns).tolist() == [pd.Timestamp(moment)]
    assert moment_of(parts_of(moment, parts)) == moment


@pytest.mark.parametrize(
    ("parts", "row", "message"),
    [
        ({"date": "d", "hour": "h"}, {}, "the time is missing; send timestamp, or d, h"),
        ({"date": "d", "hour": "h"}, {"h": 7.0}, "d is missing; send timestamp, or d, h"),
        (
            {"date": "d", "hour": "h"},
            {"d": AT_7, "h": 25.0},
            "there is no such time: d 2021-03-09 07:00:00, h 25",
        ),
        (
            {"date": "d", "hour": "h"},
            {"timestamp": AT_7, "d": AT_7, "h": 8.0},
            "timestamp is 2021-03-09 07:00:00, but d 2021-03-09 07:00:00, h 8; correct one of them",
        ),
        (
            {"year": "y", "month": "m"},
            {"timestamp": AT_7},
            "no row stands at 2021-03-09 07:00:00, since timestamp is made of y, m; the row "
            "before it is 2021-03-01 00:00:00",
        ),
        (
            {"year": "y", "week": "w"},
            {"y": 2021.0, "w": 53.0},
            "there is no such time: y 2021, w 53",
        ),
        (
            {"year": "y", "month": "m", "day": "dd"},
            {"y": 2021.0, "m": 2.0, "dd": 30.0},
            "there is no such time: y 2021, m 2, dd 30",
        ),
        (
            {"year": "y", "month": "m", "day": "dd"},
            {"timestamp": datetime(2021, 2, 28), "dd": 30.0},
            "timestamp is 2021-02-28 00:00:00, but dd 30; correct one of them",
        ),
        ({"year": "y"}, {"y": 2021.5}, "there is no such time: y 2021.5"),
    ],
)
def test_a_time_that_is_none_is_told(
    parts: dict[str, str], row: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataContractError) as caught:
        completed(problem_of(**parts), **row)
    assert str(caught.value) == message


def test_a_row_may_have_no_time_where_nothing_asks_for_it() -> None:
    assert completed(problem_of(date="d"), needed=False) == {}
    with pytest.raises(DataContractError, match="h is missing"):
        completed(problem_of(date="d", hour="h"), needed=False, d=AT_7)


@pytest.mark.parametrize(
    ("frequency", "date", "row_stands_at"),
    [
        ("1 day", {"type": "date"}, "2021-03-09 00:00"),
        ("1 hour", {"type": "date"}, "2021-03-09 07:45:30"),
        ("1 day", {"type": "datetime"}, "2021-03-09 07:45:30"),
        ("1 day", {"type": "date", "format": "%d.%m.%Y"}, "2021-03-09 00:00"),
        ("1 month", {"type": "date", "format": "%Y-%m"}, "2021-03-01 00:00"),
        ("1 quarter", {"type": "date", "format": "%YQ%q"}, "2021-01-01 00:00"),
        ("1 year", {"type": "date", "format": "%Y"}, "2021-01-01 00:00"),
        ("1 hour", {"type": "datetime", "format": "%d.%m.%Y %H Uhr"}, "2021-03-09 07:00"),
        ("1 day", {"type": "date", "format": "%Y-%j"}, "2021-03-09 00:00"),
        ("7 days", {"type": "date", "format": "%G-W%V"}, "2021-03-08 00:00"),
        ("1 second", {"type": "datetime", "format": "unix s"}, "2021-03-09 07:45:30"),
    ],
)
def test_a_moment_at_which_no_row_can_stand_is_told(
    frequency: str, date: dict[str, str], row_stands_at: str
) -> None:
    problem = Problem.model_validate(
        {
            **problem_of(date="d").model_dump(mode="json", exclude_unset=True),
            "frequency": frequency,
            "horizon": frequency,
            "columns": {"d": {**date, "known_in_advance": True}, "target": {"type": "float"}},
        }
    )
    given = datetime(2021, 3, 9, 7, 45, 30)
    stands_at = datetime.fromisoformat(row_stands_at)

    assert completed(problem, timestamp=stands_at)["d"] == stands_at
    if stands_at == given:
        return
    for row in ({"timestamp": given}, {"d": given}):
        with pytest.raises(DataContractError, match=f"the row before it is {stands_at}"):
            completed(problem, **row)
