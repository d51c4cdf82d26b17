"""A raw table that Spark reads is the one that pandas reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DatasetError
from pandas.testing import assert_frame_equal

pytest.importorskip("pyspark", reason="uv sync --extra spark installs it")

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.datasets.raw_csv import RawCSVDataset
from regression_lifecycle.datasets.raw_spark import RawSparkDataset
from tests.spark import spark_session, together

pytestmark = together


@pytest.fixture(scope="module", autouse=True)
def _session() -> None:
    spark_session()


@pytest.mark.parametrize(
    ("text", "load_args"),
    [
        ('at,name,Name,y\n2021-01-01,"a, ""b""",,007\n,"",x y, 1.50 \n\n3,NA,null,1e3\n', {}),
        ("at;name\n1,5;ä\n'a;b';2\n", {"sep": ";", "encoding": "latin-1", "quotechar": "'"}),
        ("# by hand\nat,name\n# more\n1,2\n", {"comment": "#"}),
        ("at,name\r\n1,2\r\n3,4", {}),
    ],
)
def test_every_value_of_a_csv_file_is_the_text_that_pandas_reads(
    tmp_path: Path, text: str, load_args: dict[str, Any]
) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(text.encode(load_args.get("encoding", "utf-8")))

    found = RawSparkDataset(filepath=str(file), load_args=load_args).load()

    expected = RawCSVDataset(filepath=str(file), load_args=load_args).load()
    assert_frame_equal(found.toArrow().to_pandas().astype("str"), expected.astype("str"))


def test_a_line_of_another_length_ends_the_run(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("at,name\n1,2\n1,2,3\n")

    with pytest.raises(Exception, match=r"(?i)malformed"):
        RawSparkDataset(filepath=str(file)).load().collect()


def test_line_breaks_inside_of_quotes_are_read_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text('at,name\n1,"two\nlines"\n')

    found = RawSparkDataset(filepath=str(file), options={"multiLine": True}).load()

    assert found.collect()[0]["name"] == "two\nlines"


def test_columns_that_stand_twice_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("at,y,y\n1,2,3\n")

    with pytest.raises(DatasetError, match=r"stand twice.*y"):
        RawSparkDataset(filepath=str(file)).load()


def test_what_spark_has_no_word_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'skiprows'.*RawCSVDataset"):
        RawSparkDataset(filepath="table.csv", load_args={"skiprows": 3})


def test_a_parquet_file_keeps_its_types_and_leaves_an_index_out(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    table = pd.DataFrame({"at": pd.to_datetime(["2021-03-28 02:30"]).as_unit("us"), "y": [1.5]})
    table.set_axis([7]).to_parquet(file)

    found = RawSparkDataset(filepath=str(file)).load()

    assert found.dtypes == [("at", "timestamp_ntz"), ("y", "double")]
