from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.evaluation.challenger import (
    RetrainingParameters,
    comparison_windows,
    training_rows,
)
from regression_lifecycle.core.windows.windows import Window

START = pd.Timestamp("2021-03-01")
WEEK = pd.Timedelta("7 days")


def windows(*statuses):
    return [
        Window(
            index, f"w{index}", START + index * WEEK, START + (index + 1) * WEEK, 168, 168, status
        )
        for index, status in enumerate(statuses)
    ]


def chosen(listed, trained_until=None, count=2):
    moment = None if trained_until is None else pd.Timestamp(trained_until)
    return [window.key for window in comparison_windows(listed, moment, count)]


# --- who compares -------------------------------------------------------------------------------


def test_the_newest_complete_windows_judge():
    listed = windows(
        "complete", "complete", "underpopulated", "complete", "pending labels", "partial"
    )

    assert chosen(listed) == ["w1", "w3"]
    assert chosen(listed, count=9) == ["w0", "w1", "w3"]


def test_windows_that_the_champion_was_trained_on_do_not_judge():
    listed = windows(*["complete"] * 4)

    assert chosen(listed, "2021-03-14 23:00") == ["w2", "w3"]
    # One hour into a window is into the window.
    assert chosen(listed, "2021-03-15 00:00") == ["w3"]
    assert chosen(listed, "2021-03-28") == []


# --- what trains --------------------------------------------------------------------------------


@pytest.fixture
def table():
    moments = pd.date_range(START, periods=240, freq="h")
    return pd.DataFrame({"timestamp": moments, "temp": 1.0, "cnt": np.arange(240.0)})


def test_training_ends_before_the_judged_rows_begin(table, problem):
    before = pd.Timestamp("2021-03-05")

    training = training_rows(table, problem, before, None)

    assert training["timestamp"].max() == pd.Timestamp("2021-03-04 23:00")
    assert len(training) == 96
    assert training.index.tolist() == list(range(96))


def test_rows_without_a_label_do_not_train(table, problem):
    before = pd.Timestamp("2021-03-05")
    blank = table.assign(cnt=table["cnt"].where(table.index % 2 == 0))

    assert len(training_rows(blank, problem, before, None)) == 48
    delayed = training_rows(table, problem, before, None, pd.Timedelta("1 day"))
    assert delayed["timestamp"].max() == pd.Timestamp("2021-03-03 23:00")


def test_sliding_training_looks_back_so_far_and_no_further(table, problem):
    training = training_rows(table, problem, pd.Timestamp("2021-03-05"), pd.Timedelta("2 days"))

    assert training["timestamp"].agg(["min", "max"]).tolist() == [
        pd.Timestamp("2021-03-03"),
        pd.Timestamp("2021-03-04 23:00"),
    ]


def test_training_shorter_than_a_day_is_refused():
    with pytest.raises(ValidationError, match="training_length is shorter than a day"):
        RetrainingParameters(training_length="12 hours")
