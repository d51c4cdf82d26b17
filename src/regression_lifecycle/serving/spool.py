"""Lines that wait on the local disk until the store has them.

A SQLite file that the processes of one machine share: what a dead one leaves, any other moves.
Two may move the same line, which a reader that goes by a key does not mind.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from regression_lifecycle.core.errors import LifecycleError

MEGABYTE = 1_000_000
# AUTOINCREMENT: no number is used twice, so that what is done is never a line that came later.
_SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS waiting (
        number INTEGER PRIMARY KEY AUTOINCREMENT, appended_at REAL NOT NULL, line TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS refused (line TEXT PRIMARY KEY, reason TEXT NOT NULL);
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
    """A queue of lines in a file; any thread may use it."""

    def __init__(self, path: Path, maximum_mb: float, *, fsync: bool) -> None:
        """Open the file, or make it.

        Args:
            path: The file, on a local disk.
            maximum_mb: Megabytes that it may take; then it is full.
            fsync: Whether a line survives the death of the machine.

        Raises:
            LifecycleError: If the file cannot be written or is no spool.
        """
        self._maximum_bytes = int(maximum_mb * MEGABYTE)
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False)
            # Nobody waits for his turn while SQLite changes the journal of a new file.
            with FileLock(path.with_suffix(".lock"), fallback_to_soft=False):
                self._connection.executescript(_SCHEMA)
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
        except (OSError, sqlite3.Error) as error:
            raise LifecycleError(
                f"the spool of the prediction log cannot be kept in {path} ({error}); name a "
                "local folder that can be written, or move the file away"
            ) from error

    def append(self, lines: Iterable[str]) -> None:
        """Add all lines or none; on return they survive the death of the process.

        Raises:
            sqlite3.Error: If the disk refuses, or the spool is closed.
        """
        now = time.time()
        with self._lock, self._connection:
            self._connection.executemany(
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
            query = "SELECT number, line FROM waiting ORDER BY number LIMIT ?"
            return dict(self._connection.execute(query, (rows,)))

    def done(self, numbers: Sequence[int], refused: Mapping[str, str]) -> None:
        """Delete lines, and set those aside that can never be stored, for a person to look at.

        Args:
            numbers: Numbers of the oldest lines.
            refused: Reasons by line.
        """
        with self._lock, self._connection:
            self._connection.executemany(
                "INSERT OR IGNORE INTO refused (line, reason) VALUES (?, ?)", refused.items()
            )
            self._connection.execute("DELETE FROM waiting WHERE number <= ?", (max(numbers),))

    def state(self) -> SpoolState:
        """Look what it holds, in a time that does not depend on it."""
        with self._lock, closing(self._connection.execute(_STATE)) as cursor:
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
