"""The addresses of MLflow's UI."""

from __future__ import annotations

import runpy
from pathlib import Path

import mlflow
import pytest

from tests.conftest import ROOT
from tests.tracking import EXPERIMENT, tracking_store


def test_addresses_open_on_model_training_and_name_the_experiment(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "print_mlflow_addresses.py"))
    with tracking_store(tmp_path_factory, tmp_path) as identifier:
        uri = mlflow.get_tracking_uri()
        known = script["addresses"]("http://127.0.0.1:5000", uri, EXPERIMENT)
        unknown = script["addresses"]("http://127.0.0.1:5000", uri, "unknown")

    ending = "?workflowType=machine_learning"
    assert known == {
        "Runs": f"http://127.0.0.1:5000/#/experiments/{identifier}/runs{ending}",
        "Model": f"http://127.0.0.1:5000/#/models/{EXPERIMENT}{ending}",
    }
    assert unknown["Runs"] == f"http://127.0.0.1:5000/#/experiments{ending}"
