"""Parquet tables of the engines: read lazily, written as a whole or not at all."""

from __future__ import annotations

import narwhals as nw
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.datasets.atomic_files import AtomicParquetDataset
from regression_lifecycle.datasets.engine_tables import (
    DuckDBParquetDataset,
    PolarsParquetDataset,
)
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset

TYPES = [DuckDBParquetDataset, PolarsParquetDataset]
every_engine = pytest.mark.parametrize("kind", TYPES)


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=4, freq="h", unit="us"),
            "name": pd.Series(["a", "b", None, "ä"], dtype="str"),
            "n": [1, 2, 3, 4],
            "x": [0.5, None, 1e300, -0.0],
        }
    )


def in_memory(frame):
    return nw.from_native(frame).collect().to_arrow().to_pandas()


@every_engine
def test_a_table_comes_back_from_every_engine_and_from_pandas(kind, table, tmp_path):
    path = str(tmp_path / "folder" / "table.parquet")
    dataset = kind(filepath=path)

    dataset.save(table)
    assert_frame_equal(in_memory(dataset.load()), table)

    lazily = dataset.load()
    kind(filepath=str(tmp_path / "again.parquet")).save(lazily)
    assert_frame_equal(AtomicParquetDataset(filepath=str(tmp_path / "again.parquet")).load(), table)


@every_engine
def test_pieces_become_one_table(kind, table, tmp_path):
    dataset = kind(filepath=str(tmp_path / "table.parquet"))

    dataset.save(iter([table.iloc[:1], table.iloc[1:3], table.iloc[3:]]))

    assert_frame_equal(in_memory(dataset.load()), table)


@every_engine
def test_what_fails_half_way_leaves_the_old_table(kind, table, tmp_path):
    dataset = kind(filepath=str(tmp_path / "table.parquet"))
    dataset.save(table)

    def broken():
        yield table.iloc[:1]
        raise ValueError("the disk is gone")

    with pytest.raises(Exception, match="the disk is gone"):
        dataset.save(broken())

    assert_frame_equal(in_memory(dataset.load()), table)
    assert [file.name for file in tmp_path.iterdir()] == ["table.parquet"]


@every_engine
def test_only_an_optional_table_may_be_missing(kind, tmp_path):
    path = str(tmp_path / "table.parquet")

    assert not len(kind(filepath=path, optional=True).load().columns)
    with pytest.raises(Exception, match=r"table\.parquet"):
        kind(filepath=path).load()


@every_engine
def test_an_object_store_takes_it_too(kind, table):
    dataset = kind(filepath=f"memory://lifecycle/{kind.__name__}.parquet")

    dataset.save(table)

    assert dataset.exists()
    assert_frame_equal(in_memory(dataset.load()), table)


def test_a_setting_that_duckdb_does_not_know_is_named(table, tmp_path):
    dataset = DuckDBParquetDataset(
        filepath=str(tmp_path / "table.parquet"), settings={"memory_limit": "much"}
    )
    dataset.save(table)

    with pytest.raises(Exception, match="memory_limit: 'much'") as caught:
        dataset.load()
    assert isinstance(caught.value.__cause__ or caught.value, ConfigurationError)


@pytest.mark.parametrize("kind", [DuckDBParquetDataset, PolarsParquetDataset, RawParquetDataset])
def test_a_tick_sees_whether_a_file_was_written_to(kind, tmp_path):
    path = tmp_path / "table.parquet"
    dataset = kind(filepath=str(path))
    assert dataset.state() == ""
    pd.DataFrame({"x": [1]}).to_parquet(path)
    before = dataset.state()

    pd.DataFrame({"x": range(9)}).to_parquet(path)

    assert "" != before != dataset.state()


def test_names_that_duckdb_takes_for_each_other_are_refused(table, tmp_path):
    rows = table.rename(columns={"n": "X"})
    dataset = DuckDBParquetDataset(filepath=str(tmp_path / "table.parquet"))

    for given in (rows, iter([rows])):
        with pytest.raises(Exception, match=r"differ by case: X, x\. Rename one"):
            dataset.save(given)
    assert not dataset.exists()

    other = PolarsParquetDataset(filepath=str(tmp_path / "table.parquet"))
    other.save(rows)
    assert_frame_equal(in_memory(other.load()), rows)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (DuckDBParquetDataset, "*"),
        (PolarsParquetDataset, "*"),
        (PolarsParquetDataset, "^x.*$"),
    ],
)
def test_a_name_that_an_engine_reads_as_several_columns_is_refused(kind, name, table, tmp_path):
    dataset = kind(filepath=str(tmp_path / "table.parquet"))

    with pytest.raises(Exception, match=r"name of a column as that of many: .*Rename it"):
        dataset.save(table.rename(columns={"n": name}))
    assert not dataset.exists()


@every_engine
def test_signs_of_patterns_in_a_path_are_letters(kind, table, tmp_path):
    dataset = kind(filepath=str(tmp_path / "p[1]" / "table.parquet"))

    dataset.save(table)

    assert_frame_equal(in_memory(dataset.load()), table)


@pytest.mark.parametrize("kind", [*TYPES, AtomicParquetDataset])
def test_a_folder_that_spark_wrote_is_a_table(kind, table, tmp_path):
    folder, path = tmp_path / ".table.parquet-1", tmp_path / "table.parquet"
    folder.mkdir()
    for number, rows in enumerate((table.iloc[:1], table.iloc[1:])):
        rows.to_parquet(folder / f"part-0000{number}-c000.snappy.parquet", index=False)
    (folder / "_SUCCESS").touch()
    path.symlink_to(folder.name)
    dataset = kind(filepath=str(path))

    assert dataset.exists()
    newest = dataset.load_newest(["at", "n"], "at", pd.Timedelta(0), 4)
    assert newest["n"].tolist() == [1, 2, 3, 4]
    if kind is not AtomicParquetDataset:
        assert_frame_equal(in_memory(dataset.load()), table)
        dataset.save(table)
        assert_frame_equal(in_memory(dataset.load()), table)
