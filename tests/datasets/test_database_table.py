"""The lifecycle's memory as catalog entries."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.adapters.database import connect
from regression_lifecycle.core.data.tables import DRIFT_HISTORY, WINDOW_HISTORY, Between
from regression_lifecycle.datasets.database_table import HistoryDataset, TableReaderDataset


def window(index: int, **values: Any) -> dict[str, Any]:
    return {
        "problem": "tiny",
        "window": f"w{index}",
        "model_version": "1",
        "revision": 0,
        "window_index": index,
        "start": pd.Timestamp("2021-01-04") + pd.Timedelta(weeks=index),
        **values,
    }


def windows(*rows: dict[str, Any]) -> pd.DataFrame:
    return WINDOW_HISTORY.frame(pd.DataFrame(list(rows)))


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


@pytest.fixture
def catalog(url: str) -> DataCatalog:
    return DataCatalog.from_config(
        {
            name: {
                "type": "regression_lifecycle.datasets.database_table.HistoryDataset",
                "url": url,
                "table": name,
                "metadata": {"kedro-viz": {"layer": "reporting"}},
            }
            for name in ("window_history", "drift_history")
        }
    )


def test_it_starts_empty_and_looking_at_it_creates_nothing(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    empty = catalog.load("window_history")

    assert list(empty.columns) == [*WINDOW_HISTORY.columns, "recorded_at"]
    assert empty.empty
    assert not catalog.exists("window_history")
    assert catalog["window_history"].preview()["data"] == []
    catalog.save("window_history", windows())
    assert list(tmp_path.iterdir()) == []


def test_rows_of_several_runs_come_together_by_their_key(catalog: DataCatalog) -> None:
    catalog.save("window_history", windows(window(0, rmse=1.0), window(1, status="partial")))
    catalog.save("window_history", windows(window(2), window(1, rmse=2.0, status="complete")))

    stored = catalog.load("window_history")

    assert list(stored["window"]) == ["w0", "w1", "w2"]
    assert list(stored["rmse"].fillna(-1)) == [1, 2, -1]
    assert stored["status"][1] == "complete"
    assert stored["start"][2] == pd.Timestamp("2021-01-18")
    assert catalog.exists("window_history")
    assert not catalog.exists("drift_history")


def test_what_was_loaded_can_be_saved_again_without_a_trace(catalog: DataCatalog, url: str) -> None:
    catalog.save("window_history", windows(window(0), window(1)))
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update window_history set recorded_at = 'long ago'")
    engine.dispose()
    before = catalog.load("window_history")

    catalog.save("window_history", before)

    pd.testing.assert_frame_equal(catalog.load("window_history"), before)
    assert set(before["recorded_at"]) == {"long ago"}


def test_a_reader_reads_when_it_is_called_and_only_what_is_asked_for(
    catalog: DataCatalog, url: str
) -> None:
    dataset = TableReaderDataset(url=url, table="window_history")
    read = dataset.load()
    assert read().empty
    assert not dataset.exists()

    catalog.save("window_history", windows(*(window(n, rmse=n / 2) for n in range(4))))

    assert list(read()["window"]) == ["w0", "w1", "w2", "w3"]
    later = {"start": Between(low=pd.Timestamp("2021-01-18")), "problem": "tiny"}
    assert read(later, ["rmse"])["rmse"].tolist() == [1.0, 1.5]
    assert dataset.exists()
    assert len(dataset.preview(2)["data"]) == 2
    with pytest.raises(DatasetError, match="only reads"):
        dataset.save(windows(window(0)))


def test_tables_of_one_database_are_apart(catalog: DataCatalog) -> None:
    drift = {"problem": "tiny", "window": "w0", "model_version": "1", "column": "temp"}
    catalog.save("drift_history", DRIFT_HISTORY.frame([{**drift, "drifted": True}]))
    catalog.save("window_history", windows(window(0)))

    assert list(catalog.load("drift_history")["drifted"]) == [True]
    assert len(catalog.load("window_history")) == 1


def test_a_bad_row_keeps_the_good_ones_of_its_batch_out(catalog: DataCatalog) -> None:
    catalog.save("window_history", windows(window(0)))

    with pytest.raises(DatasetError, match="the key column 'window' is missing in 1 row"):
        catalog.save("window_history", windows(window(1), window(2, window=None)))

    assert list(catalog.load("window_history")["window"]) == ["w0"]


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown history table 'window_histry'; did you mean 'window_history'\?"
    ) as told:
        HistoryDataset(url="sqlite:///x.db", table="window_histry")
    for name in ("predictions", "drift_history", "segment_history", "backtest_summary"):
        assert name in str(told.value)


def test_the_preview_shows_the_newest_window_first(catalog: DataCatalog) -> None:
    catalog.save("window_history", windows(*(window(n, rmse=n / 2) for n in range(12))))
    dataset = catalog["window_history"]
    annotation = inspect.signature(dataset.preview).return_annotation

    shown = dataset.preview(nrows=3)

    assert getattr(annotation, "__name__", annotation) == "TablePreview"
    assert set(shown) == {"index", "columns", "data"}
    name, rmse = shown["columns"].index("window"), shown["columns"].index("rmse")
    assert [row[name] for row in shown["data"]] == ["w11", "w10", "w9"]
    assert [row[rmse] for row in shown["data"]] == [5.5, 5.0, 4.5]
    assert len(dataset.preview()["data"]) == 10
    json.dumps(shown, allow_nan=False)


def test_it_is_described_without_its_credentials() -> None:
    url = "postgresql+psycopg://lead:s3cr%40t@db.example:5432/lifecycle?sslpassword=s3cr"
    dataset = HistoryDataset(url=url, table="predictions")

    shown = "postgresql+psycopg://db.example:5432/lifecycle"
    assert dataset._describe() == {"url": shown, "table": "predictions"}
    for secret in ("lead", "s3cr"):
        assert secret not in str(dataset)


def test_another_kind_of_database_is_refused_in_words() -> None:
    dataset = HistoryDataset(url="mysql+pymysql://db/x", table="window_history")
    with pytest.raises(DatasetError, match="unknown kind of database 'mysql'"):
        dataset.save(windows(window(0)))


def test_an_entry_of_a_problem_knows_its_own_rows_alone(url: str) -> None:
    every = HistoryDataset(url=url, table="window_history")
    own = HistoryDataset(url=url, table="window_history", problem={"name": "tiny"})
    read = TableReaderDataset(url=url, table="window_history", problem={"name": "tiny"}).load()
    assert (own.exists(), own.state()) == (False, [0, None])

    every.save(windows({**window(0), "problem": "other"}))
    assert (own.exists(), own.state()) == (False, [0, None])
    own.save(windows(window(1)))
    before = own.state()
    every.save(windows({**window(2), "problem": "other"}))

    assert own.state() == before
    assert list(own.load()["window"]) == list(read()["window"]) == ["w1"]
    assert len(own.preview()["data"]) == 1
    assert len(every.load()) == 3


def test_a_table_of_no_problem_is_refused_one() -> None:
    with pytest.raises(ValueError, match="'backtest_summary' belong to no problem"):
        HistoryDataset(url="sqlite:///x.db", table="backtest_summary", problem={"name": "tiny"})
