"""Whatever a file holds, rows are taken or set aside, or one message says what is wrong with it.

``FUZZ_EXAMPLES=5000`` draws so many new files per test (CONTRIBUTING.md).
"""

from __future__ import annotations

import datetime as dt
import io
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DatasetError

from regression_lifecycle.core.data.tables import ADJUSTMENTS, LABELS
from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_observations,
    check_structure,
    enforce_contract,
)
from regression_lifecycle.core.ingestion.labels import LabelParameters
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.prediction.batch_scoring import (
    ScoringParameters,
    ScoringRows,
    ScoringRun,
)
from regression_lifecycle.datasets.atomic_files import AtomicParquetDataset
from regression_lifecycle.datasets.batch_predictions import BatchPredictionsDataset
from regression_lifecycle.datasets.raw_csv import RawCSVDataset
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset
from regression_lifecycle.pipelines.labels.nodes import take_labels
from regression_lifecycle.runtime.table_source import read_file
from tests.examples import MODELS, fitted_model, tiny_problem
from tests.fuzzing import examples
from tests.ingesting import ingest

PROBLEM = tiny_problem(
    day={"type": "datetime", "known_in_advance": True},
    hr={"type": "integer", "known_in_advance": True, "minimum": 0, "maximum": 23},
    temp={"type": "float", "known_in_advance": True, "missing": True, "maximum": 60},
    shop={"type": "category"},
    kind={"type": "category", "missing": True, "allowed": ["a", "b"]},
    open={"type": "boolean", "missing": True},
    seen={"type": "date", "missing": True, "minimum": "2000-01-01"},
    price={"type": "float", "missing": True, "format": "1.234,5 €"},
    cnt={"type": "integer", "minimum": 0},
).model_copy(update={"key": ("timestamp", "shop")})
COLUMNS = list(PROBLEM.columns)
HOURS = pd.date_range("2021-03-01", periods=24, freq="h")
LENIENT = IngestionParameters(maximum_rejected_share=1, unreadable="quarantine")


def table() -> pd.DataFrame:
    """Rows that keep the contract, as text."""
    return pd.DataFrame(
        {
            "day": HOURS.astype(str),
            "hr": HOURS.hour.astype(str),
            "temp": [f"{hour / 2:.1f}" for hour in HOURS.hour],
            "shop": ["north", "south"] * 12,
            "kind": ["a", "b", ""] * 8,
            "open": ["yes", "no"] * 12,
            "seen": ["2020-02-29", ""] * 12,
            "price": ["1.234,50 €", "7"] * 12,
            "cnt": [str(10 * hour) for hour in HOURS.hour],
        }
    )[COLUMNS]


TEXT = table().to_csv(index=False)

# --- what must hold -------------------------------------------------------------------------------


class Refused(Exception):  # noqa: N818
    """One message for a person ended it."""


def answered(act: Callable[[], Any], *, names: str | None = None) -> Any:
    """What it returns without a warning of Python; ``Refused`` where one message ended it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return act()
        except Exception as error:
            said = error
    # Kedro wraps what a dataset raises, and the commands look for what is in it.
    inner = said.__cause__ if isinstance(said, DatasetError) else said
    if not isinstance(inner, LifecycleError):
        raise said
    message = str(inner)
    assert 10 < len(message) < 2000, message
    assert "Traceback" not in message
    assert names is None or names in message, message
    raise Refused(message) from said


def take(raw: pd.DataFrame, folder: Path) -> None:
    """Ingest a table, and hold what comes of it against the contract."""
    before = raw.copy(deep=True)
    answered(lambda: check_structure(raw, PROBLEM))
    labels, recorded = LABELS.frame([]), pd.DataFrame()
    rows, rejected, unused, gaps, *_ = answered(
        lambda: ingest(raw, labels, PROBLEM, LENIENT, recorded)
    )

    assert len(rows) + len(rejected) == len(raw)
    assert sorted(rejected["raw_row"]) == rejected["raw_row"].tolist()
    assert rejected["raw_row"].is_unique
    assert rejected["raw_row"].between(1, len(raw)).all()
    assert rejected["rejection_reason"].astype("str").str.len().gt(3).all()
    assert unused.empty
    keeps_the_contract(rows)
    for name, made in {"rows": rows, "rejected": rejected, "gaps": gaps}.items():
        stored = AtomicParquetDataset(filepath=(folder / f"{name}.parquet").as_posix())
        answered(lambda stored=stored, made=made: stored.save(made))
        pd.testing.assert_frame_equal(stored.load(), made)
    keeps_the_contract(AtomicParquetDataset(filepath=(folder / "rows.parquet").as_posix()).load())
    # Another look finds the same and calls nothing new.
    again = ingest(raw, labels, PROBLEM, LENIENT, rows)
    pd.testing.assert_frame_equal(again.observations, rows)
    assert again.changes.empty
    pd.testing.assert_frame_equal(raw, before)


def keeps_the_contract(rows: pd.DataFrame) -> None:
    check_observations(rows, PROBLEM)
    assert rows.columns.tolist() == ["timestamp", *COLUMNS]
    assert not rows.duplicated(["timestamp", "shop"]).any()
    assert rows["timestamp"].is_monotonic_increasing
    assert rows["timestamp"].dt.year.between(1678, 2261).all()
    assert rows["hr"].between(0, 23).all()
    assert rows["cnt"].dtype == "int64"
    assert rows["cnt"].ge(0).all()
    for name in ("temp", "price", "open"):
        assert rows[name].dtype == "float64"
        assert np.isfinite(rows[name].dropna()).all()
    assert rows["temp"].dropna().between(-1e38, 60).all()
    assert rows["open"].dropna().isin([0, 1]).all()
    assert rows["kind"].dropna().isin(["a", "b"]).all()
    assert rows["shop"].str.len().gt(0).all()
    assert rows["seen"].dropna().ge(pd.Timestamp("2000-01-01")).all()


def score(chunks: Any, folder: Path) -> None:
    """Predict the rows of a batch into a file: all of it, or none."""
    model, past = model_and_past()
    asked = ScoringParameters(start="1678-01-01", maximum_rejected_share=1)
    rows = ScoringRows(chunks, past, model, PROBLEM, asked)
    run = ScoringRun(rows, ADJUSTMENTS.frame([]))
    stored = BatchPredictionsDataset((folder / "scored").as_posix())
    try:
        answered(lambda: stored.save(run))
    except Refused:
        assert not list((folder / "scored").rglob("*.parquet"))
        raise
    for batch in stored.load():
        for found in batch.read(batch.first, batch.last):
            assert np.isfinite(found["prediction"]).all()
            assert not found.duplicated(["timestamp", "shop"]).any()


def take_as_labels(raw: pd.DataFrame) -> None:
    parameters = LabelParameters(maximum_rejected_share=1)
    labels, rejected = answered(lambda: take_labels(raw, PROBLEM, parameters))

    assert labels["row_key"].is_unique
    assert np.isfinite(labels["target"]).all()
    assert len(labels) + len(rejected) <= len(raw)
    assert rejected["raw_row"].between(1, len(raw)).all()


def read_in_every_way(path: Path, read: Callable[..., Any]) -> None:
    """Take a file as the raw table, as labels, and as a batch to be scored in pieces."""
    for use in (
        lambda: take(answered(read, names=path.name), path.parent),
        lambda: answered(lambda: enforce_contract(read(), PROBLEM, IngestionParameters())),
        lambda: take_as_labels(answered(read, names=path.name)),
        lambda: score(answered(lambda: read(chunksize=13), names=path.name), path.parent),
        lambda: answered(lambda: read_file(path)),
    ):
        with suppress(Refused):
            use()
    left = {found.name for found in path.parent.iterdir()} - {path.name, "scored"}
    assert left <= {"rows.parquet", "rejected.parquet", "gaps.parquet"}


@cache
def model_and_past() -> tuple[TrainedModel, pd.DataFrame]:
    """A model, and the observations that its features look back at."""
    past = enforce_contract(table(), PROBLEM, LENIENT).observations
    return fitted_model(**MODELS["ridge behind an imputer"]), past


# --- CSV files ------------------------------------------------------------------------------------

TOKENS = [
    *('"', "'", ",", ";", "\t", "|", "\0", "\n", "\r", "\r\n", "\\", "#", " ", "\ufeff", "\u2028"),
    *("", "NA", "nan", "inf", "-inf", "1e400", "-1e308", "9" * 400, "1e-400", "0x10", "1_000"),
    *(
        "\u0661\u0662",
        "\uff11",
        "\u00bd",
        "-0",
        "+5",
        "1,234.5",
        "(12)",
        "12-",
        "12 %",
        "5 €",
        "--1",
    ),
    *("2021-02-30", "9999-12-31T23:59:59", "0001-01-01", "2021-03-01T00:00+02:00", "24:00", "now"),
    *("2021-03-01 05:00:00.123456789", "20210301", "2021-W09", "1614556800", "2021-060", "today"),
    *("a|b", "=1+1", "<script>", "true", "None", "\U0001f6b2", "e\u0301", "x" * 3000, "day", "cnt"),
    *("9223372036854775807", "9223372036854775808", "-1", "1.5", "9007199254740993", "1e5", "٣"),
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7"]


@st.composite
def damaged_bytes(draw: Any, content: bytes) -> bytes:
    """Bytes of which some are other ones, missing, twice or new."""
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(found) - 1, 0)))
        kind = draw(st.sampled_from(["flip", "cut", "double", "insert", "zero", "drop"]))
        if kind == "flip" and found:
            found[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del found[place:]
        elif kind == "double":
            found[place:place] = found[place : place + draw(st.integers(1, 200))]
        elif kind == "insert":
            found[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "zero":
            found[place : place + 4] = b"\0\0\0\0"
        elif kind == "drop":
            del found[place : place + draw(st.integers(1, 60))]
    return bytes(found)


@st.composite
def written_tables(draw: Any) -> bytes:
    """A good table in which cells, lines, names or the way of writing are others."""
    lines = [line.split(",") for line in TEXT.splitlines()]
    lines = [
        [*line[:-2], ",".join(line[-2:])] if len(line) > len(COLUMNS) else line for line in lines
    ]
    for _ in range(draw(st.integers(0, 5))):
        row = draw(st.integers(0, len(lines) - 1))
        column = draw(st.integers(0, len(COLUMNS) - 1))
        kind = draw(st.sampled_from(["cell", "within", "line", "name", "drop", "longer", "text"]))
        if column >= len(lines[row]):
            continue
        if kind == "cell":
            lines[row][column] = draw(st.sampled_from(TOKENS))
        elif kind == "within":
            lines[row][column] += draw(st.sampled_from(TOKENS))
        elif kind == "text":
            lines[row][column] = draw(st.text(max_size=12))
        elif kind == "line":
            lines.insert(draw(st.integers(0, len(lines))), list(lines[row]))
        elif kind == "name":
            lines[0][min(column, len(lines[0]) - 1)] = draw(st.sampled_from([*COLUMNS, *TOKENS]))
        elif kind == "drop":
            del lines[row][column]
        elif kind == "longer":
            lines[row].insert(column, draw(st.sampled_from(TOKENS)))
    separator = draw(st.sampled_from([",", ",", ",", ";", "\t", "|", " "]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]))
    text = end.join(separator.join(line) for line in lines)
    encoding = draw(st.sampled_from(["utf-8", "utf-8", *ENCODINGS]))
    return (text + draw(st.sampled_from(["", end]))).encode(encoding, "replace")


@examples(15)
@given(
    content=st.one_of(
        st.binary(max_size=400),
        damaged_bytes(TEXT.encode()),
        written_tables(),
        written_tables().flatmap(damaged_bytes),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    )
)
def test_any_bytes_as_a_csv_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shop.csv")
        path.write_bytes(content)
        read_in_every_way(path, lambda **how: RawCSVDataset(filepath=path.as_posix(), **how).load())


def packed(suffix: str) -> bytes:
    packed = io.BytesIO()
    table().to_csv(packed, index=False, compression=COMPRESSIONS[suffix])
    return packed.getvalue()


COMPRESSIONS: dict[str, Any] = {
    ".gz": {"method": "gzip", "mtime": 0},
    ".bz2": "bz2",
    ".xz": "xz",
    ".zip": "zip",
    ".tar": "tar",
}


@examples(12)
@given(
    given_file=st.sampled_from(list(COMPRESSIONS)).flatmap(
        lambda suffix: st.tuples(
            st.just(suffix), st.one_of(damaged_bytes(packed(suffix)), st.binary(max_size=60))
        )
    )
)
def test_any_bytes_as_a_compressed_csv_file(given_file: tuple[str, bytes]) -> None:
    suffix, content = given_file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"shop.csv{suffix}")
        path.write_bytes(content)
        read_in_every_way(path, lambda **how: RawCSVDataset(filepath=path.as_posix(), **how).load())


# --- Parquet files --------------------------------------------------------------------------------


def parquet_bytes(made: pa.Table, **how: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(made, sink, **how)
    return bytes(sink.getvalue())


TYPED = pa.table(
    {
        "day": HOURS,
        "hr": HOURS.hour,
        "temp": HOURS.hour / 2.0,
        "shop": ["north", "south"] * 12,
        "kind": ["a", "b", None] * 8,
        "open": [True, False] * 12,
        "seen": [dt.date(2020, 2, 29), None] * 12,
        "price": ["1.234,50 €", "7"] * 12,
        "cnt": HOURS.hour * 10,
    }
).select(COLUMNS)
N = len(HOURS)
UTC = dt.timezone.utc  # noqa: UP017
VALUES: dict[Any, Any] = {
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.string(): st.one_of(st.sampled_from(TOKENS), st.text(max_size=9)),
    pa.large_string(): st.text(max_size=9),
    pa.binary(): st.binary(max_size=9),
    pa.binary(4): st.binary(min_size=4, max_size=4),
    pa.decimal128(38, 4): st.decimals(-(10**30), 10**30, places=4),
    pa.decimal256(76, 0): st.integers(-(10**70), 10**70).map(Decimal),
    pa.date32(): st.dates(),
    pa.date64(): st.dates(),
    pa.time32("s"): st.times().map(lambda time: time.replace(microsecond=0)),
    pa.time64("us"): st.times(),
    pa.timestamp("s"): st.integers(-(2**40), 2**40),
    pa.timestamp("ms"): st.integers(-(2**50), 2**50),
    pa.timestamp("us"): st.integers(-(2**62), 2**62),
    pa.timestamp("ns"): st.integers(-(2**62), 2**62),
    pa.timestamp("us", "Europe/Berlin"): st.datetimes(timezones=st.just(UTC)),
    pa.timestamp("ns", "+02:00"): st.integers(-(2**62), 2**62),
    pa.duration("us"): st.integers(-(2**50), 2**50),
    pa.list_(pa.int64()): st.lists(st.integers(0, 9), max_size=3),
    pa.struct({"a": pa.int64()}): st.fixed_dictionaries({"a": st.integers(0, 9)}),
    pa.map_(pa.string(), pa.int64()): st.lists(st.tuples(st.text(max_size=2), st.integers(0, 9))),
    pa.null(): st.none(),
}


@st.composite
def odd_tables(draw: Any) -> bytes:
    """A typed table of which some columns have other types, values or names."""
    made, names = list(TYPED.columns), list(COLUMNS)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(made) - 1))
        kind = draw(st.sampled_from([*VALUES, "dictionary", "name", "twice", "drop", "nulls"]))
        if kind == "dictionary":
            made[place] = TYPED.column(draw(st.sampled_from(COLUMNS))).dictionary_encode()
        elif kind == "name":
            names[place] = draw(st.one_of(st.sampled_from(names), st.text(max_size=5)))
        elif kind == "twice":
            made.append(made[place])
            names.append(draw(st.sampled_from([names[place], f" {names[place]}"])))
        elif kind == "drop" and len(made) > 1:
            del made[place], names[place]
        elif kind == "nulls":
            made[place] = pa.nulls(N, made[place].type)
        elif isinstance(kind, pa.DataType):
            value = VALUES[kind] if draw(st.booleans()) else st.none() | VALUES[kind]
            values = draw(st.lists(value, min_size=N, max_size=N))
            made[place] = pa.chunked_array([pa.array(values, kind)])
    try:
        return parquet_bytes(pa.table(made, names=names))
    except pa.ArrowException:  # what the format cannot hold
        return b""


@examples(12)
@given(
    content=st.one_of(
        odd_tables(),
        odd_tables(),
        st.binary(max_size=200).map(lambda inner: b"PAR1" + inner + b"PAR1"),
        damaged_bytes(parquet_bytes(TYPED, compression="none")),
        damaged_bytes(parquet_bytes(TYPED)),
    )
)
def test_any_bytes_as_a_parquet_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shop.parquet")
        path.write_bytes(content)
        read_in_every_way(path, lambda **how: RawParquetDataset(path.as_posix(), **how).load())


# --- rows in memory -------------------------------------------------------------------------------

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(TOKENS),
    st.decimals(allow_nan=False) | st.just(Decimal("NaN")),
    st.fractions(),
    st.complex_numbers(),
    st.binary(max_size=5),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.sampled_from([pd.NaT, pd.NA, np.nan, np.float32(1.5), np.int64(3), np.datetime64("2021")]),
    st.sampled_from([pd.Timestamp.max, pd.Period("2021-03"), [1], (1, 2), {"a": 1}, {1}, object]),
    st.sampled_from(["\ud800", "a\udfff"]),
)


@examples(12)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(COLUMNS), st.integers(0, N - 1), ANYTHING), max_size=12
    ),
    flood=st.none() | st.tuples(st.sampled_from(COLUMNS), ANYTHING),
    extra=st.sampled_from([None, 3, ("a", "b"), None, "raw_row", "timestamp", "\x00"]),
)
def test_any_values_in_memory(changes: Any, flood: Any, extra: Any) -> None:
    columns = {name: list(values) for name, values in table().items()}
    for name, place, value in changes:
        columns[name][place] = value
    if flood is not None:
        columns[flood[0]] = [flood[1]] * N
    raw = pd.DataFrame({name: pd.Series(v, dtype="object") for name, v in columns.items()})
    if extra is not None:
        raw[extra] = 1
    with tempfile.TemporaryDirectory() as folder:
        for use in (
            lambda: take(raw, Path(folder)),
            lambda: take_as_labels(raw),
            lambda: score(raw, Path(folder)),
        ):
            with suppress(Refused):
                use()


SPECS: list[dict[str, Any]] = [
    {"type": "integer"},
    {"type": "integer", "missing": True, "missing_values": ["-999", "x"]},
    {"type": "integer", "allowed": [1, 2, 3]},
    {"type": "float", "minimum": -1, "maximum": 1, "missing_values": ["NA"]},
    {"type": "float", "format": "1 234,5"},
    {"type": "float", "format": "12,5 %"},
    {"type": "float", "format": "$1,234.5"},
    {"type": "boolean", "true_values": ["ja"], "false_values": ["nein"]},
    {"type": "boolean", "missing": True},
    {"type": "category", "missing_values": ["-"]},
    {"type": "category", "allowed": ["1", "2.5", "true"]},
    {"type": "date", "format": "%d.%m.%Y", "minimum": "2000-01-01"},
    {"type": "date", "format": "%YQ%q"},
    {"type": "date", "format": "%G-W%V"},
    {"type": "date", "format": "%d. %B %Y", "missing": True},
    {"type": "date", "format": "excel"},
    {"type": "datetime", "zone": "Europe/Berlin"},
    {"type": "datetime", "format": "unix s", "zone": "America/New_York"},
    {"type": "datetime", "format": "unix ns"},
    {"type": "datetime", "format": "%H:%M"},
]
LIKELY = st.sampled_from(
    [
        *("1", "2.5", "-999", "ja", "NEIN", "true", "31.12.2021", "2021Q3", "2020-W53", "7:05"),
        *("1. März 2021", "2021-10-31T02:30:00+02:00", "1614556800", "44927.5", "1 234,5", "5 %"),
    ]
)


@examples(20)
@given(
    spec=st.sampled_from(SPECS),
    values=st.lists(ANYTHING | LIKELY | LIKELY, min_size=N, max_size=N),
    dtype=st.sampled_from(["object", "object", "str", "category"]),
)
def test_any_values_under_any_declaration(spec: Any, values: list[Any], dtype: str) -> None:
    problem = tiny_problem(x=spec)
    raw = pd.DataFrame({"day": HOURS.astype(str), "temp": "1", "cnt": "1"})
    if dtype != "object":
        values = [str(value).encode("utf-8", "replace").decode() for value in values]
    raw["x"] = pd.Series(values, dtype=dtype)

    with suppress(Refused):
        rows, rejected = answered(lambda: enforce_contract(raw, problem, LENIENT))
        check_observations(rows, problem)
        assert len(rows) + len(rejected) == N
        assert not spec.get("missing") or len(rows) >= raw["x"].isna().sum()
        bounds = [rows["x"] >= spec["minimum"]] if "minimum" in spec and len(rows) else []
        assert all(bound.all() for bound in bounds)


# --- what was found -------------------------------------------------------------------------------


def reasons(column: str, value: Any) -> tuple[list[str], list[str]]:
    """Why a row is set aside that has this value, and how the quarantine writes it."""
    values = [value, *table()[column][1:]]
    raw = table().assign(**{column: pd.Series(values, dtype="object")})
    rows, rejected = enforce_contract(raw, PROBLEM, LENIENT)
    assert len(rows) + len(rejected) == N
    return rejected["rejection_reason"].tolist(), rejected[column].tolist()


@pytest.mark.parametrize("word", ["now", "today", "Today"])
@pytest.mark.parametrize("form", [None, "%Y-%m-%d %H:%M:%S"])
def test_a_word_for_the_moment_of_reading_is_no_moment(word: str, form: str | None) -> None:
    described = tiny_problem(day={"type": "datetime", "format": form})
    raw = pd.DataFrame({"day": HOURS.astype(str), "temp": "1", "cnt": "1"})
    raw.loc[3, "day"] = word

    rows, rejected = enforce_contract(raw, described, LENIENT)

    assert len(rows) == N - 1
    assert rejected["day"].tolist() == [word]
    assert "is not a datetime" in rejected["rejection_reason"].item()


@pytest.mark.parametrize(
    ("value", "written"),
    [(b"\xfa", r"b'\xfa'"), ("\ud800", r"\ud800"), ("a\udfffb", r"a\udfffb")],
)
@pytest.mark.parametrize("column", ["temp", "day"])
def test_what_is_no_text_is_set_aside_with_escapes(column: str, value: Any, written: str) -> None:
    why, kept = reasons(column, value)

    assert (len(why), kept) == (1, [written])


def test_half_a_pair_of_surrogates_is_no_label() -> None:
    why, kept = reasons("shop", "\ud800")

    assert (why, kept) == (["shop is not a label"], [r"\ud800"])


def test_columns_that_are_named_by_numbers_can_be_quarantined(tmp_path: Path) -> None:
    raw = table().assign(cnt=["x", *table()["cnt"][1:]])
    raw[2021] = "left aside"

    take(raw, tmp_path)

    assert "2021" in pd.read_parquet(tmp_path / "rejected.parquet")


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("damage", ["cut", "other bytes"])
def test_damaged_compression_is_told_in_words(tmp_path: Path, suffix: str, damage: str) -> None:
    content = packed(suffix)
    path = tmp_path / f"shop.csv{suffix}"
    path.write_bytes(
        content[: min(len(content) // 3, 700)] if damage == "cut" else b"\x1e" + content[1:]
    )

    for read in (
        lambda: RawCSVDataset(filepath=path.as_posix()).load(),
        lambda: list(RawCSVDataset(filepath=path.as_posix(), chunksize=7).load()),
        lambda: read_file(path),
    ):
        with pytest.raises(Refused, match=r"shop\.csv"):
            answered(lambda read=read: check_structure(read(), PROBLEM))


@pytest.mark.parametrize("others", ["2021-03-01 07:00", "2021-03-01T07:00+05:30"])
def test_an_offset_of_one_digit_is_one(others: str) -> None:
    raw = pd.DataFrame({"day": HOURS.astype(str), "temp": "1", "cnt": "1", "x": others})
    raw.loc[[3, 4, 5], "x"] = [f"2021-03-01 05:00{offset}" for offset in ("-5", "+0:3", "-0")]

    berlin = tiny_problem(x={"type": "datetime", "zone": "Europe/Berlin"})
    read = enforce_contract(raw, berlin, LENIENT).observations["x"]
    assert read[[3, 4, 5]].dt.strftime("%H:%M").tolist() == ["11:00", "05:57", "06:00"]
    raw["x"] = raw["x"].where(raw.index.isin([3, 4, 5]), "2021-03-01 07:00")
    rejected = enforce_contract(raw, tiny_problem(x={"type": "datetime"}), LENIENT).rejected
    assert rejected["raw_row"].tolist() == [4, 5, 6]
    assert rejected["rejection_reason"].str.contains("has a time zone").all()
