"""The tables of the lifecycle's memory: what is saved twice, changed, late, large or cut off."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from regression_lifecycle.adapters.database import (
    connect,
    database,
    has_rows,
    history,
    history_state,
    read_newest,
    read_rows,
    upsert_rows,
    upsert_statement,
)
from regression_lifecycle.core.data.tables import (
    DRIFT_HISTORY,
    LABELS,
    PREDICTIONS,
    SERVICE_PREDICTIONS,
    WINDOW_HISTORY,
    Between,
    HistoryTable,
)
from regression_lifecycle.core.errors import ConfigurationError, DataContractError

SAMPLE = HistoryTable(
    "sample",
    ("name",),
    {
        "name": "text",
        "text": "text",
        "whole": "integer",
        "number": "float",
        "flag": "boolean",
        "moment": "datetime",
    },
)


@pytest.fixture
def url(store_url: str) -> str:
    """A store without versions, and in it a table of all kinds of columns."""
    create(store_url, SAMPLE)
    return store_url


def create(url: str, table: HistoryTable) -> None:
    engine = connect(url)
    history.sql_table(table).create(engine)
    engine.dispose()


def tables(url: str) -> list[str]:
    engine = connect(url)
    names = inspect(engine).get_table_names()
    engine.dispose()
    return names


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{(folder / 'new' / 'store.db').as_posix()}"


def predictions(n: int, **values: Any) -> pd.DataFrame:
    numbers = np.arange(n)
    return PREDICTIONS.frame(
        pd.DataFrame(
            {
                "problem": "tiny",
                "row_key": [f"{number:07d}" for number in numbers],
                "model_version": "1",
                "timestamp": pd.Timestamp("2021-01-01") + pd.to_timedelta(numbers, unit="h"),
                "window": [f"w{number // 168}" for number in numbers],
                "window_index": numbers // 168,
                "raw_prediction": numbers / 7,
                "prediction": numbers / 3,
                "lower": np.where(numbers % 2, np.nan, numbers / 4),
                **values,
            }
        )
    )


def window(index: int, **values: Any) -> dict[str, Any]:
    return {
        "problem": "tiny",
        "window": f"w{index}",
        "model_version": "1",
        "revision": 0,
        "window_index": index,
        "n": 10,
        **values,
    }


def test_rows_come_back_as_they_went_in(url: str) -> None:
    rows = SAMPLE.frame(
        [
            {
                "name": "all",
                "text": "'); drop table sample; -- \u00e9\u6f22\U0001f6b2",
                "whole": 2**62 + 1,
                "number": 0.1 + 0.2,
                "flag": True,
                "moment": pd.Timestamp("2021-02-03 04:05:06.789012"),
            },
            {"name": "none", "text": None, "whole": pd.NA, "number": np.nan, "moment": pd.NaT},
            {"name": "zero", "text": "", "whole": 0, "number": -np.inf, "flag": False},
            {"name": "zz far", "moment": pd.Timestamp("2999-12-31 23:59:59"), "number": 1e-300},
        ]
    )

    assert upsert_rows(url, SAMPLE, rows) == 4
    stored = read_rows(url, SAMPLE)

    pd.testing.assert_frame_equal(stored.drop(columns="recorded_at"), rows)
    assert stored["moment"].dtype == "datetime64[us]"
    assert stored["recorded_at"].str.endswith("+00:00").all()
    with connect(url).connect() as connection:
        nulls = "text is null and whole is null and number is null and moment is null"
        query = f"select name from sample where flag is null and {nulls}"
        assert connection.exec_driver_sql(query).scalars().all() == ["none"]


def test_columns_without_any_value_keep_their_dtypes(url: str) -> None:
    upsert_rows(url, SAMPLE, pd.DataFrame({"name": ["a", "b"]}))

    stored = read_rows(url, SAMPLE).drop(columns="recorded_at")

    assert stored.drop(columns="name").isna().all(axis=None)
    assert stored.dtypes.equals(SAMPLE.frame().dtypes)


def test_the_same_rows_again_change_nothing(url: str, clock: None) -> None:
    rows = predictions(500)
    assert upsert_rows(url, PREDICTIONS, rows) == 500
    before = read_rows(url, PREDICTIONS)

    assert upsert_rows(url, PREDICTIONS, rows.sample(frac=1, random_state=0)) == 0

    pd.testing.assert_frame_equal(read_rows(url, PREDICTIONS), before)
    assert set(before["recorded_at"]) == {"2021-03-01T00:01:00.000000+00:00"}


def test_late_labels_fill_their_window_and_leave_the_others_alone(url: str, clock: None) -> None:
    first = [window(0, n_labelled=10, rmse=4.0), window(1, n_labelled=0, status="pending labels")]
    assert upsert_rows(url, WINDOW_HISTORY, pd.DataFrame(first)) == 2
    later = [
        window(0, n_labelled=10, rmse=4.0),
        window(1, n_labelled=10, rmse=5.0, status="complete"),
        window(2, n_labelled=0, status="pending labels"),
    ]

    assert upsert_rows(url, WINDOW_HISTORY, pd.DataFrame(later)) == 2

    stored = read_rows(url, WINDOW_HISTORY)
    assert list(stored["window"]) == ["w0", "w1", "w2"]
    assert list(stored["status"].fillna("")) == ["", "complete", "pending labels"]
    assert list(stored["rmse"].fillna(-1)) == [4, 5, -1]
    assert [text[14:16] for text in stored["recorded_at"]] == ["01", "02", "02"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("text", "b"), ("whole", 2), ("number", 1.5), ("flag", False), ("moment", "2021-01-02")],
)
def test_one_changed_value_is_a_change_to_missing_and_back_too(
    url: str, column: str, value: Any
) -> None:
    old = {"name": "a", "text": "a", "whole": 1, "number": 1.0, "flag": True}
    rows = SAMPLE.frame([{**old, "moment": "2021-01-01"}, {"name": "other"}])
    changed, blank = rows.copy(), rows.copy()
    changed.loc[0, column] = SAMPLE.frame([{column: value}])[column][0]
    blank[column] = SAMPLE.frame([{}, {}])[column]
    upsert_rows(url, SAMPLE, rows)

    for version in (changed, blank, rows):
        assert upsert_rows(url, SAMPLE, version) == 1
        stored = read_rows(url, SAMPLE).drop(columns="recorded_at")
        pd.testing.assert_frame_equal(stored, version)


def test_rows_are_sorted_by_window_and_key_whatever_the_order_of_saving(url: str) -> None:
    rows = pd.DataFrame(
        [window(10), window(2, revision=1), window(2), window(2, model_version="B"), window(9)]
    )

    upsert_rows(url, WINDOW_HISTORY, rows)

    stored = read_rows(url, WINDOW_HISTORY)
    assert list(stored["window_index"]) == [2, 2, 2, 9, 10]
    assert list(stored["model_version"])[:3] == ["1", "1", "B"]
    assert list(stored["revision"])[:3] == [0, 1, 0]


def test_text_is_sorted_alike_in_every_database(url: str) -> None:
    names = ["b", "\u00e9", "B", "a b", "ab", "A", "_"]
    upsert_rows(url, SAMPLE, pd.DataFrame({"name": names}))

    assert list(read_rows(url, SAMPLE)["name"]) == sorted(names)


def test_some_rows_can_be_asked_for(url: str) -> None:
    upsert_rows(url, WINDOW_HISTORY, pd.DataFrame([window(n, rmse=n / 2) for n in range(5)]))

    def found(where: dict[str, Any]) -> list[str]:
        return list(read_rows(url, WINDOW_HISTORY, where)["window"])

    assert found({"window": "w3"}) == ["w3"]
    assert found({"window_index": np.int64(3)}) == ["w3"]
    assert found({"window_index": np.array([1, 4, 7]), "problem": "tiny"}) == ["w1", "w4"]
    assert found({"window": ["w1", "w2"], "rmse": 1.0}) == ["w2"]
    assert found({"window": "' or 1=1 --"}) == found({"window": []}) == []
    assert found({"status": None}) == []
    with pytest.raises(ConfigurationError, match="unknown column 'windw'; did you mean 'window'"):
        found({"windw": "w1"})


def test_rows_can_be_asked_for_by_range_and_column(url: str) -> None:
    upsert_rows(url, PREDICTIONS, predictions(10))
    midnight = pd.Timestamp("2021-01-01")
    range_of_time = Between(midnight + pd.Timedelta("2h"), midnight + pd.Timedelta("4h"))

    found = read_rows(url, PREDICTIONS, {"timestamp": range_of_time}, ["row_key", "lower"])

    assert list(found.columns) == ["row_key", "lower"]
    assert list(found["row_key"]) == ["0000002", "0000003"]
    later = {"timestamp": Between(low=midnight + pd.Timedelta("9h")), "problem": "tiny"}
    assert list(read_rows(url, PREDICTIONS, later, ["window_index"])["window_index"]) == [0]
    assert len(read_rows(url, PREDICTIONS, {"recorded_at": Between(high="1999")})) == 0
    assert len(read_rows(url, PREDICTIONS, {"timestamp": Between()})) == 10
    with pytest.raises(ConfigurationError, match="unknown column 'rw'"):
        read_rows(url, PREDICTIONS, columns=["rw"])


def test_more_keys_can_be_asked_for_than_a_statement_holds(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_MOST_VALUES", 3)
    rows = predictions(10)
    upsert_rows(url, PREDICTIONS, rows)

    where = {"row_key": list(rows["row_key"][:8]), "problem": ["tiny", "other"]}

    assert list(read_rows(url, PREDICTIONS, where)["row_key"]) == list(rows["row_key"][:8])


def test_nothing_is_asked_for_key_by_key_where_nothing_can_be_found(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_FEW_VALUES", 3)
    rows = predictions(10)
    upsert_rows(url, PREDICTIONS, rows)
    keys = {"row_key": list(rows["row_key"][:8])}
    statements: list[Any] = []
    monkeypatch.setattr(
        history, "select_parts", lambda *given, **more: statements.append(given[2]) or iter(())
    )

    found = read_rows(url, PREDICTIONS, {**keys, "problem": "other"}, ["row_key", "target"])

    assert (list(found), len(found)) == (["row_key", "target"], 0)
    assert statements == [{"problem": ["other"]}]


def test_the_newest_rows_are_read_without_the_others(url: str, clock: None) -> None:
    upsert_rows(url, WINDOW_HISTORY, pd.DataFrame([window(n) for n in (3, 1, 2)]))
    upsert_rows(url, SAMPLE, pd.DataFrame({"name": ["b"]}))
    upsert_rows(url, SAMPLE, pd.DataFrame({"name": ["a"]}))

    assert list(read_newest(url, WINDOW_HISTORY, 2)["window"]) == ["w2", "w3"]
    assert list(read_newest(url, SAMPLE, 1)["name"]) == ["a"]
    assert read_newest(url, DRIFT_HISTORY, 5).empty
    some = read_newest(
        url, WINDOW_HISTORY, 5, {"window": ["w1", "w2"]}, (*WINDOW_HISTORY.key, "window_index")
    )
    assert list(some["window"]) == ["w1", "w2"]
    assert list(some.columns) == [*WINDOW_HISTORY.key, "window_index"]


def test_the_state_of_a_table_changes_with_every_write(url: str, clock: None) -> None:
    states = [history_state(url, LABELS)]
    for target in (1.0, 2.0):
        label = {"problem": "tiny", "row_key": "a", "target": target}
        upsert_rows(url, LABELS, pd.DataFrame([label]))
        states.append(history_state(url, LABELS))

    assert [count for count, _ in states] == [0, 1, 1]
    assert len({stamp for _, stamp in states}) == 3
    upsert_rows(url, LABELS, pd.DataFrame([label]))
    assert history_state(url, LABELS) == states[-1]


def test_the_state_of_a_table_is_that_of_its_newest_day(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = "2021-03-03T00:00:00.000000+00:00"
    stamps = ("2021-03-01T00:00:00.000000+00:00", "2021-03-02T12:00:00.000000+00:00", newest)
    for number, stamp in enumerate(stamps):
        monkeypatch.setattr(history, "now", lambda _, stamp=stamp: stamp)
        label = {"problem": "tiny", "row_key": str(number), "target": 1.0}
        upsert_rows(url, LABELS, pd.DataFrame([label]))

    assert history_state(url, LABELS) == [2, newest]
    assert history_state(url, LABELS, {"problem": "other"}) == [0, None]
    assert has_rows(url, LABELS)
    assert not has_rows(url, LABELS, {"problem": "other"})


def test_a_large_table_comes_in_parts(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upsert_rows(url, PREDICTIONS, predictions(20))
    whole = read_rows(url, PREDICTIONS)
    monkeypatch.setattr(database, "_ROWS_AT_ONCE", 7)

    pd.testing.assert_frame_equal(read_rows(url, PREDICTIONS), whole)


def service_rows(n: int, **values: Any) -> pd.DataFrame:
    return SERVICE_PREDICTIONS.frame(
        pd.DataFrame(
            {
                "problem": "tiny",
                "request_id": "first",
                "row_number": np.arange(n),
                "prediction": np.arange(n) / 3,
                "features": [f'{{"temp": {number}}}' for number in range(n)],
                **values,
            }
        )
    )


def test_what_was_served_stays_as_it_was(url: str, clock: None) -> None:
    assert upsert_rows(url, SERVICE_PREDICTIONS, service_rows(3)) == 3
    before = read_rows(url, SERVICE_PREDICTIONS)

    assert upsert_rows(url, SERVICE_PREDICTIONS, service_rows(3)) == 0
    assert (
        upsert_rows(url, SERVICE_PREDICTIONS, service_rows(5, prediction=-1.0, features=None)) == 2
    )
    assert upsert_rows(url, SERVICE_PREDICTIONS, service_rows(1, request_id="second")) == 1

    stored = read_rows(url, SERVICE_PREDICTIONS)
    pd.testing.assert_frame_equal(stored[:3], before)
    assert list(stored["prediction"][3:]) == [-1, -1, 0]
    assert [text[14:16] for text in stored["recorded_at"]] == ["01", "01", "01", "03", "03", "04"]


def test_rows_of_several_batches_in_one_go(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "BATCH_ROWS", 1000)
    n = 2005
    rows = predictions(n)

    assert upsert_rows(url, PREDICTIONS, rows) == n
    rows.loc[[3, n - 2], "prediction"] = -1.0
    assert upsert_rows(url, PREDICTIONS, rows) == 2

    stored = read_rows(url, PREDICTIONS).drop(columns="recorded_at")
    pd.testing.assert_frame_equal(stored, rows)


def test_looking_creates_nothing_and_neither_does_saving_no_rows(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)

    empty = read_rows(url, DRIFT_HISTORY)

    pd.testing.assert_frame_equal(empty.drop(columns="recorded_at"), DRIFT_HISTORY.frame())
    assert read_rows(url, DRIFT_HISTORY, {"column": "temp"}).empty
    assert upsert_rows(url, DRIFT_HISTORY, DRIFT_HISTORY.frame()) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_the_table_has_no_rows_and_does_not_get_it_by_looking(url: str) -> None:
    assert read_rows(url, DRIFT_HISTORY).empty
    assert read_rows(url, DRIFT_HISTORY, {"column": "temp"}).empty

    assert tables(url) == ["sample"]


def test_tables_are_taken_back_with_the_rows_that_failed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(history, "_batches", lambda *_: iter([[("too", "few")]]))
        with pytest.raises(SQLAlchemyError):
            upsert_rows(url, PREDICTIONS, predictions(1))

    assert tables(url) == ["sample"]
    assert upsert_rows(url, PREDICTIONS, predictions(1)) == 1


def test_rows_that_cannot_be_told_apart_are_refused(url: str) -> None:
    rows = predictions(4)
    twice = pd.concat([rows, rows.iloc[[1]]])
    with pytest.raises(DataContractError, match=r"1 key .* tiny / 0000001 / 1; nothing was"):
        upsert_rows(url, PREDICTIONS, twice)
    rows.loc[2, "row_key"] = None
    with pytest.raises(DataContractError, match=r"'row_key' is missing in 1 row, .* row 3;"):
        upsert_rows(url, PREDICTIONS, rows)
    with pytest.raises(DataContractError, match=r"'model_version' is missing in 4 rows"):
        upsert_rows(url, PREDICTIONS, predictions(4).drop(columns="model_version"))

    assert read_rows(url, PREDICTIONS).empty


def test_names_are_quoted(url: str) -> None:
    odd = HistoryTable(
        'odd "table"; drop table sample; --',
        ("the 'key' %(x)s",),
        {"the 'key' %(x)s": "text", "select": "integer", 'a"b [c]:d': "float"},
    )
    rows = odd.frame([{"the 'key' %(x)s": "a", "select": 1, 'a"b [c]:d': 2.5}])
    create(url, odd)
    upsert_rows(url, SAMPLE, pd.DataFrame({"name": ["a"]}))

    assert upsert_rows(url, odd, rows) == 1
    assert upsert_rows(url, odd, rows) == 0
    stored = read_rows(url, odd, {'a"b [c]:d': 2.5, "select": 1})
    pd.testing.assert_frame_equal(stored.drop(columns="recorded_at"), rows)
    assert len(read_rows(url, SAMPLE)) == 1


def test_the_statement_is_sql_that_postgresql_knows() -> None:
    statement = upsert_statement("postgresql+psycopg://nobody@nowhere/x", DRIFT_HISTORY)

    sql = " ".join(str(statement.compile(dialect=postgresql.dialect())).split())

    assert 'ON CONFLICT (problem, "window", model_version, "column") DO UPDATE SET' in sql
    assert "drift_history.score IS DISTINCT FROM excluded.score" in sql
    assert "recorded_at IS DISTINCT" not in sql


def test_another_kind_of_database_is_refused_before_it_is_called() -> None:
    with pytest.raises(ConfigurationError, match="unknown kind of database 'mysql'"):
        upsert_rows("mysql+pymysql://db/x", SAMPLE, SAMPLE.frame())


def _upsert_in_a_process(url: str, writer: int, barrier: Any, counts: Any) -> None:
    try:
        rows = predictions(1000)
        own = predictions(1000, model_version=f"own {writer}")
        barrier.wait(60)
        counts.put(upsert_rows(url, PREDICTIONS, pd.concat([rows, own])))
    except Exception as error:
        counts.put(repr(error))


def test_two_processes_that_write_at_once_both_succeed(url: str) -> None:
    context = multiprocessing.get_context("fork")
    barrier, counts = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_upsert_in_a_process, args=(url, writer, barrier, counts))
        for writer in range(2)
    ]
    for process in processes:
        process.start()
    found = [counts.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)

    # Whoever came second found the shared rows there, and equal.
    assert sorted(found, key=str) == [1000, 2000]
    versions = read_rows(url, PREDICTIONS)["model_version"].value_counts()
    assert versions.to_dict() == {"1": 1000, "own 0": 1000, "own 1": 1000}


def _hang_in_the_middle(url: str, marker: Path) -> None:
    """Stop for good once changed pages have reached the disk, while the statement is at work."""
    wal = Path(url.removeprefix("sqlite:///") + "-wal")
    before = wal.stat().st_size if wal.exists() else 0

    def look() -> None:
        if wal.exists() and wal.stat().st_size > before + 100_000:
            marker.touch()
            time.sleep(600)

    def prepare(raw: Any, _: Any) -> None:
        # Few pages in memory, so that they reach the disk soon.
        raw.execute("pragma cache_size = 10")
        raw.set_progress_handler(look, 10_000)

    event.listen(Engine, "connect", prepare)
    upsert_rows(url, PREDICTIONS, predictions(20_000, upper=1.0))


def test_a_writer_that_is_killed_in_the_middle_leaves_the_old_state(tmp_path: Path) -> None:
    url, marker = sqlite_url(tmp_path), tmp_path / "in the middle"
    upsert_rows(url, PREDICTIONS, predictions(1000))
    before = read_rows(url, PREDICTIONS)
    writer = multiprocessing.get_context("fork").Process(
        target=_hang_in_the_middle, args=(url, marker)
    )
    writer.start()
    try:
        deadline = time.monotonic() + 120
        while not marker.exists():
            assert writer.is_alive(), "the writer ended before it could be killed"
            assert time.monotonic() < deadline, "the writer did not get to its middle"
            time.sleep(0.02)
        pd.testing.assert_frame_equal(read_rows(url, PREDICTIONS), before)
    finally:
        writer.kill()
        writer.join(60)

    assert writer.exitcode == -signal.SIGKILL
    pd.testing.assert_frame_equal(read_rows(url, PREDICTIONS), before)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()
    # The next run is not in the dead one's way, and does its work.
    assert upsert_rows(url, PREDICTIONS, predictions(2000, upper=1.0)) == 2000
