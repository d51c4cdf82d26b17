"""Columns that repeat the calendar are found in a few hundred rows, and no others are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.calendar.calendar_columns import (
    find_calendar_columns,
    refuse_other_calendar,
)
from regression_lifecycle.core.errors import DataContractError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bikes() -> pd.DataFrame:
    """Two hundred hours of the shipped table, as a model carries them."""
    raw = pd.read_csv(ROOT / "data/01_raw/hour.csv")
    stamps = pd.to_datetime(raw["dteday"]) + pd.to_timedelta(raw["hr"], unit="h")
    return raw.assign(at=stamps).iloc[np.linspace(0, len(raw) - 1, 200).astype(int)]


def test_the_calendar_of_the_bikes_is_found(bikes: pd.DataFrame) -> None:
    names = ["season", "yr", "mnth", "holiday", "weekday", "workingday", "weathersit", "instant"]

    found = find_calendar_columns(bikes, "at", names)
    # As a stored model has it.
    assert find_calendar_columns(bikes.assign(at=bikes["at"].astype(str)), "at", names) == found

    assert {name: column.part for name, column in found.items()} == {
        "mnth": "month",
        "weekday": "weekday",
    }
    # Monday is 0 in Python and 1 in the table.
    assert found["weekday"].values[0] == 1


def test_a_row_that_says_another_time_is_refused_by_name(bikes: pd.DataFrame) -> None:
    columns = find_calendar_columns(bikes, "at", ["mnth", "weekday"])
    sunday = datetime(2024, 3, 10, 7)

    for row in ({"weekday": 0.0, "mnth": 3.0}, {"weekday": None}, {}):
        refuse_other_calendar({"at": sunday, **row}, "at", columns)
    refuse_other_calendar({"weekday": 3.0}, "at", columns)

    message = "weekday is 3, but the weekday of 2024-03-10 07:00:00 always has 0; correct one"
    with pytest.raises(DataContractError, match=message):
        refuse_other_calendar({"at": sunday, "weekday": 3.0}, "at", columns)


@pytest.mark.parametrize("days", [6, 27, 28])
def test_what_was_seen_too_seldom_says_nothing(days: int) -> None:
    stamps = pd.Series(pd.date_range("2021-03-01", periods=days))
    rows = pd.DataFrame({"at": stamps, "name": stamps.dt.day_name()})

    assert len(find_calendar_columns(rows, "at", ["name"])) == (days >= 28)
    assert find_calendar_columns(rows.head(0), "at", ["name"]) == {}


def test_one_exception_makes_a_column_its_own() -> None:
    stamps = pd.Series(pd.date_range("2021-03-01", periods=60))
    rows = pd.DataFrame({"at": stamps, "shift": stamps.dt.weekday})
    rows.loc[10, "shift"] = 0

    assert find_calendar_columns(rows, "at", ["shift"]) == {}
