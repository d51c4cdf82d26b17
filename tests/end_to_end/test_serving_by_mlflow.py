"""The registered model leaves the house: other processes load it and serve it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import open_catalog

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]

WITHOUT_THE_PACKAGE = """
import importlib.util, json, sys
sys.path = [entry for entry in sys.path if not entry.rstrip("/").endswith("/src")]
assert importlib.util.find_spec("regression_lifecycle") is None
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/bike_test@champion")
rows = pd.DataFrame(json.loads(sys.argv[2]))
print(json.dumps(model.predict(rows)["prediction"].tolist()))
"""


def tracking_uri(project: Path) -> str:
    return f"sqlite:///{project}/data/test/mlflow/mlflow.db"


def rows_with_blanks(project: Path) -> tuple[list[dict[str, Any]], list[float]]:
    """Three raw rows, one with a blank, and what the champion says to their features."""
    catalog = open_catalog(project)
    features = catalog.load("holdout_set").head(3)
    raw = pd.read_csv(project / "data/01_raw/hour.csv")
    moments = pd.to_datetime(raw["dteday"]) + pd.to_timedelta(raw["hr"], unit="h")
    records = raw[moments.isin(features["timestamp"])].drop(columns="cnt").to_dict("records")
    records[1]["weathersit"] = None
    features.loc[1, "weathersit"] = float("nan")
    return records, catalog.load("champion_model").predict(features).tolist()


def test_champion_loads_where_the_package_is_not_installed(finished_project):
    rows, expected = rows_with_blanks(finished_project)
    outcome = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_THE_PACKAGE,
            tracking_uri(finished_project),
            json.dumps(rows),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    elsewhere = json.loads(outcome.stdout.strip().splitlines()[-1])

    assert elsewhere == pytest.approx(expected, abs=1e-9)


def test_mlflow_serves_a_request_with_missing_values(finished_project):
    rows, expected = rows_with_blanks(finished_project)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "models", "serve"),
            *("-m", "models:/bike_test@champion", "--env-manager", "local"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": tracking_uri(finished_project),
            # MLflow starts uvicorn by name.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            data=json.dumps({"dataframe_records": rows}).encode(),
            headers={"Content-Type": "application/json"},
        )
        answer = None
        deadline = time.monotonic() + 180
        while answer is None and time.monotonic() < deadline and server.poll() is None:
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    answer = json.load(response)
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, 15)
        server.wait(30)
    assert answer is not None
    predictions = [row["prediction"] for row in answer["predictions"]]
    assert predictions == pytest.approx(expected, abs=1e-9)
