"""What serves follows the registry, and nothing that is broken or away ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from regression_lifecycle.adapters import database as database
from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.core.data.tables import ADJUSTMENTS
from regression_lifecycle.serving import model_watcher as following_module
from regression_lifecycle.serving.active_model import LoadedModel
from tests.serving.conftest import Models, Running, Start, row, wait_until

SHORT = {"timestamp": "2021-03-09T07:00:00", "hr": 7, "temp": 12.5, "holiday": 0}


def promote(running: Running, version: str) -> None:
    mlflow_registry.set_alias("tiny", "champion", version)
    running.service.following.look_at_registry()


def version_of(running: Running) -> str:
    return str(running.client.get("/ready").json()["model_version"])


@contextmanager
def tampered(models: Models, version: str) -> Iterator[None]:
    """One byte more in a file of a registered version, as long as the block runs."""
    path = models.artifacts[version] / "metadata.json"
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    try:
        yield
    finally:
        path.write_bytes(content)


def test_a_promotion_and_a_rollback_are_followed_without_a_restart(
    registry: Models, start: Start
) -> None:
    running = start()
    before = running.predict(row()).json()

    promote(running, "2")
    during = running.predict(SHORT).json()
    promote(running, "1")
    after = running.predict(row()).json()

    assert [a["model_version"] for a in (before, during, after)] == ["1", "2", "1"]
    assert before["predictions"] == after["predictions"] != during["predictions"]
    assert sorted(running.logged()["model_version"]) == ["1", "1", "2"]


def test_it_follows_by_itself(registry: Models, start: Start) -> None:
    running = start(poll_seconds=0.01)

    mlflow_registry.set_alias("tiny", "champion", "2")

    wait_until(lambda: version_of(running) == "2")


def test_a_request_that_is_under_way_keeps_the_model_with_which_it_came(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    entered, go_on = threading.Event(), threading.Event()
    predict = LoadedModel.predict

    def waiting(self: LoadedModel, values: Any) -> Any:
        if threading.current_thread().name == "predicting":
            entered.set()
            assert go_on.wait(30)
        return predict(self, values)

    monkeypatch.setattr(LoadedModel, "predict", waiting)
    answers: list[dict[str, Any]] = []
    asking = [
        threading.Thread(target=lambda: answers.append(running.predict(row()).json()))
        for _ in range(3)
    ]
    asking[0].start()
    assert entered.wait(30)
    for thread in asking[1:]:
        thread.start()
    wait_until(lambda: running.service.batching.waiting_rows == 2)
    promote(running, "2")
    asking.append(threading.Thread(target=lambda: answers.append(running.predict(SHORT).json())))
    asking[-1].start()
    wait_until(lambda: running.service.batching.waiting_rows == 3)
    go_on.set()
    for thread in asking:
        thread.join()

    assert sorted(answer["model_version"] for answer in answers) == ["1", "1", "1", "2"]
    logged = running.logged().set_index("request_id")
    for answer in answers:
        assert logged.loc[answer["request_id"], "model_version"] == answer["model_version"]
        assert (
            logged.loc[answer["request_id"], "prediction"] == answer["predictions"][0]["prediction"]
        )


def test_files_that_are_not_those_that_were_registered_are_never_served(
    registry: Models, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with tampered(registry, "1"):
        running = start(wait=False)
        wait_until(lambda: running.service.following.refused is not None)

        ready = running.client.get("/ready")
        assert ready.status_code == 503
        assert "not those that were registered" in ready.json()["reason"]
        assert running.predict(row()).status_code == 503
        assert running.client.get("/model").status_code == 503
        assert running.client.get("/health").status_code == 200
    assert "version 1 is not served" in caplog.text


def test_a_broken_successor_leaves_the_old_model_at_work(registry: Models, start: Start) -> None:
    running = start()
    with tampered(registry, "2"):
        promote(running, "2")

        assert version_of(running) == "1"
        (warning,) = running.client.get("/ready").json()["warnings"]
        assert warning.startswith("version 2 is not served: ")
        assert running.client.get("/model").json()["warnings"] == [warning]
        assert running.predict(row()).json()["model_version"] == "1"
        # Going back makes it no news any more.
        promote(running, "1")
        assert running.client.get("/ready").json()["warnings"] == []


def test_a_version_that_was_mended_is_served(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    loads = []
    load = mlflow_registry.load_version
    monkeypatch.setattr(
        mlflow_registry, "load_version", lambda *a, **k: (loads.append(1), load(*a, **k))[1]
    )
    with tampered(registry, "2"):
        promote(running, "2")
        running.service.following.look_at_registry()
    # Its files are not read again at every look.
    assert len(loads) == 1
    monkeypatch.setattr(following_module, "SECOND_LOOK_SECONDS", 0.0)

    running.service.following.look_at_registry()

    assert version_of(running) == "2"


def test_a_version_without_a_digest_is_refused(registry: Models, start: Start) -> None:
    mlflow.MlflowClient().delete_model_version_tag("tiny", "1", "digest")

    running = start(wait=False)

    wait_until(lambda: running.service.following.refused is not None)
    assert "no tag 'digest'" in running.client.get("/ready").json()["reason"]


def test_a_model_with_features_that_the_problem_does_not_know_is_refused(
    registry: Models, start: Start, problem: Any
) -> None:
    columns = {name: spec for name, spec in problem.columns.items() if name != "temp"}

    running = start(wait=False, problem=problem.model_copy(update={"columns": columns}))

    wait_until(lambda: running.service.following.refused is not None)
    assert "temp" in running.client.get("/ready").json()["reason"]


def test_it_starts_without_a_champion_and_finds_the_first_one(
    registry: Models, start: Start
) -> None:
    mlflow.MlflowClient().delete_registered_model_alias("tiny", "champion")
    running = start(wait=False)
    wait_until(lambda: running.service.following.registry_state == "up")

    ready = running.client.get("/ready")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert "no version with the alias 'champion' yet" in ready.json()["reason"]
    asked = {"decision_id": "a", "problem": "tiny", "kind": "promotion", "decision": "waiting"}
    asked |= {"candidate_version": "1", "judged_until": "2021-03-01 00:00:00"}
    database.append_decisions(running.service.configuration.store_url, [asked])
    running.service.following.look_at_store()
    reason = running.client.get("/ready").json()["reason"]
    assert "version 1 waits for approval (kedro approve)" in reason
    refused = running.predict(row())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert running.client.get("/openapi.json").status_code == 200
    promote(running, "1")
    assert running.predict(row()).status_code == 200


def test_it_starts_without_a_registry_and_makes_none(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    there = tmp_path / "registry" / "mlflow.db"
    there.rename(tmp_path / "away.db")

    running = start(wait=False)

    wait_until(lambda: running.service.following.registry_state == "up")
    assert running.client.get("/ready").status_code == 503
    assert not there.exists()
    (tmp_path / "away.db").rename(there)
    running.service.following.look_at_registry()
    assert running.client.get("/ready").status_code == 200


def test_a_registry_that_goes_away_is_told_and_changes_nothing(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    running = start()

    def unreachable(*_: Any) -> None:
        raise ConnectionError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow_registry, "registered_by_alias", unreachable)
        running.service.following.look_at_registry()
        running.service.following.look_at_registry()

        ready = running.client.get("/ready")
        assert ready.status_code == 200
        assert ready.json()["warnings"] == ["registry down: ConnectionError: no route to host"]
        assert running.predict(row()).status_code == 200
    running.service.following.look_at_registry()

    assert running.client.get("/ready").json()["warnings"] == []
    assert [r.message.split(":")[0] for r in caplog.records if "registry" in r.message] == [
        "registry down",
        "registry up",
    ]


def test_an_alias_that_is_taken_away_is_told(registry: Models, start: Start) -> None:
    running = start()

    mlflow.MlflowClient().delete_registered_model_alias("tiny", "champion")
    running.service.following.look_at_registry()

    assert running.predict(row()).status_code == 200
    (warning,) = running.client.get("/ready").json()["warnings"]
    assert warning == "no version has the alias 'champion' any more"


def test_a_store_that_is_away_costs_neither_answers_nor_rows(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    url = f"sqlite:///{(folder / 'lifecycle.db').as_posix()}"
    learnt = {"problem": "tiny", "model_version": "1", "valid_from": pd.Timestamp("2021-03-08")}
    rows = ADJUSTMENTS.frame([{**learnt, "level_factor": 1.5, "interval_width": 2.0}])
    database.upsert_rows(url, ADJUSTMENTS, rows)
    running = start(store_url=url, log={"interval_seconds": 0.01, "retry_seconds": 0.01})
    running.predict(row())
    running.logged()
    # A file in the place of the folder: nothing there can be opened.
    folder.rename(tmp_path / "away")
    folder.write_text("")

    running.service.following.look_at_store()
    answer = running.predict(row())

    assert (answer.status_code, answer.json()["logged"]) == (200, True)
    assert running.client.get("/model").json()["level_factor"] == 1.5
    wait_until(lambda: "down" in running.client.get("/health").json()["log"]["store"])
    assert running.client.get("/ready").status_code == 200
    folder.unlink()
    (tmp_path / "away").rename(folder)
    running.service.following.look_at_store()
    wait_until(lambda: running.client.get("/health").json()["log"]["backlog_rows"] == 0)
    assert len(running.logged()) == 2
    assert running.client.get("/model").json()["store"] == "up"
