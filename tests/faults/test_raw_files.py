"""A raw file that is not what it seems is refused, or told, before anything is made of it."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError
from kedro_datasets.pandas import SQLQueryDataset

from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.core.data.values import as_text
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.gate import AbsoluteCheck
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_structure,
    enforce_contract,
)
from regression_lifecycle.core.ingestion.row_conflicts import REPETITION, repeated_key
from regression_lifecycle.core.prediction.interval import PredictionInterval
from regression_lifecycle.datasets.atomic_files import OptionalParquetDataset
from regression_lifecycle.datasets.raw_csv import RawCSVDataset
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset
from regression_lifecycle.runtime.table_source import DATABASE_VARIABLE, read_file, read_query
from tests.examples import tiny_problem
from tests.ingesting import ingest

PROBLEM = tiny_problem()
ROWS = "2021-03-01 00:00,5,10,11\n2021-03-01 01:00,5,10,11\n"
TWICE = "day,temp,cnt,cnt\n" + ROWS
STANDS_TWICE = r"columns that stand twice in .*cnt"


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

    queried = SQLQueryDataset(sql=query, credentials={"con": url})
    for read in (
        lambda: check_structure(queried.load(), PROBLEM),
        lambda: RawParquetDataset(parquet.as_posix()).load(),
        lambda: list(RawParquetDataset(parquet.as_posix(), chunksize=7).load()),
        lambda: read_file(parquet),
        lambda: read_query(query),
    ):
        with pytest.raises((DataContractError, DatasetError), match=STANDS_TWICE):
            read()


def test_a_table_is_not_described_by_a_renamed_column(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(TWICE)

    with pytest.raises(DataContractError, match=STANDS_TWICE):
        read_file(path)


# --- files that were cut, and tables that were changed ----------------------------------------


def load_text(path: Path, content: str) -> pd.DataFrame:
    path.write_text(content)
    return RawCSVDataset(filepath=path.as_posix()).load()


def test_a_file_that_was_cut_in_its_last_number_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = "day,temp,cnt\n2021-03-01 00:00,5,156\n"
    for whole in (content, content.replace("\n", "\r\n")):
        load_text(tmp_path / "shop.csv", whole)
    assert caplog.records == []

    assert load_text(tmp_path / "shop.csv", content[:-2])["cnt"].tolist() == ["15"]

    assert "The last line of shop.csv does not end with a line break" in caplog.text


def test_a_compressed_file_that_was_cut_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(gzip.compress(("day,temp,cnt\n" + ROWS * 500).encode())[:-20])

    with pytest.raises(DatasetError, match=r"shop\.csv\.gz ends in the middle or is damaged"):
        RawCSVDataset(filepath=path.as_posix()).load()


def observe(raw: pd.DataFrame, before: pd.DataFrame, labels: Any = None) -> Any:
    taken = LABELS.frame(labels)
    found = ingest(raw, taken, PROBLEM, IngestionParameters(), before)
    return found.observations, found.changes


def table(n_rows: int = 48) -> pd.DataFrame:
    days = pd.date_range("2021-03-01", periods=n_rows, freq="h")
    return pd.DataFrame({"day": days.astype(str), "temp": 5.0, "cnt": 10.0})


def test_ingestion_says_what_is_new_changed_and_gone(caplog: pytest.LogCaptureFixture) -> None:
    before, first = observe(table(40), pd.DataFrame())
    assert first.empty
    assert observe(table(40), before)[1].empty
    assert caplog.records == []

    raw = table().drop(index=[3, 4])
    raw.loc[7, "cnt"], raw.loc[9, "temp"], raw.loc[9, "cnt"] = 1.0, 6.0, 2.0
    _, changes = observe(raw, before)

    hour = [pd.Timestamp("2021-03-01") + pd.Timedelta(hours=n) for n in range(48)]
    assert changes.values.tolist() == [
        ["new", 8, hour[40], hour[47], ""],
        ["changed", 2, hour[7], hour[9], "temp in 1, cnt in 2"],
        ["gone", 2, hour[3], hour[4], ""],
    ]
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("2 observations of the last run, from 2021-03-01 07:00:00 to ")
    assert "other values now (temp in 1, cnt in 2)" in said[0]
    assert "have vanished" in said[1]


def test_a_target_that_comes_is_no_change_and_a_value_that_goes_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = tiny_problem(cnt={"type": "float", "missing": True})
    monkeypatch.setitem(globals(), "PROBLEM", late)
    blank = table().assign(cnt=[None, *[10.0] * 47])
    before, _ = observe(blank, pd.DataFrame())

    assert observe(table(), before)[1].empty
    came, _ = observe(table(), before)
    assert observe(blank, came)[1]["change"].tolist() == ["changed"]


def test_a_label_that_is_corrected_is_no_change_of_the_table() -> None:
    label = {"problem": "tiny", "row_key": "2021-03-01 07:00:00", "timestamp": "2021-03-01 07:00"}
    before, _ = observe(table(), pd.DataFrame(), [{**label, "target": 3.0}])
    assert before["cnt"].iloc[7] == 3

    assert observe(table(), before, [{**label, "target": 4.0}])[1].empty


# --- rows that stand twice, and columns that nobody declared -------------------------------------


def reasons(raw: pd.DataFrame, **parameters: Any) -> list[str]:
    found = enforce_contract(raw, PROBLEM, IngestionParameters(**parameters))
    assert len(found.observations) == 48
    return found.rejected["rejection_reason"].tolist()


def test_a_row_that_is_repeated_as_it_is_costs_nothing_however_often() -> None:
    assert reasons(pd.concat([table()] * 3)) == [REPETITION] * 96


def test_a_row_that_says_two_things_is_told_apart_and_refused_above_the_share() -> None:
    two = pd.concat([table(), table(2), table(2).assign(cnt=11.0)])

    told = reasons(two, maximum_rejected_share=0.1)

    assert told[:2] == [REPETITION] * 2
    assert told[2:] == [repeated_key(PROBLEM)] * 2
    with pytest.raises(DataContractError, match=r"2 of 52 rows .*with other values \(2 row"):
        reasons(two)


def test_a_blank_that_is_repeated_is_a_repetition() -> None:
    problem = tiny_problem(temp={"missing": True}, zone={"type": "category", "missing": True})
    raw = table(2).assign(temp=None, zone="")

    rejected = enforce_contract(
        pd.concat([raw, raw.assign(zone=None), raw.assign(zone="a")]),
        problem,
        IngestionParameters(maximum_rejected_share=0.5),
    ).rejected

    assert (rejected["rejection_reason"] == REPETITION).tolist() == [True, True, False, False]


def test_a_column_that_nobody_declared_is_left_aside_told_once_and_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows, columns = (
        OptionalParquetDataset(filepath=(tmp_path / f"{name}.parquet").as_posix())
        for name in ("observations", "undeclared_columns")
    )
    told = []
    for raw in (table(), table().assign(note="x"), table().assign(note="y"), table()):
        found = ingest(
            raw, LABELS.frame(), PROBLEM, IngestionParameters(), rows.load(), columns.load()
        )
        assert "note" not in found.observations
        changes = found.changes
        told.append(changes.loc[changes["change"] == "unknown columns", "columns"].tolist())
        rows.save(found.observations)
        columns.save(found.columns)

    assert told == [[], ["note"], [], [""]]
    said = [record.getMessage() for record in caplog.records]
    assert [text.rpartition(": ")[2] for text in said] == ["note", "none"]


@pytest.mark.parametrize(
    "column",
    [
        {"minimum": float("nan")},
        {"maximum": float("inf")},
        {"minimum": "nan"},
        {"allowed": [1, float("nan")]},
    ],
)
def test_a_bound_that_bounds_nothing_is_refused(column: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"bounds nothing|cannot be allowed"):
        tiny_problem(temp=column)


def test_a_limit_of_nan_is_refused_in_every_section() -> None:
    for kind, key in (
        (AbsoluteCheck, "minimum"),
        (IngestionParameters, "maximum_rejected_share"),
        (PredictionInterval, "level"),
    ):
        with pytest.raises(ValueError, match="finite number"):
            kind.model_validate({key: float("nan")})


def test_digits_of_a_parquet_file_do_not_depend_on_the_pieces_that_it_is_read_in(
    tmp_path: Path,
) -> None:
    large = 2**53
    path = tmp_path / "table.parquet"
    ids = pd.array([large + 1, large + 3, large + 1, None], dtype="Int64")
    pd.DataFrame({"id": ids}).to_parquet(path)

    whole = RawParquetDataset(path.as_posix()).load()
    parts = RawParquetDataset(path.as_posix(), chunksize=2).load()

    assert [
        as_text(piece["id"]).fillna("missing").tolist() for piece in (whole, pd.concat(parts))
    ] == [[str(large + 1), str(large + 3), str(large + 1), "missing"]] * 2
