"""A raw file that is not what it seems is refused, or told, before anything is made of it."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError
from kedro_datasets.pandas import SQLQueryDataset

from regression_lifecycle.core.data.contract import check_structure
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.datasets.parquet_chunks import ParquetChunksDataset
from regression_lifecycle.datasets.raw_csv import RawCSVDataset
from regression_lifecycle.runtime.table_source import DATABASE_VARIABLE, read_file, read_query
from tests.examples import tiny_problem

PROBLEM = tiny_problem()
ROWS = "2021-03-01 00:00,5,10,11\n2021-03-01 01:00,5,10,11\n"
TWICE = "day,temp,cnt,cnt\n" + ROWS
STANDS_TWICE = r"column\(s\) that stand twice in .*cnt"


@pytest.mark.parametrize(
    ("content", "load_args"),
    [
        (TWICE, {}),
        ("cnt,day,temp,cnt\n10,2021-03-01,5,11\n", {}),
        ('day,temp,"cnt",cnt\n' + ROWS, {}),
        ("\ufeff" + TWICE, {}),
        ("\n\n" + TWICE, {}),
        (TWICE.replace(",", ";"), {"sep": ";"}),
        ("made by hand\n" + TWICE, {"skiprows": 1}),
        ("# made by hand\n" + TWICE, {"comment": "#"}),
        ("a,b,c,d\n" + TWICE, {"header": 1}),
        (TWICE, {"header": 0}),
        (TWICE, {"usecols": ["day", "temp", "cnt"]}),
        ("day,temp, cnt,cnt\n" + ROWS, {"skipinitialspace": True}),
    ],
)
@pytest.mark.parametrize("chunksize", [None, 1])
def test_a_name_that_stands_twice_is_seen_before_the_reader_renames_it(
    tmp_path: Path, content: str, load_args: dict[str, Any], chunksize: int | None
) -> None:
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(gzip.compress(content.encode()))
    dataset = RawCSVDataset(filepath=path.as_posix(), load_args=load_args, chunksize=chunksize)

    with pytest.raises((DataContractError, DatasetError), match=STANDS_TWICE):
        list(dataset.load())


def test_a_column_that_is_called_so_is_one(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("day,temp,cnt,cnt.1\n" + ROWS)

    assert list(RawCSVDataset(filepath=path.as_posix()).load()) == ["day", "temp", "cnt", "cnt.1"]


def test_a_first_line_that_is_shorter_than_the_others_moves_no_name(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("day,temp,cnt\n" + ROWS)

    with pytest.raises(DatasetError, match="has 3 names and the second one more values"):
        RawCSVDataset(filepath=path.as_posix()).load()
    with pytest.raises(DataContractError, match="Name every column"):
        read_file(path)


def test_two_names_that_differ_by_a_blank_are_one(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("day,temp, cnt,cnt\n" + ROWS)

    with pytest.raises(DataContractError, match="stand twice in the file: cnt"):
        check_structure(RawCSVDataset(filepath=path.as_posix()).load(), PROBLEM)


def test_parquet_files_and_queries_are_held_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = [pa.array(["2021-03-01"]), pa.array([5.0]), pa.array([10]), pa.array([11])]
    parquet, database = tmp_path / "shop.parquet", tmp_path / "shop.db"
    pq.write_table(pa.table(columns, names=["day", "temp", "cnt", "cnt"]), parquet)
    with sqlite3.connect(database) as connection:
        connection.execute("create table shop as select '2021-03-01' as day, 5 as temp, 10 as cnt")
    url, query = f"sqlite:///{database.as_posix()}", "select day, temp, cnt, cnt from shop"
    monkeypatch.setenv(DATABASE_VARIABLE, url)

    for table in (
        next(ParquetChunksDataset(parquet.as_posix()).load()),
        SQLQueryDataset(sql=query, credentials={"con": url}).load(),
    ):
        with pytest.raises(DataContractError, match=STANDS_TWICE):
            check_structure(table, PROBLEM)
    for describe in (lambda: read_file(parquet), lambda: read_query(query)):
        with pytest.raises(DataContractError, match=STANDS_TWICE):
            describe()


def test_a_table_is_not_described_by_a_renamed_column(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(TWICE)

    with pytest.raises(DataContractError, match=STANDS_TWICE):
        read_file(path)
