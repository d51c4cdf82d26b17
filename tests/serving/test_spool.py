"""Lines on the local disk: what stays, what is read, and whose they are."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.serving.spool import Place, Spool, SpoolFullError
from regression_lifecycle.serving.spool_folders import claim, orphans

LINE = b'{"row": %d}\n'
LENGTH = len(LINE % 0)


def opened(base: Path, maximum_mb: float = 1.0, segment_mb: float = 1.0) -> Spool:
    return claim(base, maximum_mb, segment_mb, fsync=False)


def append(spool: Spool, *numbers: int) -> None:
    spool.append(b"".join(LINE % number for number in numbers), len(numbers))


def read_all(spool: Spool, rows: int = 2) -> list[bytes]:
    found = []
    while batch := spool.read(rows):
        found += batch.lines
        spool.done(batch)
    return found


def lines(*numbers: int) -> list[bytes]:
    return [(LINE % number).rstrip() for number in numbers]


def segments(spool: Spool) -> list[str]:
    return sorted(path.name for path in spool.folder.glob("[0-9]*.jsonl"))


def test_lines_come_out_in_order_and_what_is_not_done_comes_again(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    append(spool, 1, 2, 3)

    first = spool.read(2)

    assert first is not None
    assert first.lines == lines(1, 2)
    assert spool.read(2) == first
    assert (spool.waiting_rows, spool.waiting_bytes) == (3, 3 * LENGTH)
    spool.done(first)
    append(spool, 4)
    assert spool.oldest_line() == lines(3)[0]
    assert read_all(spool) == lines(3, 4)
    assert (spool.waiting_rows, spool.waiting_bytes, spool.oldest_line()) == (0, 0, None)
    assert spool.end() == spool.done_up_to


def test_a_long_segment_is_followed_by_another_and_deleted_when_it_is_done(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_mb=2 * LENGTH / 1e6)
    for number in range(5):
        append(spool, number)
    assert len(segments(spool)) == 3

    assert read_all(spool, 10) == lines(0, 1, 2, 3, 4)

    assert len(segments(spool)) == 1  # the one that is written to
    spool.release()
    assert segments(spool) == []


def test_a_new_process_goes_on_where_the_last_one_stood(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_mb=2 * LENGTH / 1e6)
    append(spool, 1, 2)
    append(spool, 3, 4)
    for _ in range(3):
        batch = spool.read(1)
        assert batch is not None
        spool.done(batch)
    spool.release()

    again = opened(tmp_path)

    assert again.folder == spool.folder
    assert (again.waiting_rows, again.waiting_bytes) == (1, LENGTH)
    append(again, 5)
    assert read_all(again) == lines(4, 5)


@pytest.mark.parametrize(
    "content", [None, "", "{", '{"segment": 1}', '{"segment": 1, "offset": 0}']
)
def test_without_a_place_lines_are_read_twice_and_none_is_left_out(
    tmp_path: Path, content: str | None
) -> None:
    spool = opened(tmp_path)
    append(spool, 1, 2, 3)
    batch = spool.read(2)
    assert batch is not None
    spool.done(batch)
    spool.release()
    position = spool.folder / "position.json"
    if content is None:
        position.unlink()
    else:
        position.write_text(content)

    again = opened(tmp_path)

    assert again.waiting_rows == 3
    assert read_all(again) == lines(1, 2, 3)


def test_a_number_is_never_used_twice_so_that_no_old_place_skips_new_lines(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    append(spool, 1, 2)
    read_all(spool)
    spool.release()
    assert segments(spool) == []

    again = opened(tmp_path)
    append(again, 3)
    again.release()

    assert segments(again) == ["000000000002.jsonl"]
    assert read_all(opened(tmp_path)) == lines(3)


def test_a_done_segment_that_a_crash_left_is_deleted_and_not_read(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_mb=LENGTH / 1e6)
    append(spool, 1)
    append(spool, 2)
    first = spool.folder / segments(spool)[0]
    content = first.read_bytes()
    for _ in range(2):
        batch = spool.read(1)
        assert batch is not None
        spool.done(batch)
    spool.release()
    first.write_bytes(content)

    again = opened(tmp_path)

    assert again.read(10) is None
    assert segments(again) == []


def test_half_a_line_is_never_added_to(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    append(spool, 1)
    spool.release()
    with (spool.folder / segments(spool)[0]).open("ab") as file:
        file.write(b'{"row": ')

    again = opened(tmp_path)
    append(again, 2)

    assert again.waiting_rows == 3
    assert read_all(again) == [*lines(1), b'{"row": ', *lines(2)]
    assert again.waiting_rows == 0


def test_a_full_spool_takes_nothing_and_takes_again_when_lines_are_done(tmp_path: Path) -> None:
    spool = opened(tmp_path, maximum_mb=3 * LENGTH / 1e6, segment_mb=3 * LENGTH / 1e6)
    append(spool, 1, 2)

    with pytest.raises(SpoolFullError, match="the spool is full: 2 rows"):
        append(spool, 3, 4)

    append(spool, 3)
    assert spool.room_bytes == 0
    batch = spool.read(2)
    assert batch is not None
    spool.done(batch)
    append(spool, 4, 5)
    assert read_all(spool) == lines(3, 4, 5)


def test_what_was_set_aside_takes_room_and_is_counted_after_a_restart(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    room = spool.room_bytes
    spool.set_aside(["one", "two"])
    assert spool.refused_path.read_text() == "one\ntwo\n"
    assert room - spool.room_bytes == 8
    spool.release()

    assert opened(tmp_path).refused_rows == 2


@pytest.mark.parametrize("cut", ["cut", "cannot be cut"])
def test_a_write_that_the_disk_takes_in_part_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    class FullDisk(FileIO):
        full = False

        def write(self, data: Any) -> int:
            return super().write(data[:5] if self.full else data)

        def truncate(self, size: int | None = None) -> int:
            if cut != "cut":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().truncate(size)

    monkeypatch.setattr("regression_lifecycle.serving.spool.FileIO", FullDisk)
    spool = opened(tmp_path)
    append(spool, 1)
    monkeypatch.setattr(FullDisk, "full", True)
    with pytest.raises(OSError, match=f"took 5 of {2 * LENGTH} bytes"):
        append(spool, 2, 3)
    monkeypatch.setattr(FullDisk, "full", False)
    append(spool, 4)

    assert spool.waiting_rows == 2
    assert read_all(spool) == lines(1, 4)


def test_a_place_that_cannot_be_written_does_not_stop_the_reading(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    (spool.folder / "position.json.new").mkdir()
    append(spool, 1, 2, 3)

    assert read_all(spool) == lines(1, 2, 3)


def test_a_segment_that_somebody_deletes_stops_neither_side(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_mb=LENGTH / 1e6)
    append(spool, 1)
    append(spool, 2)
    for path in spool.folder.glob("[0-9]*.jsonl"):
        path.unlink()

    append(spool, 3)

    assert read_all(spool) == lines(3)
    assert (spool.waiting_rows, spool.waiting_bytes) == (0, 0)


def test_a_segment_that_lost_its_end_with_the_machine_does_not_hide_new_lines(
    tmp_path: Path,
) -> None:
    spool = opened(tmp_path)
    append(spool, 1, 2, 3)
    batch = spool.read(2)
    assert batch is not None
    spool.done(batch)
    spool.release()
    os.truncate(spool.folder / segments(spool)[0], LENGTH)

    again = opened(tmp_path)
    append(again, 4)

    assert (again.waiting_rows, again.waiting_bytes) == (1, LENGTH)
    assert read_all(again) == lines(4)


def test_fsync_is_called_for_the_lines_and_for_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        real(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("names of open files are read from /proc")
    monkeypatch.setattr(os, "fsync", fsync)
    spool = claim(tmp_path, 1, 1, fsync=True)
    append(spool, 1)
    append(spool, 2)

    assert synced == ["0", "000000000001.jsonl", "000000000001.jsonl"]


def test_a_closed_spool_takes_nothing(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.release()

    with pytest.raises(OSError, match="closed"):
        append(spool, 1)

    assert segments(spool) == []


def test_each_living_process_has_a_folder_and_the_first_free_one_is_taken(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert (first.folder.name, second.folder.name) == ("0", "1")

    first.release()

    third, fourth = opened(tmp_path), opened(tmp_path)
    assert (third.folder.name, fourth.folder.name) == ("0", "2")


def test_only_what_waits_without_an_owner_is_taken_over(tmp_path: Path) -> None:
    living, dead, finished = (opened(tmp_path) for _ in range(3))
    append(living, 1)
    append(dead, 2)
    for spool in (dead, finished):
        spool.release()
    (tmp_path / "notes").mkdir()

    taken = list(orphans(tmp_path))

    assert [spool.folder for spool in taken] == [dead.folder]
    assert list(orphans(tmp_path)) == []
    assert read_all(taken[0]) == lines(2)
    taken[0].release()
    assert list(orphans(tmp_path)) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    base = tmp_path / "file"
    base.write_text("")

    with pytest.raises(LifecycleError, match=f"cannot be kept in {base} "):
        opened(base)


def test_places_are_ordered_by_segment_first() -> None:
    assert Place(1, 500) < Place(2, 0) < Place(2, 1)
