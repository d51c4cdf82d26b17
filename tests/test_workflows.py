"""Workflows and dev container: they run what is there, with the rights they need and no more."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", MAKEFILE))
# owner/action@commit # release
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job["steps"]


@every_workflow
def test_an_action_is_a_commit_and_its_release_is_named(path: Path) -> None:
    used = re.findall(r"(?m)uses: (.*)$", path.read_text())

    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_an_action_has_one_version_in_all_workflows() -> None:
    used = {use for path in WORKFLOWS for use in re.findall(r"uses: (.*)", path.read_text())}

    assert len(used) == len({use.split("@")[0] for use in used})


@every_workflow
def test_a_job_reads_the_code_and_may_do_nothing_else(path: Path) -> None:
    workflow = read(path)

    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@every_workflow
def test_no_secret_reaches_the_code_of_a_pull_request(path: Path) -> None:
    text = path.read_text()

    assert "secrets." not in text
    assert "pull_request_target" not in text
    # What others can write (titles, branch names) is not pasted into a script.
    assert all("${{" not in step.get("run", "") for step in steps(path))


@every_workflow
def test_a_job_ends_by_itself_and_a_newer_commit_ends_it(path: Path) -> None:
    workflow = read(path)

    assert workflow["concurrency"]["cancel-in-progress"] is True
    assert all(0 < job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


@every_workflow
def test_a_job_runs_targets_that_the_makefile_has(path: Path) -> None:
    lines = [line for step in steps(path) for line in step.get("run", "").splitlines()]
    asked = {name for line in lines for name in re.findall(r"\bmake (\w+)", line)}

    assert asked <= TARGETS


def test_what_is_promised_is_run() -> None:
    run = [step.get("run", "") for path in WORKFLOWS for step in steps(path)]

    for promised in ("bash .ci/run", "make coverage", "make audit", "make sbom"):
        assert promised in run
    weekly = read(ROOT / ".github/workflows/versions.yml")
    # YAML 1.1 reads the key `on` as true.
    assert {"schedule", "workflow_dispatch"} <= set(weekly[True])
    assert [job["steps"][-1]["run"] for job in weekly["jobs"].values()] == [
        "make newest",
        "make lowest",
    ]


def test_the_floor_of_the_coverage_is_enforced() -> None:
    report = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["report"]

    assert report["fail_under"] >= 85


def test_every_target_is_described_by_help() -> None:
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE)

    assert phony is not None
    assert set(phony[1].replace("\\\n", " ").split()) == TARGETS
    assert set(re.findall(r"(?m)^([a-z-]+):.*##", MAKEFILE)) == TARGETS


def test_updates_are_asked_for_every_kind_of_dependency() -> None:
    updates = read(ROOT / ".github/dependabot.yml")["updates"]

    assert {update["package-ecosystem"] for update in updates} == {"uv", "github-actions", "docker"}
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)


def test_the_lock_names_the_public_registry_alone() -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))

    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_the_dev_container_forwards_every_port_that_a_command_opens() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    opened = set(re.findall(r"http://127\.0\.0\.1:(\d+)", MAKEFILE))
    service = read(ROOT / "conf/base/parameters_serving.yml")["serving"]["port"]

    assert set(container["forwardPorts"]) == {*map(int, opened), service}
    assert re.fullmatch(r"[\w./-]+/python:[\d.]+-3\.1[123]-\w+", container["image"])
    assert container["postCreateCommand"].removeprefix("make ") in TARGETS


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("key = '" + "AKIA" + "Z7QK4W2N5T8R3M6P'", True),
        ("password = '" + "vK9" + "x2mQp7Lw4'", True),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", True),
        ("url = 'postgresql://user:" + "vK9x2mQp" + "@host/db'", True),
        ("url = 'postgresql://user:password@host/db'", False),
        ("password = os.environ['PASSWORD']", False),
    ],
)
def test_a_planted_secret_is_found_and_an_invented_password_is_not(
    tmp_path: Path, line: str, found: bool
) -> None:
    file = tmp_path / "planted.py"
    file.write_text(f"{line}\n")

    done = subprocess.run(
        [ROOT / "scripts" / "find_secrets.sh", file], capture_output=True, text=True
    )

    assert (done.returncode != 0) is found, done.stdout + done.stderr
    assert ("Potential secrets" in done.stdout) is found
