"""Which columns are the time, and how far two rows lie apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.profiling.columns import read_columns
from regression_lifecycle.core.profiling.profile import profile_table
from regression_lifecycle.core.profiling.proposal import propose_parameters
from regression_lifecycle.core.profiling.times import (
    find_frequency,
    find_times,
    read_as_time,
    time_of,
)

GERMAN = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
FRENCH = [
    "janv.",
    "févr.",
    "mars",
    "avr.",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
]


def in_words(moments, names):
    return [f"{names[moment.month - 1]} {moment.year}" for moment in moments]


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
        # A clock that wavers.
        (pd.date_range("2020-01-01", periods=300, freq="h") + pd.to_timedelta(
            np.random.default_rng(0).integers(0, 900, 300), unit="ms"),
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

    ends = first_time(dteday=hours.strftime("%Y-%m-%d"), hr=(hours.hour + 1).astype(str))
    assert ends.parts == {"date": "dteday", "hour": "hr"}
    assert ends.moments.tolist() == (hours + pd.Timedelta("1h")).tolist()


@pytest.mark.parametrize("clock", ["%H:%M", "%H:%M:%S", "%I:%M %p"])
def test_day_and_time_of_day_make_a_time(clock):
    """The clock would be the key of 48 series of daily rows."""
    moments = pd.date_range("2024-01-01", periods=200, freq="30min")
    table = pd.DataFrame(
        {"Date": moments.strftime("%d/%m/%Y"), "Time": moments.strftime(clock), "y": range(200)}
    )
    columns = read_columns(table)
    found = find_times(columns, target="y")[0]

    assert found.parts == {"date": "Date", "time": "Time"}
    assert found.moments.tolist() == moments.tolist()
    assert read_as_time(columns, found)["Time"].profile.spec == {
        "type": "datetime",
        "format": clock,
    }
    # What a day opens at is no time of its rows.
    days = pd.date_range("2024-01-01", periods=60)
    opens = ["08:00", "09:30"] * 30
    assert first_time(day=days.strftime("%Y-%m-%d"), opens=opens).parts == {"date": "day"}


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


MONTHS = pd.date_range("2015-01-01", periods=60, freq="MS")
QUARTERS = pd.date_range("2005-01-01", periods=60, freq="QS")
HOURS = pd.date_range("2020-03-28 00:00", periods=60, freq="h")
DAYS_OF_2023 = pd.date_range("2023-01-01", periods=60)
WEEKS = pd.date_range("2019-12-02", periods=60, freq="7D")


def quarters(form):
    return [form.format(y=moment.year, q=moment.quarter) for moment in QUARTERS]


@pytest.mark.parametrize(
    ("name", "written", "moments", "spec"),
    [
        ("when", quarters("{y}Q{q}"), QUARTERS, {"type": "date", "format": "%YQ%q"}),
        ("when", quarters("{y}-Q{q}"), QUARTERS, {"type": "date", "format": "%Y-Q%q"}),
        ("when", quarters("{y} q{q}"), QUARTERS, {"type": "date", "format": "%Y Q%q"}),
        ("when", quarters("Q{q} {y}"), QUARTERS, {"type": "date", "format": "Q%q %Y"}),
        ("when", MONTHS.strftime("%b %Y"), MONTHS, {"type": "date", "format": "%b %Y"}),
        ("when", MONTHS.strftime("%B %Y"), MONTHS, {"type": "date", "format": "%B %Y"}),
        ("Monat", in_words(MONTHS, GERMAN), MONTHS, {"type": "date", "format": "%B %Y"}),
        ("mois", in_words(MONTHS, FRENCH), MONTHS, {"type": "date", "format": "%b %Y"}),
        ("when", MONTHS.strftime("%Y-%b"), MONTHS, {"type": "date", "format": "%Y-%b"}),
        ("when", MONTHS.strftime("%Y-%m"), MONTHS, {"type": "date"}),
        ("when", WEEKS.strftime("%G-W%V"), WEEKS, {"type": "date", "format": "%G-W%V"}),
        ("month", MONTHS.strftime("%Y%m"), MONTHS, {"type": "date", "format": "%Y%m"}),
        (
            "created_at",
            HOURS.astype("datetime64[s]").astype("int64") + 7,
            HOURS + pd.Timedelta("7s"),
            {"type": "datetime", "format": "unix s", "zone": "UTC"},
        ),
        (
            "code",
            HOURS.astype("datetime64[s]").astype("int64").astype("str"),
            HOURS,
            {"type": "datetime", "format": "unix s", "zone": "UTC"},
        ),
        (
            "ts",
            HOURS.astype("datetime64[ms]").astype("int64") + 1,
            HOURS + pd.Timedelta("1ms"),
            {"type": "datetime", "format": "unix ms", "zone": "UTC"},
        ),
        (
            "ts",
            MONTHS.astype("datetime64[ns]").astype("int64"),
            MONTHS,
            {"type": "date", "format": "unix ns", "zone": "UTC"},
        ),
        ("Datum", np.arange(44927, 44987), DAYS_OF_2023, {"type": "date", "format": "excel"}),
        (
            "Zeit",
            [f"{44927 + hour / 24:.10f}" for hour in range(60)],
            pd.date_range("2023-01-01", periods=60, freq="h"),
            {"type": "datetime", "format": "excel"},
        ),
    ],
)
def test_what_is_written_is_declared_and_read_as_the_same_moments(name, written, moments, spec):
    table = pd.DataFrame({name: written, "price": np.arange(60) % 7, "sold": np.arange(60) ** 2})
    parameters = propose_parameters(profile_table(table, "sold"))["problem"]

    assert parameters["timestamp"] == {"date": name}
    assert parameters["columns"][name] == {**spec, "known_in_advance": True}
    problem = Problem.model_validate({"name": "table", **parameters})
    found = enforce_contract(table, problem, IngestionParameters()).observations
    assert found["timestamp"].tolist() == moments.tolist()


def test_ten_digits_are_no_time_unless_a_person_says_so():
    numbers = np.random.default_rng(0).integers(10**9, 2 * 10**9, 60)

    assert first_time(member=numbers) is None
    assert time_of(read_columns(pd.DataFrame({"member": numbers})), ("member",)).format == "unix s"
