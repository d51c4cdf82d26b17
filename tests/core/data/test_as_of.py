"""What is known at a moment."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.as_of import known_at, known_rows, moment_of, read_as_of
from regression_lifecycle.core.errors import ConfigurationError, StateError
from tests.engines import lazy_engine


@pytest.fixture
def table():
    """Eight days of hours, with the value 100 + its position."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    return pd.DataFrame({"timestamp": moments, "temp": 20.0, "cnt": np.arange(100, 292)})


def test_a_row_is_known_when_its_own_time_is_over(table, problem):
    known = known_rows(table, pd.Timestamp("2021-03-02"), problem)

    assert len(known) == 24
    assert known["timestamp"].max() == pd.Timestamp("2021-03-01 23:00")
    half = known_rows(table, pd.Timestamp("2021-03-02 00:30"), problem)
    assert half.equals(known)
    assert known["cnt"].dtype == "float64"
    assert table["cnt"].dtype == "int64"


def test_a_label_is_known_its_delay_later(table, make_problem):
    late = make_problem(label_delay="2 days")
    known = known_rows(table, pd.Timestamp("2021-03-04"), late, label_delay=True)

    assert len(known) == 72
    assert known["cnt"].notna().sum() == 24
    assert known.loc[known["cnt"].notna(), "timestamp"].max() == pd.Timestamp("2021-03-01 23:00")
    at_once = known_rows(table, pd.Timestamp("2021-03-04"), late, label_delay=False)
    assert at_once["cnt"].notna().all()


def test_the_moment_is_the_end_of_the_observations_unless_one_is_given(table, problem):
    assert moment_of(None, table, problem) == pd.Timestamp("2021-03-09")
    assert moment_of("2021-03-04", table, problem) == pd.Timestamp("2021-03-04")
    # At midnight the first row is not over yet, an hour later it is.
    assert moment_of("2021-03-01 01:00", table, problem)
    with pytest.raises(StateError, match="nothing is known yet, the first"):
        moment_of("2021-03-01", table, problem)


def test_a_moment_that_has_not_come_yet_is_refused(table, problem):
    today = pd.Timestamp.now().floor("s")
    assert moment_of(str(today), table, problem) == today
    with pytest.raises(StateError, match=r"has not come yet.* end at 2021-03-09"):
        moment_of(str(today + pd.Timedelta("2 days")), table, problem)
    # Rows of the future are there to be looked at.
    ahead = table.assign(timestamp=table["timestamp"] + (today.normalize() - table["timestamp"][0]))
    week = today.normalize() + pd.Timedelta("8 days")
    assert moment_of(str(week), ahead, problem) == week
    with pytest.raises(StateError, match="has not come yet"):
        moment_of(str(week + pd.Timedelta("1 s")), ahead, problem)


def test_without_a_time_the_newest_row_is_the_last_moment(make_problem):
    rows = make_problem(
        timestamp={"name": "row_time", "rows": True}, frequency="1 second", horizon="1 second"
    )
    table = pd.DataFrame({"row_time": pd.to_datetime(range(10), unit="s")})
    assert moment_of("1970-01-01 00:00:10", table, rows) == pd.Timestamp("1970-01-01 00:00:10")
    with pytest.raises(StateError, match=r"as_of row 11 .*end at row 10"):
        moment_of("1970-01-01 00:00:11", table, rows)


@pytest.mark.parametrize("value", ["yesterday", "2021-13-01", 20210301, "2021-03-01T00:00Z"])
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(ConfigurationError, match=str(value)):
        read_as_of(value, None)
    assert read_as_of(None, None) is None


@pytest.mark.parametrize("value", ["row 300", "300", 300, "1970-01-01 00:05"])
def test_a_table_without_a_time_is_looked_at_from_a_row(value, table, make_problem):
    rows = make_problem(
        timestamp={"name": "timestamp", "rows": True}, frequency="1 second", horizon="1 second"
    )
    table["timestamp"] = pd.Timestamp(0) + pd.Timedelta("2 seconds") * np.arange(len(table))

    known, moment = known_at(value, table, rows)

    assert moment == pd.Timestamp("1970-01-01 00:05")
    # A table with a time has no such moment.
    assert len(known) == 150
    with pytest.raises(ConfigurationError, match="is not a moment"):
        read_as_of("row 300", make_problem())


def test_what_is_known_ends_with_the_last_row_that_is_over(table, make_problem):
    known, moment = known_at("2021-03-02 00:30", table, make_problem())

    assert moment == pd.Timestamp("2021-03-02 00:30")
    assert known["timestamp"].max() == pd.Timestamp("2021-03-01 23:00")
    assert known["cnt"].notna().all()


def test_without_a_moment_everything_is_known(table, make_problem):
    known, moment = known_at(None, table, make_problem())

    assert (len(known), moment) == (192, pd.Timestamp("2021-03-09"))


@pytest.mark.parametrize(("label_delay", "labelled"), [(True, 24), (False, 72)])
def test_a_label_that_comes_later_is_blank_unless_the_caller_looks_after_it(
    table, make_problem, label_delay, labelled
):
    delayed = make_problem(label_delay="2 days")

    known, _ = known_at("2021-03-04", table, delayed, label_delay=label_delay)

    assert (len(known), known["cnt"].notna().sum()) == (72, labelled)


def test_before_the_first_row_is_over_nothing_is_known(table, make_problem):
    with pytest.raises(StateError, match="nothing is known yet, the first observation is"):
        known_at("2021-03-01", table, make_problem())


@lazy_engine
@pytest.mark.parametrize("label_delay", ["36 hours", "1 month"])
def test_every_engine_knows_the_same(engine, make_problem, label_delay):
    problem = make_problem(frequency="1 hour", horizon="1 hour", label_delay=label_delay)
    at = pd.date_range("2021-01-29", periods=1500, freq="h", unit="us")
    table = pd.DataFrame({"timestamp": at, "cnt": range(1500)})

    made, moment = known_at("2021-03-30 12:00", engine(table), problem)
    expected, _ = known_at("2021-03-30 12:00", table, problem)

    assert moment == pd.Timestamp("2021-03-30 12:00")
    rows = nw.from_native(made).sort("timestamp").collect().to_pandas()
    assert expected["cnt"].notna().sum() in range(1, 1500)
    assert_frame_equal(rows.astype(expected.dtypes), expected)
