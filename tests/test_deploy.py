"""Files for a deployment: nothing open to the world, nothing run as root, nothing left unsaid."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from regression_lifecycle.cli import cli
from regression_lifecycle.core.errors import LockedError
from regression_lifecycle.runtime.tick import EXIT_CODES
from regression_lifecycle.serving.figures import FIGURES
from regression_lifecycle.serving.metrics import PREFIX
from tests.conftest import ROOT
from tests.shipped import open_loader

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# MAJOR.MINOR.PATCH of what is inside, or an image of this repository.
PINNED = re.compile(r".+:(\d+\.\d+(\.\d+)?-[\w-]+|local)$")
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|ACCESS_KEY")
# ${NAME}, ${NAME:-default} and ${NAME:?what to do}, as Compose reads them.
VARIABLE = re.compile(r"\$\{(\w+)(?::(?P<sign>[-?])(?P<rest>[^}]*))?\}")


def interpolated(service: str, **given: str) -> dict[str, str]:
    """The environment of a service as Compose makes it."""

    def fill(found: re.Match[str]) -> str:
        default = found["rest"] if found["sign"] == "-" else ""
        return given.get(found[1]) or default

    environment = SERVICES[service]["environment"]
    return {name: VARIABLE.sub(fill, value) for name, value in environment.items() if value}


def instructions() -> list[tuple[str, str]]:
    """Instructions of the image in order, each with its arguments."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    return [(name, arguments) for name, _, arguments in (line.partition(" ") for line in lines)]


def arguments_of(name: str) -> list[str]:
    return [arguments for found, arguments in instructions() if found == name]


def understood(command: list[str]) -> str:
    """Name of the project's command that a command line starts."""
    program, name, *arguments = command
    assert program == "kedro"
    cli.commands[name].make_context(name, arguments)
    return name


def test_the_services_are_the_ones_that_are_described() -> None:
    assert set(SERVICES) == {"service", "tick", "mlflow", "postgres"}
    assert SERVICES["tick"]["profiles"] == ["tick"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_closed(name: str) -> None:
    service = SERVICES[name]

    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "network_mode" not in service
    assert not service.get("privileged")
    user = int(str(service["user"]).split(":")[0])
    assert user > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert PINNED.match(service["image"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_watched_unless_it_ends_by_itself(name: str) -> None:
    health = SERVICES[name]["healthcheck"]

    if name == "tick":
        assert health == {"disable": True}
        assert SERVICES[name]["restart"] == "no"
    else:
        assert health["test"][0] == "CMD"
        assert health["retries"] > 0
        for other, state in SERVICES[name].get("depends_on", {}).items():
            assert state == {"condition": "service_healthy"}
            assert other in SERVICES


@pytest.mark.parametrize(("service", "command"), [("service", "serve"), ("tick", "tick")])
def test_a_container_starts_its_command_with_all_that_the_configuration_reads(
    service: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"POSTGRES_PASSWORD": "hush", "LIFECYCLE_SERVE_TOKEN": "open sesame"}
    for name, value in interpolated(service, **given).items():
        monkeypatch.setenv(name, value)

    assert understood(SERVICES[service]["command"]) == command
    loader = open_loader(env=os.environ["KEDRO_ENV"])
    assert loader.table == "bike_hourly"
    assert loader["catalog"]["raw_observations"]["filepath"] == "/data/files/01_raw/hour.csv"
    assert loader["catalog"]["ledger"]["url"] == (
        "postgresql+psycopg://lifecycle:hush@postgres:5432/lifecycle"
    )
    assert loader["mlflow"]["server"]["mlflow_tracking_uri"] == "http://mlflow:5000"
    assert os.environ[loader["parameters"]["serving"]["token_env"]] == "open sesame"


@pytest.mark.parametrize("service", ["service", "tick"])
def test_another_problem_is_one_variable(service: str) -> None:
    found = interpolated(service, KEDRO_ENV="bike_daily,production")

    assert found["KEDRO_ENV"] == "bike_daily,production"


def test_the_lock_and_the_log_are_in_a_volume_that_service_and_tick_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in interpolated("service").items():
        monkeypatch.setenv(name, value)

    assert SERVICES["service"]["volumes"] == SERVICES["tick"]["volumes"] == ["data:/data"]
    assert open_loader(env=os.environ["KEDRO_ENV"]).local_folder.is_relative_to("/data")
    assert "data" in COMPOSE["volumes"]


def test_no_secret_stands_in_a_file_and_each_that_is_needed_is_in_the_example() -> None:
    example = (DEPLOY / ".env.example").read_text()
    compose = (DEPLOY / "compose.yaml").read_text()

    known = dict(re.findall(r"^#?(\w+)=(.*)$", example, re.MULTILINE))
    asked = {found[1]: found["sign"] for found in VARIABLE.finditer(compose)}
    handed_on = {name for name, value in COMPOSE["x-storage"].items() if value is None}
    assert {*asked, *handed_on} == set(known)
    assert {name: value for name, value in known.items() if SECRET.search(name) and value} == {}
    # What must be set stops the start, and is not empty by default.
    needed = {name for name, sign in asked.items() if sign == "?"}
    assert needed == set(re.findall(r"(?m)^(\w+)=", example))
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert value is None or VARIABLE.match(value)
    assert ".env" in (DEPLOY / ".gitignore").read_text().split()


def test_the_image_is_pinned_serves_and_runs_as_nobody_special() -> None:
    names = [name for name, _ in instructions()]
    images = [arguments.split()[0] for arguments in arguments_of("FROM")]
    variables = dict(
        word.split("=", 1) for arguments in arguments_of("ENV") for word in shlex.split(arguments)
    )

    assert all(PINNED.match(image) for image in images)
    assert arguments_of("USER") == ["10001:10001"]
    assert names.index("USER") > len(names) - 1 - names[::-1].index("COPY")
    assert understood(json.loads(arguments_of("CMD")[0])) == "serve"
    assert variables["KEDRO_ENV"] == interpolated("service")["KEDRO_ENV"]
    # No secret is an argument of a build, whose history keeps it.
    assert arguments_of("ARG") == ['LIFECYCLE_CODE_REVISION=""']
    assert variables["LIFECYCLE_CODE_REVISION"] == "$LIFECYCLE_CODE_REVISION"
    assert [name for name in variables if SECRET.search(name)] == []


def test_the_image_installs_with_the_version_of_uv_that_the_makefile_has() -> None:
    makefile = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    image = re.search(r"uv==(\S+)", " ".join(arguments_of("RUN")))

    assert makefile is not None
    assert image is not None
    assert image[1] == makefile[1]


def test_what_is_copied_into_the_image_is_let_through_and_nothing_else() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    copied = {
        source.removeprefix("./")
        for arguments in arguments_of("COPY")
        if "--from" not in arguments
        for source in arguments.split()[:-1]
    }

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
    assert {"conf/local", "**/*credentials*", "**/.env*"} <= set(rules)


class TickFailedError(Exception):
    """Stands in for Airflow's exception that ends all tries."""


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """The DAG's file, run with a stand-in for Airflow; what it told Airflow is kept."""
    told = SimpleNamespace(dag={}, task={}, called=[])

    def describe_dag(**options: Any) -> Any:
        told.dag = options
        return lambda function: function

    def describe_task(**options: Any) -> Any:
        told.task = options
        return lambda function: lambda: told.called.append(function)

    sdk, exceptions = ModuleType("airflow.sdk"), ModuleType("airflow.sdk.exceptions")
    sdk.__dict__.update(Param=lambda default, **_: default, dag=describe_dag, task=describe_task)
    exceptions.__dict__.update(AirflowFailException=TickFailedError)
    for name, module in {
        "airflow": ModuleType("airflow"),
        "airflow.sdk": sdk,
        "airflow.sdk.exceptions": exceptions,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("LIFECYCLE_PROJECT", tmp_path.as_posix())
    monkeypatch.setenv("LIFECYCLE_TICK_COMMAND", "sh tick.sh")
    monkeypatch.setenv("LIFECYCLE_SCHEDULE", "0 6 * * *")
    source = (DEPLOY / "airflow" / "lifecycle_dag.py").read_text()
    names: dict[str, Any] = {"__name__": "lifecycle_dag"}
    exec(compile(source, "lifecycle_dag.py", "exec"), names)
    told.names = names
    told.tick = lambda script, as_of=None: (
        (tmp_path / "tick.sh").write_text(script),
        told.called[0]({"as_of": as_of}),
    )[1]
    return told


def test_the_dag_is_one_task_on_the_schedule_of_the_environment(dag: SimpleNamespace) -> None:
    assert dag.dag["schedule"] == "0 6 * * *"
    assert dag.dag["catchup"] is False
    assert dag.dag["max_active_runs"] == 1
    assert dag.task["retries"] == 6
    assert len(dag.called) == 1


def test_the_dag_knows_the_exit_codes_of_a_tick(dag: SimpleNamespace) -> None:
    assert dag.names["OUTCOMES"] == EXIT_CODES
    assert dag.names["BUSY"] == LockedError.exit_code


@pytest.mark.parametrize("code", EXIT_CODES)
def test_whatever_a_tick_decides_is_a_success(dag: SimpleNamespace, code: int) -> None:
    assert dag.tick(f"exit {code}") == {"exit_code": code, "outcome": EXIT_CODES[code]}


def test_another_run_at_work_is_tried_again_and_an_error_is_not(dag: SimpleNamespace) -> None:
    with pytest.raises(RuntimeError, match="another run is at work"):
        dag.tick("exit 75")
    with pytest.raises(TickFailedError, match="exit code 1"):
        dag.tick("exit 1")


def test_the_moment_of_a_dag_run_reaches_the_tick(dag: SimpleNamespace, tmp_path: Path) -> None:
    dag.tick('echo "$@" > told', as_of="2011-06-04")

    assert (tmp_path / "told").read_text() == "--as-of=2011-06-04\n"


def cron(tmp_path: Path, *codes: int) -> tuple[int, str, str]:
    """Run the script of cron with a tick that ends with one code after the other."""
    (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
    (tmp_path / "tick.sh").write_text(
        'echo "a tick with $ADDRESS"; read -r code < codes; sed -i.old 1d codes; exit "$code"'
    )
    (tmp_path / "addresses").write_text("ADDRESS=s3://bikes\n")
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "tick.sh", tmp_path / "deploy")
    done = subprocess.run(
        [tmp_path / "deploy" / "tick.sh"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "LIFECYCLE_TICK_COMMAND": "sh tick.sh",
            "LIFECYCLE_TICK_LOG": "tick.log",
            "LIFECYCLE_ENV_FILE": "./addresses",
        },
    )
    return done.returncode, done.stdout, (tmp_path / "tick.log").read_text()


@pytest.mark.parametrize("code", EXIT_CODES)
def test_cron_sends_no_mail_of_what_a_tick_decides(tmp_path: Path, code: int) -> None:
    returned, shown, log = cron(tmp_path, code)

    assert (returned, shown) == (0, "")
    assert "a tick with s3://bikes" in log
    assert f"exit code {code}" in log


def test_cron_tries_again_while_another_run_is_at_work(tmp_path: Path) -> None:
    returned, shown, log = cron(tmp_path, 75, 20)

    assert (returned, shown) == (0, "")
    assert log.count("a tick with") == 2


@pytest.mark.parametrize(("codes", "tries"), [((1, 0), 1), ((75, 75, 75), 3)])
def test_cron_tells_of_an_error_with_the_end_of_the_log(
    tmp_path: Path, codes: tuple[int, ...], tries: int
) -> None:
    returned, shown, log = cron(tmp_path, *codes)

    assert returned == codes[0]
    assert log.count("a tick with") == tries
    assert shown == log


@pytest.mark.parametrize(
    ("variables", "env"),
    [({}, "bike_hourly,production"), ({"KEDRO_ENV": "sales,production"}, "sales,production")],
)
def test_cron_ticks_the_problem_that_is_named(
    tmp_path: Path, variables: dict[str, str], env: str
) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "tick.sh", tmp_path / "deploy")
    kedro = tmp_path / ".venv" / "bin" / "kedro"
    kedro.parent.mkdir(parents=True)
    kedro.write_text('#!/bin/sh\necho "told $*"\n')
    kedro.chmod(0o755)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    subprocess.run([tmp_path / "deploy" / "tick.sh"], env={**inherited, **variables}, check=True)

    assert f"told tick --env={env}\n" in (tmp_path / "tick.log").read_text()


def test_alert_rules_ask_for_what_the_service_tells() -> None:
    seconds = [f"http_request_duration_seconds_{end}" for end in ("bucket", "count", "sum")]
    told = {figure.sample_name(name) for name, figure in FIGURES.items()}
    told |= {"http_requests_total", *seconds}
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]

    asked = re.findall(rf"{PREFIX}(\w+)", " ".join(rule["expr"] for rule in rules))

    assert len(rules) >= 10
    assert set(asked) <= told
    assert all(rule["annotations"]["summary"] for rule in rules)


def test_prometheus_knows_the_token_by_its_file_alone() -> None:
    asked = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())

    (job,) = asked["scrape_configs"]
    assert job["authorization"] == {"credentials_file": "service.token"}
    # What the rule for a service that is away asks for.
    assert job["job_name"] == "regression_lifecycle"
    assert "deploy/prometheus/service.token" in (ROOT / ".gitignore").read_text().splitlines()


def test_make_clean_leaves_what_no_run_has_written(tmp_path: Path) -> None:
    workspaces = ["data/bike/.lock", "data/bike/mlflow/mlflow.db", "data/demo/bike/.lock"]
    pages = ["data/index.html", "data/demo/index.html"]
    own = ["data/01_raw/hour.csv", "data/01_raw/parts/.lock", "data/notes.txt", "data/mine/a.csv"]
    for name in workspaces + pages + own:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    command = ["make", "-s", "-f", str(ROOT / "Makefile"), "clean"]
    subprocess.run(command, cwd=tmp_path, check=True)

    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in left) == sorted(own)
    assert not (tmp_path / "data/demo").exists()
