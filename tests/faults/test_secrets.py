"""No secret leaves: not by a log, an error, the configuration, MLflow, an alert or the page."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog

from regression_lifecycle.adapters.dashboard.page import render_page
from regression_lifecycle.adapters.mlflow import registry
from regression_lifecycle.adapters.notifications import deliver
from regression_lifecycle.core.alerting.alerts import Alert
from regression_lifecycle.core.alerting.channels import FileChannel
from regression_lifecycle.core.decisions.records import Reason, to_cell
from regression_lifecycle.runtime.hooks import TrackingHook
from regression_lifecycle.runtime.outgoing import scrub_what_leaves, scrubbed_traceback
from tests.adapters.dashboard.examples import full_tables, ledger
from tests.tracking import tracking_store

SECRET = "topsecret"
ADDRESS = f"http://lucy:{SECRET}@127.0.0.1:9"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch):
    # What is set below stands in the environment, and must not outlive the test.
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    before = logging.getLogRecordFactory(), sys.excepthook
    yield
    logging.setLogRecordFactory(before[0])
    sys.excepthook = before[1]
    mlflow.set_tracking_uri(None)


@pytest.fixture
def kedro(project: Path) -> Callable[..., Result]:
    """Types a command of the project."""
    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    return lambda *arguments: CliRunner().invoke(cli, arguments, obj=metadata)


def addresses(project: Path) -> None:
    (project / "conf" / "local" / "globals.yml").write_text(
        f"mlflow_uri: {ADDRESS}\nmlflow_artifacts: null\n"
    )


@pytest.mark.parametrize("command", [("run", "--pipelines=ingestion"), ("tick",)])
@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_an_error_names_the_server_without_its_password(
    kedro: Callable[..., Result], project: Path, command: tuple[str, ...], verbose: tuple[str, ...]
) -> None:
    addresses(project)

    result = kedro(command[0], "--env=test,local", *command[1:], *verbose)

    assert result.exit_code == 1
    assert "MLflow at http://127.0.0.1:9 does not answer: Connection refused. Start it" in (
        result.output
    )
    assert SECRET not in result.output
    assert ("Traceback" in result.output) == bool(verbose)
    # MLflow is given them where it looks for them.
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "lucy"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == SECRET


@pytest.mark.parametrize("key", ["globals", "globals.mlflow_uri", "mlflow"])
def test_the_configuration_is_shown_without_passwords(
    kedro: Callable[..., Result], project: Path, key: str
) -> None:
    addresses(project)

    shown = kedro("config", "--env=test,local", key)

    assert "127.0.0.1:9" in shown.output
    assert SECRET not in shown.output


def test_a_password_in_a_parameter_is_refused_since_mlflow_records_parameters(
    kedro: Callable[..., Result], project: Path
) -> None:
    given = f"rollback.reason=see {ADDRESS}"

    result = kedro("run", "--env=test", "--pipelines=rollback", f"--params={given}")

    assert result.exit_code == 1
    assert "rollback.reason: an address with a password must not stand in a parameter" in (
        result.output
    )
    assert SECRET not in result.output


def test_log_records_and_tracebacks_are_scrubbed_whoever_writes_them(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    scrub_what_leaves()
    logger = logging.getLogger("a.library")
    error = ConnectionError(f"no route to {ADDRESS}")

    logger.warning("asking %s again", ADDRESS)
    try:
        raise RuntimeError("it failed") from error
    except RuntimeError as raised:
        logger.exception("failed")
        sys.excepthook(type(raised), raised, raised.__traceback__)
        told = scrubbed_traceback(raised)

    assert "asking http://***@127.0.0.1:9 again" in caplog.text
    assert "no route to http://***@127.0.0.1:9" in caplog.text
    for text in (caplog.text, capsys.readouterr().err, told):
        assert SECRET not in text
    assert "RuntimeError: it failed" in told


def test_tags_of_runs_models_and_versions_are_scrubbed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hook = TrackingHook()
    hook.after_context_created(SimpleNamespace(env="test", project_path=tmp_path))
    with tracking_store(tmp_path_factory, tmp_path) as experiment:
        with mlflow.start_run(
            experiment_id=experiment, tags={"mlflow.source.git.repoURL": ADDRESS}
        ) as run:
            mlflow.set_tags({"runtime_params": f"{{'x': '{ADDRESS}'}}"})
            hook.before_pipeline_run(
                {"runtime_params": {"x": ADDRESS}, "pipeline_names": ["training"]}, DataCatalog()
            )
        tags = mlflow.MlflowClient().get_run(run.info.run_id).data.tags
        client = mlflow.MlflowClient()
        model = client.create_logged_model(experiment)
        registry.tag_logged_model(model.model_id, {"reason": ADDRESS})
        reason = client.get_logged_model(model.model_id).tags["reason"]

    assert SECRET not in str(tags)
    assert tags["mlflow.source.git.repoURL"] == "http://***@127.0.0.1:9"
    assert reason == "http://***@127.0.0.1:9"


def test_an_alert_carries_no_secret(tmp_path: Path) -> None:
    alert = Alert(
        "rollback",
        "warning",
        "Rolled back",
        f"because of {ADDRESS}",
        "tiny",
        "",
        pd.Timestamp("2021-03-01"),
        {"reason": ADDRESS},
    )

    deliver(FileChannel(kind="file", path="alerts.jsonl"), alert, tmp_path)

    written = (tmp_path / "alerts.jsonl").read_text()
    assert "because of http://***@127.0.0.1:9" in written
    assert SECRET not in written


def test_the_page_shows_no_secret() -> None:
    shown = ledger()
    shown["reasons"] = to_cell([Reason("due", {"policy": f"see {ADDRESS}"})])

    page = render_page(full_tables(ledger=shown), library="")

    assert "see http://***@127.0.0.1:9" in page
    assert SECRET not in page


def test_the_figures_of_the_page_carry_no_secret_either() -> None:
    page = render_page(full_tables(columns=(f"temp of {ADDRESS}", "cnt")), library="")

    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert any("temp of http://***@127.0.0.1:9" in block for block in blocks)
    assert SECRET not in page
