"""What the service knows of other rows, whichever way it came."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import KNOWN_ROWS, LABELS
from regression_lifecycle.serving import known_rows
from tests.serving.conftest import (
    CONTENT,
    STAMP,
    Models,
    Running,
    Start,
    StoredFrame,
    make_observations,
    row,
)

YESTERDAY = "2021-03-08T07:00:00"


def lacking(running: Running, **changes: Any) -> list[str]:
    answer = running.predict(row(**changes))
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["predictions"][0]["missing"]
    return found


def test_a_label_that_came_by_http_is_looked_back_at_in_the_next_request(
    registry: Models, start: Start
) -> None:
    running = start()
    assert lacking(running) == ["cnt 1 day before"]

    label = {"timestamp": YESTERDAY, "cnt": 26}
    assert running.client.post("/labels", json={"labels": [label]}).status_code == 200

    assert lacking(running) == []
    logged = running.logged().sort_values("served_at")
    assert logged["features"].iloc[-1].count('"cnt_before":26.0') == 1
    assert logged["missing"].notna().tolist() == [True, False]


def test_a_label_that_another_process_stored_is_found_at_the_next_look(
    registry: Models, start: Start
) -> None:
    running = start()
    label = {"problem": "tiny", "row_key": "2021-03-08 07:00:00", "target": 26.0}
    table = pd.DataFrame([{**label, "timestamp": pd.Timestamp(YESTERDAY)}])
    database.upsert_rows(running.service.configuration.store_url, LABELS, table)
    assert lacking(running) == ["cnt 1 day before"]

    running.service.following.look_at_store()

    assert lacking(running) == []


@pytest.mark.parametrize("value", [1e308, -3.0, 2.5])
def test_a_label_that_no_run_would_use_is_not_looked_back_at(
    registry: Models, start: Start, value: float
) -> None:
    running = start()
    moment = pd.Timestamp(YESTERDAY)
    labels = [{"problem": "tiny", "row_key": str(moment), "timestamp": moment, "target": value}]
    url = running.service.configuration.store_url
    database.upsert_rows(url, LABELS, LABELS.frame(labels))
    running.service.following.look_at_store()

    assert lacking(running) == ["cnt 1 day before"]


def test_observations_are_read_again_once_they_change(
    registry: Models, start: Start, problem: Problem
) -> None:
    stored = StoredFrame(make_observations(problem))
    running = start(observations=stored)
    assert lacking(running) == ["cnt 1 day before"]
    assert running.client.get("/ready").json()["history_until"] == "2021-03-07T23:00:00"

    stored.table = make_observations(problem, 24 * 8)
    running.service.following.look_at_store()

    assert lacking(running) == []
    assert running.client.get("/ready").json()["history_until"] == "2021-03-08T23:00:00"


def test_observations_that_cannot_be_read_are_told_and_change_nothing(
    registry: Models, start: Start, problem: Problem
) -> None:
    class Broken(StoredFrame):
        def load_newest(self, *_: Any) -> pd.DataFrame:
            if len(self.table) == 1:
                raise OSError("/secret/place")
            return self.table

    stored = Broken(make_observations(problem, 24 * 8))
    running = start(observations=stored)
    stored.table = stored.table.head(1)
    running.service.following.look_at_store()

    assert lacking(running) == []
    (warning,) = running.client.get("/ready").json()["warnings"]
    assert warning == "observations cannot be read: OSError"


def test_observations_that_are_gone_are_told_and_change_nothing(
    registry: Models, start: Start, problem: Problem
) -> None:
    stored = StoredFrame(make_observations(problem, 24 * 8))
    running = start(observations=stored)
    stored.state = lambda: None  # type: ignore[method-assign]
    running.service.following.look_at_store()

    assert lacking(running) == []
    (warning,) = running.client.get("/ready").json()["warnings"]
    assert warning == "the stored observations are gone; what was read of them stays"


def test_rows_sent_ahead_are_kept_once_per_key_and_predicted_by_key(
    registry: Models, start: Start
) -> None:
    running = start()

    def send(*rows: dict[str, Any]) -> Any:
        return running.client.post("/rows", json={"rows": list(rows)}).json()

    assert send(row(temp=1.0), row(day="2021-03-09", hr=8, timestamp=None)) == {
        "stored": 2,
        "received": 2,
        "replaced": 0,
    }
    assert send(row(temp=1.0)) == {"stored": 0, "received": 1, "replaced": 0}
    assert send(row()) == {"stored": 1, "received": 1, "replaced": 0}
    stored = database.read_rows(running.service.configuration.store_url, KNOWN_ROWS)
    assert list(stored["row_key"]) == ["2021-03-09 07:00:00", "2021-03-09 08:00:00"]

    by_key = running.client.post("/predict", json={"keys": [{"day": "2021-03-09", "hr": 7}]})
    by_row = running.predict(row())

    assert by_key.json()["predictions"] == by_row.json()["predictions"]
    logged = running.logged()
    assert logged["row_key"].nunique() == 1
    first, second = logged["row"].map(json.loads)
    assert first == second


def test_a_row_sent_ahead_again_stands_for_the_former_one_now_and_after_a_restart(
    registry: Models, start: Start
) -> None:
    running = start()
    running.client.post("/rows", json={"rows": [row()]})
    running.client.post("/labels", json={"labels": [{"timestamp": STAMP, "cnt": 26}]})
    running.client.post("/rows", json={"rows": [{"timestamp": STAMP, "temp": 1.0}]})
    again = start()
    tomorrow = row(timestamp="2021-03-10T07:00:00")

    for service in (running, again):
        answer = service.client.post("/predict", json={"keys": [{"timestamp": STAMP}]})
        assert answer.status_code == 422, answer.text
        assert "the row that was sent to /rows lacks holiday" in answer.text
        assert service.predict(tomorrow).json()["predictions"][0]["missing"] == []


def test_rows_older_than_the_newest_find_their_past(
    registry: Models, start: Start, problem: Problem
) -> None:
    running = start(observations=StoredFrame(make_observations(problem, 24 * 60)))

    assert lacking(running, timestamp="2021-03-05T07:00:00") == []
    assert running.client.get("/ready").json()["history_until"] == "2021-04-29T23:00:00"


def test_labels_from_before_the_history_take_no_memory(
    registry: Models, start: Start, problem: Problem
) -> None:
    running = start(observations=StoredFrame(make_observations(problem)))
    running.client.post("/labels", json={"labels": [{"timestamp": YESTERDAY, "cnt": 26}]})
    long_ago = [{"timestamp": f"2001-01-{day:02d}T07:00:00", "cnt": 1} for day in range(1, 32)]

    answer = running.client.post("/labels", json={"labels": long_ago})

    assert answer.json() == {"stored": 31, "received": 31, "replaced": 0}
    history = running.service.deployed().history
    assert history.values("cnt", "", datetime(2001, 1, 1), datetime(2001, 2, 1)) == []


def test_of_many_observations_the_newest_are_kept(
    registry: Models, start: Start, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_rows, "HISTORY_ROWS", 24 * 10)
    running = start(observations=StoredFrame(make_observations(problem, 24 * 60)))

    assert lacking(running, timestamp="2021-04-21T07:00:00") == []
    assert lacking(running, timestamp="2021-04-20T07:00:00") == ["cnt 1 day before"]


def test_a_row_that_was_not_sent_ahead_is_named(registry: Models, start: Start) -> None:
    running = start()
    running.client.post("/rows", json={"rows": [{"timestamp": "2021-03-09T08:00", "temp": 1}]})
    running.client.post("/labels", json={"labels": [{"timestamp": "2021-03-09T07:00", "cnt": 1}]})
    keys = [{"timestamp": f"2021-03-09T0{hour}:00"} for hour in (6, 7, 8)]

    answer = running.client.post("/predict", json={"keys": keys})

    assert answer.status_code == 422
    assert [mistake["message"] for mistake in answer.json()["detail"]] == [
        "no row of this key was sent to /rows",
        "no row of this key was sent to /rows",
        "the row that was sent to /rows lacks holiday",
    ]


def test_while_the_store_is_away_nobody_is_told_that_a_row_was_not_sent(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    away = f"sqlite:///{(tmp_path / 'a file' / 'lifecycle.db').as_posix()}"
    running = start(store_url=away)

    answer = running.client.post("/predict", json={"keys": [{"timestamp": "2021-03-09T06:00"}]})

    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "cannot be read from the store" in answer.text


def test_rows_and_keys_are_not_sent_together(registry: Models, start: Start) -> None:
    running = start()
    for body in ({}, {"rows": [row()], "keys": [{"timestamp": YESTERDAY}]}):
        answer = running.client.post("/predict", json=body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["message"] == "send one of rows, keys"


def test_a_row_that_lacks_too_much_is_refused_where_that_is_asked_for(
    registry: Models, start: Start
) -> None:
    running = start(maximum_missing_share=0.5)

    answer = running.predict(row())

    assert answer.status_code == 422
    assert "1 of 1 features lack what they look up: cnt 1 day before" in answer.text
    running.client.post("/labels", json={"labels": [{"timestamp": YESTERDAY, "cnt": 26}]})
    assert running.predict(row()).status_code == 200


def test_every_series_has_its_own_past(registry: Models, start: Start, problem: Problem) -> None:
    content = {
        **CONTENT,
        "columns": {**CONTENT["columns"], "shop": {"type": "category"}},
        "key": ["shop", "timestamp"],
    }
    observations = pd.concat(
        [make_observations(problem, 24 * 8).assign(shop=shop) for shop in ("a|b", "c")]
    )
    stored = StoredFrame(observations[observations["shop"] == "c"])
    running = start(problem=Problem.model_validate(content), observations=stored)

    assert lacking(running, shop="c") == []
    assert lacking(running, shop="a|b") == ["cnt 1 day before"]
    label = {"shop": "a|b", "timestamp": YESTERDAY, "cnt": 26}
    running.client.post("/labels", json={"labels": [label]})
    assert lacking(running, shop="a|b") == []


def test_the_store_may_be_away_while_a_model_comes(
    registry: Models, start: Start, tmp_path: Path, problem: Problem
) -> None:
    (tmp_path / "a file").write_text("")
    away = f"sqlite:///{(tmp_path / 'a file' / 'lifecycle.db').as_posix()}"

    running = start(store_url=away, observations=StoredFrame(make_observations(problem, 24 * 8)))

    assert lacking(running) == []


@pytest.mark.parametrize(
    ("key", "names", "series"),
    [
        ("2021-03-08 07:00:00", [], ""),
        ("2021-03-08 07:00:00|a|b", ["timestamp", "shop"], "a|b"),
        ("a|b|2021-03-08 07:00:00", ["shop", "timestamp"], "a|b"),
        ("a|2021-03-08 07:00:00|7", ["shop", "timestamp", "till"], "a|7"),
        ("a|b|2021-03-08 07:00:00|7", ["shop", "timestamp", "till"], None),
        ("7", ["till"], ""),
    ],
)
def test_the_series_is_read_off_a_key(key: str, names: list[str], series: str | None) -> None:
    from regression_lifecycle.core.data.keys import series_of_key

    columns = {
        **CONTENT["columns"],
        "shop": {"type": "category"},
        "till": {"type": "integer"},
    }
    problem = Problem.model_validate({**CONTENT, "columns": columns, "key": names})
    assert series_of_key(key, problem) == series
