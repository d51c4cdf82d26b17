"""Rows whose time must be a mistake, and pauses that are none."""

from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.calendar.moments import assemble_moments, believed_span
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract

YEAR = pd.Timedelta("366 days")


def hours(start, count):
    return list(pd.date_range(start, periods=count, freq="h").strftime("%Y-%m-%dT%H:%M"))


def days(start, count, step=1):
    return list(pd.date_range(start, periods=count, freq=f"{step}D").strftime("%Y-%m-%d"))


def strays(make_problem, moments, maximum_gap=YEAR, share=0.5):
    columns = {"at": {"type": "datetime"}, "cnt": {"type": "integer"}}
    problem = make_problem(timestamp={"date": "at"}, columns=columns, forbidden_columns={})
    parameters = IngestionParameters(maximum_rejected_share=share, maximum_gap=maximum_gap)
    return enforce_contract(pd.DataFrame({"at": moments, "cnt": 1}), problem, parameters).rejected


@pytest.mark.parametrize("mistakes", [["2203-01-05"], ["2261-12-31"], ["2032-01-01T05:00"]])
@pytest.mark.parametrize("table", [hours("2021-01-01", 2000), days("2021-01-01", 30)])
def test_a_row_of_a_far_future_is_set_aside_and_named(make_problem, mistakes, table):
    rejected = strays(make_problem, [*table[:7], *mistakes, *table[7:]])
    assert rejected["raw_row"].tolist() == [8]
    assert rejected["at"].tolist() == mistakes
    assert (
        rejected["rejection_reason"]
        .item()
        .startswith("timestamp is more than 366 days, or a tenth of the table's length, away")
    )


@pytest.mark.parametrize("mistake", ["2012-01-01", "2011-05-30", "2010-06-01"])
def test_one_row_a_tenth_of_the_table_away_is_set_aside(make_problem, mistake):
    rejected = strays(make_problem, [*hours("2011-01-01", 24 * 129), mistake])
    assert rejected["at"].tolist() == [mistake]


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_table_that_goes_on_after_a_pause_is_believed_at_its_fourth_row_of_three_thousand(
    make_problem, n_rows
):
    table = hours("2011-01-01", 3000)
    assert len(strays(make_problem, [*table, *hours("2011-10-01", n_rows)])) == n_rows
    assert strays(make_problem, [*table, *hours("2011-10-01", 4)]).empty


def test_several_mistakes_do_not_hide_each_other(make_problem):
    moments = ["1900-01-01", *hours("2021-01-01", 2000), "2203-01-05", "9999-12-31", "9999-12-31"]
    rejected = strays(make_problem, moments)
    # The last one repeats a key, and is no better for it.
    assert rejected["raw_row"].tolist() == [1, 2002, 2003, 2004]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(hours("2021-01-01", 3000) + hours("2024-01-01", 3000), id="pause of years"),
        pytest.param(hours("2021-01-01", 3000) + hours("2022-05-01", 4), id="back after a year"),
        pytest.param(hours("2021-01-01", 3000) + hours("2024-01-01", 40), id="going on"),
        pytest.param(hours("2021-01-01", 30), id="30 hours"),
        pytest.param(days("2021-01-01", 30, step=30), id="30 months"),
        pytest.param([*days("1990-01-01", 25, step=200), "2008-01-01"], id="irregular"),
        pytest.param(["2001-01-01", "2001-01-02", "2021-01-01"], id="three rows"),
    ],
)
def test_a_real_pause_hurts_no_row(make_problem, table):
    assert strays(make_problem, table).empty


def test_a_piece_of_a_table_is_held_against_what_is_known():
    known = pd.Series(pd.date_range("2021-01-01", periods=2000, freq="h"))
    piece = pd.Series(pd.to_datetime(["2021-03-26", "2203-01-05", "2021-03-27"]))
    first, last = believed_span(piece, YEAR, known)
    assert (first, last) == (known.iloc[0], piece.iloc[2])
    first, last = believed_span(piece, YEAR)
    assert (first, last) == (piece.min(), piece.max())


def test_every_gap_is_believed_where_none_is_named(make_problem):
    assert strays(make_problem, [*hours("2021-01-01", 2000), "2203-01-05"], None).empty


def test_the_message_of_a_refused_table_names_the_row(make_problem):
    with pytest.raises(DataContractError, match=r"first in row 31: '2203-01-05 00:00:00'"):
        strays(make_problem, [*days("2021-01-01", 30), "2203-01-05"], share=0.01)


def test_a_row_that_is_broken_otherwise_says_nothing_about_the_gap(make_problem):
    moments = [*hours("2021-01-01", 2000), "2203-01-05"]
    columns = {"at": {"type": "datetime", "maximum": "2030-01-01"}, "cnt": {"type": "integer"}}
    problem = make_problem(timestamp={"date": "at"}, columns=columns, forbidden_columns={})
    parameters = IngestionParameters(maximum_gap=YEAR)
    rejected = enforce_contract(
        pd.DataFrame({"at": moments, "cnt": 1}), problem, parameters
    ).rejected
    assert rejected["rejection_reason"].tolist() == ["at is above 2030-01-01 00:00:00"]


def test_a_day_and_the_time_of_day_make_a_moment():
    days = pd.Series(pd.to_datetime(["2024-01-05", "2024-01-06", "2024-01-07"]))
    clock = pd.Series(pd.to_datetime(["1900-01-01 00:30:00", "1900-01-01 23:59:30", None]))

    assert assemble_moments({"date": days, "time": clock}).tolist() == [
        pd.Timestamp("2024-01-05 00:30"),
        pd.Timestamp("2024-01-06 23:59:30"),
        pd.NaT,
    ]


def test_hour_24_is_the_midnight_behind_the_day():
    parts = {"date": pd.Series(pd.to_datetime(["2024-02-29"] * 3)), "hour": pd.Series([1, 24, 25])}

    assert assemble_moments(parts).tolist() == [
        pd.Timestamp("2024-02-29 01:00"),
        pd.Timestamp("2024-03-01 00:00"),
        pd.NaT,
    ]
