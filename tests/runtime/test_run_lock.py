"""One run at a time: real processes that meet at one lock."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.core.errors import ConfigurationError, LifecycleError, LockedError
from regression_lifecycle.runtime.run_lock import WAIT_VARIABLE, lock_wait_seconds, workspace_lock

# Takes the lock, says so, and lets it go when a line arrives or the input ends.
HOLD = """
import sys
from pathlib import Path
from regression_lifecycle.runtime.run_lock import workspace_lock
with workspace_lock(Path(sys.argv[1]), float(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / ".lock"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that takes the lock."""
    started: list[subprocess.Popen[str]] = []

    def begin(lock: Path, wait_seconds: float = 60) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(lock), str(wait_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def holds(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "held\n"


def test_a_second_run_says_for_whom_it_waits_and_completes_when_that_one_ends(
    lock: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    first = start(lock)
    assert holds(first)
    second = start(lock)
    assert second.stderr is not None
    said = second.stderr.readline()
    assert f"process {first.pid}" in said
    assert "since 2" in said
    assert str(lock.parent) in said

    first.communicate("done\n")

    assert holds(second)
    second.communicate("done\n")
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_second_run_leaves_after_a_short_wait_and_the_first_is_undisturbed(
    lock: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    first = start(lock)
    assert holds(first)

    words = f"process {first.pid} .*after 0.1 s of waiting"
    with pytest.raises(LockedError, match=words), workspace_lock(lock, 0.1):
        raise AssertionError("both are at work")

    assert first.poll() is None
    assert json.loads(lock.with_name(".lock.holder").read_text())["pid"] == first.pid


def test_no_wait_is_one_look(
    lock: Path,
    start: Callable[..., subprocess.Popen[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert holds(start(lock))

    with pytest.raises(LockedError), workspace_lock(lock, 0):
        raise AssertionError("both are at work")

    assert capsys.readouterr().err == ""


def test_a_killed_holder_frees_the_workspace(
    lock: Path, start: Callable[..., subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    first = start(lock)
    assert holds(first)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert lock.with_name(".lock.holder").exists()

    with workspace_lock(lock, 0):
        assert json.loads(lock.with_name(".lock.holder").read_text())["pid"] == os.getpid()

    assert not lock.with_name(".lock.holder").exists()


def test_a_waiting_run_goes_on_when_the_holder_is_killed(
    lock: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    first, second = start(lock), None
    assert holds(first)
    second = start(lock)
    assert second.stderr is not None
    assert "waiting" in second.stderr.readline()

    os.kill(first.pid, signal.SIGKILL)

    assert holds(second)


def test_what_a_killed_run_left_is_not_taken_for_the_holder(
    lock: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    dead = start(lock)
    assert holds(dead)
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait()
    left = lock.with_name(".lock.holder").read_text()
    assert holds(start(lock))
    lock.with_name(".lock.holder").write_text(left)

    with pytest.raises(LockedError) as caught, workspace_lock(lock, 0):
        raise AssertionError("both are at work")

    assert str(caught.value).startswith("another run is still at work")


def test_in_one_process_it_nests_and_the_outermost_holds_to_the_end(
    lock: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    with workspace_lock(lock, 0):
        for _ in range(2):
            with workspace_lock(lock.parent / ".." / "workspace" / ".lock", 0):
                pass
            assert lock.with_name(".lock.holder").exists()
            other = start(lock, 0)
            assert other.wait() != 0
            assert other.stderr is not None
            assert "LockedError" in other.stderr.read()

    last = start(lock, 0)
    assert holds(last)


def test_an_error_inside_frees_it(lock: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    with pytest.raises(ZeroDivisionError), workspace_lock(lock, 0):
        raise ZeroDivisionError

    assert holds(start(lock, 0))


def test_another_thread_is_another_run(lock: Path) -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            with workspace_lock(lock, 0):
                raise AssertionError("both are at work")
        except BaseException as error:
            found.append(error)

    with workspace_lock(lock, 0):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert [type(error) for error in found] == [LockedError]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_named_with_the_way_out(
    lock: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)

    words = f"cannot lock files .*{WAIT_VARIABLE}=off"
    with pytest.raises(LifecycleError, match=words), workspace_lock(lock, 0):
        raise AssertionError("it was not locked")

    monkeypatch.setenv(WAIT_VARIABLE, "off")
    with workspace_lock(lock):
        pass


def test_a_workspace_that_cannot_be_written_is_named(lock: Path) -> None:
    lock.parent.write_text("a file in its place")

    with pytest.raises(LifecycleError, match="cannot be written"), workspace_lock(lock, 0):
        raise AssertionError("it was not locked")


def test_the_wait_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WAIT_VARIABLE, raising=False)
    assert lock_wait_seconds() == 600
    monkeypatch.setenv(WAIT_VARIABLE, " 2.5 ")
    assert lock_wait_seconds() == 2.5


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(
    lock: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(WAIT_VARIABLE, text)

    with pytest.raises(ConfigurationError, match=f"is '{text}'"), workspace_lock(lock):
        raise AssertionError("it was not locked")

    assert not lock.parent.exists()


def test_kedro_run_leaves_with_one_line_and_code_75_while_another_run_is_at_work(
    project: Path,
    start: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WAIT_VARIABLE, "0.1")
    other = start(project / "data/test/.lock")
    assert holds(other)
    bootstrap_project(project)
    from regression_lifecycle.cli import cli

    result = CliRunner().invoke(cli, ["run", "--env=test", "--pipelines=ingestion"])

    assert result.exit_code == 75
    assert f"process {other.pid}" in result.output
    assert "Traceback" not in result.output
    assert len(result.output.partition("Error: ")[2].strip().splitlines()) == 1
    written = sorted(path.name for path in (project / "data/test").iterdir())
    assert written == [".lock", ".lock.holder"]


def test_looking_at_a_project_takes_no_lock(
    project: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    from tests.conftest import open_catalog

    assert holds(start(project / "data/test/.lock"))

    assert "observations" in open_catalog(project)
