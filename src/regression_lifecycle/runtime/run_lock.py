"""One run at a time in a workspace: the second one waits, says for whom, and leaves in the end."""

from __future__ import annotations

import json
import math
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from errno import EACCES, EPERM, EROFS
from pathlib import Path
from typing import TYPE_CHECKING

from regression_lifecycle.adapters.staged_files import staged_path
from regression_lifecycle.core.errors import ConfigurationError, LifecycleError, LockedError

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_NAME = ".lock"
HOLDER_SUFFIX = ".holder"
WAIT_VARIABLE = "REGRESSION_LIFECYCLE_LOCK_WAIT_SECONDS"
DEFAULT_WAIT_SECONDS = 600.0
OFF = "off"
_LONGEST_COMMAND = 200


@contextmanager
def workspace_lock(path: Path, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold a workspace for one run.

    The operating system keeps the lock (``flock``), so it is free as soon as the process that
    holds it is gone, however it died. In one thread the context may be entered again inside
    itself; another thread waits like another process, and so does a command that is started
    inside of it as a process of its own.

    Args:
        path: The lock file; its folder is made. It stays when the lock is free again.
        wait_seconds: How long to wait for another run; by default what the environment variable
            ``REGRESSION_LIFECYCLE_LOCK_WAIT_SECONDS`` says, whose value ``off`` takes no lock.

    Yields:
        Nothing; the workspace is held inside.

    Raises:
        LockedError: If the other run did not end in that time.
        ConfigurationError: If the environment variable cannot be read.
        LifecycleError: If the lock file cannot be written or the file system knows no locks.
    """
    if wait_seconds is None and _told().lower() == OFF:
        yield
        return
    from filelock import FileLock

    wait = lock_wait_seconds() if wait_seconds is None else wait_seconds

    resolved = path.resolve()
    try:
        resolved.parent.mkdir(parents=True, exist_ok=True)
        # A singleton per path and thread is what nests. The soft lock that would stand in for a
        # missing flock outlives a killed process, so it is not taken.
        lock = FileLock(resolved, is_singleton=True, fallback_to_soft=False)
        outermost = not lock.is_locked
        _acquire(lock, resolved, wait)
    except OSError as error:
        raise LifecycleError(_refusal(resolved, error)) from error
    holder = resolved.with_name(resolved.name + HOLDER_SUFFIX)
    try:
        if outermost:
            _write_holder(holder)
        yield
    finally:
        if outermost:
            # Before the lock is given up: afterwards the file may be the next one's.
            with suppress(OSError):
                holder.unlink()
        lock.release()


def lock_wait_seconds() -> float:
    """Read from the environment how long a run waits for another one.

    Returns:
        Seconds, from ``REGRESSION_LIFECYCLE_LOCK_WAIT_SECONDS`` or 600.

    Raises:
        ConfigurationError: If the variable is no number of seconds.
    """
    text = _told()
    if not text:
        return DEFAULT_WAIT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigurationError(
            f"  {WAIT_VARIABLE} is '{text}'; write a number of seconds, 0 or more, or '{OFF}'"
        )
    return seconds


def _told() -> str:
    return os.environ.get(WAIT_VARIABLE, "").strip()


def _acquire(lock: BaseFileLock, path: Path, wait_seconds: float) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        if wait_seconds > 0:
            sys.stderr.write(
                f"{_who(path)} is at work in {path.parent}; waiting for up to "
                f"{wait_seconds:g} s ({WAIT_VARIABLE})\n"
            )
            sys.stderr.flush()
            with suppress(Timeout):
                lock.acquire(timeout=wait_seconds, poll_interval=0.2)
                return
        raise LockedError(
            f"{_who(path)} is still at work in {path.parent} after {wait_seconds:g} s of waiting, "
            f"so nothing was run; try again later, or wait longer with {WAIT_VARIABLE}"
        ) from None


def _write_holder(file: Path) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    told = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": command[:_LONGEST_COMMAND],
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    # Best effort: it only helps people, the lock is another file.
    with suppress(OSError):
        staged = staged_path(file)
        staged.write_text(json.dumps(told))
        staged.replace(file)


def _who(path: Path) -> str:
    try:
        told = json.loads(path.with_name(path.name + HOLDER_SUFFIX).read_text())
        pid, host, command, since = (told[k] for k in ("pid", "host", "command", "since"))
        if host == socket.gethostname():
            # What a killed run left behind says nothing about who holds the lock now.
            os.kill(int(pid), 0)
    except PermissionError:
        return "a run of another user"
    except (OSError, ValueError, TypeError, KeyError):
        return "another run"
    holder = f"another run (process {pid} on {host}, '{command}', since {since})"
    return "".join(char if char.isprintable() else " " for char in holder)


def _refusal(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    if error.errno in (EACCES, EPERM, EROFS) or path.parent.is_file():
        return f"the lock file {path} cannot be written ({reason}); a run needs to write there"
    return (
        f"the file system of {path} cannot lock files ({reason}), so two runs could not be kept "
        f"apart; put the workspace on another one, or set {WAIT_VARIABLE}={OFF} and see to it "
        "that only one run is at work"
    )
