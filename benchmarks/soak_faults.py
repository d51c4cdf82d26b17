"""What strikes a project of the soak, and how it is taken back."""

from __future__ import annotations

import ctypes
import os
import resource
import sqlite3
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

MEGABYTE = 1024 * 1024
# Room of the projects that a full disk is tried on.
DISK_MEGABYTES = 400
# Left by a full disk at most: less than what a run writes.
MOST_LEFT_BYTES = 400 * 1024
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class Fault:
    """Something that strikes once.

    Attributes:
        name: For the summary.
        share: Moment, as a share of the time that the struck command usually takes.
        seconds: It is taken back so long after it struck, or when the command has ended.
    """

    name = ""
    seconds = 10.0

    def __init__(self, share: float) -> None:
        """Choose the moment."""
        self.share = share

    def strike(self, world: Any, running: Any) -> None:
        """Let it happen.

        Args:
            world: Whom it strikes.
            running: The command that is under way; None under requests.
        """
        raise NotImplementedError

    def heal(self, world: Any) -> None:
        """Take it back; what never struck is taken back too."""


class KillCommand(Fault):
    """SIGKILL of a command."""

    name = "kill"

    def strike(self, world: Any, running: Any) -> None:
        """Kill the command."""
        running.kill()


class KillService(Fault):
    """SIGKILL of the service; whoever needs it starts it again."""

    name = "kill of the service"

    def strike(self, world: Any, running: Any) -> None:
        """Kill it."""
        world.service.kill()

    def heal(self, world: Any) -> None:
        """See that it is gone: the moment may not have come yet."""
        world.service.kill()
        world.service.wait(60)


class FullDisk(Fault):
    """No room for what is written; another process took it."""

    name = "full disk"

    def strike(self, world: Any, running: Any) -> None:
        """Take the room, or without a disk of its own the right to write large files."""
        if not world.data.is_mount():
            self._limit(world, running, int(self.share * MOST_LEFT_BYTES))
            return
        free = os.statvfs(world.data)
        taken = free.f_bavail * free.f_frsize - int(self.share * MOST_LEFT_BYTES)
        with (world.data / "filling").open("wb") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(taken, 1))

    def heal(self, world: Any) -> None:
        """Give the room back."""
        if world.data.is_mount():
            (world.data / "filling").unlink(missing_ok=True)
        else:
            self._limit(world, None, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(world: Any, running: Any, size: int) -> None:
        for process in (running, world.service):
            if process is not None:
                with suppress(ProcessLookupError):
                    limits = (size, resource.RLIM_INFINITY)
                    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)


class _Away(Fault):
    """A folder with a database is exchanged for one in which none can be opened."""

    file = ""

    def _folder(self, world: Any) -> Path:
        raise NotImplementedError

    def strike(self, world: Any, running: Any) -> None:
        """Take it away in one step."""
        folder = self._folder(world)
        away = folder.with_name(f"{folder.name}-away")
        # A folder in place of the file, so that nobody makes a new database meanwhile.
        (away / self.file).mkdir(parents=True)
        exchange(folder, away)

    def heal(self, world: Any) -> None:
        """Give it back."""
        folder = self._folder(world)
        away = folder.with_name(f"{folder.name}-away")
        if away.exists():
            exchange(folder, away)
            subprocess.run(["rm", "-r", str(away)], check=True)


class StoreAway(_Away):
    """The store cannot be opened."""

    name, file = "store away", "lifecycle.db"

    def _folder(self, world: Any) -> Path:
        return world.store.parent  # type: ignore[no-any-return]


class MLflowAway(_Away):
    """MLflow's database cannot be opened, and its artifacts are gone."""

    name, file = "MLflow away", "mlflow.db"

    def _folder(self, world: Any) -> Path:
        return world.registry.parent  # type: ignore[no-any-return]


class StoreLocked(Fault):
    """Another process writes for seconds, as a backup does."""

    name = "store locked"
    held_seconds = 3.0

    def strike(self, world: Any, running: Any) -> None:
        """Begin to write."""
        self._holder = threading.Thread(target=self._hold, args=(world.store,))
        self._holder.start()

    def _hold(self, store: Path) -> None:
        connection = sqlite3.connect(store, timeout=30, isolation_level=None)
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(self.held_seconds)
            connection.execute("ROLLBACK")
        connection.close()

    def heal(self, world: Any) -> None:
        """Wait for the end of it."""
        if hasattr(self, "_holder"):
            self._holder.join()


COMMAND_FAULTS = (FullDisk, StoreAway, StoreLocked, MLflowAway)


def exchange(one: Path, other: Path) -> None:
    """Exchange two folders in one step; Linux only."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = (os.fsencode(one), os.fsencode(other))
    if libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))


def mount_disk(folder: Path) -> str:
    """Mount a small disk in memory, if this process may.

    Args:
        folder: Where.

    Returns:
        What stands for a full disk, for the summary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "a limit of the size of files (RLIMIT_FSIZE)"
    return f"a disk in memory (tmpfs of {DISK_MEGABYTES} MB)"


def unmount_disk(folder: Path) -> None:
    """Take the disk away again; what still writes there keeps it until it has ended."""
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
