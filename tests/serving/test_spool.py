"""The spool: nothing is lost, nothing is skipped, and a full one takes nothing."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.serving.spool import Spool

# Not forked from here: threads of other tests may hold what a child would wait for.
SERVER = multiprocessing.get_context("forkserver")
Open = Callable[..., Spool]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens spools of one file, which are closed after the test."""
    spools: list[Spool] = []

    def begin(maximum_mb: float = 1.0, *, fsync: bool = False) -> Spool:
        spools.append(Spool(tmp_path / "folder" / "spool.db", maximum_mb, fsync=fsync))
        return spools[-1]

    yield begin
    for spool in spools:
        spool.close()


def read_all(spool: Spool, rows: int = 2) -> list[str]:
    found: list[str] = []
    while lines := spool.read(rows):
        found += lines.values()
        spool.done(list(lines), {})
    return found


def test_lines_come_out_in_order_and_what_is_not_done_comes_again(opened: Open) -> None:
    spool = opened()
    spool.append(["a", "b"])
    spool.append(["c"])

    first = spool.read(2)
    assert list(first.values()) == ["a", "b"]
    assert spool.read(2) == first
    spool.done(list(first), {})

    assert read_all(spool) == ["c"]
    assert spool.state().waiting_rows == 0
    assert spool.state().oldest_at is None


def test_the_next_process_goes_on_where_the_last_one_stood(opened: Open) -> None:
    spool = opened()
    spool.append(["a", "b", "c"])
    spool.done(list(spool.read(2)), {})
    spool.close()

    assert read_all(opened()) == ["c"]


def test_processes_share_the_file_and_count_what_all_of_them_appended(opened: Open) -> None:
    one, other = opened(), opened()

    one.append(["a"])
    other.append(["b"])

    assert one.state() == other.state()
    assert one.state().waiting_rows == 2
    assert read_all(other) == ["a", "b"]
    assert one.read(1) == {}


def test_what_one_process_did_hides_no_line_that_came_later(opened: Open) -> None:
    one, other = opened(), opened()
    one.append(["a"])
    seen = other.read(10)
    one.done(list(seen), {})
    one.append(["b"])

    other.done(list(seen), {})

    assert read_all(one) == ["b"]


def test_lines_of_one_call_are_appended_together_or_not_at_all(opened: Open) -> None:
    spool = opened()

    def broken() -> Iterator[str]:
        yield "a"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        spool.append(broken())

    assert spool.read(10) == {}


def test_a_full_spool_says_why_and_has_room_again_when_lines_are_done(opened: Open) -> None:
    spool = opened(maximum_mb=0.2)
    assert spool.why_full() is None
    count = 0
    while spool.why_full() is None:
        spool.append([f"{count:0>50000}"])
        count += 1

    assert 3 <= count <= 5
    assert (spool.why_full() or "").startswith(f"the spool is full: {count} rows wait")
    read_all(spool)
    assert spool.why_full() is None


def test_what_was_set_aside_takes_room_and_is_kept_once(opened: Open) -> None:
    one, other = opened(), opened()
    one.append(["x" * 100_000])
    lines = one.read(1)
    reasons = dict.fromkeys(lines.values(), "too long")

    one.done(list(lines), reasons)
    other.done(list(lines), reasons)

    state = one.state()
    assert (state.waiting_rows, state.refused_rows) == (0, 1)
    assert state.used_bytes > 100_000


@pytest.mark.parametrize(("fsync", "level"), [(False, 1), (True, 2)])
def test_fsync_is_asked_for_at_every_append(opened: Open, fsync: bool, level: int) -> None:
    spool = opened(fsync=fsync)
    assert spool._connection.execute("PRAGMA synchronous").fetchone() == (level,)


def test_threads_that_append_and_read_at_once_lose_nothing(opened: Open) -> None:
    spool = opened()
    names = [[f"{name}{number}" for number in range(100)] for name in "abc"]

    def append(lines: list[str]) -> None:
        for line in lines:
            spool.append([line])

    threads = [threading.Thread(target=append, args=(lines,)) for lines in names]
    found: list[str] = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found += read_all(spool, 7)
    found += read_all(spool, 7)

    assert sorted(found) == sorted(line for lines in names for line in lines)


def _append_at_once(path: Path, name: str) -> None:
    spool = Spool(path, 1.0, fsync=False)
    for number in range(50):
        spool.append([f"{name}{number}"])


def test_processes_that_begin_at_once_lose_nothing(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "spool.db"
    processes = [SERVER.Process(target=_append_at_once, args=(path, name)) for name in "abcd"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * 4
    assert len(read_all(opened(), 100)) == 200


def _append_until_killed(path: Path, pipe: Any) -> None:
    spool = Spool(path, 1.0, fsync=False)
    for number in range(100_000):
        spool.append([str(number)])
        pipe.send(number)


def test_a_kill_at_any_moment_loses_nothing_that_was_appended(opened: Open, tmp_path: Path) -> None:
    receiver, sender = SERVER.Pipe(duplex=False)
    path = tmp_path / "folder" / "spool.db"
    process = SERVER.Process(target=_append_until_killed, args=(path, sender))
    process.start()
    sender.close()
    last = -1
    try:
        while True:
            last = receiver.recv()
            if last == 300:
                os.kill(process.pid or 0, signal.SIGKILL)
    except EOFError:
        process.join()

    found = read_all(opened(), 100)
    assert found[: last + 1] == [str(number) for number in range(last + 1)]
    assert len(found) <= last + 2


def test_a_closed_spool_takes_nothing(opened: Open) -> None:
    spool = opened()
    spool.close()
    spool.close()

    with pytest.raises(sqlite3.Error, match="closed"):
        spool.append(["a"])


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no database, and longer than the header of one" * 20)

    with pytest.raises(LifecycleError, match=r"spool .* cannot be kept in .*file \(file is not"):
        Spool(file, 1.0, fsync=False)
    with pytest.raises(LifecycleError, match="name a local folder that can be written"):
        Spool(file / "spool.db", 1.0, fsync=False)


@pytest.mark.parametrize("ends", [("",), ("", "-wal", "-shm"), ("", "-wal", "-shm", ".folder")])
def test_a_file_that_is_deleted_is_begun_anew_with_all_that_waited(
    opened: Open, tmp_path: Path, ends: tuple[str, ...]
) -> None:
    spool = opened()
    folder = tmp_path / "folder"
    spool.append(["a", "no row", "b"])
    spool.done(list(spool.read(1)), {"set aside": "why"})
    for end in ends:
        if end == ".folder":
            shutil.rmtree(folder)
        else:
            (folder / f"spool.db{end}").unlink(missing_ok=True)

    assert spool.state().waiting_rows == 2
    spool.append(["c"])

    # What another process finds is what survives this one.
    other = opened()
    assert other.state() == spool.state()
    assert (spool.state().refused_rows, spool.lost_files, other.lost_files) == (1, 1, 0)
    assert read_all(other) == ["no row", "b", "c"]
    assert not list(folder.glob("*.rescued"))


def test_lines_are_not_done_that_have_got_the_numbers_of_others(
    opened: Open, tmp_path: Path
) -> None:
    spool = opened()
    spool.append(["a", "b"])
    spool.done(list(spool.read(2)), {})
    spool.append(["c"])
    stored = spool.read(1)
    (tmp_path / "folder" / "spool.db").unlink()
    spool.append(["d"])

    # As if they were still those of the old file.
    spool.done(list(stored), {})

    assert read_all(spool) == ["c", "d"]


def _append_when_told(path: Path, pipe: Any) -> None:
    spool = Spool(path, 1.0, fsync=False)
    while (line := pipe.recv()) is not None:
        spool.append([line])
        pipe.send(spool.lost_files)


def test_processes_that_share_a_deleted_file_meet_again_in_the_new_one(
    opened: Open, tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "spool.db"
    here, there = SERVER.Pipe()
    process = SERVER.Process(target=_append_when_told, args=(path, there))
    process.start()
    here.send("theirs")
    assert here.recv() == 0
    spool = opened()
    spool.append(["ours"])

    path.unlink()
    spool.append(["ours, later"])
    here.send("theirs, later")
    assert here.recv() == 1
    spool.append(["ours, last"])
    here.send(None)
    process.join()

    assert process.exitcode == 0
    # Each brings what it had; what comes twice the store takes once.
    assert set(read_all(spool, 100)) == {
        "theirs",
        "ours",
        "ours, later",
        "theirs, later",
        "ours, last",
    }


def test_what_waited_is_kept_while_no_new_file_can_be_begun(opened: Open, tmp_path: Path) -> None:
    spool = opened()
    path = tmp_path / "folder" / "spool.db"
    spool.append(["a", "b"])
    path.unlink()
    path.mkdir()

    for _ in range(2):
        with pytest.raises(sqlite3.Error):
            spool.append(["not kept"])
        with pytest.raises(sqlite3.Error):
            spool.state()
    assert read_all(spool, 1) == ["a", "b"]
    assert len(list(path.parent.glob("*.rescued"))) == 1

    path.rmdir()
    spool.append(["c"])
    assert read_all(opened()) == ["c"]
    assert not list(path.parent.glob("*.rescued"))
