"""Lines that wait on the local disk: a folder of segments that belongs to one process.

A folder ``<base>/<n>`` holds ``.lock``, segments ``000000000001.jsonl`` and so on, the place up to
which lines are done (``position.json``), and lines that were set aside (``refused.jsonl``). The
operating system keeps the lock, so the folder of a dead process can be taken over.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

MEGABYTE = 1_000_000
_POSITION, _REFUSED = "position.json", "refused.jsonl"


class SpoolFullError(Exception):
    """The spool holds as much as it may."""

    def __init__(self, text: str, missing_bytes: int) -> None:
        """Describe the full spool.

        Args:
            text: The reason.
            missing_bytes: Room that was asked for.
        """
        super().__init__(text)
        self.missing_bytes = missing_bytes


@dataclass(order=True, frozen=True)
class Place:
    """A border between two lines.

    Attributes:
        segment: Number of the segment.
        offset: Bytes from its start.
    """

    segment: int
    offset: int


@dataclass(frozen=True)
class Batch:
    """Lines that were read and are not done yet.

    Attributes:
        lines: The lines without their line feed; the last one of a dead process may be half.
        end: Where the next one begins.
    """

    lines: list[bytes]
    end: Place


@dataclass
class _Segment:
    number: int
    size: int
    waiting_rows: int


class Spool:
    """The folder of one process; threads may append while one other thread reads."""

    def __init__(
        self, folder: Path, lock: BaseFileLock, maximum_mb: float, segment_mb: float, fsync: bool
    ) -> None:
        """Look at what is there. ``claim`` and ``orphans`` of ``spool_folders`` make spools.

        Args:
            folder: The folder.
            lock: Its lock, held already.
            maximum_mb: Most megabytes that may wait.
            segment_mb: Size at which the next segment begins.
            fsync: Whether a line survives the death of the machine.
        """
        self.folder = folder
        self._file_lock = lock
        self._maximum_bytes = int(maximum_mb * MEGABYTE)
        self._segment_bytes = int(segment_mb * MEGABYTE)
        self._fsync = fsync
        self._lock = threading.Lock()
        # A segment of an earlier process is only read: its last line may be half a line.
        self._active: FileIO | None = None
        self._released = False
        self._done = self._read_position()
        self._segments = deque(self._find_segments())
        self._last_number = max(self._done.segment, *(s.number for s in self._segments), 0)
        self.waiting_rows = sum(segment.waiting_rows for segment in self._segments)
        self.waiting_bytes = sum(self._waiting_bytes_of(s) for s in self._segments)
        self.refused_rows, self._refused_bytes = _count(self.refused_path)

    @property
    def refused_path(self) -> Path:
        """The file of the lines that were set aside."""
        return self.folder / _REFUSED

    @property
    def done_up_to(self) -> Place:
        """The place before which every line is done."""
        return self._done

    @property
    def room_bytes(self) -> int:
        """Bytes that may still be appended; lines set aside take room too."""
        return self._maximum_bytes - self.waiting_bytes - self._refused_bytes

    def append(self, data: bytes, rows: int) -> None:
        """Write lines in one go; on return they are in the file.

        Args:
            data: Whole lines, each with its line feed.
            rows: How many lines.

        Raises:
            SpoolFullError: If they do not fit; nothing was written.
            OSError: If the disk refuses; nothing of them will be read.
        """
        with self._lock:
            if self._released:
                raise OSError("the spool is closed")
            if len(data) > self.room_bytes:
                raise SpoolFullError(
                    f"the spool is full: {self.waiting_rows} rows "
                    f"({self.waiting_bytes / MEGABYTE:.3g} MB) wait for the store",
                    len(data),
                )
            file = self._writable()
            segment = self._segments[-1]
            try:
                written = file.write(data)
                if written != len(data):
                    raise OSError(f"the disk took {written} of {len(data)} bytes")
                if self._fsync:
                    os.fsync(file.fileno())
            except OSError:
                self._cut(file, segment.size)
                raise
            segment.size += len(data)
            segment.waiting_rows += rows
            self.waiting_rows += rows
            self.waiting_bytes += len(data)

    def end(self) -> Place:
        """Return where the next line will stand.

        Returns:
            The place behind all lines; what is appended later stands at it or after it.
        """
        with self._lock:
            if not self._segments:
                return self._done
            return Place(self._segments[-1].number, self._segments[-1].size)

    def read(self, rows: int) -> Batch | None:
        """Read the oldest lines that are not done. Reading again gives them again.

        Args:
            rows: Most lines to read.

        Returns:
            Lines of one segment; None if all are done.
        """
        while (found := self._next_bytes()) is not None:
            start, limit = found
            lines: list[bytes] = []
            offset = start.offset
            try:
                with self._path(start.segment).open("rb") as file:
                    file.seek(offset)
                    while offset < limit and len(lines) < rows:
                        line = file.readline(limit - offset)
                        if not line:
                            break
                        offset += len(line)
                        lines.append(line.rstrip(b"\n"))
            except FileNotFoundError:
                lines = []
            if lines:
                return Batch(lines, Place(start.segment, offset))
            # Somebody deleted or shortened the file; what else waits must not wait for it.
            self._leave(start.segment)
        return None

    def done(self, batch: Batch) -> None:
        """Remember that lines need not be read again.

        Args:
            batch: What :meth:`read` gave last.
        """
        with self._lock:
            segment = self._segments[0]
            self.waiting_bytes -= batch.end.offset - self._offset_in(segment)
            segment.waiting_rows -= len(batch.lines)
            self.waiting_rows -= len(batch.lines)
            self._done = batch.end
        text = json.dumps({"segment": batch.end.segment, "offset": batch.end.offset})
        # A place that cannot be written is an older place after a restart: lines are read twice,
        # which a reader that goes by a key does not mind. A full disk must not stop the reading,
        # since that is what makes room.
        with suppress(OSError):
            staged = self.folder / f"{_POSITION}.new"
            staged.write_text(text)
            staged.replace(self.folder / _POSITION)
        # Deletes the segment if this was its end.
        self._next_bytes()

    def set_aside(self, entries: Sequence[str]) -> None:
        """Keep what can never be stored, for a person to look at.

        Args:
            entries: Lines without a line feed.

        Raises:
            OSError: If the disk refuses.
        """
        data = "".join(f"{entry}\n" for entry in entries).encode()
        with self.refused_path.open("ab") as file:
            file.write(data)
        with self._lock:
            self.refused_rows += len(entries)
            self._refused_bytes += len(data)

    def oldest_line(self) -> bytes | None:
        """Look at the line that waits longest.

        Returns:
            The line; None if nothing waits.
        """
        with self._lock:
            waiting = [(s, self._offset_in(s)) for s in self._segments]
        for segment, offset in waiting:
            if offset < segment.size:
                # It may be done and deleted by now.
                with suppress(OSError), self._path(segment.number).open("rb") as file:
                    file.seek(offset)
                    return file.readline().rstrip(b"\n")
        return None

    def release(self) -> None:
        """Close the files and let another process have the folder."""
        with self._lock:
            self._released = True
            self._close_active()
        # Deletes the last segment if nothing of it waits.
        self._next_bytes()
        self._file_lock.release()

    def _writable(self) -> FileIO:
        """Return the file to append to; a new one if the last is long, old or deleted."""
        if self._active is not None and (
            self._segments[-1].size >= self._segment_bytes
            or os.fstat(self._active.fileno()).st_nlink == 0
        ):
            self._close_active()
        if self._active is None:
            number = self._last_number + 1
            # "x": a number is never used twice, else an old place could skip new lines.
            self._active = FileIO(self._path(number), "x")
            self._last_number = number
            self._segments.append(_Segment(number, 0, 0))
            if self._fsync:
                _sync_folder(self.folder)
        return self._active

    def _cut(self, file: FileIO, size: int) -> None:
        try:
            file.truncate(size)
            file.seek(size)
        except OSError:
            # Half a line would stick to the next one.
            self._close_active()

    def _close_active(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None

    def _next_bytes(self) -> tuple[Place, int] | None:
        """Find the first segment with waiting lines, and delete those before it."""
        with self._lock:
            while self._segments:
                segment = self._segments[0]
                offset = self._offset_in(segment)
                if offset < segment.size:
                    return Place(segment.number, offset), segment.size
                if self._active is not None and len(self._segments) == 1:
                    return None
                self._drop_first()
            return None

    def _leave(self, number: int) -> None:
        with self._lock:
            if self._segments and self._segments[0].number == number:
                if len(self._segments) == 1:
                    self._close_active()
                self._drop_first()

    def _drop_first(self) -> None:
        segment = self._segments.popleft()
        self.waiting_bytes -= self._waiting_bytes_of(segment)
        self.waiting_rows -= segment.waiting_rows
        # If it stays, the next start finds it before the place that is done, and deletes it.
        with suppress(OSError):
            self._path(segment.number).unlink()

    def _offset_in(self, segment: _Segment) -> int:
        return self._done.offset if segment.number == self._done.segment else 0

    def _waiting_bytes_of(self, segment: _Segment) -> int:
        # After a crash of the machine a segment may be shorter than the place that was done.
        return max(segment.size - self._offset_in(segment), 0)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}.jsonl"

    def _read_position(self) -> Place:
        try:
            told = json.loads((self.folder / _POSITION).read_text())
            return Place(int(told["segment"]), int(told["offset"]))
        except (OSError, ValueError, TypeError, KeyError):
            return Place(0, 0)

    def _find_segments(self) -> Iterator[_Segment]:
        for path in sorted(self.folder.glob("*.jsonl")):
            if not path.stem.isdecimal():
                continue
            number = int(path.stem)
            if number < self._done.segment:
                path.unlink()
                continue
            offset = self._done.offset if number == self._done.segment else 0
            rows, _ = _count(path, offset)
            yield _Segment(number, path.stat().st_size, rows)


def _count(path: Path, offset: int = 0) -> tuple[int, int]:
    """Count lines, a half one too, and bytes from an offset on."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            rows = size = 0
            for line in file:
                rows += 1
                size += len(line)
            return rows, size
    except FileNotFoundError:
        return 0, 0


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
