"""A file is the old one or the new one, whatever happens while it is saved."""

from __future__ import annotations

import inspect
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.io.core import Version

from regression_lifecycle.datasets.atomic_files import (
    AtomicCSVDataset,
    AtomicDecisionDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicPlotlyDataset,
    AtomicTextDataset,
    OptionalCSVDataset,
    OptionalParquetDataset,
    OptionalTextDataset,
)
from tests.core.decisions.test_records import GATE, POLICY

MODULE = "regression_lifecycle.datasets.atomic_files"
TABLE = pd.DataFrame(
    {
        "at": pd.date_range("2011-01-01", periods=3, freq="h").astype("datetime64[us]"),
        "count": [1, 2, 3],
        "temp": [0.1, np.nan, 0.3],
        "sky": pd.Series(["clear", None, "rain"], dtype="str"),
    }
)


class DiskFullError(OSError):
    """What a write meets in the middle."""


class PartlyWritten(pd.DataFrame):
    """A table whose writers fail once the first bytes are out."""

    def to_parquet(self, path: Any, **_: Any) -> None:
        path.write(b"PAR1 and then nothing")
        raise DiskFullError("no space left")

    def to_csv(self, path_or_buf: Any, **_: Any) -> None:
        path_or_buf.write(
            b"a,b\n1,2\n" if "b" in getattr(path_or_buf, "mode", "") else "a,b\n1,2\n"
        )
        raise DiskFullError("no space left")


class PartlyDrawn(go.Figure):
    """A figure whose writer fails once the first bytes are out."""

    def write_json(self, file: Any, **_: Any) -> None:
        file.write('{"data": [')
        raise DiskFullError("no space left")


GOOD = {
    "AtomicParquetDataset": TABLE,
    "AtomicCSVDataset": TABLE,
    "AtomicJSONDataset": {"decision": "promote", "rmse": 51.6, "n": None},
    "AtomicPlotlyDataset": go.Figure(go.Scatter(x=[1, 2], y=[3, 4])),
    "AtomicTextDataset": "# Card\n\nErrors in °C.\n",
}
BROKEN = [
    ("AtomicParquetDataset", PartlyWritten({"a": [1]})),
    ("AtomicParquetDataset", pd.DataFrame({"a": [1, "text", object()]})),
    ("AtomicCSVDataset", PartlyWritten({"a": [1]})),
    ("AtomicJSONDataset", {"rmse": [1.0, 2.0, float("nan")]}),
    ("AtomicJSONDataset", {"rmse": float("inf")}),
    ("AtomicJSONDataset", {"a": list(range(50)), "b": object()}),
    ("AtomicPlotlyDataset", PartlyDrawn()),
    ("AtomicTextDataset", 7),
]


def catalog_of(folder: Path, kind: str) -> DataCatalog:
    args = {"save_args": {"index": False}} if kind == "AtomicCSVDataset" else {}
    entry = {"type": f"{MODULE}.{kind}", "filepath": str(folder / "sub" / "data"), **args}
    return DataCatalog.from_config({"data": entry})


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_same(loaded: Any, saved: Any) -> None:
    if isinstance(saved, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, saved)
    else:
        assert loaded == saved


@pytest.mark.parametrize("kind", sorted(set(GOOD) - {"AtomicCSVDataset"}))
def test_what_is_saved_comes_back_and_lies_alone_in_its_folder(tmp_path: Path, kind: str) -> None:
    catalog = catalog_of(tmp_path, kind)

    catalog.save("data", GOOD[kind])

    assert_same(catalog.load("data"), GOOD[kind])
    assert list(files(tmp_path)) == ["sub/data"]
    assert catalog.exists("data")


def test_csv_comes_back_as_its_text_allows(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "AtomicCSVDataset")

    catalog.save("data", TABLE)

    assert_same(catalog.load("data"), TABLE.assign(at=TABLE["at"].astype("str")))
    assert list(files(tmp_path)) == ["sub/data"]


@pytest.mark.parametrize(("kind", "data"), BROKEN)
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, kind: str, data: Any
) -> None:
    catalog = catalog_of(tmp_path, kind)
    catalog.save("data", GOOD[kind])
    before = files(tmp_path)

    with pytest.raises(DatasetError):
        catalog.save("data", data)

    assert files(tmp_path) == before
    catalog.save("data", GOOD[kind])
    assert files(tmp_path).keys() == before.keys()


@pytest.mark.parametrize(("kind", "data"), BROKEN)
def test_a_first_save_that_fails_leaves_no_file(tmp_path: Path, kind: str, data: Any) -> None:
    catalog = catalog_of(tmp_path, kind)

    with pytest.raises(DatasetError):
        catalog.save("data", data)

    assert files(tmp_path) == {}
    assert not catalog.exists("data")


def test_an_interrupted_save_leaves_the_old_file(tmp_path: Path) -> None:
    class Interrupted(pd.DataFrame):
        def to_parquet(self, path: Any, **_: Any) -> None:
            path.write(b"PAR1")
            raise KeyboardInterrupt

    dataset = AtomicParquetDataset(filepath=(tmp_path / "t.parquet").as_posix())
    dataset.save(TABLE)
    before = files(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        dataset.save(Interrupted({"a": [1]}))

    assert files(tmp_path) == before


@pytest.mark.parametrize("decision", [GATE, POLICY], ids=lambda decision: decision.kind)
def test_a_decision_is_a_document_and_comes_back_as_it_was(tmp_path: Path, decision: Any) -> None:
    dataset = AtomicDecisionDataset(filepath=(tmp_path / "decision.json").as_posix())

    dataset.save(decision)

    assert dataset.load() == decision
    document = json.loads((tmp_path / "decision.json").read_text(encoding="utf-8"))
    assert document["reasons"][0]["kind"] == decision.reasons[0].kind
    assert json.loads(dataset.preview()) == document


def test_a_document_that_is_no_decision_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "gate_decision.json"
    path.write_text('{"decision": "promote", "reasons": ["better"]}', encoding="utf-8")

    with pytest.raises(DatasetError, match=r"gate_decision.json(.|\n)*run the pipeline that"):
        AtomicDecisionDataset(filepath=path.as_posix()).load()


def test_json_names_what_it_refuses(tmp_path: Path) -> None:
    dataset = AtomicJSONDataset(filepath=(tmp_path / "m.json").as_posix())

    with pytest.raises(DatasetError, match="not JSON compliant: nan"):
        dataset.save({"rmse": float("nan")})


def test_json_keeps_refusing_when_an_entry_has_save_args_of_its_own(tmp_path: Path) -> None:
    dataset = AtomicJSONDataset(
        filepath=(tmp_path / "m.json").as_posix(), save_args={"sort_keys": True}
    )

    with pytest.raises(DatasetError, match="not JSON compliant"):
        dataset.save({"rmse": float("nan")})
    dataset.save({"b": 1, "a": 2})
    assert list(json.loads((tmp_path / "m.json").read_text())) == ["a", "b"]


def _hold(path: Path, ready: Any, go_on: Any) -> None:
    class Slow(pd.DataFrame):
        def to_csv(self, path_or_buf: Any, **arguments: Any) -> None:
            super().to_csv(path_or_buf, **arguments)
            ready.set()
            go_on.wait(60)

    AtomicCSVDataset(filepath=path.as_posix(), save_args={"index": False}).save(
        Slow({"writer": ["slow"] * 3})
    )


def test_two_processes_that_save_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    context = multiprocessing.get_context("fork")
    ready, go_on = context.Event(), context.Event()
    slow = context.Process(target=_hold, args=(path, ready, go_on))
    slow.start()
    assert ready.wait(60)
    quick = AtomicCSVDataset(filepath=path.as_posix(), save_args={"index": False})

    quick.save(pd.DataFrame({"writer": ["quick"] * 9}))
    between = path.read_text()
    go_on.set()
    slow.join(60)

    assert between == "writer\n" + "quick\n" * 9
    assert path.read_text() == "writer\n" + "slow\n" * 3
    assert list(files(tmp_path)) == ["t.csv"]


def test_a_preview_is_of_the_type_that_kedro_viz_looks_for(tmp_path: Path) -> None:
    text = AtomicTextDataset(filepath=(tmp_path / "card.md").as_posix())
    text.save("# Card")
    annotation = inspect.signature(text.preview).return_annotation

    assert getattr(annotation, "__name__", annotation) == "HTMLPreview"
    assert text.preview() == "# Card"


def test_tables_documents_and_figures_have_previews_too(tmp_path: Path) -> None:
    for name, make, data in (
        ("t.csv", AtomicCSVDataset, TABLE),
        ("t.parquet", AtomicParquetDataset, TABLE),
        ("d.json", AtomicJSONDataset, {"a": 1}),
        ("f.json", AtomicPlotlyDataset, GOOD["AtomicPlotlyDataset"]),
    ):
        dataset = make(filepath=(tmp_path / name).as_posix())
        dataset.save(data)
        assert dataset.preview()


def test_versions_and_remote_stores_are_written_by_kedro_itself(tmp_path: Path) -> None:
    versioned = AtomicCSVDataset(
        filepath=(tmp_path / "t.csv").as_posix(), version=Version(None, "2021-03-01")
    )
    versioned.save(TABLE)
    assert len(versioned.load()) == 3
    remote = AtomicCSVDataset(filepath="memory://bucket/t.csv")
    remote.save(TABLE)
    assert len(remote.load()) == 3


@pytest.mark.parametrize(
    ("kind", "save_args"), [(OptionalParquetDataset, {}), (OptionalCSVDataset, {"index": False})]
)
def test_no_table_leaves_the_file_as_it_is_and_an_empty_one_takes_its_place(
    tmp_path: Path, kind: Any, save_args: dict[str, Any]
) -> None:
    dataset = kind(filepath=(tmp_path / "table").as_posix(), save_args=save_args)
    dataset.save(pd.DataFrame())
    assert list(tmp_path.iterdir()) == []
    assert dataset.load().empty

    dataset.save(pd.DataFrame({"a": [1]}))
    dataset.save(pd.DataFrame())
    assert dataset.load()["a"].tolist() == [1]

    dataset.save(pd.DataFrame({"a": []}))
    assert (list(dataset.load()), len(dataset.load())) == (["a"], 0)


def test_a_text_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    dataset = OptionalTextDataset(filepath=(tmp_path / "code.js").as_posix())
    assert dataset.load() == ""

    dataset.save("let a = 1\n")
    assert dataset.load() == "let a = 1\n"


@pytest.mark.parametrize(
    ("back", "nrows", "first"),
    [("30 minutes", 1, 90), ("30 minutes", 11, 80), ("25 hours", 1, 70), ("9 days", 1, 0)],
)
def test_the_newest_rows_are_read_without_the_older_pieces(
    tmp_path: Path, back: str, nrows: int, first: int
) -> None:
    stamps = pd.date_range("2021-03-01", periods=100, freq="h").astype("datetime64[us]")
    table = pd.DataFrame({"timestamp": stamps, "x": range(100), "y": 1.0, "z": "a"})
    path = tmp_path / "table.parquet"
    table.to_parquet(path, row_group_size=10)
    dataset = AtomicParquetDataset(filepath=path.as_posix())

    found = dataset.load_newest(["timestamp", "x", "w"], "timestamp", pd.Timedelta(back), nrows)

    pd.testing.assert_frame_equal(
        found, table[["timestamp", "x"]].iloc[first:], check_index=False
    ) if False else pd.testing.assert_frame_equal(
        found.reset_index(drop=True),
        table[["timestamp", "x"]].iloc[first:].reset_index(drop=True),
    )


@pytest.mark.parametrize("table", [pd.DataFrame({"timestamp": []}), pd.DataFrame({"x": [1, 2]})])
def test_a_table_without_moments_is_read_as_a_whole(tmp_path: Path, table: pd.DataFrame) -> None:
    dataset = AtomicParquetDataset(filepath=(tmp_path / "table.parquet").as_posix())
    dataset.save(table)

    found = dataset.load_newest(["timestamp", "x"], "timestamp", pd.Timedelta("1 day"), 5)

    pd.testing.assert_frame_equal(found, table)
