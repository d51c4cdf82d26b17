"""What the service is told: read where the pipelines read it, and checked first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.session import LifecycleSession


@pytest.fixture
def read(project: Path) -> Callable[..., Any]:
    """Reads the configuration of a new project, with sections of the parameters replaced."""
    from regression_lifecycle.serving.configuration import read_configuration

    bootstrap_project(project)

    def run(host: str | None = None, port: int | None = None, **parameters: Any) -> Any:
        session: Any = LifecycleSession.create(
            project_path=project, env="test", runtime_params=parameters or None
        )
        return read_configuration(session._get_config_loader(), project, host, port)

    return run


def test_it_reads_what_the_pipelines_read(read: Callable[..., Any], project: Path) -> None:
    found = read()

    assert (found.model_name, found.alias) == ("bike_test", "champion")
    assert found.problem.name == "bike_test"
    assert found.tracking_uri == f"sqlite:///{project}/data/test/mlflow/mlflow.db"
    assert found.store_url == f"sqlite:///{project}/data/test/lifecycle.db"
    assert found.spool == project / "data/test/07_model_output/spool.db"
    assert (found.serving.host, found.serving.port, found.token) == ("127.0.0.1", 8080, "")
    assert found.adjustment.interval.level == 0.9


def test_the_command_line_comes_first(read: Callable[..., Any]) -> None:
    found = read("::1", 0, serving={"port": 9000})

    assert (found.serving.host, found.serving.port) == ("::1", 0)
    assert read(serving={"port": 9000}).serving.port == 9000


def test_a_token_is_read_from_its_variable_and_shown_nowhere(
    read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "s3cret")

    found = read("0.0.0.0", serving={"token_env": "SERVICE_TOKEN"})

    assert found.token == "s3cret"
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("token", ["", " s3cret", "s3\ncret", "gehëim"])
def test_a_token_that_no_header_can_hold_is_refused(
    read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", token)

    with pytest.raises(ConfigurationError, match="SERVICE_TOKEN must hold the token") as caught:
        read(serving={"token_env": "SERVICE_TOKEN"})
    assert "s3" not in str(caught.value)


def test_an_address_for_everybody_needs_a_token(read: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"0\.0\.0\.0 can be reached from other machines"):
        read("0.0.0.0")
    assert read("0.0.0.0", serving={"allow_anonymous": True}).serving.host == "0.0.0.0"


def test_credentials_of_mlflow_are_given_to_it(
    read: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    local = project / "conf" / "local"
    (local / "credentials.yml").write_text("mlflow_server:\n  MLFLOW_TRACKING_TOKEN: abc\n")
    environment = project / "conf" / "test"
    (environment / "credentials.yml").write_text((local / "credentials.yml").read_text())
    (environment / "mlflow.yml").write_text("server:\n  credentials: mlflow_server\n")

    read()

    assert os.environ.pop("MLFLOW_TRACKING_TOKEN") == "abc"


@pytest.fixture
def kedro_serve(project: Path) -> Callable[..., Result]:
    """Types ``kedro serve --env=test`` and more in the folder of a new project."""
    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    return lambda *arguments: CliRunner().invoke(
        cli, ["serve", "--env=test", *arguments], obj=metadata
    )


def test_mistakes_are_told_in_words_before_anything_is_opened(
    kedro_serve: Callable[..., Result], project: Path
) -> None:
    (project / "conf" / "test" / "parameters_serving.yml").write_text(
        "serving:\n  maximum_rows: none\n  prot: 80\n"
    )

    result = kedro_serve()

    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "serving: unknown key 'prot'; did you mean 'port'?" in result.output
    assert not (project / "data" / "test").exists()


def test_a_port_that_is_taken_is_told_in_words(
    kedro_serve: Callable[..., Result], project: Path
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = kedro_serve("--port", str(port))

    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.output
    assert not (project / "data" / "test").exists()


def test_a_name_that_nothing_reads_is_refused(read: Callable[..., Any], project: Path) -> None:
    (project / "conf" / "test" / "servng.yml").write_text("port: 1\n")

    with pytest.raises(ConfigurationError, match=r"conf/test/servng.yml: unknown file"):
        read()
