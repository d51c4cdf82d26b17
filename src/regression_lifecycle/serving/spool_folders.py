"""Which folder of spools belongs to whom: each process has one, and the dead leave theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.serving.spool import Spool

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK = ".lock"


def claim(base: Path, maximum_mb: float, segment_mb: float, fsync: bool) -> Spool:
    """Take the first folder that no living process has.

    Args:
        base: Folder of all processes; it is made.
        maximum_mb: Most megabytes that may wait.
        segment_mb: Size at which the next segment begins.
        fsync: Whether a line survives the death of the machine.

    Returns:
        The spool, with what a dead process left in it.

    Raises:
        LifecycleError: If the folder cannot be written or its file system knows no locks.
    """
    number = 0
    try:
        while True:
            folder = base / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            lock = _try_lock(folder)
            if lock is not None:
                return Spool(folder, lock, maximum_mb, segment_mb, fsync)
            number += 1
    except OSError as error:
        raise LifecycleError(
            f"the spool of the prediction log cannot be kept in {base} "
            f"({error.strerror or type(error).__name__}); name a local folder that can be written"
        ) from error


def orphans(base: Path) -> Iterator[Spool]:
    """Take over folders of dead processes in which something waits.

    Args:
        base: Folder of all processes.

    Yields:
        Spools to read from; each is to be released.
    """
    for folder in sorted(base.iterdir()):
        if not folder.name.isdecimal() or not any(folder.glob("[0-9]*.jsonl")):
            continue
        try:
            lock = _try_lock(folder)
        except OSError:  # of another user
            continue
        if lock is not None:
            yield Spool(folder, lock, 0, 0, False)


def _try_lock(folder: Path) -> BaseFileLock | None:
    from filelock import FileLock, Timeout

    # Not bound to a thread: it is taken by one and released by another. The soft lock that would
    # stand in for a missing flock outlives a killed process, so it is not taken.
    lock = FileLock(folder / _LOCK, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
