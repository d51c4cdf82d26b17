"""Every answer is kept: first in a local spool, then, by a thread of its own, in the store.

What :meth:`PredictionLog.append` acknowledged is in a file and survives the death of the process.
It reaches the store at least once, and the table's key makes that exactly once.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.prediction.log_parameters import PredictionLogParameters
from regression_lifecycle.serving.spool import Spool
from regression_lifecycle.serving.store_writer import StoreWriter, to_lines

LOGGER = logging.getLogger(__name__)
LONGEST_PAUSE_SECONDS = 30.0
# A disk that refused may take the next row; only another row tells.
TROUBLE_SECONDS = 5.0


class PredictionLog:
    """The log of one process. Several processes may share the spool."""

    def __init__(self, url: str, path: Path, parameters: PredictionLogParameters) -> None:
        """Open the spool and begin to move what is in it.

        Args:
            url: SQLAlchemy URL of the store; it need not answer yet.
            path: File of the spool, on a local disk; it is made.
            parameters: Sizes and pauses.

        Raises:
            ConfigurationError: If the URL cannot be read.
            LifecycleError: If the spool cannot be kept there.
        """
        self._parameters = parameters
        self._path = path
        self._writer = StoreWriter(url)
        # Why the last rows were not kept, and since when.
        self._trouble: tuple[str, float] | None = None
        self._unlogged_rows = 0
        self._store_state = "unknown: nothing was written yet"
        self._down_since: float | None = None
        self._moving = threading.Lock()
        self._stop = threading.Event()
        self._spool: Spool | None = None
        if parameters.enabled:
            self._spool = Spool(path, parameters.spool_maximum_mb, fsync=parameters.fsync)
            self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
            self._thread.start()

    @property
    def must_log(self) -> bool:
        """Whether a request whose rows :meth:`append` did not take is to be refused."""
        return self._parameters.enabled and self._parameters.when_full == "refuse"

    def append(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Keep rows in the spool. Any thread may call it.

        Args:
            rows: Values by column of ``SERVICE_PREDICTIONS``; ``served_at`` and ``timestamp`` as
                datetime or ISO text (with a zone it is turned to UTC), ``features`` as a JSON
                text.

        Returns:
            True once all rows are in the file; False if none was kept, with the reason in
            :meth:`status`.

        Raises:
            TypeError: If a value is of a kind that the table has no column for.
        """
        if self._spool is None or self._stop.is_set():
            return False
        lines = to_lines(rows)
        try:
            reason = self._spool.why_full()
            if reason is None:
                self._spool.append(lines)
        except sqlite3.Error as error:
            reason = f"the spool cannot be written: {error}"
        if reason is not None:
            if self._trouble is None:
                LOGGER.error("predictions are not kept: %s", reason)
            self._unlogged_rows += len(rows)
        self._trouble = None if reason is None else (reason, time.monotonic())
        return reason is None

    def status(self) -> dict[str, Any]:
        """Describe how the log fares, without credentials; cheap enough for every health check.

        Returns:
            ``enabled``; ``accepts``, whether the next rows will probably be kept; ``spool``,
            ``ok`` or why rows are not kept; ``store``, ``up``, ``unknown: ...`` or ``down: ...``;
            of the spool ``backlog_rows``, ``used_bytes``, ``oldest_seconds`` (how long the oldest
            row has waited, None without one), ``refused_rows``, rows that the store will never
            take, and ``lost_files``, how often its file was deleted or replaced under this
            process; ``unlogged_rows``, rows of this process that were not kept.
        """
        spool, closing = self._spool, self._stop.is_set()
        if spool is None:
            return {"enabled": False, "accepts": False, "spool": "off", "store": "off"}
        shared = {"enabled": True, "store": self._store_state, "unlogged_rows": self._unlogged_rows}
        try:
            state, why_not = spool.state(), spool.why_full()
        except sqlite3.Error as error:
            return {**shared, "accepts": False, "spool": f"the spool cannot be read: {error}"}
        trouble = self._trouble
        if trouble is not None and time.monotonic() - trouble[1] < TROUBLE_SECONDS:
            why_not = why_not or trouble[0]
        waits = None if state.oldest_at is None else round(time.time() - state.oldest_at, 3)
        return {
            **shared,
            "accepts": why_not is None and not closing,
            "spool": why_not or "ok",
            "backlog_rows": state.waiting_rows,
            "used_bytes": state.used_bytes,
            "oldest_seconds": waits,
            "refused_rows": state.refused_rows,
            "lost_files": spool.lost_files,
        }

    def flush(self) -> bool:
        """Move everything that waits, now.

        Returns:
            True if all is in the store; False if the store does not take it. The rows stay in the
            spool then.
        """
        with self._moving:
            try:
                while self._move():
                    pass
            # Whatever it is, rows must not be lost for it, and the thread must not end.
            except Exception as error:
                self._went_down(error)
                return False
            self._came_up()
            return True

    def close(self, timeout: float) -> None:
        """Take no more rows and move those that wait; the next process moves what is left.

        Args:
            timeout: Seconds to wait at most.
        """
        self._stop.set()
        if self._spool is not None:
            self._thread.join(timeout)
            if not self._thread.is_alive():
                self._spool.close()

    def _work(self) -> None:
        pause = self._parameters.retry_seconds
        is_last = False
        while not is_last:
            # Looked at before, so that what was appended until then is moved once more.
            is_last = self._stop.is_set()
            if self.flush():
                pause = self._parameters.retry_seconds
                self._stop.wait(self._parameters.interval_seconds)
            else:
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _move(self) -> bool:
        """Move the oldest rows; True if there are more.

        What is appended meanwhile waits for the next round, else the thread would never rest.
        """
        assert self._spool is not None
        lines = self._spool.read(self._parameters.batch_rows)
        if not lines:
            return False
        refused = self._writer.write(list(lines.values()))
        if refused:
            LOGGER.warning(
                "the store will never take %s of the prediction log; they and the reasons "
                "are in the table 'refused' of %s",
                counted(len(refused), "row"),
                self._path,
            )
        # After the commit: a crash between the two repeats the batch, and the key makes that
        # harmless.
        self._spool.done(list(lines), refused)
        self._store_state = "up"
        self._trouble = None  # there is room now, on a disk that takes what is written
        return len(lines) == self._parameters.batch_rows

    def _went_down(self, error: Exception) -> None:
        reason = self._writer.reason(error)
        self._store_state = f"down: {reason}"
        if self._down_since is None:
            self._down_since = time.monotonic()
            LOGGER.error("predictions wait in the spool, the store does not take them: %s", reason)

    def _came_up(self) -> None:
        if self._down_since is not None:
            self._store_state = "up"
            seconds = time.monotonic() - self._down_since
            self._down_since = None
            LOGGER.warning("the store takes predictions again after %.0f s", seconds)
