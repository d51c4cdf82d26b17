from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.tables import PREDICTIONS, SERVICE_PREDICTIONS, WINDOW_HISTORY
from regression_lifecycle.core.monitoring.known_windows import cut_known_rows
from regression_lifecycle.core.monitoring.logged_predictions import (
    LoggedPredictions,
    merge_logged_predictions,
)
from regression_lifecycle.core.monitoring.prediction_coverage import PredictionCoverage
from regression_lifecycle.core.monitoring.window_plan import (
    PLAN_COLUMNS,
    find_changed_windows,
    newest_revisions,
    plan_windows,
    rows_by,
)
from regression_lifecycle.core.windows.parameters import WindowParameters
from tests.core.monitoring.look import all_rows, upsert
from tests.examples import tiny_model
from tests.readers import reader

PARAMETERS = WindowParameters.model_validate(
    {"kind": "length", "length": "2 days", "origin": "2021-03-01"}
)
BEFORE = pd.Timestamp("2021-02-28 23:00")


@pytest.fixture
def table():
    """Eight days of hours: four windows."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    return pd.DataFrame(
        {
            "timestamp": moments,
            "temp": range(192),
            "hour_sin": 0.5,
            "cnt": [float(i) for i in range(192)],
        }
    )


class Memory:
    """Plans, and records what was planned as the nodes do."""

    def __init__(self, problem):
        self.problem = problem
        self.windows = WINDOW_HISTORY.frame()
        self.predictions = PREDICTIONS.frame()

    def plan(self, table, as_of="2021-03-09", champion=("1", BEFORE)):
        model = None if champion is None else tiny_model(None, *champion)
        known, windows = cut_known_rows(table, pd.Timestamp(as_of), self.problem, PARAMETERS)
        self.rows = all_rows(known).assign(baseline=1.0)
        logged = LoggedPredictions(
            reader(self.predictions), reader(SERVICE_PREDICTIONS.frame()), [], self.problem
        )
        changed = find_changed_windows(windows, known, self.windows, logged, model)
        merged = merge_logged_predictions(logged, changed, self.rows)
        coverage = PredictionCoverage(merged, model, True, PARAMETERS, self.problem)
        return plan_windows(changed, self.rows, self.windows, coverage, model)

    def look(self, table, as_of="2021-03-09", champion=("1", BEFORE)):
        plan = self.plan(table, as_of, champion)
        done = plan.assign(problem=self.problem.name, seen_as_of=plan["as_of"])
        self.windows = upsert(self.windows, WINDOW_HISTORY.frame(done), WINDOW_HISTORY.key)
        served = self.rows.merge(
            plan[["window_index", "window", "model_version"]], on="window_index"
        )
        served = served.assign(
            problem=self.problem.name,
            target=served["cnt"],
        )
        self.predictions = upsert(self.predictions, PREDICTIONS.frame(served), PREDICTIONS.key)
        return [
            tuple(row) for row in plan[["window", "model_version", "action", "revision"]].values
        ]


@pytest.fixture
def memory(problem):
    return Memory(problem)


def names(*days):
    return [f"2021-03-{day:02d}" for day in days]


def test_every_window_is_new_once(memory, table):
    assert memory.look(table) == [(name, "1", "new", 0) for name in names(1, 3, 5, 7)]
    assert memory.look(table) == []
    assert list(memory.plan(table).columns) == list(PLAN_COLUMNS)


def test_predictions_that_a_killed_run_stored_unjudged_are_judged_by_the_next(memory, table):
    looked_at = memory.look(table)
    memory.windows = memory.windows.iloc[:0]

    assert len(memory.predictions)
    assert memory.look(table) == looked_at


def test_a_window_that_grew_is_looked_at_again(memory, table):
    memory.look(table, "2021-03-04")

    assert memory.windows["status"].tolist() == ["complete", "partial"]
    assert memory.look(table, "2021-03-05") == [("2021-03-03", "1", "refresh", 0)]
    assert memory.look(table, "2021-03-07") == [("2021-03-05", "1", "new", 0)]


def test_labels_that_come_late_fill_the_same_revision(memory, table):
    late = table.assign(cnt=table["cnt"].where(table["timestamp"] < "2021-03-06"))
    memory.look(late)
    assert memory.windows["status"].tolist()[2:] == ["pending labels"] * 2

    assert memory.look(table) == [(name, "1", "refresh", 0) for name in names(5, 7)]
    assert memory.look(table) == []


def test_a_window_whose_labels_never_come_is_judged_after_the_deadline(problem, table):
    memory = Memory(problem.model_copy(update={"label_deadline": pd.Timedelta("2 days")}))
    sparse = table.assign(cnt=table["cnt"].where(table.index % 5 != 0))
    memory.look(sparse, "2021-03-04 12:00")
    assert memory.windows["status"].tolist() == ["pending labels", "partial"]
    # Nothing came but time.
    memory.look(sparse, "2021-03-05")
    assert memory.windows["status"].tolist() == ["complete", "pending labels"]
    # A label that comes after all fills the same revision.
    assert memory.look(table, "2021-03-05")[0] == ("2021-03-01", "1", "refresh", 0)


def test_the_deadline_holds_for_a_version_that_answers_for_a_part(memory, table):
    memory.problem = memory.problem.model_copy(update={"label_deadline": pd.Timedelta("2 days")})
    half = table["cnt"].where(table.index % 2 == 0)
    memory.look(table.assign(cnt=half), "2021-03-03")
    window = {"window": "2021-03-01", "end": pd.Timestamp("2021-03-03"), "status": "complete"}
    rows = table.iloc[:48].assign(row_key=[str(i) for i in range(48)], cnt=half)
    mine = PREDICTIONS.frame(
        pd.DataFrame({"row_key": rows["row_key"], "model_version": "1", "window": "2021-03-01"})
    ).assign(is_new=True)
    other = mine.iloc[:4].assign(model_version="2")
    champion = tiny_model(None, "1", BEFORE)
    coverage = PredictionCoverage(
        pd.concat([mine.iloc[4:], other]), champion, True, PARAMETERS, memory.problem
    )
    statuses = [
        coverage.share({**window, "as_of": pd.Timestamp(moment)}, rows, "1")["status"]
        for moment in ("2021-03-04", "2021-03-05")
    ]
    assert statuses == ["pending labels", "complete"]


@pytest.mark.parametrize("value", [999.0, float("nan")])
def test_a_label_that_is_corrected_or_withdrawn_makes_another_revision(memory, table, value):
    memory.look(table)
    corrected = table.assign(cnt=table["cnt"].where(table.index != 60, value))

    assert memory.look(corrected) == [("2021-03-03", "1", "refresh", 1)]
    assert memory.look(corrected) == []
    newest = newest_revisions(memory.windows).set_index("window")["revision"]
    assert newest.tolist() == [0, 1, 0, 0]
    # The first word on it stays.
    assert len(memory.windows) == 5


def test_a_feature_that_changed_is_looked_at_again_without_a_revision(memory, table):
    memory.look(table)
    changed = table.assign(temp=table["temp"].where(table.index != 60, -5))

    assert memory.look(changed) == [("2021-03-03", "1", "refresh", 0)]


def test_what_another_recipe_makes_of_the_table_is_no_news(memory, table):
    memory.look(table)

    assert memory.look(table.assign(hour_sin=0.7, baseline=1.0)) == []


def test_a_row_that_came_late_is_looked_at_again(memory, table):
    memory.look(table.drop(index=60))

    assert memory.look(table) == [("2021-03-03", "1", "refresh", 0)]


def test_who_looks_from_an_earlier_moment_changes_nothing(memory, table):
    memory.look(table)

    assert memory.look(table, "2021-03-04") == []
    assert memory.look(table.assign(cnt=0.0), "2021-03-08") == []
    assert len(memory.look(table.assign(cnt=0.0), "2021-03-10")) == 4


def test_windows_that_the_champion_was_trained_on_are_not_planned(memory, table):
    until = ("1", pd.Timestamp("2021-03-04 12:00"))

    assert memory.look(table, champion=until) == [(name, "1", "new", 0) for name in names(5, 7)]
    # The row before a window belongs to the training, its first one does not.
    exactly = ("2", pd.Timestamp("2021-03-02 23:00"))
    assert memory.look(table, champion=exactly)[0] == ("2021-03-03", "2", "new", 0)
    first_row = ("3", pd.Timestamp("2021-03-01 00:00"))
    assert "2021-03-01" not in [row[0] for row in memory.look(table, champion=first_row)]


def test_a_window_stays_with_the_model_that_served_it(memory, table):
    memory.look(table, "2021-03-05")
    second = ("2", pd.Timestamp("2021-03-04 23:00"))

    assert memory.look(table, champion=second) == [(name, "2", "new", 0) for name in names(5, 7)]
    corrected = table.assign(cnt=table["cnt"] + 1)
    assert memory.look(corrected, champion=second) == [
        *((name, "1", "refresh", 1) for name in names(1, 3)),
        *((name, "2", "refresh", 1) for name in names(5, 7)),
    ]


def test_without_a_champion_nothing_is_planned(memory, table):
    assert memory.look(table, champion=None) == []
    memory.look(table)
    # Whatever changed has to wait for one.
    assert memory.look(table.assign(cnt=0.0), champion=None) == []


def test_another_problem_is_another_memory(memory, table, make_problem):
    memory.look(table)
    memory.problem = make_problem(name="other")

    assert len(memory.look(table)) == 4
    assert len(memory.windows) == 8


def test_a_row_has_the_same_key_whoever_stands_beside_it(make_problem, table):
    problem = make_problem(key=["timestamp", "hour"])
    rows = table.assign(hour=table["timestamp"].dt.hour)

    midnights = row_keys(rows[rows["hour"] == 0], problem)

    assert midnights.iloc[0] == "2021-03-01 00:00:00|0"
    assert midnights.equals(row_keys(rows, problem)[midnights.index])
    assert row_keys(rows, problem).is_unique


@pytest.mark.parametrize(
    "moments",
    [
        [],
        ["2021-03-01", None],
        ["2021-03-01 00:00:00", "2021-03-01 12:30:15"],
        ["2021-03-01 00:00:00.250", "2021-03-01 01:00:00"],
    ],
)
def test_a_moment_is_written_in_one_way_whatever_stands_beside_it(make_problem, moments):
    stamps = pd.Series(pd.to_datetime(moments, format="ISO8601")).astype("datetime64[us]")

    keys = row_keys(pd.DataFrame({"timestamp": stamps}), make_problem())

    assert keys.tolist() == [str(stamp) for stamp in stamps]


def test_series_that_come_and_go_are_recorded_with_their_window(table, make_problem):
    columns = {**make_problem().model_dump()["columns"], "shop": {"type": "category"}}
    memory = Memory(make_problem(columns=columns, key=["timestamp", "shop"]))
    shops = table.merge(pd.DataFrame({"shop": ["a", "b", "c"]}), how="cross")
    day = shops["timestamp"].dt.day
    gone = ((shops["shop"] == "b") & (day > 4)) | ((shops["shop"] == "c") & (day < 4))

    memory.look(shops[~gone])

    named = memory.windows[["n_series", "new_series", "vanished_series"]]
    assert named.to_numpy().tolist() == [[2, "", ""], [3, "c", ""], [2, "", "b"], [2, "", ""]]


@pytest.mark.parametrize("has_moment", [True, False])
def test_windows_are_asked_for_by_the_moments_of_answers_or_else_by_their_rows(
    problem, table, has_moment
):
    moments = pd.to_datetime(["2021-03-03 05:00", "2021-03-07 00:00", "2021-04-01 00:00"])
    answers = pd.DataFrame(
        {
            "problem": problem.name,
            "row_key": moments.astype(str),
            "timestamp": moments if has_moment else pd.NaT,
            "recorded_at": "2021-03-05T00:00:00.000000+00:00",
        }
    )
    logged = LoggedPredictions(
        reader(PREDICTIONS.frame()), reader(answers.astype({"timestamp": "M8[us]"})), [], problem
    )
    known, _ = cut_known_rows(table, pd.Timestamp("2021-03-09"), problem, PARAMETERS)

    assert logged.windows_asked_since(None, known) == {1, 3}
    assert logged.windows_asked_since(pd.Timestamp("2021-03-04"), known) == {1, 3}
    assert logged.windows_asked_since(pd.Timestamp("2021-03-06"), known) == set()


def test_rows_are_sorted_into_groups_in_their_order():
    rows = pd.DataFrame({"window": ["b", "a", "b"], "version": ["1", "1", "2"], "x": [1, 2, 3]})

    assert rows_by(rows, "window")("b")["x"].tolist() == [1, 3]
    assert rows_by(rows, "window", "version")("b", "2")["x"].tolist() == [3]
    assert rows_by(rows, "window", "version")("a", "2").empty
