"""What Prometheus reads of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from prometheus_client.parser import text_string_to_metric_families

from regression_lifecycle.adapters import database
from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.core.data.tables import ADJUSTMENTS, WINDOW_HISTORY
from regression_lifecycle.serving import window_state
from regression_lifecycle.serving.figures import FIGURES
from regression_lifecycle.serving.metrics import PREFIX
from tests.serving.conftest import Client, Models, Running, Start, row, wait_until


@pytest.fixture(autouse=True)
def _read_windows_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_state, "PAUSE_SECONDS", 0.0)


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: Client, **more: Any) -> Samples:
    """Read all samples; by name without the prefix, and labels without the problem."""
    response = client.get("/metrics", **more)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return dict(_samples(response.text))


def _samples(text: str) -> Iterator[tuple[Any, float]]:
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            # Those of the process have names of their own, the same for every program.
            if not sample.name.startswith("process_"):
                assert sample.name.startswith(PREFIX)
                assert labels.pop("problem") == "tiny"
            yield (sample.name.removeprefix(PREFIX), frozenset(labels.items())), sample.value


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def requests(samples: Samples, path: str, status: int) -> float | None:
    return value(samples, "http_requests_total", path=path, status=str(status))


def test_every_request_is_counted_once_with_what_it_was_answered(
    registry: Models, start: Start
) -> None:
    running = start()
    for _ in range(3):
        assert running.predict(row(), row()).status_code == 200
    assert running.predict(row(hr=99)).status_code == 422
    for path in ("/nothing", "/docs/static/../../etc", "/predict/1"):
        running.client.get(path)
    running.client.get("/predict")

    found = scrape(running.client)

    assert requests(found, "/predict", 200) == 3
    assert requests(found, "/predict", 422) == 1
    assert requests(found, "/predict", 405) == 1
    # What callers make up makes no series.
    assert requests(found, "other", 404) == 3
    assert value(found, "http_request_duration_seconds_count", path="/predict") == 5
    assert value(found, "http_request_duration_seconds_bucket", path="/predict", le="+Inf") == 5
    seconds = value(found, "http_request_duration_seconds_sum", path="/predict")
    assert seconds is not None
    assert 0 < seconds < 30
    assert value(found, "predicted_rows_total") == 6
    assert requests(scrape(running.client), "/metrics", 200) == 1


def test_a_service_without_a_model_counts_what_it_turns_away(
    registry: Models, start: Start
) -> None:
    mlflow.MlflowClient().delete_registered_model_alias("tiny", "champion")
    running = start(wait=False)
    wait_until(running.service.following.has_looked)
    assert running.predict(row()).status_code == 503

    found = scrape(running.client)

    assert requests(found, "/predict", 503) == 1
    assert value(found, "ready") == 0
    assert value(found, "registry_up") == 1
    assert value(found, "predicted_rows_total") == 0
    # Not known is not zero.
    assert not {"model_info", "level_factor", "window_alarms", "window_error"} & {
        name for name, _ in found
    }


def test_the_model_and_its_level_are_told(registry: Models, start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'lifecycle.db').as_posix()}"
    level = {
        "problem": "tiny",
        "model_version": "1",
        "valid_from": "2021-03-01",
        "level_factor": 1.25,
        "level_shift": 0.0,
    }
    database.upsert_rows(url, ADJUSTMENTS, ADJUSTMENTS.frame([level]))
    running = start()
    running.service.following.look_at_store()

    found = scrape(running.client)

    assert value(found, "ready") == 1
    assert value(found, "store_up") == 1
    assert value(found, "model_info", version="1") == 1
    assert value(found, "level_factor") == 1.25
    assert value(found, "level_shift") == 0


def window(number: int, **more: Any) -> dict[str, Any]:
    return {
        "problem": "tiny",
        "window": f"w{number}",
        "model_version": "1",
        "revision": 0,
        "window_index": number,
        "end": f"2021-03-0{number + 1}",
        "status": "complete",
        "rmse": 10.0 + number,
        "baseline_rmse": 20.0 + number,
        "coverage": 0.5,
        "alarms": "",
        **more,
    }


def save(running: Running, *windows: dict[str, Any]) -> None:
    url = running.service.configuration.store_url
    database.upsert_rows(url, WINDOW_HISTORY, WINDOW_HISTORY.frame(list(windows)))
    running.service.following.look_at_store()


def test_the_newest_window_of_the_model_that_answers_is_told(
    registry: Models, start: Start
) -> None:
    running = start()
    save(
        running,
        window(1),
        window(2),
        # Labels were corrected.
        window(2, revision=1, rmse=5.0, coverage=0.75),
        window(3, status="pending labels", rmse=None, alarms="drift,missing_cells"),
        window(3, model_version="2"),
        window(4, problem="another"),
    )

    found = scrape(running.client)

    assert value(found, "window_error", metric="rmse") == 5
    assert value(found, "window_baseline_error", metric="rmse") == 22
    assert value(found, "window_coverage_ratio") == 0.75
    assert value(found, "window_end_timestamp_seconds") == 1614729600  # 2021-03-03
    assert value(found, "window_alarms") == 2
    assert value(found, "window_alarm", rule="drift") == 1
    assert value(found, "window_alarm", rule="missing_cells") == 1

    # Another version answers, and the windows of the one before say nothing of it.
    mlflow_registry.set_alias("tiny", "champion", "2")
    running.service.following.look_at_registry()
    assert value(scrape(running.client), "window_alarms") is None
    running.service.following.look_at_store()
    assert value(scrape(running.client), "window_error", metric="rmse") == 13
    assert value(scrape(running.client), "window_alarms") == 0


def test_windows_are_read_by_the_thread_and_never_for_a_scrape(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    save(running, window(1))

    def nobody(*_: Any, **__: Any) -> None:
        raise AssertionError("the store was asked")

    monkeypatch.setattr(window_state, "PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(database, "read_newest", nobody)
    # Nor at every look, which come more often than windows.
    running.service.following.look_at_store()
    monkeypatch.setattr(database, "read_rows", nobody)

    assert value(scrape(running.client), "store_up") == 1
    assert value(scrape(running.client), "window_error", metric="rmse") == 11


def test_a_store_that_is_away_is_told_with_what_waits_for_it(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    away = f"sqlite:///{(tmp_path / 'a file' / 'secret_name.db').as_posix()}"
    running = start(store_url=away, log={"retry_seconds": 30})
    assert running.predict(row(), row()).json()["logged"] is True
    wait_until(lambda: running.service.log.status()["store"].startswith("down"))

    found = scrape(running.client)

    assert value(found, "store_up") == 0
    assert value(found, "ready") == 1
    assert value(found, "spool_rows") == 2
    age = value(found, "spool_oldest_row_age_seconds")
    assert age is not None
    assert 0 < age < 60
    assert (value(found, "spool_bytes") or 0) > 1000
    assert value(found, "unlogged_rows_total") == 0
    # Nobody is told where things are.
    assert "secret_name" not in running.client.get("/metrics").text


def test_rows_that_the_log_did_not_keep_are_counted(registry: Models, start: Start) -> None:
    running = start(log={"spool_maximum_mb": 0.1, "retry_seconds": 30})
    running.service.log._stop.set()  # nothing is moved
    running.service.log._thread.join()
    running.service.log._stop.clear()
    running.service.log.append([{"features": "x" * 200_000}])
    assert running.predict(row(), row(), row()).json()["logged"] is False

    assert value(scrape(running.client), "unlogged_rows_total") == 3


def test_without_a_log_its_figures_are_left_out(registry: Models, start: Start) -> None:
    running = start(log={"enabled": False})
    running.predict(row())

    names = {name for name, _ in scrape(running.client)}

    assert "predicted_rows_total" in names
    assert not {name for name in names if name.startswith(("spool_", "unlogged_"))}


def test_services_of_one_process_count_for_themselves(registry: Models, start: Start) -> None:
    one, other = start(), start()
    one.predict(row())

    assert requests(scrape(one.client), "/predict", 200) == 1
    assert requests(scrape(other.client), "/predict", 200) is None


def test_who_has_no_token_is_counted_and_told_nothing(registry: Models, start: Start) -> None:
    running = start(token="s3cret")
    refused = running.client.get("/metrics")
    assert refused.status_code == 401
    assert PREFIX not in refused.text

    allowed = {"Authorization": "Bearer s3cret"}
    found = scrape(running.client, headers=allowed)
    assert requests(found, "/metrics", 401) == 1
    assert "s3cret" not in running.client.get("/metrics", headers=allowed).text


def test_names_keep_the_conventions() -> None:
    for name, figure in FIGURES.items():
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", name)
        assert name.endswith("_total") == (figure.kind == "counter"), name
        assert not re.search(r"_(ms|milliseconds|minutes|hours|mb|percent)(_|$)", name), name
