"""A figure is that of the rows that it names, and a store that says two things says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.evaluation.window_metrics import measure_rows
from regression_lifecycle.core.monitoring.consistency import (
    find_wrong_champion,
    find_wrong_figures,
    find_wrong_questions,
)
from regression_lifecycle.core.monitoring.window_plan import newest_revisions
from regression_lifecycle.runtime.tick import check_store
from tests.conftest import copy_project
from tests.core.monitoring.look import Settings, Store, look, model
from tests.examples import tiny_problem
from tests.loop import PROMOTED_AT, PROMOTING, tick

PROBLEM = tiny_problem()
NO_SEGMENTS = pd.DataFrame({name: [] for name in ("window", "model_version", "segment", "n")})
CHAMPIONS = {"1": "2021-02-28 23:00", "2": "2021-02-28 23:00", "3": "2021-03-02 23:00"}
START, N = pd.Timestamp("2021-03-01"), 240


def measured(store: Store) -> pd.DataFrame:
    """Windows with the RMSE of what the run had in its hands, as the nodes compute it."""
    windows = newest_revisions(store.windows)
    errors = []
    for row in windows.to_dict("records"):
        mine = store.predictions[
            (store.predictions["window"] == row["window"])
            & (store.predictions["model_version"] == row["model_version"])
        ]
        errors.append(measure_rows(mine.rename(columns={"target": "cnt"}), PROBLEM)["rmse"])
    return windows.assign(rmse=errors)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("backfill", [True, False])
def test_whatever_happened_between_the_looks_a_window_counts_its_own_rows(
    seed: int, backfill: bool
) -> None:
    """Promotions and rollbacks in between, rows that go and come, late labels, looks back."""
    random, store, as_of = np.random.default_rng(seed), Store(), 10
    stamps = pd.date_range(START, periods=N, freq="h").astype("datetime64[us]")
    table = pd.DataFrame({"timestamp": stamps, "temp": 1.0, "cnt": random.normal(100, 10, N)})
    there, labelled, asked = np.ones(N, bool), random.random(N) < 0.9, []
    for _ in range(6):
        as_of = min(N, as_of + int(random.integers(1, 60)))
        champion = str(random.choice(list(CHAMPIONS)))
        there = random.random(N) < 0.98 if random.random() < 0.4 else there
        labelled |= random.random(N) < 0.3
        served_by = str(random.choice(list(CHAMPIONS)))
        for place in random.integers(max(0, as_of - 30), min(N, as_of + 20), 5):
            asked.append(
                {
                    **{"problem": "tiny", "request_id": str(len(asked)), "row_number": 0},
                    "served_at": START + pd.Timedelta(minutes=len(asked)),
                    "row_key": str(stamps[place]),
                    "timestamp": stamps[place],
                    "model_version": served_by,
                    "trained_until": pd.Timestamp(CHAMPIONS[served_by]),
                    **{"raw_prediction": 90.0, "prediction": 90.0},
                    **{"level_factor": 1.0, "level_shift": 0.0},
                }
            )
        back = 40 if random.random() < 0.2 else 0
        look(
            table.assign(cnt=table["cnt"].where(labelled))[there],
            PROBLEM,
            START + pd.Timedelta(hours=max(8, as_of - back)),
            settings=Settings(backfill=backfill),
            champions=[model(champion, CHAMPIONS[champion])],
            asked_for=pd.DataFrame(asked),
            store=store,
        )

        assert find_wrong_figures(measured(store), store.predictions, NO_SEGMENTS, PROBLEM) == []


def whole() -> tuple[pd.DataFrame, pd.DataFrame]:
    store, hours = Store(), pd.date_range(START, periods=48, freq="h").astype("datetime64[us]")
    table = pd.DataFrame({"timestamp": hours, "temp": 1.0, "cnt": np.arange(48.0)})
    look(table, PROBLEM, "2021-03-03", store=store)
    return measured(store), store.predictions


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.head(5), "48 rows, 48 of them labelled; 5 predictions are stored"),
        (lambda rows: rows.assign(target=rows["target"].where(rows.index < 5)), "5 with a target"),
        (lambda rows: rows.assign(prediction=rows["prediction"].where(rows.index < 5)), "43 lab"),
        (lambda rows: rows.assign(target=rows["target"] + 1), "its 48 stored rows give"),
    ],
)
def test_a_figure_of_other_rows_is_found(change, told: str) -> None:  # type: ignore[no-untyped-def]
    windows, predictions = whole()
    assert find_wrong_figures(windows, predictions, NO_SEGMENTS, PROBLEM) == []

    (said,) = find_wrong_figures(windows, change(predictions), NO_SEGMENTS, PROBLEM)

    assert said.startswith("window 2021-03-01 of version 1")
    assert told in said


def test_segments_are_parts_of_their_window() -> None:
    windows, predictions = whole()
    segments = pd.DataFrame({"window": "2021-03-01", "model_version": "1", "segment": "hr"}, [0, 1])

    for n, n_wrong in ((24, 0), (25, 1)):
        found = find_wrong_figures(windows, predictions, segments.assign(n=n), PROBLEM)
        assert len(found) == n_wrong


def test_the_champion_is_the_one_of_the_ledger() -> None:
    moves = pd.DataFrame(
        {
            "problem": "tiny",
            "decision": ["promote", "promote", "rollback"],
            "candidate_version": ["1", "2", "1"],
            "champion_version_before": [None, "1", "2"],
        }
    )
    assert find_wrong_champion(moves, "1", PROBLEM) == []
    assert find_wrong_champion(moves.head(0), "", PROBLEM) == []
    assert "the next tick puts it in place" in find_wrong_champion(moves, "2", PROBLEM)[0]
    assert find_wrong_champion(moves, "7", PROBLEM) == [
        "version 7 is champion, and the ledger's newest champion is version 1"
    ]
    assert "no version is champion" in find_wrong_champion(moves, "", PROBLEM)[0]


def test_one_version_waits_for_approval_and_is_not_champion() -> None:
    waits = {"decision_id": "a", "problem": "tiny", "kind": "promotion", "decision": "waiting"}
    waits |= {"as_of": "2021-03-01", "judged_until": "2021-03-01", "reasons": None}
    waits |= {"candidate_version": "4", "champion_version_before": "3"}
    answered = {**waits, "kind": "approval", "decision": "superseded"}
    second = {**waits, "candidate_version": "5"}

    def found(champion: str, *rows: dict[str, Any], registered: str = "345") -> list[str]:
        ledger = pd.DataFrame(rows)
        return find_wrong_questions(ledger, champion, lambda v: v in registered, PROBLEM)

    assert found("3", waits, answered, second) == []
    assert found("3", waits, second) == ["versions 4, 5 wait for approval, and only one can"]
    assert found("4", waits) == ["version 4 is champion, and by the ledger it waits for approval"]
    assert found("3", waits, registered="3") == [
        "version 4 waits for approval, and MLflow has no such version; refuse it"
    ]


@pytest.mark.slow
@pytest.mark.xdist_group("running")
def test_a_store_that_was_changed_by_hand_is_told_by_the_check_and_by_the_next_tick(
    promoted_project_once: Path,
    tmp_path: Path,
    in_folder: Callable[[Path], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    project = in_folder(copy_project(promoted_project_once, tmp_path / "project"))
    assert check_store(project, "test") == []

    with sqlite3.connect(project / "data/test/lifecycle.db") as connection:
        connection.execute(
            "delete from predictions where window = '2011-03-12' and rowid % 30 != 0"
        )

    (told,) = check_store(project, "test")
    assert told.startswith("window 2011-03-12 of version 1 counts 163 rows")
    assert "contradicts itself" not in caplog.text
    tick(project, PROMOTED_AT, **PROMOTING)
    assert f"The store contradicts itself: {told}" in caplog.text
