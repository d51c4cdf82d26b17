"""Labels by HTTP: all of a request or none, as often as one likes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters import database as database
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.serving import store_intake as labels_module
from tests.serving.conftest import CONTENT, Models, Running, Start


def hand_in(running: Running, *labels: dict[str, Any]) -> Any:
    return running.client.post("/labels", json={"labels": list(labels)})


def stored(running: Running) -> dict[str, float]:
    rows = database.read_rows(running.service.configuration.store_url, LABELS)
    return dict(zip(rows["row_key"], rows["target"], strict=True))


def label(hour: int, value: Any) -> dict[str, Any]:
    return {"timestamp": f"2021-03-09T{hour:02d}:00:00", "cnt": value}


def test_the_newest_word_counts_and_repeating_it_changes_nothing(
    registry: Models, start: Start
) -> None:
    running = start(wait=False)

    assert hand_in(running, label(7, 12), label(8, 3)).json() == {
        "stored": 2,
        "received": 2,
        "replaced": 0,
    }
    assert hand_in(running, label(7, 12), label(8, 3)).json() == {
        "stored": 0,
        "received": 2,
        "replaced": 0,
    }
    assert hand_in(running, label(8, 1), label(8, 4)).json() == {
        "stored": 1,
        "received": 2,
        "replaced": 1,
    }

    assert stored(running) == {"2021-03-09 07:00:00": 12.0, "2021-03-09 08:00:00": 4.0}


@pytest.mark.parametrize(
    ("bad", "column", "message"),
    [
        (label(8, -1), "cnt", "greater than or equal to 0"),
        (label(8, 1.5), "cnt", "multiple of 1"),
        (label(8, None), "cnt", "valid number"),
        ({"cnt": 3}, None, "the time is missing; send timestamp, or day, hr"),
        ({"timestamp": None, "cnt": 3}, "timestamp", "valid string"),
        ({"timestamp": "2021-02-30", "cnt": 3}, "timestamp", "not a moment"),
        ({**label(8, 3), "hr": 3}, None, "but hr 3; correct one of them"),
        ({**label(8, 3), "temp": 3}, "temp", "unknown name"),
    ],
)
def test_one_bad_label_refuses_the_request(
    registry: Models, start: Start, bad: dict[str, Any], column: str | None, message: str
) -> None:
    running = start(wait=False)

    response = hand_in(running, label(7, 12), bad)

    assert response.status_code == 422
    (mistake,) = response.json()["detail"]
    assert (mistake["row"], mistake["column"]) == (1, column)
    assert message in mistake["message"]
    assert stored(running) == {}


def test_what_only_the_contract_knows_is_named_by_row(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(wait=False)
    accept = labels_module.accept_labels

    def stricter(table: pd.DataFrame, *more: Any) -> Any:
        return accept(table.assign(cnt=table["cnt"].where(table["cnt"] < 100)), *more)

    monkeypatch.setattr(labels_module, "accept_labels", stricter)

    response = hand_in(running, label(7, 12), label(8, 100))

    assert response.status_code == 422
    (mistake,) = response.json()["detail"]
    assert (mistake["row"], mistake["message"]) == (1, "cnt is missing")


def test_a_store_that_is_away_takes_none_and_says_so(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    away = f"sqlite:///{(tmp_path / 'a file' / 'lifecycle.db').as_posix()}"
    running = start(wait=False, store_url=away)

    response = hand_in(running, label(7, 12))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert str(tmp_path) not in response.text
    (tmp_path / "a file").unlink()
    assert hand_in(running, label(7, 12)).json()["stored"] == 1


def test_a_store_that_hangs_is_not_waited_for(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    running = start(wait=False)
    go_on = threading.Event()
    monkeypatch.setattr(labels_module, "STORE_SECONDS", 0.01)
    monkeypatch.setattr(labels_module, "MAXIMUM_WAITING", 2)
    monkeypatch.setattr(database, "upsert_rows", lambda *_: go_on.wait(30) and 1)

    answers = [hand_in(running, label(7, 12)) for _ in range(3)]
    go_on.set()

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert "in time" in answers[0].json()["detail"][0]["message"]
    assert "too many" in answers[2].json()["detail"][0]["message"]


def test_a_label_is_named_by_the_problems_own_key(registry: Models, start: Start) -> None:
    columns = {**CONTENT["columns"], "station": {"type": "integer"}, "site": {"type": "category"}}
    keyed = {**CONTENT, "columns": columns, "key": ["site", "station", "timestamp"]}
    running = start(wait=False, problem=Problem.model_validate(keyed))

    named = {"site": "north", "station": 7, **label(7, 12)}

    assert hand_in(running, named).json()["stored"] == 1
    assert stored(running) == {"north|7|2021-03-09 07:00:00": 12.0}
    assert hand_in(running, label(7, 12)).status_code == 422


@pytest.mark.parametrize("kind", ["integer", "float"])
@pytest.mark.parametrize("value", [1e308, 1e39, -(10**19), 10**400])
def test_the_service_refuses_a_label_that_nothing_could_compute_with(
    registry: Models, start: Start, kind: str, value: Any
) -> None:
    columns = {**CONTENT["columns"], "cnt": {"type": kind, "minimum": 0}}
    running = start(wait=False, problem=Problem.model_validate({**CONTENT, "columns": columns}))
    label = {"timestamp": "2021-03-09T07:00:00", "cnt": value}

    answer = running.client.post("/labels", json={"labels": [label]})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["row"] == 0
