"""Requests that wait share a call of the model, and none of them pays for another."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from regression_lifecycle.serving import active_model as deployed_module
from regression_lifecycle.serving.active_model import LoadedModel
from tests.serving.conftest import Models, Running, Start, at, row, wait_until


class Gate:
    """Holds the thread that predicts, and counts what it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[int] = []
        predict = LoadedModel.predict

        def counted(model: LoadedModel, values: Any) -> Any:
            if threading.current_thread().name == "predicting":
                self.batches.append(len(values))
                self.entered.set()
                assert self.open.wait(30)
            return predict(model, values)

        monkeypatch.setattr(LoadedModel, "predict", counted)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


def ask(
    running: Running, *requests: list[dict[str, Any]], waiting: bool = True
) -> tuple[list[threading.Thread], Any]:
    """Send requests one after the other, without waiting for their answers."""
    answers: dict[int, Any] = {}
    threads = []
    for number, rows in enumerate(requests):
        threads.append(
            threading.Thread(
                target=lambda n=number, r=rows: answers.update({n: running.predict(*r)})
            )
        )
        before = running.service.batching.waiting_rows
        threads[-1].start()
        if waiting:
            wait_until(lambda b=before: running.service.batching.waiting_rows > b)
    return threads, answers


def finish(gate: Gate, threads: list[threading.Thread]) -> None:
    gate.open.set()
    for thread in threads:
        thread.join()


def test_what_waits_is_predicted_in_one_call_and_sorted_out_again(
    registry: Models, start: Start, gate: Gate
) -> None:
    running = start()
    first, _ = ask(running, [row()], waiting=False)
    assert gate.entered.wait(30)
    others, more = ask(running, [at(0)], [at(1), at(2)], [at(3)])
    finish(gate, first + others)

    assert gate.batches == [1, 4]
    gate.batches.clear()
    alone = [running.predict(at(hour)).json()["predictions"][0] for hour in range(4)]
    together = [p for n in range(3) for p in more[n].json()["predictions"]]
    assert together == alone
    assert len(set(running.logged()["request_id"])) == 8


def test_a_batch_has_a_largest_size(registry: Models, start: Start, gate: Gate) -> None:
    running = start(maximum_batch_rows=3)
    first, _ = ask(running, [row()], waiting=False)
    assert gate.entered.wait(30)
    others, answers = ask(running, [row()] * 2, [row()] * 2, [row()] * 5)
    finish(gate, first + others)

    assert gate.batches == [1, 2, 2, 5]
    assert {answer.status_code for answer in answers.values()} == {200}


def test_what_would_have_to_wait_too_long_is_turned_away(
    registry: Models, start: Start, gate: Gate
) -> None:
    running = start(maximum_rows=3, maximum_queue_rows=3)
    first, _ = ask(running, [row()], waiting=False)
    assert gate.entered.wait(30)
    others, _ = ask(running, [row()] * 2)

    refused = running.predict(row(), row())

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    finish(gate, first + others)
    assert running.predict(row(), row()).status_code == 200
    assert len(running.logged()) == 5


def test_a_row_that_the_model_cannot_take_is_the_callers_own_mistake(
    registry: Models, start: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = deployed_module.ModelInputs.matrix

    def poisoned(self: Any, values: Any) -> Any:
        matrix = real(self, values)
        matrix[matrix[:, 0] == 13.0] = np.inf
        return matrix

    running = start()
    model = running.service.following.deployed.model
    monkeypatch.setattr(deployed_module.ModelInputs, "matrix", poisoned)
    monkeypatch.setattr(model, "_compiled", None)
    monkeypatch.setattr(
        type(model.model),
        "predict",
        lambda _self, rows: np.where(np.isinf(rows["hr"]), np.nan, 1.0),
    )
    first, _ = ask(running, [row()], waiting=False)
    assert gate.entered.wait(30)
    others, answers = ask(running, [row()], [row(), at(13)], [row()])
    finish(gate, first + others)

    assert [answers[n].status_code for n in range(3)] == [200, 422, 200]
    (mistake,) = answers[1].json()["detail"]
    assert (mistake["row"], mistake["message"]) == (
        1,
        "the model finds no finite number for this row",
    )
    assert len(running.logged()) == 3


def test_a_model_that_fails_is_no_traceback_and_the_thread_lives(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    running = start()
    with monkeypatch.context() as patch:
        patch.setattr(LoadedModel, "predict", lambda *_: 1 / 0)

        failed = running.predict(row())

    assert failed.status_code == 503
    assert "division" not in failed.text
    assert "ZeroDivisionError" in caplog.text
    assert running.predict(row()).status_code == 200


def test_a_model_that_wants_no_missing_value_says_so(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    model = running.service.following.deployed.model

    def refuse(*_: Any) -> Any:
        raise ValueError("Input X contains NaN.\nmore")

    monkeypatch.setattr(model, "_compiled", lambda x: np.full(len(x), np.nan))
    monkeypatch.setattr(type(model.model), "predict", refuse)

    response = running.predict(row())

    assert response.status_code == 422
    assert response.json()["detail"][0]["message"] == (
        "the model cannot predict this: Input X contains NaN."
    )
