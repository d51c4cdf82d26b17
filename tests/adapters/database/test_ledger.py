"""The SQL store under several writers, and when a write fails."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from regression_lifecycle.adapters.database import (
    append_decisions,
    connect,
    read_decisions,
    without_credentials,
)

SHARED = [f"shared-{number}" for number in range(6)]


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "store.db"


@pytest.fixture
def file_url(file: Path) -> str:
    return f"sqlite:///{file.as_posix()}"


def own(writer: int) -> list[str]:
    return [f"{writer}-{number}" for number in range(6)]


def _append_one_by_one(url: str, writer: int, barrier: Any) -> int:
    """Write what all write and what only this one writes, starting with the others."""
    barrier.wait(60)
    return sum(
        append_decisions(url, [{"decision_id": name, "reasons": f"by {writer}"}])
        for pair in zip(SHARED, own(writer), strict=True)
        for name in pair
    )


def _in_a_process(url: str, writer: int, barrier: Any, counts: Any) -> None:
    try:
        counts.put(_append_one_by_one(url, writer, barrier))
    except Exception as error:
        counts.put(repr(error))


def assert_complete(url: str, counts: list[Any], writers: int) -> None:
    expected = sorted(SHARED + [name for writer in range(writers) for name in own(writer)])
    # Errors first: they say more than a missing row.
    assert [count for count in counts if not isinstance(count, int)] == []
    assert sorted(read_decisions(url)["decision_id"]) == expected
    assert sum(counts) == len(expected)


def test_processes_that_write_at_once_lose_nothing_and_write_nothing_twice(url: str) -> None:
    context = multiprocessing.get_context("fork")
    barrier, counts = context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=_in_a_process, args=(url, writer, barrier, counts))
        for writer in range(3)
    ]
    for process in processes:
        process.start()
    found = [counts.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)

    assert_complete(url, found, writers=3)


def test_threads_that_write_at_once_lose_nothing_and_write_nothing_twice(url: str) -> None:
    import threading

    barrier = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda writer: _append_one_by_one(url, writer, barrier), range(3)))

    assert_complete(url, counts, writers=3)


def test_a_database_file_is_made_in_wal_mode_so_that_readers_do_not_wait(
    file: Path, file_url: str
) -> None:
    append_decisions(file_url, [{"decision_id": "a"}])

    with sqlite3.connect(file, isolation_level=None) as writer:
        assert writer.execute("pragma journal_mode").fetchone() == ("wal",)
        writer.execute("begin immediate")
        writer.execute("insert into ledger (decision_id, recorded_at) values ('b', 'now')")
        assert list(read_decisions(file_url)["decision_id"]) == ["a"]
        writer.execute("commit")
    writer.close()
    assert list(read_decisions(file_url)["decision_id"]) == ["a", "b"]


def test_a_second_writer_waits_for_the_first(file: Path, file_url: str) -> None:
    append_decisions(file_url, [{"decision_id": "a"}])
    with sqlite3.connect(file, isolation_level=None, check_same_thread=False) as first:
        first.execute("begin immediate")
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(append_decisions, file_url, [{"decision_id": "b"}])
            with pytest.raises(TimeoutError):
                second.result(timeout=0.3)
            first.execute("commit")
            assert second.result(timeout=60) == 1
    first.close()


def test_the_wait_is_half_a_minute(file_url: str) -> None:
    with connect(file_url).connect() as connection:
        assert connection.exec_driver_sql("pragma busy_timeout").scalar() == 30_000


def test_one_bad_row_rolls_the_whole_batch_back(url: str) -> None:
    append_decisions(url, [{"decision_id": "old"}])
    good = [{"decision_id": f"new-{number}"} for number in range(5)]

    for bad in ({"decision_id": None}, {"decision_id": "x", "reasons": {"no": "text"}}):
        with pytest.raises(SQLAlchemyError):
            append_decisions(url, [*good, bad])
        assert list(read_decisions(url)["decision_id"]) == ["old"]

    assert append_decisions(url, good) == 5


def test_rows_may_fill_different_columns(url: str) -> None:
    rows = [{"decision_id": "a", "reasons": "why"}, {"decision_id": "b", "decision": "promote"}]

    assert append_decisions(url, rows) == 2

    stored = read_decisions(url).set_index("decision_id")
    assert stored.loc["a", "reasons"] == "why"
    assert stored.loc["b", "decision"] == "promote"


def test_text_is_stored_as_it_is(url: str) -> None:
    reasons = "'); drop table ledger; -- \u00e9\u6f22\U0001f6b2 " + "long " * 5000
    append_decisions(url, [{"decision_id": "a", "reasons": reasons}])

    assert list(read_decisions(url)["reasons"]) == [reasons]


def test_a_url_is_shown_without_user_password_and_options() -> None:
    url = "postgresql://user:pa%2Fss@host:5432/db?sslpassword=secret"

    assert without_credentials(url) == "postgresql://host:5432/db"
