from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.evaluation.challenger import (
    RetrainingParameters,
    judge_challenger,
    judging_windows,
    training_rows,
)
from regression_lifecycle.core.windows.windows import Window
from tests.shipped import parameters

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
    return [window.key for window in judging_windows(listed, moment, count)]


# --- who judges ---------------------------------------------------------------------------------


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


# --- the answer ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gate():
    return RetrainingParameters.model_validate(parameters()["retraining"]).gate


def rows(candidate, champion=None, weeks=2):
    """Two weeks; the numbers are the size of each model's errors."""
    random = np.random.default_rng(0)
    moments = pd.date_range(START, periods=weeks * 168, freq="h")
    target = random.uniform(50, 150, len(moments))
    noise = random.normal(0, 1, len(moments))
    table = pd.DataFrame(
        {
            "timestamp": moments,
            "cnt": target,
            "baseline": target + 60 * noise,
            "candidate": target + candidate * noise,
        }
    )
    return table if champion is None else table.assign(champion=target + champion * noise)


def judge(table, gate, version="3"):
    return judge_challenger(table, ("timestamp", "cnt"), gate, champion_version=version)


def test_a_better_challenger_is_promoted_with_its_evidence(gate):
    answer = judge(rows(20, 30), gate)

    assert answer["decision"] == "promote"
    assert answer["opponent"] == "champion version 3"
    assert answer["champion_version"] == "3"
    assert (answer["judged_from"], answer["judged_until"]) == (
        "2021-03-01 00:00:00",
        "2021-03-14 23:00:00",
    )
    assert answer["n_rows"] == 336
    assert set(answer["metrics"]) == {"candidate", "champion", "baseline"}
    assert {check["verdict"] for check in answer["checks"]} == {"pass"}


@pytest.mark.parametrize(("candidate", "text"), [(30, "0.0% lower"), (31, "3.3% higher")])
def test_an_equal_or_worse_challenger_is_refused(gate, candidate, text):
    answer = judge(rows(candidate, 30), gate)

    assert answer["decision"] == "refuse"
    assert text in answer["reasons"][0]
    assert "champion version 3's" in answer["reasons"][0]


def test_without_a_champion_the_baseline_is_the_opponent(gate):
    answer = judge(rows(20), gate, version="")

    assert (answer["decision"], answer["opponent"]) == ("promote", "baseline")
    assert judge(rows(70), gate, version="")["decision"] == "refuse"


def test_rows_without_a_label_are_not_counted(gate):
    table = rows(20, 30)
    table.loc[:99, "cnt"] = np.nan

    assert judge(table, gate)["n_rows"] == 236


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("3", "no complete window lies after the champion's training"),
        ("", "no complete window yet"),
    ],
)
def test_where_nothing_can_judge_the_challenger_is_refused(gate, version, reason):
    answer = judge(rows(20, 30 if version else None).iloc[:0], gate, version)

    assert answer["decision"] == "refuse"
    assert reason in answer["reasons"][0]
    assert (answer["n_rows"], answer["judged_until"], answer["metrics"]) == (0, "", {})


def test_too_few_days_refuse(gate):
    answer = judge(rows(20, 30).iloc[:72], gate)

    assert answer["decision"] == "refuse"
    assert any("3 block(s) of 1 day" in reason for reason in answer["reasons"])


def test_training_shorter_than_a_day_is_refused():
    with pytest.raises(ValidationError, match="training_length is shorter than a day"):
        RetrainingParameters(training_length="12 hours")
