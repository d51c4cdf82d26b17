"""Which columns are the time, and how far two rows lie apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.profiling.columns import read_columns
from regression_lifecycle.core.profiling.times import find_frequency, find_times, time_of


def first_time(**columns):
    found = find_times(read_columns(pd.DataFrame(columns)), "y")
    return found[0] if found else None


@pytest.mark.parametrize(
    ("moments", "text", "regular"),
    [
        (pd.date_range("2020-01-01", periods=60, freq="15min"), "15 minutes", True),
        (pd.date_range("2020-01-01", periods=60, freq="h"), "1 hour", True),
        (pd.date_range("2020-01-01", periods=60, freq="D"), "1 day", True),
        (pd.bdate_range("2020-01-01", periods=60), "1 day", True),
        (pd.date_range("2020-01-01", periods=60, freq="W")[[*range(20), *range(25, 60)]],
         "7 days", True),
        (pd.date_range("2020-01-01", periods=60, freq="MS"), "1 month", True),
        (pd.date_range("2020-01-01", periods=60, freq="ME"), "1 month", True),
        (pd.date_range("2020-01-01", periods=60, freq="BME"), "1 month", True),
        (pd.date_range("2020-01-15", periods=60, freq=pd.DateOffset(months=1)), "1 month", True),
        (pd.date_range("2020-01-01", periods=60, freq="QS"), "1 quarter", True),
        (pd.date_range("2020-01-01", periods=60, freq="QE"), "1 quarter", True),
        (pd.date_range("1950-01-01", periods=60, freq="YS"), "1 year", True),
        (pd.date_range("1950-01-01", periods=60, freq="YE"), "1 year", True),
        (pd.Timestamp("2020-01-01") + pd.to_timedelta(
            np.cumsum(np.random.default_rng(0).exponential(50, 300)), unit="min"),
         "1 hour", False),
    ],
)  # fmt: skip
def test_the_distance_of_rows_is_found_by_the_calendar(moments, text, regular):
    frequency = find_frequency(pd.Series(moments))

    assert (frequency.text, frequency.regular) == (text, regular)


def test_distances_are_those_within_a_series():
    moments = pd.date_range("2020-01-01", periods=20, freq="D")
    table = pd.concat([moments.to_series(), moments.to_series() + pd.Timedelta("7h")])
    series = pd.Series([0] * 20 + [1] * 20, index=table.index)

    assert find_frequency(table.reset_index(drop=True), series.reset_index(drop=True)).text == (
        "1 day"
    )


def test_day_and_hour_make_a_time():
    hours = pd.date_range("2024-01-01", periods=72, freq="h")
    found = first_time(dteday=hours.strftime("%Y-%m-%d"), hr=hours.hour.astype(str))

    assert found.parts == {"date": "dteday", "hour": "hr"}
    assert found.moments.is_unique


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        (
            {"yr": ["2020"] * 12, "mo": [str(m) for m in range(1, 13)]},
            {"year": "yr", "month": "mo"},
        ),
        (
            {"Year": ["2020"] * 4 + ["2021"] * 4, "Quarter": list("12341234")},
            {"year": "Year", "quarter": "Quarter"},
        ),
        (
            {"year": ["2020"] * 9, "week": [str(w) for w in range(1, 10)]},
            {"year": "year", "week": "week"},
        ),
        (
            {"year": ["2020"] * 4, "month": ["1", "1", "2", "2"], "day": ["30", "31", "1", "2"]},
            {"year": "year", "month": "month", "day": "day"},
        ),
        (
            {
                "year": ["2020"] * 4,
                "month": ["1", "1", "2", "2"],
                "day": ["31", "31", "1", "1"],
                "hour": ["0", "12", "0", "12"],
            },
            {"year": "year", "month": "month", "day": "day", "hour": "hour"},
        ),
        ({"year": [str(y) for y in range(1950, 1990)]}, {"date": "year"}),
        ({"stamp_date": ["20240131", "20240201", "20240305"]}, {"date": "stamp_date"}),
        ({"period": ["202401", "202402", "202403"]}, {"date": "period"}),
    ],
)
def test_numbers_are_a_time_if_name_and_digits_say_so(columns, parts):
    assert first_time(**columns).parts == parts


@pytest.mark.parametrize(
    "columns",
    [
        {"age": ["19", "45", "60"], "size": ["1900", "2000", "2050"]},
        {"year_built": ["1950", "1987", "2001"]},
        {"closed_at": ["2024-01-01", "", "2024-01-09"]},
        {"month": ["1", "2", "3"]},
    ],
    ids=["quantities", "another year", "with gaps", "month alone"],
)
def test_what_is_no_time_of_the_row_is_none(columns):
    assert first_time(**columns) is None


def test_of_two_dates_the_one_that_is_called_so_and_names_a_row_comes_first():
    days = pd.date_range("2024-01-01", periods=40)
    found = first_time(
        ordered=(days - pd.Timedelta("3D")).strftime("%Y-%m-%d").to_numpy()[np.arange(40) // 2],
        date=days.strftime("%Y-%m-%d"),
    )

    assert found.parts == {"date": "date"}


def test_a_time_that_a_person_names_is_taken_as_a_whole():
    table = read_columns(pd.DataFrame({"yr": ["2020", "2021"], "mo": ["1", "2"], "x": ["a", "b"]}))

    assert time_of(table, ("yr", "mo")).parts == {"year": "yr", "month": "mo"}
    assert time_of(table, ("x",)) is None
