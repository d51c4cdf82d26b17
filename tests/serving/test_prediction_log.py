"""Every answer that was acknowledged reaches the store once, whatever dies in between."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from regression_lifecycle.adapters import database as database
from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.prediction.log_parameters import PredictionLogParameters
from regression_lifecycle.serving import prediction_log
from regression_lifecycle.serving.prediction_log import PredictionLog
from regression_lifecycle.serving.store_writer import StoreWriter

# Not forked from here: threads of other tests may hold what a child would wait for.
SERVER = multiprocessing.get_context("forkserver")
# pragma: allowlist nextline secret
SECRET_URL = "postgresql+psycopg://keeper:s%2Fcret@127.0.0.1:1/db?sslpassword=hidden"
Start = Callable[..., PredictionLog]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{(tmp_path / 'store' / 'lifecycle.db').as_posix()}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "spool.db"


class CountingLog(PredictionLog):
    """A log that tells when its thread has been through its first round."""

    rounds = 0

    def flush(self) -> bool:
        moved = super().flush()
        self.rounds += 1
        return moved


@pytest.fixture
def start(url: str, path: Path) -> Iterator[Start]:
    """Starts logs that are closed after the test. They move rows only when they are told to."""
    started: list[PredictionLog] = []

    def begin(url: str = url, **parameters: Any) -> PredictionLog:
        given = {"interval_seconds": 60, "retry_seconds": 30, **parameters}
        log = CountingLog(url, path, PredictionLogParameters.model_validate(given))
        # The first round is over, so that what follows is moved by the next one.
        wait_until(lambda: not log.status()["enabled"] or log.rounds > 0)
        started.append(log)
        return log

    yield begin
    for log in started:
        log.close(0)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A store that fails as long as ``gate["error"]`` is set, and counts who asks."""
    state: dict[str, Any] = {"error": None, "tries": 0}
    real = database.upsert_rows

    def upsert(*args: Any) -> int:
        state["tries"] += 1
        if state["error"] is not None:
            raise state["error"]
        return real(*args)

    monkeypatch.setattr(database, "upsert_rows", upsert)
    return state


def row(request: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "problem": "bikes",
        "request_id": request,
        "row_number": number,
        "source": "service",
        "served_at": datetime.now(UTC),
        "row_key": "2012-12-01 00:00:00",
        "timestamp": "2012-12-01T00:00:00",
        "model_version": "7",
        "raw_prediction": 10.0,
        "level_factor": 1.5,
        "prediction": 15.0,
        "lower": float("nan"),
        "upper": None,
        "features": '{"hr": 0}',
        **changes,
    }


def stored(url: str) -> list[str]:
    return list(database.read_rows(url, SERVICE_PREDICTIONS)["request_id"])


def refused(path: Path) -> list[tuple[str, str]]:
    """Lines that were set aside, and the reasons."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT line, reason FROM refused").fetchall()


def database_down() -> OperationalError:
    return OperationalError("INSERT", {}, Exception("no route to host"))


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_rows_reach_the_store_as_they_were_given(start: Start, url: str) -> None:
    moment = datetime(2012, 12, 1, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    text = 'quote " line\nend é 漢 \U0001f6b2'
    log = start()
    rows = [
        row("a", served_at=moment, features=text),
        row("a", np.int64(1), served_at="2012-12-01T01:04:05.678901Z", timestamp=None),
        row("b", raw_prediction=np.float64(1.25), served_at=pd.Timestamp(moment), row_key=pd.NA),
        row("c", served_at=pd.NaT, timestamp=pd.Timestamp("2012-12-01"), unknown_column=1),
    ]

    assert log.append(rows[:2])
    assert log.append(rows[2:])
    assert log.flush()

    found = database.read_rows(url, SERVICE_PREDICTIONS)
    assert list(zip(found["request_id"], found["row_number"], strict=True)) == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("c", 0),
    ]
    utc = pd.Timestamp("2012-12-01 01:04:05.678901")
    assert list(found["served_at"][:3]) == [utc] * 3
    assert pd.isna(found["served_at"][3])
    assert list(found["features"][:2]) == [text, '{"hr": 0}']
    assert list(found["raw_prediction"]) == [10.0, 10.0, 1.25, 10.0]
    assert found["lower"].isna().all()
    assert found["timestamp"].isna().tolist() == [False, True, False, False]
    assert found["row_key"].isna().tolist() == [False, False, True, False]


def test_rows_are_moved_without_being_told(start: Start, url: str, path: Path) -> None:
    log = start(interval_seconds=0.01, batch_rows=3)

    for number in range(10):
        assert log.append([row(f"r{number}")])
    wait_until(lambda: log.status()["backlog_rows"] == 0)

    assert sorted(stored(url)) == sorted(f"r{number}" for number in range(10))
    log.close(30)
    assert sorted(file.name for file in path.parent.iterdir()) == ["spool.db", "spool.lock"]


def test_status_tells_what_waits_and_since_when(start: Start, gate: dict[str, Any]) -> None:
    log = start()
    before = log.status()
    assert (before["store"], before["spool"], before["accepts"]) == (
        "unknown: nothing was written yet",
        "ok",
        True,
    )
    assert (before["backlog_rows"], before["oldest_seconds"]) == (0, None)

    log.append([row("a"), row("a", 1)])

    during = log.status()
    assert during["backlog_rows"] == 2
    assert during["used_bytes"] >= before["used_bytes"]
    assert 0 <= during["oldest_seconds"] < 100
    assert log.flush()
    after = log.status()
    assert (after["store"], after["backlog_rows"]) == ("up", 0)
    assert after["oldest_seconds"] is None


def test_a_request_that_is_repeated_keeps_its_first_answer(start: Start, url: str) -> None:
    log = start()

    log.append([row("a", prediction=1.0), row("a", prediction=2.0)])
    log.flush()

    assert list(database.read_rows(url, SERVICE_PREDICTIONS)["prediction"]) == [1.0]
    assert log.status()["refused_rows"] == 0


def test_threads_that_append_at_once_lose_nothing(start: Start, url: str) -> None:
    log = start(interval_seconds=0.01, batch_rows=50)

    def work(name: str) -> None:
        for number in range(40):
            assert log.append([row(f"{name}{number}", part) for part in range(3)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert log.flush()
    assert len(stored(url)) == 4 * 40 * 3
    assert log.status()["refused_rows"] == 0


def _append_and_tell(url: str, path: Path, pipe: Any, interval_seconds: float) -> None:
    """A service that answers until it is killed, with a few rows per write to the store."""
    parameters = PredictionLogParameters(batch_rows=20, interval_seconds=interval_seconds)
    log = PredictionLog(url, path, parameters)
    for number in range(100_000):
        request = f"{os.getpid()}-{number}"
        pipe.send(("asked", request))
        if log.append([row(request)]):
            pipe.send(("logged", request))
        time.sleep(0.0005)


def _serve_and_kill(
    url: str, path: Path, requests: int, interval_seconds: float
) -> tuple[set[str], set[str]]:
    """Run a service in a process, kill it after so many requests; what it asked and logged."""
    receiver, sender = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_append_and_tell, args=(url, path, sender, interval_seconds))
    process.start()
    sender.close()
    told: dict[str, set[str]] = {"asked": set(), "logged": set()}
    try:
        while True:
            kind, request = receiver.recv()
            told[kind].add(request)
            if len(told["logged"]) == requests and process.is_alive():
                os.kill(process.pid or 0, signal.SIGKILL)
    except EOFError:
        process.join()
    assert process.exitcode == -signal.SIGKILL
    return told["asked"], told["logged"]


def test_a_kill_right_after_the_acknowledgement_loses_nothing(
    start: Start, url: str, path: Path
) -> None:
    # The store is never asked before the kill.
    asked, logged = _serve_and_kill(url, path, 1, interval_seconds=60)

    start()  # the first round moves what the dead process left

    assert logged <= set(stored(url)) <= asked


def test_kills_at_any_moment_lose_nothing_and_store_nothing_twice(
    start: Start, url: str, path: Path
) -> None:
    chance = random.Random(7)
    asked: set[str] = set()
    logged: set[str] = set()
    for _ in range(4):
        more_asked, more_logged = _serve_and_kill(url, path, chance.randint(10, 200), 0.001)
        asked |= more_asked
        logged |= more_logged

    log = start()

    found = stored(url)
    assert logged <= set(found) <= asked
    assert len(found) == len(set(found))
    assert log.status()["backlog_rows"] == 0


def test_a_kill_between_the_store_and_the_spool_repeats_a_batch_without_harm(
    start: Start, url: str, path: Path
) -> None:
    log = start()
    log.append([row("a"), row("b")])
    with closing(sqlite3.connect(path)) as connection:
        lines = connection.execute("SELECT * FROM waiting").fetchall()
        log.flush()
        before = database.read_rows(url, SERVICE_PREDICTIONS)
        log.close(30)
        connection.executemany("INSERT INTO waiting VALUES (?, ?, ?)", lines)
        connection.commit()

    again = start()

    assert (again.status()["store"], again.status()["backlog_rows"]) == ("up", 0)
    pd.testing.assert_frame_equal(database.read_rows(url, SERVICE_PREDICTIONS), before)


def test_rows_wait_while_the_store_is_away_and_follow_when_it_is_back(
    start: Start, url: str, gate: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    log = start(retry_seconds=0.01, interval_seconds=0.01)
    gate["error"] = database_down()
    with caplog.at_level(logging.INFO, logger=prediction_log.__name__):
        assert log.append([row("a")])
        wait_until(lambda: gate["tries"] >= 3)
        assert log.append([row("b")])
        assert not log.flush()
        away = log.status()
        gate["error"] = None
        wait_until(lambda: log.status()["store"] == "up" and log.flush())

    assert away["store"] == "down: Exception: no route to host"
    assert (away["backlog_rows"], away["accepts"]) == (2, True)
    assert stored(url) == ["a", "b"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_the_pause_grows_to_a_bound(
    start: Start, gate: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "LONGEST_PAUSE_SECONDS", 3.0)
    log = start(retry_seconds=0.5, interval_seconds=0.01)
    gate["error"] = database_down()
    pauses: list[float] = []
    wait = log._stop.wait

    def shortened(seconds: float) -> bool:
        if seconds >= 0.5:
            pauses.append(seconds)
        return wait(0.001)

    monkeypatch.setattr(log._stop, "wait", shortened)
    log.append([row("a")])
    wait_until(lambda: len(pauses) >= 6)

    assert pauses[:6] == [0.5, 1, 2, 3, 3, 3]


def test_a_store_file_that_cannot_be_made_is_an_outage(
    start: Start, url: str, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    log = start()
    assert log.append([row("a")])
    assert not log.flush()
    assert log.status()["store"].startswith("down: FileExistsError")

    (tmp_path / "store").unlink()

    assert log.flush()
    assert stored(url) == ["a"]


@pytest.mark.parametrize("when_full", ["serve", "refuse"])
def test_a_full_spool_says_so_and_recovers(
    start: Start, url: str, gate: dict[str, Any], when_full: str, caplog: pytest.LogCaptureFixture
) -> None:
    gate["error"] = database_down()
    log = start(when_full=when_full, spool_maximum_mb=0.1)
    large = "x" * 30_000

    assert log.must_log == (when_full == "refuse")
    taken = [log.append([row(f"r{number}", features=large)]) for number in range(6)]

    count = sum(taken)
    assert taken == [True] * count + [False] * (6 - count)
    assert 0 < count < 6
    full = log.status()
    assert full["accepts"] is False
    assert full["spool"].startswith(f"the spool is full: {count} rows")
    assert full["unlogged_rows"] == 6 - count
    assert sum("are not kept" in record.message for record in caplog.records) == 1
    gate["error"] = None
    assert log.flush()
    assert (log.status()["accepts"], log.status()["spool"]) == (True, "ok")
    assert log.append([row("late")])
    assert log.flush()
    assert len(stored(url)) == count + 1


def test_a_disk_that_refuses_is_told_and_tried_again(
    start: Start, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = start()
    with closing(sqlite3.connect(path)) as other:
        # Another table of this name takes no lines, as a full disk takes none.
        other.execute("ALTER TABLE waiting RENAME TO away")
        other.execute("CREATE VIEW waiting AS SELECT * FROM away")

        assert not log.append([row("a")])

        told = log.status()
        assert told["spool"].startswith("the spool cannot be written: ")
        assert (told["accepts"], told["unlogged_rows"]) == (False, 1)
        # Nobody sends rows to a service that is not ready, so it must become ready by itself.
        monkeypatch.setattr(prediction_log, "TROUBLE_SECONDS", 0.0)
        assert log.status()["accepts"] is True
        other.execute("DROP VIEW waiting")
        other.execute("ALTER TABLE away RENAME TO waiting")
    assert log.append([row("a")])


def test_a_spool_that_is_deleted_is_told_and_loses_nothing(
    start: Start, url: str, path: Path, gate: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    log = start()
    gate["error"] = database_down()
    assert log.append([row("a")])
    path.unlink()

    assert log.append([row("b")])

    told = log.status()
    assert (told["lost_files"], told["backlog_rows"], told["accepts"]) == (1, 2, True)
    assert f"{path} was deleted or replaced" in caplog.text
    log.close(10)
    gate["error"] = None
    assert start().flush()
    assert sorted(stored(url)) == ["a", "b"]


BAD = {
    "no key": row("bad", request_id=None),
    "no number": row("bad", raw_prediction="much"),
    "no moment": row("bad", served_at="soon"),
    "a moment as number": row("bad", served_at=5),
    "half a surrogate": row("bad", features="\ud800"),
    "too large": row("bad", number=2**70),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_row_that_the_store_refuses_does_not_keep_the_others_waiting(
    start: Start, url: str, path: Path, kind: str
) -> None:
    log = start()
    log.append([row(f"r{number}") for number in range(3)] + [BAD[kind]])
    log.append([row("r4")])

    assert log.flush()

    assert stored(url) == ["r0", "r1", "r2", "r4"]
    ((line, reason),) = refused(path)
    assert json.loads(line)["source"] == "service"
    assert reason
    told = log.status()
    assert (told["refused_rows"], told["backlog_rows"], told["store"]) == (1, 0, "up")


@pytest.mark.parametrize(
    "error",
    [
        ProgrammingError("INSERT", {}, Exception("no such table")),
        ConfigurationError("the table goes by another key"),
        RuntimeError("a mistake"),
    ],
)
def test_no_row_is_refused_for_what_is_not_its_fault(
    start: Start, gate: dict[str, Any], error: Exception
) -> None:
    log = start()
    gate["error"] = error
    log.append([row("a")])

    assert not log.flush()

    told = log.status()
    assert (told["backlog_rows"], told["refused_rows"]) == (1, 0)
    assert told["store"].startswith("down: ")


def test_a_driver_that_does_not_know_an_option_refuses_no_row(start: Start, url: str) -> None:
    # The driver answers with a ValueError, as a bad row would.
    log = start(url=f"{url}?timeout=soon")
    log.append([row("a")])

    assert not log.flush()

    assert (log.status()["backlog_rows"], log.status()["refused_rows"]) == (1, 0)


def test_two_logs_share_a_spool_and_either_moves_what_waits(start: Start, url: str) -> None:
    first, second = start(), start()

    first.append([row("a")])
    second.append([row("b")])

    assert [log.status()["backlog_rows"] for log in (first, second)] == [2, 2]
    assert first.flush()
    assert stored(url) == ["a", "b"]
    assert second.flush()
    assert second.status()["backlog_rows"] == 0


def test_what_a_dead_process_left_is_moved_by_a_living_one(
    start: Start, url: str, path: Path
) -> None:
    living = start()
    asked, logged = _serve_and_kill("sqlite:////proc/nowhere/x.db", path, 5, interval_seconds=60)

    assert living.flush()

    assert logged <= set(stored(url)) <= asked


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "keeper" (s/cret)\nDETAIL: s/cret',
        f"cannot reach {SECRET_URL}",
    ],
)
def test_credentials_never_reach_status_log_or_refused_rows(
    start: Start,
    path: Path,
    gate: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    with caplog.at_level(logging.DEBUG, logger=prediction_log.__name__):
        log = start(url=SECRET_URL)
        gate["error"] = OperationalError("INSERT", {}, Exception(text))
        log.append([row("a")])
        assert not log.flush()
        told = log.status()
        # The store answers again, and now the row is at fault.
        monkeypatch.setattr(StoreWriter, "_ask", lambda _: None)
        gate["error"] = IntegrityError("INSERT", {}, Exception(text))
        assert log.flush()

    said = f"{told} {log.status()} {refused(path)} {log._writer} {caplog.text}"
    assert "***" in told["store"]
    for secret in ("keeper", "s/cret", "s%2Fcret", "hidden"):
        assert secret not in said


def test_a_real_refusal_of_a_connection_names_no_credentials(start: Start) -> None:
    log = start(url=SECRET_URL)
    log.append([row("a")])

    assert not log.flush()

    told = log.status()["store"]
    assert told.startswith("down: OperationalError: ")
    for secret in ("keeper", "s/cret", "s%2Fcret", "hidden"):
        assert secret not in told


def test_a_url_that_cannot_be_read_is_refused_without_repeating_it(path: Path) -> None:
    for url in ("postgresql://user:secret@host:port/db", "nonsense secret"):
        with pytest.raises(ConfigurationError, match="URL of the store cannot be read") as caught:
            PredictionLog(url, path, PredictionLogParameters())
        assert "secret" not in str(caught.value)
    assert not path.exists()


def test_a_closed_log_has_moved_what_it_had_and_takes_nothing(start: Start, url: str) -> None:
    log = start()
    log.append([row("a")])

    log.close(30)

    assert stored(url) == ["a"]
    assert not log.append([row("b")])
    assert log.status()["accepts"] is False
    log.close(30)


def test_a_close_while_the_store_is_away_keeps_the_rows(
    start: Start, url: str, gate: dict[str, Any]
) -> None:
    log = start()
    gate["error"] = database_down()
    log.append([row("a")])
    log.close(30)
    assert log.status()["store"].startswith("down: ")
    gate["error"] = None

    start()

    assert stored(url) == ["a"]


def test_a_log_that_is_switched_off_does_nothing(start: Start, path: Path) -> None:
    log = start(enabled=False, when_full="refuse")

    assert not log.append([row("a")])
    assert not log.must_log
    log.close(1)
    assert log.status()["enabled"] is False
    assert not path.exists()


def test_a_value_without_a_column_kind_is_the_callers_mistake(start: Start) -> None:
    log = start()

    with pytest.raises(TypeError, match="a value of the prediction log is a set"):
        log.append([row("a"), row("b", features={1})])

    assert log.status()["backlog_rows"] == 0


def test_no_rows_are_kept_at_once(start: Start) -> None:
    assert start().append([])


def test_parameters_that_are_unknown_or_out_of_range_are_refused() -> None:
    with pytest.raises(ValidationError, match="unknown key 'batch_row'; did you mean 'batch_rows'"):
        PredictionLogParameters.model_validate({"batch_row": 4})
    with pytest.raises(ValidationError, match="when_full"):
        PredictionLogParameters.model_validate({"when_full": "wait"})
