"""A tricky table gives the same on every engine, read at once or in pieces of seven rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.frames.collecting import collect
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_observations,
    in_order,
)
from regression_lifecycle.core.ingestion.labels import LabelParameters, accept_labels
from regression_lifecycle.datasets.engine_tables import DuckDBParquetDataset, PolarsParquetDataset
from regression_lifecycle.pipelines.ingestion.nodes import LOGGER
from tests.ingesting import Ingested, ingest
from tests.spark import spark_session, together

DATASETS: dict[str, Any] = {"duckdb": DuckDBParquetDataset, "polars": PolarsParquetDataset}
LENIENT = IngestionParameters.model_validate(
    {"maximum_rejected_share": 0.9, "unreadable": "quarantine", "maximum_gap": "366 days"}
)


class Case(NamedTuple):
    """A table, and the same some time later."""

    problem: Problem
    raw: pd.DataFrame
    later: pd.DataFrame
    labels: pd.DataFrame


def describe(frequency: str, **changes: Any) -> Problem:
    content: dict[str, Any] = {
        "name": "tricky",
        "target": "load",
        "timestamp": {"date": "at"},
        "frequency": frequency,
        "horizon": frequency,
        "key": ["timestamp", "shop", "till", "number"],
        "columns": {
            "at": {"type": "datetime"},
            "shop": {"type": "category"},
            "till": {"type": "category", "missing": True},
            "number": {"type": "integer", "missing": True},
            "temp": {"type": "float", "minimum": -50, "maximum": 60},
            "open": {"type": "boolean"},
            "sky": {"type": "category", "allowed": ["clear", "rain"], "missing": True},
            "load": {"type": "integer", "minimum": 0, "missing": True},
        },
    }
    return Problem.model_validate({**content, **changes})


def series(moments: pd.DatetimeIndex, shop: str, till: str, number: str) -> pd.DataFrame:
    place = np.arange(len(moments))
    return pd.DataFrame(
        {
            "at": moments.strftime("%Y-%m-%d %H:%M:%S"),
            "shop": shop,
            "till": till,
            "number": number,
            "temp": (place % 17 + 0.25).astype(str),
            "open": np.where(place % 2 == 0, "yes", "no"),
            "sky": np.where(place % 5 == 0, "", np.where(place % 3 == 0, "rain", "clear")),
            "load": np.where(place % 11 == 0, "", (place * 3).astype(str)),
        }
    )


def break_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Put rows between the others that are wrong in themselves or against others."""
    first, sixth = table.iloc[0], table.iloc[5]
    wrong = [
        {**table.iloc[3], "temp": "warm"},
        {**table.iloc[4], "temp": "1,5", "load": "-3"},
        {**sixth, "sky": "snow"},
        {**sixth, "at": "someday"},
        # The same once more, and with another value.
        dict(first),
        {**first, "load": "999"},
        {**sixth, "temp": "1.5"},
        {**sixth, "at": "2203-01-05 00:00:00"},
        {**sixth, "at": "1900-01-01 00:00:00"},
    ]
    others = table.iloc[7:].sample(frac=1, random_state=4)
    return pd.concat([table.iloc[:7], pd.DataFrame(wrong), others, table.iloc[7:9]])


def make(frequency: str, anchor: str, n_rows: int, **changes: Any) -> Case:
    problem = describe(frequency, **changes)
    moments = pd.date_range("2021-01-29", periods=n_rows, freq=anchor)
    parts = [
        series(moments.delete([5, 9, 10]), "ä|b", "c", "1"),
        # Reads like the one before.
        series(moments[:4], "ä", "b|c", "1"),
        series(moments[3:-4], "z", "", ""),
        series(moments[::2], "z", "c", "2"),
        series(moments[7:8], "one", "", "3"),
    ]
    table = pd.concat(parts, ignore_index=True).assign(note="x")
    raw = break_rows(table).reset_index(drop=True)
    later = raw.drop(index=raw.index[20:24]).reset_index(drop=True)
    later.loc[[40, 41], "temp"] = "33"
    new = series(moments[-1:] + moments.freq, "z", "", "")
    later = pd.concat([later, new.assign(note="x")], ignore_index=True)
    sent = pd.DataFrame(
        [
            (moments[8], "z", "c", "2", "9977"),
            (moments[12], "ä|b", "c", "1", "9978"),
            (moments[5], "ä|b", "c", "1", "1"),
            (moments[-1] + pd.DateOffset(years=80), "z", "c", "2", "2"),
            (moments[8] + pd.Timedelta(minutes=7), "z", "c", "2", "3"),
        ],
        columns=["timestamp", "shop", "till", "number", "load"],
    ).astype({"timestamp": "str"})
    labels = accept_labels(sent, problem, LabelParameters(maximum_rejected_share=1)).observations
    return Case(problem, raw, later, labels)


CASES: dict[str, Callable[[], Case]] = {
    "hours": lambda: make("1 hour", "h", 40),
    "working days": lambda: make(
        "1 day", "B", 40, weekdays=["monday", "tuesday", "wednesday", "thursday", "friday"]
    ),
    "month ends": lambda: make("1 month", "ME", 40),
    "quarters": lambda: make("1 quarter", "QS", 40),
    "irregular": lambda: make("1 day", "D", 40, irregular=True),
}


def dataset_of(engine: str, path: Path) -> Any:
    if engine in DATASETS:
        return DATASETS[engine](filepath=path.as_posix())
    # Not to be imported where pyspark is missing.
    from regression_lifecycle.datasets.spark_tables import SparkTableDataset

    return SparkTableDataset(filepath=path.as_posix())


def run(
    case: Case,
    chunk: int | None,
    engine: str,
    folder: Path,
    parameters: IngestionParameters = LENIENT,
) -> list[Ingested]:
    """Ingest both tables one after the other; the observations come back in pandas."""

    def cut(name: str, raw: pd.DataFrame) -> Any:
        if chunk and engine == "spark":
            return read_by_workers(raw, folder / f"{name}.csv", chunk)
        if chunk:
            return [raw.iloc[at : at + chunk] for at in range(0, len(raw), chunk)]
        return raw

    def keep(name: str, frame: Any) -> Any:
        if engine == "pandas":
            return frame
        dataset = dataset_of(engine, folder / f"{name}.parquet")
        dataset.save(frame)
        return dataset.load()

    found: list[Ingested] = []
    before, columns = None, None
    for name, raw in (("first", case.raw), ("second", case.later)):
        result = ingest(
            cut(name, raw),
            case.labels,
            case.problem,
            parameters,
            before,
            columns,
            store=lambda typed, name=name: keep(f"{name}_typed", typed),
        )
        before, columns = keep(name, result.observations), result.columns
        check_observations(before, case.problem)
        found.append(result._replace(observations=collect(before, case.problem)))
    return found


def read_by_workers(raw: pd.DataFrame, file: Path, chunk: int) -> Any:
    """Give a table to Spark as a file, in a few partitions of a few pieces each."""
    session = spark_session()
    from regression_lifecycle.datasets.raw_spark import RawSparkDataset

    raw.to_csv(file, index=False)
    n_bytes = file.stat().st_size // 3
    session.conf.set("spark.sql.files.openCostInBytes", n_bytes)
    session.conf.set("spark.sql.files.maxPartitionBytes", n_bytes)
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", chunk)
    frame = RawSparkDataset(filepath=str(file)).load()
    assert frame.rdd.getNumPartitions() > 2
    return frame


class Recorder(logging.Handler):
    """Keeps what the nodes warn of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def __enter__(self) -> Recorder:
        LOGGER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        LOGGER.removeHandler(self)


@lru_cache(maxsize=1)
def whole(case: str) -> tuple[Case, list[Ingested], list[str]]:
    """What pandas finds in a table that it has as a whole, and what it warns of."""
    given, said = CASES[case](), Recorder()
    with said:
        return given, run(given, None, "pandas", Path()), said.messages


@pytest.mark.parametrize(
    ("case", "engine", "chunk"),
    [
        *(("hours", engine, 7) for engine in ("pandas", *DATASETS)),
        *((case, "duckdb", None) for case in CASES),
        # What is counted by the calendar, and what is not counted at all.
        *((case, "polars", None) for case in ("month ends", "irregular")),
        pytest.param("hours", "spark", 7, marks=together),
    ],
)
def test_every_engine_finds_the_same_in_one_piece_and_in_many(
    case: str, engine: str, chunk: int | None, tmp_path: Path
) -> None:
    given, expected, warnings = whole(case)

    with Recorder() as said:
        found = run(given, chunk, engine, tmp_path)

    assert said.messages == warnings
    for one, other in zip(found, expected, strict=True):
        for name in Ingested._fields:
            first, second = getattr(one, name), getattr(other, name)
            if name == "observations":
                first = in_order(first, given.problem)
            assert_frame_equal(first, second, obj=name)


def test_the_table_is_tricky() -> None:
    _, (first, second), warnings = whole("hours")

    assert len(warnings) == 4
    reasons = {text[:44] for text in first.rejected["rejection_reason"]}
    assert sorted(reasons) == [
        "an exact repetition of an earlier row",
        "at is not a datetime",
        "sky is not one of clear, rain",
        "temp is not a number; say by 'format' how nu",
        "the key (timestamp, shop, till, number) read",
        "the key (timestamp, shop, till, number) stan",
        "timestamp is more than 366 days, or a tenth ",
    ]
    assert set(first.gaps["kind"]) == {"gap", "begins later", "ended"}
    assert second.changes["change"].tolist() == ["new", "changed", "gone"]
    assert len(first.unused) == 3
    assert first.observations["load"].isin([9977, 9978]).sum() == 2


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
@pytest.mark.parametrize("unreadable", ["refuse", "quarantine"])
def test_a_table_is_refused_with_the_same_words(
    engine: str, unreadable: str, tmp_path: Path
) -> None:
    given = CASES["hours"]()
    parameters = IngestionParameters.model_validate(
        {"maximum_gap": "366 days", "unreadable": unreadable}
    )
    said = []
    for kept_in, chunk in (("pandas", None), (engine, 7)):
        with pytest.raises((DataContractError, DatasetError)) as error:
            run(given, chunk, kept_in, tmp_path, parameters)
        # The rows of pieces are read while they are stored.
        said.append(str(error.value.__cause__ or error.value))

    assert said[0] == said[1]
    assert not (tmp_path / "first.parquet").exists()


@pytest.mark.parametrize("engine", DATASETS)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.drop(columns="temp"), "missing columns: temp"),
        (lambda t: t.iloc[:0], "the table has no rows"),
        (lambda t: t.assign(timestamp="2021"), "timestamp is not a time but String"),
        (lambda t: t.assign(temp="5"), "temp is declared as float and stored as String"),
        (lambda t: t.assign(temp=t["temp"].where(t.index > 1, 61.0)), "2 rows .* temp is above 60"),
        (lambda t: t.assign(temp=t["temp"].where(t.index > 0)), "1 row .* temp is missing"),
        (lambda t: t.assign(sky=t["sky"].where(t.index > 0, "snow")), "sky is not one of"),
        (lambda t: t.assign(load=t["load"].where(t.index > 0, 0.5)), "load is not a whole"),
        (lambda t: t.assign(open=t["open"].where(t.index > 0, 2)), "open is neither 0 nor 1"),
        (lambda t: t.assign(load=t["load"].where(t.index > 0, 1e39)), "load is beyond 1e\\+38"),
    ],
)
def test_an_engine_finds_what_breaks_the_contract(
    engine: str, damage: Callable[[pd.DataFrame], pd.DataFrame], message: str, tmp_path: Path
) -> None:
    given, expected, _ = whole("hours")
    dataset = DATASETS[engine](filepath=(tmp_path / "rows.parquet").as_posix())
    dataset.save(damage(expected[0].observations).reset_index(drop=True))

    with pytest.raises(DataContractError, match=message):
        check_observations(dataset.load(), given.problem)
