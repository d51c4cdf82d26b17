"""Where the table of a new problem comes from, and how a run is told to read it."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.runtime.table_source import guess_name, read_file, read_query

ROWS = pd.DataFrame({"day": ["2024-01-01", "2024-01-02"], "größe": ["1,5", "007"]})


@pytest.mark.parametrize(
    ("name", "encoding", "separator", "load_args"),
    [
        ("a.csv", "utf-8", ",", {}),
        ("a.csv", "utf-8-sig", ";", {"sep": ";"}),
        ("a.tsv", "latin-1", "\t", {"sep": "\t", "encoding": "latin-1"}),
        ("a.csv.gz", "utf-8", "|", {"sep": "|"}),
    ],
)
def test_a_file_of_text_is_read_as_it_is_written(tmp_path, name, encoding, separator, load_args):
    path = tmp_path / name
    text = ROWS.to_csv(index=False, sep=separator).encode(encoding)
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)

    source = read_file(path)

    pd.testing.assert_frame_equal(source.table, ROWS)
    assert (source.load_args, source.catalog) == (load_args, {})
    assert source.suffix == name[1:]


def test_a_parquet_file_keeps_its_types_and_has_readers_of_its_own(tmp_path):
    path = tmp_path / "a.parquet"
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=3), "y": [1.0, 2.0, 3.0]})
    table.set_index("day").to_parquet(path)

    source = read_file(path)

    pd.testing.assert_frame_equal(source.table, table, check_freq=False, check_like=True)
    assert set(source.catalog) == {"raw_observations", "scoring_batch"}


def test_a_query_is_asked_of_the_database_that_the_environment_names(tmp_path, monkeypatch):
    database = tmp_path / "shop.db"
    with sqlite3.connect(database) as connection:
        pd.DataFrame({"day": ["2024-01-01"], "y": [2.5]}).to_sql("sales", connection, index=False)
    monkeypatch.setenv("LIFECYCLE_RAW_URL", f"sqlite:///{database}")

    source = read_query("select * from sales")

    assert source.table.to_dict("list") == {"day": ["2024-01-01"], "y": [2.5]}
    entry = source.catalog["raw_observations"]
    assert entry["sql"] == "select * from sales"
    assert str(database) not in str(source.catalog)
    with pytest.raises(ConfigurationError, match=r"the query fails: .*no such table"):
        read_query("select * from absent")


def test_a_query_without_a_database_is_answered(monkeypatch):
    monkeypatch.delenv("LIFECYCLE_RAW_URL", raising=False)

    with pytest.raises(ConfigurationError, match="LIFECYCLE_RAW_URL is not set"):
        read_query("select 1")


def test_what_is_no_table_is_answered(tmp_path):
    (tmp_path / "head.csv").write_text("a,b\n")
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04\x00\x00")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3,4\n")

    with pytest.raises(ConfigurationError, match="there is no file"):
        read_file(tmp_path / "none.csv")
    with pytest.raises(DataContractError, match="has no rows"):
        read_file(tmp_path / "head.csv")
    with pytest.raises(DataContractError, match="no text"):
        read_file(tmp_path / "book.xlsx")
    with pytest.raises(DataContractError, match=r"ragged.csv cannot be read as a CSV file"):
        read_file(tmp_path / "ragged.csv")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("sales.csv", "sales"),
        ("Sales 2024 (new).csv.gz", "Sales_2024_new"),
        ("2024-sales.parquet", "table_2024-sales"),
        ("größe.csv", "gr_e"),
        ("___.csv", None),
    ],
)
def test_a_problem_is_named_like_its_file(file, name):
    assert guess_name(Path(file)) == name
