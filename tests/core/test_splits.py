from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.splits import (
    SplitParameters,
    WindowParameters,
    assign_windows,
    split_by_time,
)

HOUR = pd.Timedelta("1 hour")


@pytest.fixture
def table():
    """Ten days of hours."""
    return pd.DataFrame({"at": pd.date_range("2021-03-01", periods=240, freq="h"), "y": range(240)})


def test_the_moment_of_the_cut_belongs_to_the_holdout(table):
    split = split_by_time(table, "at", SplitParameters(holdout_start="2021-03-08 12:00"))
    assert split.training["at"].max() == pd.Timestamp("2021-03-08 11:00")
    assert split.holdout["at"].min() == pd.Timestamp("2021-03-08 12:00")
    assert len(split.training) + len(split.holdout) == len(table)


def test_outer_bounds_are_half_open_too(table):
    parameters = SplitParameters(
        training_start="2021-03-02", holdout_start="2021-03-08", holdout_end="2021-03-09"
    )
    training, holdout = split_by_time(table, "at", parameters)
    assert training["at"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("2021-03-02 00:00"),
        pd.Timestamp("2021-03-07 23:00"),
    ]
    assert holdout["at"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("2021-03-08 00:00"),
        pd.Timestamp("2021-03-08 23:00"),
    ]


def test_both_sides_come_in_the_order_of_time_and_the_table_stays(table):
    shuffled = table.sample(frac=1, random_state=1)
    before = shuffled.copy(deep=True)
    parameters = SplitParameters(holdout_start="2021-03-08")
    for made, expected in zip(
        split_by_time(shuffled, "at", parameters),
        split_by_time(table, "at", parameters),
        strict=True,
    ):
        assert_frame_equal(made, expected)
        assert made["at"].is_monotonic_increasing
    assert_frame_equal(shuffled, before)


@pytest.mark.parametrize(
    ("parameters", "side"),
    [
        ({"holdout_start": "2021-03-01"}, "training"),
        ({"holdout_start": "2021-03-11"}, "holdout"),
        ({"holdout_start": "2022-01-02", "training_start": "2022-01-01"}, "training"),
    ],
)
def test_an_empty_side_is_refused_with_the_bounds_of_the_table(table, parameters, side):
    with pytest.raises(DataContractError, match=f"the {side} set is empty") as caught:
        split_by_time(table, "at", SplitParameters(**parameters))
    assert "runs from 2021-03-01 00:00:00 to 2021-03-10 23:00:00" in str(caught.value)
    assert "preprocessing.split.holdout_start" in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training_start": "2021-03-08"}, "training_start must lie before"),
        ({"holdout_end": "2021-03-08"}, "holdout_end must lie after"),
    ],
)
def test_bounds_out_of_order_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        SplitParameters(holdout_start="2021-03-08", **parameters)


def test_windows_of_one_length_hold_every_row_once(table):
    rows = table[table["at"] >= "2021-03-01 12:00"]
    windows = assign_windows(rows["at"], HOUR, WindowParameters(length="4 days"))
    assert windows["start"].tolist() == list(
        pd.to_datetime(["2021-03-01", "2021-03-05", "2021-03-09"])
    )
    assert windows["end"].tolist() == list(
        pd.to_datetime(["2021-03-05", "2021-03-09", "2021-03-13"])
    )
    assert windows["n"].tolist() == [84, 96, 48]
    assert windows["n"].sum() == len(rows)
    assert windows["window"].tolist()[0] == "2021-03-01 to 2021-03-04"


@pytest.mark.parametrize("last", ["2021-03-04 23:00", "2021-03-05 00:00", "2021-03-05 01:00"])
def test_the_last_row_lies_in_the_last_window(table, last):
    rows = table.loc[table["at"] <= last, "at"]
    windows = assign_windows(rows, HOUR, WindowParameters(length="2 days"))
    assert windows["n"].sum() == len(rows)
    assert windows["n"].iloc[-1] > 0


def test_windows_say_whether_they_are_complete_underpopulated_or_empty(table):
    moments = pd.concat([table["at"].iloc[:24], table["at"].iloc[48:58], table["at"].iloc[72:]])
    moments = moments[(moments < "2021-03-05") | (moments >= "2021-03-06")]
    windows = assign_windows(moments, HOUR, WindowParameters(length="1 day", minimum_rows=24))
    assert windows["status"].tolist() == [
        *("complete", "empty", "underpopulated", "complete", "empty"),
        *["complete"] * 5,
    ]
    assert windows["n"].tolist() == [24, 0, 10, 24, 0, *[24] * 5]


def test_explicit_windows_are_taken_as_they_are_with_an_open_end(table):
    parameters = WindowParameters(
        explicit=[
            {"start": "2021-03-02", "end": "2021-03-04"},
            {"start": "2021-03-04", "end": "2021-03-05"},
            {"start": "2022-01-01", "end": "2022-01-08"},
        ]
    )
    windows = assign_windows(table["at"], HOUR, parameters)
    assert windows["n"].tolist() == [48, 24, 0]
    assert windows["status"].tolist() == ["complete", "complete", "empty"]
    assert windows["window"].tolist()[:2] == [
        "2021-03-02 to 2021-03-03",
        "2021-03-04 to 2021-03-04",
    ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "give either 'length' or 'explicit'"),
        (
            {"length": "1 day", "explicit": [{"start": "2021-03-01", "end": "2021-03-02"}]},
            "give either 'length' or 'explicit'",
        ),
        (
            {
                "explicit": [
                    {"start": "2021-03-01", "end": "2021-03-03"},
                    {"start": "2021-03-02", "end": "2021-03-04"},
                ]
            },
            "windows overlap: 2021-03-01 00:00:00 to 2021-03-03",
        ),
        ({"explicit": [{"start": "2021-03-02", "end": "2021-03-02"}]}, "end after it starts"),
        ({"length": "28"}, "has no unit"),
    ],
)
def test_windows_that_make_no_sense_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        WindowParameters(**parameters)


def test_a_window_that_the_rows_do_not_fill_at_an_end_is_partial():
    moments = pd.Series(pd.date_range("2021-03-01 06:00", "2021-03-04 11:00", freq="h"))
    windows = assign_windows(moments, HOUR, WindowParameters(length="1 day", minimum_rows=1))
    assert list(windows["status"]) == ["partial", "complete", "complete", "partial"]
    assert list(windows["n"]) == [18, 24, 24, 12]
