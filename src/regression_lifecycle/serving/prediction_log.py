"""Every answer is kept: first in a local spool, then, by a thread of its own, in the store.

What :meth:`PredictionLog.append` acknowledged is in a file and survives the death of the process.
It reaches the store at least once, and the table's key makes that exactly once.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regression_lifecycle.serving.spool import Spool, SpoolFullError
from regression_lifecycle.serving.spool_folders import claim, orphans
from regression_lifecycle.serving.store_writer import StoreWriter, to_lines

if TYPE_CHECKING:
    from regression_lifecycle.core.prediction.log_parameters import PredictionLogParameters

LOGGER = logging.getLogger(__name__)
LONGEST_PAUSE_SECONDS = 30.0
SEARCH_SECONDS = 30.0
# A disk that refused may take the next row; only another row tells.
TROUBLE_SECONDS = 5.0


@dataclass(frozen=True)
class _Trouble:
    reason: str
    # Room that was missing; 0 if the disk refused.
    missing_bytes: int
    since: float


class PredictionLog:
    """The log of one process. Several processes may share the folder."""

    def __init__(self, url: str, folder: Path, parameters: PredictionLogParameters) -> None:
        """Take a spool and begin to move what is in it.

        Args:
            url: SQLAlchemy URL of the store; it need not answer yet.
            folder: Base folder of the spools, on a local disk; it is made.
            parameters: Sizes and pauses.

        Raises:
            ConfigurationError: If the URL cannot be read.
            LifecycleError: If the folder cannot be written or its file system knows no locks.
        """
        self._parameters = parameters
        self._writer = StoreWriter(url)
        self._base = folder
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._trouble: _Trouble | None = None
        self._unlogged_rows = 0
        self._orphans: list[Spool] = []
        self._orphans_refused_rows = 0
        self._next_search = 0.0
        self._store_state = "unknown: nothing was written yet"
        self._down_since: float | None = None
        # A flush takes a ticket; a round of the thread that begins later answers it.
        self._wake = threading.Event()
        self._answer = threading.Condition()
        self._tickets = self._answered = 0
        self._answered_well = True
        self._closing = False
        self._stop = threading.Event()
        self._spool: Spool | None = None
        if parameters.enabled:
            self._spool = claim(
                folder, parameters.spool_maximum_mb, parameters.segment_mb, parameters.fsync
            )
            self._thread = threading.Thread(
                target=self._work, args=(self._spool,), name="prediction-log", daemon=True
            )
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
        spool = self._spool
        if spool is None or not rows:
            return spool is not None
        try:
            # A child that was forked has the file, and neither the thread nor the lock.
            if self._closing or os.getpid() != self._process:
                raise OSError("the log is closed")
            spool.append(to_lines(rows), len(rows))
        except (SpoolFullError, OSError) as error:
            self._refuse_rows(len(rows), error)
            return False
        self._trouble = None
        return True

    def status(self) -> dict[str, Any]:
        """Describe how the log fares, without credentials; cheap enough for every health check.

        Returns:
            ``enabled``; ``accepts``, whether the next rows will probably be kept; ``spool``,
            ``ok`` or why the last rows were not kept; ``store``, ``up``, ``unknown: ...`` or
            ``down: ...``; ``backlog_rows``, ``backlog_bytes`` and ``oldest_seconds`` (age of the
            row that waits longest, None without one) of this process; ``orphans``, folders of
            dead processes in hand; ``refused_rows``, rows that the store will never take (they
            are in ``refused.jsonl``); ``unlogged_rows``, rows that were not kept.
        """
        spool = self._spool
        if spool is None:
            return {"enabled": False, "accepts": False, "spool": "off", "store": "off"}
        trouble = self._current_trouble(spool)
        return {
            "enabled": True,
            "accepts": trouble is None and not self._closing,
            "spool": "ok" if trouble is None else trouble.reason,
            "store": self._store_state,
            "backlog_rows": spool.waiting_rows,
            "backlog_bytes": spool.waiting_bytes,
            "oldest_seconds": _age_seconds(spool.oldest_line()),
            "orphans": len(self._orphans),
            "refused_rows": spool.refused_rows + self._orphans_refused_rows,
            "unlogged_rows": self._unlogged_rows,
        }

    def flush(self, timeout: float) -> bool:
        """Move everything that was appended so far, now.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            True if all is in the store; False if time ran out or the store does not answer. The
            rows stay in the spool then.
        """
        if self._spool is None:
            return True
        if not self._thread.is_alive():
            return self._spool.waiting_rows == 0
        with self._answer:
            self._tickets += 1
            ticket = self._tickets
            self._wake.set()
            in_time = self._answer.wait_for(lambda: self._answered >= ticket, timeout)
            return in_time and self._answered_well

    def close(self, timeout: float) -> bool:
        """Take no more rows, move those that wait, and let the folder go.

        Args:
            timeout: Seconds to wait at most, for both together.

        Returns:
            True if all is in the store. What is not waits for the next process that takes the
            folder.
        """
        if self._spool is None:
            return True
        deadline = time.monotonic() + timeout
        self._closing = True
        done = self.flush(timeout)
        self._stop.set()
        self._wake.set()
        self._thread.join(max(deadline - time.monotonic(), 0.05))
        return done and not self._thread.is_alive()

    def _refuse_rows(self, count: int, error: Exception) -> None:
        if isinstance(error, SpoolFullError):
            reason, missing = str(error), error.missing_bytes
        else:
            words = getattr(error, "strerror", None) or str(error)
            reason, missing = f"the spool cannot be written: {words}", 0
        with self._lock:
            first = self._trouble is None
            self._unlogged_rows += count
            self._trouble = _Trouble(reason, missing, time.monotonic())
        if first:
            LOGGER.error("predictions are not kept: %s", reason)

    def _current_trouble(self, spool: Spool) -> _Trouble | None:
        trouble = self._trouble
        if trouble is None:
            return None
        if trouble.missing_bytes:
            return trouble if spool.room_bytes < trouble.missing_bytes else None
        return trouble if time.monotonic() - trouble.since < TROUBLE_SECONDS else None

    def _work(self, own: Spool) -> None:
        pause = self._parameters.retry_seconds
        while not self._stop.is_set():
            self._wake.clear()
            if self._stop.is_set():  # since the line before the last
                break
            with self._answer:
                ticket = self._tickets
            more, well = False, True
            try:
                more = self._round(own)
            # Whatever it is, rows must not be lost for it, and the thread must not end.
            except Exception as error:
                well = False
                self._went_down(error)
            with self._answer:
                # A round that was cut short has not moved everything.
                self._answered, self._answered_well = ticket, well and not self._stop.is_set()
                self._answer.notify_all()
            if well:
                self._came_up()
                pause = self._parameters.retry_seconds
                if not more:
                    self._wake.wait(self._parameters.interval_seconds)
            else:
                self._wake.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        for spool in (own, *self._orphans):
            spool.release()

    def _round(self, own: Spool) -> bool:
        """Move what waits now, and a batch of each orphaned spool; True if there is more."""
        end = own.end()
        while own.done_up_to < end and not self._stop.is_set() and self._move(own):
            pass
        if time.monotonic() >= self._next_search and not self._closing:
            self._next_search = time.monotonic() + SEARCH_SECONDS
            for spool in orphans(self._base):
                self._orphans.append(spool)  # kept even if the next one fails
        for spool in list(self._orphans):
            if not self._stop.is_set() and not self._move(spool):
                self._orphans.remove(spool)
                spool.release()
        return bool(self._orphans) or own.waiting_rows >= self._parameters.batch_rows

    def _move(self, spool: Spool) -> bool:
        batch = spool.read(self._parameters.batch_rows)
        if batch is None:
            return False
        refused = self._writer.write(batch.lines)
        if refused:
            spool.set_aside(refused)
            if spool is not self._spool:
                self._orphans_refused_rows += len(refused)
            LOGGER.warning(
                "the store will never take %d row(s) of the prediction log; they and the reasons "
                "are in %s",
                len(refused),
                spool.refused_path,
            )
        # After the commit: a crash between the two repeats the batch, and the key makes that
        # harmless.
        spool.done(batch)
        self._store_state = "up"
        return True

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


def _age_seconds(line: bytes | None) -> float | None:
    """How long ago a row was served; None if there is none or it does not say."""
    try:
        moment = datetime.fromisoformat(json.loads(line or b"")["served_at"])
    except (ValueError, TypeError, KeyError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round((datetime.now(UTC) - moment).total_seconds(), 3)
