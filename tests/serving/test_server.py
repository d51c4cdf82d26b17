"""The server: it begins without anything, says when it answers, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest

from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.serving import server as server_module
from regression_lifecycle.serving.model_watcher import ModelWatcher
from tests.serving.conftest import Begin, Models, wait_until


def test_who_comes_first_sees_the_example_of_the_model(
    registry: Models, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, may_look = ModelWatcher.look_at_registry, threading.Event()

    def slowly(watcher: ModelWatcher) -> None:
        may_look.wait(30)
        look(watcher)

    monkeypatch.setattr(ModelWatcher, "look_at_registry", slowly)
    _, address, said = begin()
    threading.Timer(0.5, may_look.set).start()
    with urllib.request.urlopen(f"{address}/openapi.json", timeout=30) as response:
        document = json.load(response)

    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert content["application/json"]["example"]["rows"]
    wait_until(lambda: said)
    assert said == [f"Serving on {address}"]


def test_a_registry_that_does_not_answer_keeps_nobody_waiting_for_long(
    registry: Models, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_of_test = threading.Event()
    monkeypatch.setattr(ModelWatcher, "look_at_registry", lambda _: end_of_test.wait(30))
    monkeypatch.setattr(server_module, "FIRST_LOOK_SECONDS", 0.2)
    _, address, said = begin()

    with urllib.request.urlopen(f"{address}/health", timeout=30) as response:
        assert response.status == 200
    wait_until(lambda: said)
    assert said[0].startswith(f"Listening on {address} and waiting: no model is loaded")
    end_of_test.set()


def test_what_it_waits_for_is_said_once_and_then_that_it_serves(
    registry: Models, begin: Begin
) -> None:
    mlflow.MlflowClient().delete_registered_model_alias("tiny", "champion")
    service, address, said = begin()
    wait_until(lambda: said)
    (waiting,) = said
    assert waiting.startswith(f"Listening on {address} and waiting: 'tiny' has no version with")

    mlflow_registry.set_alias("tiny", "champion", "1")
    service.following.look_at_registry()
    wait_until(lambda: len(said) > 1)
    assert said == [waiting, f"Serving on {address}"]


@pytest.mark.slow
def test_it_lives_without_a_model_and_ends_when_it_is_told_to(project: Path) -> None:
    process = subprocess.Popen(
        [Path(sys.executable).with_name("kedro"), "serve", "--env=test", "--port=0"],
        cwd=project,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("Listening on http://127.0.0.1:"), line
        assert "has no version with the alias 'champion' yet; run the pipelines" in line
        address = line.split()[2]
        with urllib.request.urlopen(f"{address}/health", timeout=30) as response:
            assert json.load(response)["status"] == "alive"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}/ready", timeout=30)
        assert caught.value.code == 503
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    # Asking for a model has not made a registry.
    assert not (project / "data/test/mlflow").exists()
