"""Lines that wait on the local disk until the store has them.

A SQLite file that the processes of one machine share: what a dead one leaves, any other moves.
Two may move the same line, which a reader that goes by a key does not mind.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from regression_lifecycle.core.errors import LifecycleError

LOGGER = logging.getLogger(__name__)
MEGABYTE = 1_000_000
# AUTOINCREMENT: no number is used twice, so that what is done is never a line that came later.
_SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS waiting (
        number INTEGER PRIMARY KEY AUTOINCREMENT, appended_at REAL NOT NULL, line TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS refused (line TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""
# Lines get numbers anew: another process may have begun the file.
_CARRY_OVER = """
    BEGIN;
    INSERT INTO main.waiting (appended_at, line)
        SELECT appended_at, line FROM old.waiting ORDER BY number;
    INSERT OR IGNORE INTO main.refused SELECT line, reason FROM old.refused;
    COMMIT;
    DETACH old;
"""
# Numbers have no gaps: lines are appended at one end and deleted from the other.
_STATE = """
    SELECT
        ifnull((SELECT max(number) FROM waiting) - (SELECT min(number) FROM waiting) + 1, 0),
        (SELECT appended_at FROM waiting ORDER BY number LIMIT 1),
        (SELECT count(*) FROM refused),
        (SELECT (page_count - freelist_count) * page_size
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size)
"""


@dataclass(frozen=True)
class SpoolState:
    """What a spool holds.

    Attributes:
        waiting_rows: Lines that are not done.
        oldest_at: Seconds since 1970 when the line that waits longest was appended; None without
            one.
        refused_rows: Lines that were set aside.
        used_bytes: Bytes that all of it takes, about 16,000 of an empty one.
    """

    waiting_rows: int
    oldest_at: float | None
    refused_rows: int
    used_bytes: int


class Spool:
    """A queue of lines in a file; any thread may use it.

    A file that was deleted or replaced under it is noticed at the next use. What waited goes into
    the file that stands there then, or into a new one.
    """

    def __init__(self, path: Path, maximum_mb: float, *, fsync: bool) -> None:
        """Open the file, or make it.

        Args:
            path: The file, on a local disk.
            maximum_mb: Megabytes that it may take; then it is full.
            fsync: Whether a line survives the death of the machine.

        Raises:
            LifecycleError: If the file cannot be written or is no spool.
        """
        self._path = path
        self._maximum_bytes = int(maximum_mb * MEGABYTE)
        self._fsync = fsync
        self._lock = threading.Lock()
        self._lost_files = 0
        self._read_from: sqlite3.Connection | None = None
        # Where what waited is kept as long as no new file can be begun.
        self._rescued: Path | None = None
        try:
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            raise LifecycleError(
                f"the spool of the prediction log cannot be kept in {path} ({error}); name a "
                "local folder that can be written, or move the file away"
            ) from error
        self._identity = self._look()

    @property
    def lost_files(self) -> int:
        """How often the file was deleted or replaced under this process."""
        return self._lost_files

    def append(self, lines: Iterable[str]) -> None:
        """Add all lines or none; on return they survive the death of the process.

        Raises:
            sqlite3.Error: If the disk refuses, or the spool is closed.
        """
        now = time.time()
        with self._lock, self._current() as connection:
            connection.executemany(
                "INSERT INTO waiting (appended_at, line) VALUES (?, ?)",
                ((now, line) for line in lines),
            )

    def read(self, rows: int) -> dict[int, str]:
        """Read the oldest lines that are not done. Reading again gives them again.

        Args:
            rows: Most lines to read.

        Returns:
            Lines by their number, in order; empty if all are done.
        """
        with self._lock:
            # Where no new file can be begun, what waits is still to be had from the old one.
            with suppress(sqlite3.Error):
                self._current()
            self._read_from = self._connection
            query = "SELECT number, line FROM waiting ORDER BY number LIMIT ?"
            return dict(self._connection.execute(query, (rows,)))

    def done(self, numbers: Sequence[int], refused: Mapping[str, str]) -> None:
        """Delete lines, and set those aside that can never be stored, for a person to look at.

        Args:
            numbers: Numbers of the oldest lines.
            refused: Reasons by line.
        """
        with self._lock, self._connection:
            # The numbers are those of another file: its lines are read, and stored, once more.
            if self._connection is not self._read_from:
                return
            self._connection.executemany(
                "INSERT OR IGNORE INTO refused (line, reason) VALUES (?, ?)", refused.items()
            )
            self._connection.execute("DELETE FROM waiting WHERE number <= ?", (max(numbers),))

    def state(self) -> SpoolState:
        """Look what it holds, in a time that does not depend on it.

        Raises:
            sqlite3.Error: If the file cannot be read, or is gone and no new one can be begun.
        """
        with self._lock, closing(self._current().execute(_STATE)) as cursor:
            return SpoolState(*cursor.fetchone())

    def why_full(self) -> str | None:
        """Return why nothing should be appended; None if something may be."""
        state = self.state()
        if state.used_bytes < self._maximum_bytes:
            return None
        return (
            f"the spool is full: {state.waiting_rows} rows wait for the store, "
            f"{state.used_bytes / MEGABYTE:.3g} MB are taken"
        )

    def close(self) -> None:
        """Let the file go; what waits in it stays."""
        with self._lock:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Nobody waits for his turn while SQLite changes the journal of a new file.
        with FileLock(self._path.with_suffix(".lock"), fallback_to_soft=False):
            if not self._path.exists():
                # The journal of a deleted file; a process that has it open would mix it with ours.
                for end in ("-wal", "-shm"):
                    Path(f"{self._path}{end}").unlink(missing_ok=True)
            connection = sqlite3.connect(self._path, check_same_thread=False)
            connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
        return connection

    def _look(self) -> tuple[int, int] | None:
        """Return what tells the file from another one of its name; None without a file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _current(self) -> sqlite3.Connection:
        """Return a connection to the file that has the name; a deleted one dies with the process.

        Raises:
            sqlite3.Error: If no new file can be begun; what waited can be read all the same.
        """
        found = self._look()
        if found is not None and found == self._identity:
            return self._connection
        try:
            self._begin_anew()
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        return self._connection

    def _begin_anew(self) -> None:
        # Through a file of another name, since two open files of one name share one journal.
        if self._rescued is None:
            rescued = self._path.with_name(f"{self._path.stem}-{uuid.uuid4()}.rescued")
            rescued.parent.mkdir(parents=True, exist_ok=True)
            self._connection.execute("VACUUM INTO ?", (str(rescued),))
            self._connection.close()
            self._connection = sqlite3.connect(rescued, check_same_thread=False)
            self._rescued = rescued
        begun = self._open()
        try:
            begun.execute("ATTACH ? AS old", (str(self._rescued),))
            begun.executescript(_CARRY_OVER)
        except sqlite3.Error:
            begun.close()
            raise
        self._connection.close()
        self._rescued.unlink()
        self._connection, self._rescued = begun, None
        self._identity = self._look()
        self._lost_files += 1
        LOGGER.error(
            "%s was deleted or replaced while it was in use; what waited in it is in the file "
            "that stands there now",
            self._path,
        )
