"""Rows that nobody asked for get what they would have been served with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.data.tables import PREDICTIONS
from tests.core.monitoring.look import Settings, Store, look, model


@pytest.fixture
def table():
    """Eight days of hours, with the value 100 + its position."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    return pd.DataFrame({"timestamp": moments, "temp": 20.0, "cnt": np.arange(100, 292)})


def test_every_row_is_served_with_the_level_of_the_windows_before(table, problem):
    served = look(table, problem, "2021-03-09")

    assert len(served) == 192
    factors = served.groupby("window")["level_factor"].unique().map(list)
    # It has proven itself in two windows before it is used. The first three have means of 123.5,
    # 171.5 and 219.5; each weighs 0.3 of the next. Levels that proved themselves prove one whose
    # gain is twice theirs at most.
    proven = (0.235, (0.715 + 0.3 * 0.235) / 1.3)
    level = (1.195 + 0.3 * 0.715 + 0.09 * 0.235) / 1.39
    share = sum(former**2 for former in proven) / (level**2 / 2)
    assert factors.tolist()[:3] == [[1.0]] * 3
    assert factors.tolist()[3] == [pytest.approx(1 + level * share)]
    assert served["prediction"].equals(100 * served["level_factor"])
    assert served["lower"].isna().groupby(served["window"]).all().tolist() == [True, *[False] * 3]
    assert served["target"].tolist() == table["cnt"].tolist()


@pytest.mark.parametrize("delay", [None, "2 days"])
def test_it_does_not_matter_how_often_one_looks(table, problem, delay):
    daily = pd.date_range("2021-03-02 12:00", "2021-03-12", freq="38h")
    late = Settings(delay)

    often = look(table, problem, *daily, "2021-03-12", settings=late)

    once = look(table, problem, "2021-03-12", settings=late)
    pd.testing.assert_frame_equal(often, once)


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(window=st.integers(0, 3), factor=st.floats(0, 3), delay=st.sampled_from([None, "1 day"]))
def test_what_a_window_was_served_with_never_depends_on_later_labels(
    table, problem, window, factor, delay
):
    late = Settings(delay)
    later = table["timestamp"] >= table["timestamp"][0] + window * pd.Timedelta("2 days")
    changed = table.assign(cnt=table["cnt"].where(~later, table["cnt"] * factor))

    before = look(table, problem, "2021-03-12", settings=late)
    after = look(changed, problem, "2021-03-12", settings=late)

    own = before["window_index"] <= window
    said = ["prediction", "lower", "upper", "level_factor", "raw_prediction"]
    pd.testing.assert_frame_equal(before.loc[own, said], after.loc[own, said])


def test_labels_that_came_after_a_window_began_are_not_used(table, problem):
    at_once = look(table, problem, "2021-03-20")
    delayed = look(table, problem, "2021-03-20", settings=Settings("1 hour"))

    # The fourth window began when the labels of the third one were an hour from being known, and
    # those of the first two alone prove nothing.
    assert at_once.groupby("window")["level_factor"].first().tolist()[3] > 1
    assert delayed.groupby("window")["level_factor"].first().tolist() == [1.0] * 4


def test_what_was_served_stays_and_its_label_is_filled_in(table, problem):
    late = Settings("3 days")

    early = look(table, problem, "2021-03-05", settings=late)
    later = look(table, problem, "2021-03-05", "2021-03-08", settings=late)

    assert early["target"].isna().sum() == 72
    assert later["target"].notna().sum() == 96
    first = later["timestamp"] < "2021-03-05"
    said = ["row_key", "prediction", "level_factor"]
    pd.testing.assert_frame_equal(later.loc[first, said].reset_index(drop=True), early[said])


def test_another_champion_serves_what_comes_and_leaves_what_was_served(table, problem):
    second = model("2", "2021-03-04 23:00")

    served = look(table, problem, "2021-03-05", "2021-03-09", champions=[model(), second])

    assert served.groupby("window")["model_version"].unique().map(list).tolist() == [
        *[["1"]] * 2,
        *[["2"]] * 2,
    ]
    factors = served.groupby("window")["level_factor"].first().tolist()
    # Its level is its own: the first window of a new model is served as it says.
    assert factors[2] == 1.0
    # The interval is learnt from what was served, whoever served it.
    assert served.loc[served["window_index"] == 2, "upper"].notna().all()


def test_without_a_champion_nothing_is_predicted(table, problem):
    store = Store()

    assert look(table, problem, "2021-03-09", champions=[None], store=store).empty

    assert store.plan.empty
    assert store.adjustments.empty
    assert list(store.predictions.columns) == list(PREDICTIONS.columns)


def test_only_predictions_of_the_windows_that_are_learnt_from_are_read(problem):
    moments = pd.date_range("2021-03-01", periods=40 * 24, freq="h")
    table = pd.DataFrame({"timestamp": moments, "temp": 20.0, "cnt": np.arange(len(moments))})
    store = Store()
    look(table, problem, "2021-04-08", store=store)
    assert store.predictions["window"].nunique() == 19

    look(table, problem, "2021-04-10", store=store)

    read = {window for rows in store.read for window in rows["window"]}
    # On the evidence of eight, each of which would have followed the four before.
    newest = pd.date_range(end="2021-04-06", periods=12, freq="2D").strftime("%Y-%m-%d")
    assert read == set(newest)
    nothing_new = Store(store.windows, store.predictions)
    look(table, problem, "2021-04-10", store=nothing_new)
    assert nothing_new.plan.empty
    assert max(window for rows in nothing_new.read for window in rows["window"]) == "2021-04-08"
    pd.testing.assert_frame_equal(nothing_new.adjustments, store.adjustments)
