from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regression_lifecycle.core.data.as_of import known_rows, moment_of, read_as_of
from regression_lifecycle.core.data.tables import PREDICTIONS, SERVICE_PREDICTIONS, WINDOW_HISTORY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.monitoring.logged_predictions import PredictionCoverage, adopt
from regression_lifecycle.core.monitoring.parameters import MonitoringParameters
from regression_lifecycle.core.monitoring.simulation import (
    backfill_predictions,
    mark_alarms,
    windows_since,
)
from regression_lifecycle.core.monitoring.window_plan import plan_windows
from regression_lifecycle.core.windows.windows import list_windows, window_of_rows, windows_frame
from tests.core.conftest import tiny_model

RULES = {"rules": {"bias": {"kind": "bias", "maximum": 0.1, "violations": 2, "of": 2}}}


def parameters_of(label_delay=None):
    return MonitoringParameters.model_validate(
        {
            "windows": {"length": "2 days", "origin": "2021-03-01"},
            "label_delay": label_delay,
            "deployment": {
                "level_correction": {"windows": 2, "shrinkage": 0},
                "interval": {"windows": 2, "minimum_rows": 20, "scale": "constant"},
            },
            "reference": {"kind": "training"},
            "calibration": {},
            "policy": RULES,
        }
    )


@pytest.fixture
def table():
    """Eight days of hours, with the value 100 + its position."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    return pd.DataFrame({"timestamp": moments, "temp": 20.0, "cnt": np.arange(100, 292)})


# --- what is known ------------------------------------------------------------------------------


def test_a_row_is_known_when_its_own_time_is_over(table, problem):
    known = known_rows(table, pd.Timestamp("2021-03-02"), None, problem)

    assert len(known) == 24
    assert known["timestamp"].max() == pd.Timestamp("2021-03-01 23:00")
    half = known_rows(table, pd.Timestamp("2021-03-02 00:30"), None, problem)
    assert half.equals(known)
    assert known["cnt"].dtype == "float64"
    assert table["cnt"].dtype == "int64"


def test_a_label_is_known_its_delay_later(table, problem):
    known = known_rows(table, pd.Timestamp("2021-03-04"), pd.Timedelta("2 days"), problem)

    assert len(known) == 72
    assert known["cnt"].notna().sum() == 24
    assert known.loc[known["cnt"].notna(), "timestamp"].max() == pd.Timestamp("2021-03-01 23:00")


def test_the_moment_is_the_end_of_the_observations_unless_one_is_given(table, problem):
    assert moment_of(None, table, problem) == pd.Timestamp("2021-03-09")
    assert moment_of("2021-03-04", table, problem) == pd.Timestamp("2021-03-04")
    # At midnight the first row is not over yet, an hour later it is.
    assert moment_of("2021-03-01 01:00", table, problem)
    with pytest.raises(ConfigurationError, match="nothing is known yet, the first"):
        moment_of("2021-03-01", table, problem)


@pytest.mark.parametrize("value", ["yesterday", "2021-13-01", 20210301, "2021-03-01T00:00Z"])
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(ConfigurationError, match=str(value)):
        read_as_of(value)
    assert read_as_of(None) is None


# --- what is served -----------------------------------------------------------------------------


class Constant:
    """Says 100 for every row."""

    def predict(self, features):
        return np.full(len(features), 100.0)


def model(version="1", until="2021-02-28 23:00"):
    return tiny_model(Constant(), version, until)


def look(
    table,
    problem,
    *moments,
    parameters=None,
    champions=None,
    asked_for=None,
    batches=(),
    memory=None,
):
    """Serve at one moment after the other; gives what was stored, by row."""
    parameters = parameters or parameters_of()
    windows, stored = WINDOW_HISTORY.frame(), PREDICTIONS.frame()
    for place, as_of in enumerate(moments):
        champion = champions[place] if champions else model()
        moment = pd.Timestamp(as_of)
        known = known_rows(table, moment, parameters.label_delay, problem)
        listed = list_windows(known, problem, parameters.windows, as_of=moment)
        frame = windows_frame(listed).assign(as_of=moment)
        rows = known.assign(
            window_index=window_of_rows(known, listed, problem, parameters.windows), baseline=1.0
        )
        deployed = (champion.location["version"], champion.metadata.trained_until)
        asked = SERVICE_PREDICTIONS.frame(asked_for)
        known = adopt(stored, asked, batches, rows, frame, problem)
        servings = PredictionCoverage(
            known,
            deployed[0],
            parameters.missing_predictions == "backfill",
            parameters.windows,
            problem,
        )
        plan = plan_windows(frame, rows, windows, known, deployed, problem, servings)
        made, adjustments = backfill_predictions(
            plan, rows, known, frame, champion, problem, parameters
        )
        done = plan.assign(problem=problem.name, seen_as_of=plan["as_of"])
        windows = _upsert(windows, WINDOW_HISTORY.frame(done), WINDOW_HISTORY.key)
        stored = _upsert(stored, made, PREDICTIONS.key)
        if memory is not None:
            memory.append((plan, windows, adjustments))
    return stored.sort_values(["timestamp", "model_version"]).reset_index(drop=True)


def _upsert(old, new, key):
    both = pd.concat([old, new], ignore_index=True)
    return both.drop_duplicates(list(key), keep="last").reset_index(drop=True)


def test_every_row_is_served_with_the_level_of_the_windows_before(table, problem):
    served = look(table, problem, "2021-03-09")

    assert len(served) == 192
    factors = served.groupby("window")["level_factor"].unique().map(list)
    # Rows 0-47 have a mean of 123.5, rows 48-95 of 171.5; weights 1 and 0.6.
    assert factors.tolist()[0] == [1.0]
    assert factors.tolist()[1] == [pytest.approx(1.235)]
    assert factors.tolist()[2] == [pytest.approx((171.5 + 0.6 * 123.5) / 160)]
    assert served["prediction"].equals(100 * served["level_factor"])
    assert served["lower"].isna().groupby(served["window"]).all().tolist() == [True, *[False] * 3]
    assert served["target"].tolist() == table["cnt"].tolist()


@pytest.mark.parametrize("delay", [None, "2 days"])
def test_it_does_not_matter_how_often_one_looks(table, problem, delay):
    daily = pd.date_range("2021-03-02 12:00", "2021-03-12", freq="38h")
    parameters = parameters_of(delay)

    often = look(table, problem, *daily, "2021-03-12", parameters=parameters)

    once = look(table, problem, "2021-03-12", parameters=parameters)
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
    parameters = parameters_of(delay)
    later = table["timestamp"] >= table["timestamp"][0] + window * pd.Timedelta("2 days")
    changed = table.assign(cnt=table["cnt"].where(~later, table["cnt"] * factor))

    before = look(table, problem, "2021-03-12", parameters=parameters)
    after = look(changed, problem, "2021-03-12", parameters=parameters)

    own = before["window_index"] <= window
    said = ["prediction", "lower", "upper", "level_factor", "raw_prediction"]
    pd.testing.assert_frame_equal(before.loc[own, said], after.loc[own, said])


def test_labels_that_came_after_a_window_began_are_not_used(table, problem):
    delayed = look(table, problem, "2021-03-20", parameters=parameters_of("1 hour"))

    # The second window began when the labels of the first one were an hour from being known.
    assert delayed.groupby("window")["level_factor"].first().tolist()[:2] == [1.0, 1.0]
    assert delayed.groupby("window")["level_factor"].first().tolist()[2] == pytest.approx(1.235)


def test_what_was_served_stays_and_its_label_is_filled_in(table, problem):
    parameters = parameters_of("3 days")

    early = look(table, problem, "2021-03-05", parameters=parameters)
    late = look(table, problem, "2021-03-05", "2021-03-08", parameters=parameters)

    assert early["target"].isna().sum() == 72
    assert late["target"].notna().sum() == 96
    first = late["timestamp"] < "2021-03-05"
    said = ["row_key", "prediction", "level_factor"]
    pd.testing.assert_frame_equal(late.loc[first, said].reset_index(drop=True), early[said])


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


def test_without_a_champion_nothing_is_served(problem):
    empty = plan_windows(
        pd.DataFrame(),
        pd.DataFrame(),
        WINDOW_HISTORY.frame(),
        PREDICTIONS.frame(),
        None,
        problem,
        PredictionCoverage(
            PREDICTIONS.frame().assign(adopted=False),
            "",
            True,
            parameters_of().windows,
            problem,
        ),
    )
    rows = pd.DataFrame({"timestamp": [], "cnt": [], "window_index": [], "baseline": []})

    windows = windows_frame([]).assign(as_of=pd.Timestamp("2021-03-01"))
    made, adjustments = backfill_predictions(
        empty, rows, PREDICTIONS.frame(), windows, None, problem, parameters_of()
    )

    assert made.empty
    assert adjustments.empty
    assert list(made.columns) == list(PREDICTIONS.columns)


# --- what the policy sees -----------------------------------------------------------------------


def history(*biases):
    start = pd.Timestamp("2021-03-01")
    week = pd.Timedelta("7 days")
    return pd.DataFrame(
        {
            "window": [f"w{place}" for place in range(len(biases))],
            "end": [start + (place + 1) * week for place in range(len(biases))],
            "status": "complete",
            "sum_target": 100.0,
            "sum_raw_prediction": [100.0 * (1 + bias) for bias in biases],
        },
        index=range(10, 10 + len(biases)),
    )


def test_every_window_is_marked_as_if_it_were_the_newest():
    windows = history(0.3, 0.3, 0.0, 0.3)

    marks = mark_alarms(
        windows, "1", pd.Timestamp("2021-02-28"), PolicyParameters.model_validate(RULES)
    )

    assert marks.tolist() == ["", "bias", "", ""]
    assert marks.index.equals(windows.index)
    none = mark_alarms(windows.iloc[:0], "1", pd.Timestamp("2021-02-28"), parameters_of().policy)
    assert none.empty


def test_windows_are_counted_from_the_newest_attempt():
    windows = history(0, 0, 0, 0)
    attempts = [pd.Timestamp("2021-03-08"), pd.Timestamp("2021-03-15")]

    assert windows_since([], windows) is None
    assert windows_since(attempts, windows) == 2
    assert windows_since(attempts[:1], windows) == 3
    assert windows_since([pd.Timestamp("2021-03-29")], windows) == 0
