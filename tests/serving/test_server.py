"""The command as a process: it begins without anything, answers, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest


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
        assert line.startswith("Serving on http://127.0.0.1:"), line
        address = line.split()[-1]
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
