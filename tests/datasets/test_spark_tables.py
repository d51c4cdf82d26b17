"""Tables that Spark writes are whole ones, wherever they are read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from pandas.testing import assert_frame_equal

pytest.importorskip("pyspark", reason="uv sync --extra spark installs it")

from regression_lifecycle.datasets.atomic_files import AtomicParquetDataset
from regression_lifecycle.datasets.spark_tables import SparkDatasetV2, SparkTableDataset
from tests.spark import spark_session, to_spark, together

pytestmark = together


@pytest.fixture(scope="module", autouse=True)
def _session() -> None:
    spark_session()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "table.parquet"


def rows(first: int = 0) -> pd.DataFrame:
    at = pd.date_range("2021-03-28 01:30", periods=4, freq="30min", unit="us")
    table = pd.DataFrame({"at": at, "name": ["ä|b", "", None, "x"], "y": [1.5, np.nan, 0.0, 2.0]})
    return table.assign(name=table["name"].astype("str"), n=range(first, first + 4))


def read(dataset: Any) -> pd.DataFrame:
    found: pd.DataFrame = dataset.load().toArrow().to_pandas()
    return found.sort_values("n", ignore_index=True)


@pytest.mark.parametrize("given", [rows, lambda: to_spark(rows())], ids=["pandas", "spark"])
def test_a_table_comes_back_and_pandas_reads_the_same_path(path: Path, given: Any) -> None:
    dataset = SparkTableDataset(filepath=str(path))
    assert not dataset.exists()

    dataset.save(given())

    assert dataset.exists()
    for found in (read(dataset), pd.read_parquet(path).sort_values("n", ignore_index=True)):
        assert_frame_equal(found.astype({"name": "str", "at": "datetime64[us]"}), rows())


def test_pieces_are_one_table(path: Path) -> None:
    dataset = SparkTableDataset(filepath=str(path))

    dataset.save(iter([rows(), rows(4), rows(8)]))

    assert read(dataset)["n"].tolist() == list(range(12))


def test_a_write_that_fails_leaves_the_table_as_it_was_and_nothing_else(path: Path) -> None:
    dataset = SparkTableDataset(filepath=str(path))
    dataset.save(rows())
    before = sorted(path.parent.iterdir())

    with pytest.raises(DatasetError):
        dataset.save(spark_session().range(9).selectExpr("assert_true(id < 7)", "id as n"))

    assert read(dataset)["n"].tolist() == [0, 1, 2, 3]
    assert sorted(path.parent.iterdir()) == before


def test_a_table_that_is_made_of_itself_replaces_it(path: Path) -> None:
    dataset = SparkTableDataset(filepath=str(path))
    dataset.save(rows())

    dataset.save(dataset.load().where("n > 1"))

    assert read(dataset)["n"].tolist() == [2, 3]
    # The link and the folder that it leads to.
    assert len(list(path.parent.iterdir())) == 2


def test_engines_take_turns_at_one_path(path: Path) -> None:
    spark, pandas = SparkTableDataset(filepath=str(path)), AtomicParquetDataset(filepath=str(path))
    pandas.save(rows())
    assert read(spark)["n"].tolist() == [0, 1, 2, 3]

    spark.save(rows(4))
    assert sorted(pandas.load()["n"]) == [4, 5, 6, 7]

    pandas.save(rows(8))
    assert read(spark)["n"].tolist() == [8, 9, 10, 11]
    spark.save(rows(4))
    assert len(list(path.parent.iterdir())) == 2


def test_a_copy_of_a_workspace_can_be_written_to(path: Path, tmp_path: Path) -> None:
    SparkTableDataset(filepath=str(path)).save(rows())
    shutil.copytree(path.parent, tmp_path / "copy")
    copied = SparkTableDataset(filepath=str(tmp_path / "copy" / path.name))
    assert read(copied)["n"].tolist() == [0, 1, 2, 3]

    copied.save(rows(4))

    assert read(copied)["n"].tolist() == [4, 5, 6, 7]


def test_a_table_that_may_be_missing_has_no_columns(path: Path) -> None:
    assert list(SparkTableDataset(filepath=str(path), optional=True).load()) == []
    with pytest.raises(DatasetError):
        SparkTableDataset(filepath=str(path)).load()


def test_workers_with_disks_of_their_own_are_found_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(self: Any, data: Any) -> None:
        Path(self._get_save_path()).mkdir()
        Path(self._get_save_path(), "_SUCCESS").touch()

    monkeypatch.setattr(SparkDatasetV2, "_save", elsewhere)

    with pytest.raises(DatasetError, match=r"do not share this disk.*data_root"):
        SparkTableDataset(filepath=str(path)).save(rows())
    assert not path.exists()


def test_a_folder_of_an_object_store_is_a_table_when_its_last_file_is_there() -> None:
    dataset = SparkTableDataset(filepath="memory:///bucket/table.parquet")
    files = fsspec.filesystem("memory")
    files.pipe("/bucket/table.parquet/part-0.parquet", b"")
    assert not dataset.exists()

    files.pipe("/bucket/table.parquet/_SUCCESS", b"")

    assert dataset.exists()
