from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DatasetError
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.datasets.raw_csv import RawCSVDataset
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset

LABELS = ["001", "007", "true", "1.0", "NA", "None", "null", "1e5", "nan", "-0", "01:00", "#N/A"]
PROBLEM = Problem.model_validate(
    {
        "name": "zones",
        "target": "cnt",
        "timestamp": {"date": "at"},
        "frequency": "1 hour",
        "horizon": "1 hour",
        "columns": {
            "at": {"type": "datetime"},
            "zone": {"type": "category", "missing": True},
            "open": {"type": "boolean"},
            "temp": {"type": "float", "missing": True},
            "cnt": {"type": "integer"},
        },
    }
)


def table(rows: int = 120) -> pd.DataFrame:
    """The table as a database knows it: with types."""
    return pd.DataFrame(
        {
            "at": pd.date_range("2021-01-01", periods=rows, freq="h"),
            # Pieces of a file differ in what could be guessed of them.
            "zone": [LABELS[(row // 10) % len(LABELS)] for row in range(rows)],
            "open": [row % 2 == 0 for row in range(rows)],
            "temp": [None if row % 7 == 0 else row / 3 for row in range(rows)],
            "cnt": [2**53 + row for row in range(rows)],
        }
    )


def observations(raw: pd.DataFrame) -> pd.DataFrame:
    return enforce_contract(raw, PROBLEM, IngestionParameters()).observations


def load(path: Path, **arguments: Any) -> Any:
    return RawCSVDataset(filepath=path.as_posix(), **arguments).load()


def test_a_table_says_the_same_as_csv_in_pieces_as_parquet_and_from_a_query(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    table().to_parquet(tmp_path / "t.parquet")
    expected = observations(table())
    assert expected["zone"].tolist() == table()["zone"].tolist()
    assert expected["cnt"].tolist() == table()["cnt"].tolist()

    parquet = (tmp_path / "t.parquet").as_posix()
    read = {
        "csv": load(tmp_path / "t.csv"),
        "objects": table().astype("object"),
        "dictionaries": table().astype({"zone": "category"}),
        "arrow": pd.read_parquet(parquet, dtype_backend="pyarrow"),
        "nullable": pd.read_parquet(parquet, dtype_backend="numpy_nullable"),
        **{
            f"csv by {rows}": pd.concat(map(observations, load(tmp_path / "t.csv", chunksize=rows)))
            for rows in (1, 7, 50)
        },
        "parquet by 7": pd.concat(map(observations, RawParquetDataset(parquet, 7).load())),
    }
    for name, raw in read.items():
        made = raw.reset_index(drop=True) if " by " in name else observations(raw)
        assert_frame_equal(made, expected, obj=name)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_a_file_is_read_as_it_is_said_to_be_written(
    tmp_path: Path, ending: str, encoding: str
) -> None:
    content = 'zone;price\nDüsseldorf;"1.234,5"\n'.encode(encoding)
    path = tmp_path / f"t.csv{ending}"
    path.write_bytes(gzip.compress(content) if ending else content)

    loaded = load(path, load_args={"sep": ";", "encoding": encoding})

    assert loaded.to_dict("records") == [{"zone": "Düsseldorf", "price": "1.234,5"}]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("zone,n\n001,1\n".encode("utf-8-sig"))
    assert load(tmp_path / "t.csv").columns.tolist() == ["zone", "n"]


def test_an_argument_that_pandas_does_not_know_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigurationError, match="raw_load_args: unknown key 'spe'"):
        RawCSVDataset(filepath="t.csv", load_args={"spe": ";"})


@pytest.mark.parametrize(
    ("argument", "instead"),
    [("decimal", "format"), ("na_values", "missing_values"), ("dtype", "type")],
)
def test_an_argument_that_would_change_values_is_refused(argument: str, instead: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{argument}' would.*declare '{instead}'"):
        RawCSVDataset(filepath="t.csv", load_args={argument: ","})


@pytest.mark.parametrize(
    ("written", "wrong"),
    [(b"", "is empty"), (b"\x89PNG\r\n\x1a\n\0\0", "cannot be read as a CSV file")],
)
@pytest.mark.parametrize("arguments", [{}, {"chunksize": 10}])
def test_a_file_that_holds_no_table_is_told_in_one_sentence(
    tmp_path: Path, written: bytes, wrong: str, arguments: dict[str, int]
) -> None:
    (tmp_path / "sales.csv").write_bytes(written)

    with pytest.raises(DatasetError) as error:
        list(load(tmp_path / "sales.csv", **arguments))

    assert isinstance(error.value.__cause__, DataContractError)
    assert str(error.value.__cause__).startswith(f"sales.csv {wrong}")
    assert error.value.__cause__.__cause__ is None


@pytest.mark.parametrize("chunksize", [None, 50])
def test_a_file_that_is_written_to_while_it_is_read_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunksize: int | None
) -> None:
    path = tmp_path / "zones.csv"
    table().to_csv(path, index=False)
    dataset = RawCSVDataset(filepath=path.as_posix(), chunksize=chunksize)
    read = pd.read_csv

    def slowly(*arguments: Any, **more: Any) -> Any:
        found = read(*arguments, **more)
        with path.open("a") as file:
            file.write("2021-02-01,001,True,1.0,3\n")
        return found

    monkeypatch.setattr("kedro_datasets.pandas.csv_dataset.pd.read_csv", slowly)
    with pytest.raises(
        (DataContractError, DatasetError), match=r"zones\.csv was written to while it was read"
    ):
        list(dataset.load())


def test_a_file_that_is_replaced_while_it_is_read_was_whole_when_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zones.csv"
    table().to_csv(path, index=False)
    read = pd.read_csv

    def slowly(*arguments: Any, **more: Any) -> Any:
        found = read(*arguments, **more)
        table(3).to_csv(tmp_path / "new.csv", index=False)
        (tmp_path / "new.csv").replace(path)
        return found

    monkeypatch.setattr("kedro_datasets.pandas.csv_dataset.pd.read_csv", slowly)

    assert len(RawCSVDataset(filepath=path.as_posix()).load()) == len(table())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pieces_can_be_gone_through_again_unless_the_file_is_another_one(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"zones.{kind}"

    def write(rows: pd.DataFrame) -> None:
        rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path)

    dataset: Any = (
        RawCSVDataset(filepath=path.as_posix(), chunksize=7)
        if kind == "csv"
        else RawParquetDataset(path.as_posix(), chunksize=7)
    )
    write(table())
    pieces = dataset.load()

    first, second = pd.concat(pieces), pd.concat(pieces)

    pd.testing.assert_frame_equal(first, second)
    assert len(first) == len(table())
    write(table().iloc[1:])
    with pytest.raises(DataContractError, match="another file than when its first row was read"):
        list(pieces)
