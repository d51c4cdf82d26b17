"""Lengths of time as they are written, and the arithmetic of months, quarters and years."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.durations import (
    CalendarDuration,
    duration_text,
    is_at_least,
    is_multiple,
    longest,
    period_number,
    period_start,
    read_duration,
    shift_rows,
    shortest,
    steps_to_cover,
    usual_length,
    whole_steps,
)
from regression_lifecycle.core.errors import ConfigurationError

JANUARY_END = pd.Timestamp("2020-01-31")
MONTH = CalendarDuration(1)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("7 days", pd.Timedelta(days=7)),
        ("1 hour", pd.Timedelta(hours=1)),
        ("1 hours", pd.Timedelta(hours=1)),
        ("2 weeks", pd.Timedelta(days=14)),
        ("1.5 hours", pd.Timedelta(minutes=90)),
        ("0.1 seconds", pd.Timedelta(milliseconds=100)),
        ("1 month", CalendarDuration(1)),
        ("2 quarters", CalendarDuration(6)),
        ("3 years", CalendarDuration(36)),
        (pd.Timedelta(days=2), pd.Timedelta(days=2)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: Any, duration: Any) -> None:
    assert read_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        *("28 days", "1 day", "36 hours", "100 seconds", "1000 seconds", "0.5 seconds"),
        *("1 month", "1 quarter", "18 months", "1 year", "5 years"),
    ],
)
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert duration_text(read_duration(text)) == text


# pandas reads a bare number as nanoseconds: a horizon of "7" would let every leak through.
@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 ", "7.5", "-7", np.int64(7), True])
def test_a_duration_without_a_unit_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="has no unit; write for example '7 days'"):
        read_duration(value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        # pandas read these two as one minute.
        ("P1M", "'1 month'"),
        ("1m", "'1 minute' or '1 month'"),
        ("PT1H", "'1 hour'"),
        ("P1DT12H", "'36 hours'"),
        ("P2Y", "'2 years'"),
        ("1h", "'1 hour'"),
        ("4W", "'4 weeks'"),
        ("MS", "'1 month'"),
        ("QS", "'1 quarter'"),
        ("monthly", "'1 month'"),
        ("month", "'1 month'"),
        ("1 Month", "'1 month'"),
        ("1  month", "'1 month'"),
        ("7days", "'7 days'"),
        ("1 mnth", "'1 month'"),
        ("1 quater", "'1 quarter'"),
        ("90min", "'90 minutes'"),
        ("01:30:00", "'90 minutes'"),
        ("1 day 12 hours", "'36 hours'"),
        ("7 days 00:00:00", "'7 days'"),
    ],
)
def test_another_spelling_is_refused_with_the_right_one(text: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a duration; did you mean") as error:
        read_duration(text)
    assert f"did you mean {meant}?" in str(error.value)


@pytest.mark.parametrize("value", ["a week ago", None, [1], "NaT", "now", "2 months 3 days", ""])
def test_what_is_no_duration_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="a number, a blank and one of second, minute"):
        read_duration(value)


def test_half_a_month_has_no_length() -> None:
    with pytest.raises(ConfigurationError, match=r"1\.5 months': a month has no fixed length"):
        read_duration("1.5 months")


@pytest.mark.parametrize("value", ["0 days", "-1 day", "0 months", "-1 years"])
def test_a_duration_must_be_above_zero(value: str) -> None:
    with pytest.raises(ConfigurationError, match="above zero"):
        read_duration(value)


@pytest.mark.parametrize("value", ["9999999999999 days", "99999999999 years", "2000 years"])
def test_a_duration_beyond_all_tables_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="longer than any table"):
        read_duration(value)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2020-01-31", 1, "2020-02-29"),
        ("2021-01-31", 1, "2021-02-28"),
        ("2020-02-29", 12, "2021-02-28"),
        ("2020-12-31 06:00", 2, "2021-02-28 06:00"),
        ("2020-01-01", 3, "2020-04-01"),
    ],
)
def test_months_end_where_their_last_day_is(start: str, months: int, end: str) -> None:
    moment, later = pd.Timestamp(start), pd.Timestamp(end)
    assert moment + CalendarDuration(months) == later
    column = pd.Series([moment]).astype("datetime64[us]") + CalendarDuration(months)
    assert column.tolist() == [later]
    assert column.dtype == "datetime64[us]"


def test_months_and_days_add_up() -> None:
    both = pd.Timedelta("7 days") + MONTH + pd.Timedelta("1 day")
    assert duration_text(both) == "1 month and 8 days"
    assert both + JANUARY_END == JANUARY_END + both == pd.Timestamp("2020-03-08")
    assert JANUARY_END - CalendarDuration(2) == pd.Timestamp("2019-11-30")
    assert 3 * CalendarDuration(4) == CalendarDuration(12)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("1 month", 28, 31),
        ("2 months", 59, 62),
        ("1 quarter", 89, 92),
        ("1 year", 365, 366),
        # Eight years lie between the leap days around 1900.
        ("4 years", 1460, 1461),
        ("7 days", 7, 7),
    ],
)
def test_a_month_has_no_one_length(text: str, least: int, most: int) -> None:
    duration = read_duration(text)
    assert (shortest(duration).days, longest(duration).days) == (least, most)
    assert shortest(duration) <= usual_length(duration) <= longest(duration)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1 month", "28 days", True),
        ("1 month", "29 days", False),
        ("31 days", "1 month", True),
        ("30 days", "1 month", False),
        ("1 quarter", "3 months", True),
        ("1 year", "365 days", True),
        ("365 days", "1 year", False),
        ("2 days", "1 day", True),
    ],
)
def test_a_duration_is_at_least_another_one_wherever_they_begin(
    one: str, other: str, expected: bool
) -> None:
    assert is_at_least(read_duration(one), read_duration(other)) is expected


def test_how_many_steps_there_are() -> None:
    assert whole_steps(JANUARY_END, pd.Timestamp("2020-02-29"), MONTH) == 1
    assert whole_steps(JANUARY_END, pd.Timestamp("2020-02-28"), MONTH) == 0
    assert whole_steps(JANUARY_END, pd.Timestamp("2020-01-30"), MONTH) == -1
    starts = pd.Series(pd.to_datetime(["2019-11-15", None, "2020-01-01"]))
    assert whole_steps(starts, JANUARY_END, MONTH).tolist() == [2, pd.NA, 0]
    assert steps_to_cover(MONTH, MONTH) == 1
    assert steps_to_cover(MONTH + pd.Timedelta("7 days"), MONTH) == 2
    assert steps_to_cover(MONTH, pd.Timedelta("7 days")) == 5
    assert steps_to_cover(pd.Timedelta("10 days"), pd.Timedelta("7 days")) == 2
    assert is_multiple(CalendarDuration(12), CalendarDuration(3))
    assert not is_multiple(pd.Timedelta("365 days"), MONTH)


def test_periods_are_those_of_the_calendar() -> None:
    moments = pd.Series(pd.to_datetime(["2019-12-31", "2020-01-01", "2020-03-31"]))
    assert period_number(moments, CalendarDuration(3)).diff().tolist()[1:] == [1, 0]
    assert period_number(moments, MONTH).diff().tolist()[1:] == [1, 2]


@pytest.mark.parametrize(
    ("months", "start"),
    [
        (1, "2020-08-01"),
        (3, "2020-07-01"),
        (6, "2020-07-01"),
        (12, "2020-01-01"),
        (24, "2020-01-01"),
        (5, "2020-08-01"),
    ],
)
def test_a_quarter_begins_with_its_first_month(months: int, start: str) -> None:
    moment = pd.Timestamp("2020-08-31 12:00")
    assert period_start(moment, CalendarDuration(months)) == pd.Timestamp(start)


def test_rows_of_month_ends_are_followed_by_month_ends() -> None:
    moments = pd.Series([pd.Timestamp("2020-02-29")]).astype("datetime64[us]")
    ends, days = (shift_rows(moments, MONTH, pd.Series([1]), kept) for kept in (True, False))
    assert ends.tolist() == [pd.Timestamp("2020-03-31")]
    assert days.tolist() == [pd.Timestamp("2020-03-29")]
