"""A raw table of Parquet files: what has not changed is not typed again, and nothing is missed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from kedro.io.core import DatasetError
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.frames.collecting import collect
from regression_lifecycle.core.ingestion import raw_table
from regression_lifecycle.core.ingestion.contract import IngestionParameters
from regression_lifecycle.datasets.atomic_files import OptionalParquetDataset
from regression_lifecycle.datasets.engine_tables import DuckDBParquetDataset, PolarsParquetDataset
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset
from tests.examples import tiny_problem
from tests.ingesting import Ingested, ingest

PROBLEM = tiny_problem(cnt={"missing": True})
LENIENT = {"maximum_rejected_share": 0.5, "unreadable": "quarantine"}
PART_ROWS, PIECE_ROWS = 48, 20
Mutation = Callable[[Path], None]


def rows(start: str, n_rows: int = PART_ROWS, seed: int = 0) -> pd.DataFrame:
    """Hours, two of which break the contract in every part."""
    days = pd.date_range(start, periods=n_rows, freq="h")
    values = np.random.default_rng(seed).normal(5, 1, n_rows).round(3)
    temp = [str(value) for value in values]
    temp[3:n_rows:30] = ["warm"] * len(temp[3:n_rows:30])
    return pd.DataFrame({"day": days.astype("str"), "temp": temp, "cnt": values})


def write(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path, row_group_size=24, index=False)


class Workspace:
    """Ingests the raw table as runs do, one after the other."""

    def __init__(self, folder: Path, raw: Path, kind: Any = DuckDBParquetDataset) -> None:
        self.raw = RawParquetDataset(raw.as_posix(), PIECE_ROWS)
        self.typed = kind(filepath=(folder / "typed_rows.parquet").as_posix())
        self.observations = kind(filepath=(folder / "o.parquet").as_posix(), optional=True)
        self.parts = OptionalParquetDataset(filepath=(folder / "parts.parquet").as_posix())

    def run(self, problem: Problem = PROBLEM, **parameters: Any) -> tuple[pd.DataFrame, Ingested]:
        """Return the observations in memory, and what else the run gives."""

        def store(typed: Any) -> Any:
            self.typed.save(typed)
            return self.typed.load()

        given = IngestionParameters.model_validate({**LENIENT, **parameters})
        before, parts = self.observations.load(), self.parts.load()
        if len(nw.from_native(before).collect_schema()):
            # As in a run, whose engine reads the old file before it is replaced.
            before = nw.from_native(collect(before, problem)).lazy("duckdb").to_native()
        if isinstance(self.typed, PolarsParquetDataset) and not isinstance(before, pd.DataFrame):
            before = nw.from_native(collect(before, problem)).lazy("polars").to_native()
        found = ingest(
            self.raw.load(), LABELS.frame(), problem, given, before, store=store, parts=parts
        )
        observed = collect(found.observations, problem).reset_index(drop=True)
        self.observations.save(found.observations)
        self.parts.save(found.parts)
        return observed, found


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Four parts of two days each."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(4):
        start = pd.Timestamp("2021-03-01") + pd.Timedelta(days=2 * number)
        write(rows(str(start), seed=number), folder / f"part-{number}.parquet")
    return folder


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The position of every raw row that is typed."""
    found: list[int] = []
    given = raw_table.type_rows

    def counted(raw: pd.DataFrame, problem: Problem, first_row: int = 0) -> Any:
        found.extend(range(first_row, first_row + len(raw)))
        return given(raw, problem, first_row)

    monkeypatch.setattr(raw_table, "type_rows", counted)
    return found


def leave(raw: Path) -> None:
    """Nothing happens."""


def change_a_value(raw: Path) -> None:
    path = raw / "part-1.parquet"
    table, size = pd.read_parquet(path), path.stat().st_size
    table.loc[30, "cnt"] += 1
    write(table, path)
    assert path.stat().st_size == size


def swap_values(raw: Path) -> None:
    """Neither counts nor sums are others."""
    table = pd.read_parquet(raw / "part-1.parquet")
    table.loc[[40, 41], "cnt"] = table.loc[[41, 40], "cnt"].to_numpy()
    write(table, raw / "part-1.parquet")


def append(raw: Path) -> None:
    write(rows("2021-03-09", seed=9), raw / "part-4.parquet")


def append_and_correct(raw: Path) -> None:
    append(raw)
    change_a_value(raw)


def remove(raw: Path) -> None:
    (raw / "part-1.parquet").unlink()


def remove_the_last(raw: Path) -> None:
    (raw / "part-3.parquet").unlink()


def rename(raw: Path) -> None:
    (raw / "part-1.parquet").rename(raw / "part-1-again.parquet")


def rename_to_the_end(raw: Path) -> None:
    (raw / "part-1.parquet").rename(raw / "part-9.parquet")


def lengthen(raw: Path) -> None:
    """A row that came late stands in an old part."""
    table = pd.concat([pd.read_parquet(raw / "part-1.parquet"), rows("2021-02-27", 1)])
    write(table, raw / "part-1.parquet")


def repeat_in_front(raw: Path) -> None:
    """The first of two rows with one key counts, and now it is another one."""
    table = pd.read_parquet(raw / "part-2.parquet").iloc[10:12].assign(cnt=99.0)
    write(table, raw / "part-0-0.parquet")


def break_a_row(raw: Path) -> None:
    table = pd.read_parquet(raw / "part-2.parquet")
    table.loc[5, "temp"] = "hot"
    write(table, raw / "part-2.parquet")


def mend_a_row(raw: Path) -> None:
    table = pd.read_parquet(raw / "part-0.parquet")
    table.loc[3, "temp"] = "5.5"
    write(table, raw / "part-0.parquet")


def blank_targets(raw: Path) -> None:
    table = pd.read_parquet(raw / "part-3.parquet")
    table.loc[:4, "cnt"] = np.nan
    write(table, raw / "part-3.parquet")


# What happens to the raw table, and how many of its rows are typed again at most.
CHANGES: dict[Mutation, int] = {
    leave: 0,
    append: 48,
    change_a_value: 24,
    swap_values: 24,
    append_and_correct: 72,
    remove: 96,
    remove_the_last: 0,
    rename: 0,
    rename_to_the_end: 144,
    lengthen: 145,
    repeat_in_front: 194,
    break_a_row: 24,
    mend_a_row: 24,
    blank_targets: 24,
}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        *((change, DuckDBParquetDataset) for change in CHANGES),
        *((change, PolarsParquetDataset) for change in (append_and_correct, rename, remove)),
    ],
    ids=lambda given: given.__name__,
)
def test_a_run_on_parts_that_changed_is_one_on_the_whole_table(
    change: Mutation, kind: Any, raw: Path, tmp_path: Path, typed: list[int]
) -> None:
    here, anew = Workspace(tmp_path / "here", raw, kind), Workspace(tmp_path / "anew", raw, kind)
    here.run()
    before, _ = here.run()
    anew.observations.save(before)
    change(raw)

    typed.clear()
    observed, found = here.run()
    n_typed = len(typed)
    expected, wanted = anew.run()
    in_memory = ingest(
        RawParquetDataset(raw.as_posix()).load(),
        LABELS.frame(),
        PROBLEM,
        IngestionParameters.model_validate(LENIENT),
        before,
    )

    assert n_typed <= CHANGES[change]
    for other, others in ((expected, wanted), (in_memory.observations, in_memory)):
        assert_frame_equal(observed, other)
        for name in ("rejected", "gaps", "changes", "columns"):
            assert_frame_equal(getattr(found, name), getattr(others, name))


def test_a_file_that_grew_is_typed_from_where_it_grew(tmp_path: Path, typed: list[int]) -> None:
    file = tmp_path / "raw.parquet"
    write(rows("2021-03-01", 100), file)
    here = Workspace(tmp_path, file)
    here.run()
    grown = pd.concat([pd.read_parquet(file), rows("2021-03-05 04:00", 30, seed=5)])
    write(grown, file)

    typed.clear()
    observed, found = here.run()

    # The last row group had four of its rows.
    assert typed == [*range(96, 130)]
    assert len(observed) == 130 - len(found.rejected)
    assert found.changes[["change", "n_rows"]].to_numpy().tolist() == [["new", 29]]


def test_another_contract_types_everything_anew(
    raw: Path, tmp_path: Path, typed: list[int]
) -> None:
    here = Workspace(tmp_path, raw)
    here.run()
    stricter = tiny_problem(cnt={"missing": True, "maximum": 6})

    typed.clear()
    _, found = here.run(stricter)

    assert len(typed) == 4 * PART_ROWS
    assert found.rejected["rejection_reason"].str.contains("above 6").any()
    assert found.changes["change"].tolist() == ["gone"]


def test_rows_that_are_believed_later_are_new(raw: Path, tmp_path: Path) -> None:
    """What speaks against a row of an old part may be rows that did not come yet."""
    write(rows("2021-06-01", 1), raw / "part-0-far.parquet")
    here, full = Workspace(tmp_path, raw), Workspace(tmp_path / "full", raw)
    gap = {"maximum_gap": "20 days"}
    before, found = here.run(**gap)
    assert found.rejected["raw_row"].tolist()[0] == 1
    full.observations.save(before)
    write(rows("2021-05-20", 24 * 13, seed=7), raw / "part-9.parquet")

    _, found = here.run(**gap)
    _, expected = full.run(**gap)

    assert_frame_equal(found.changes, expected.changes)
    assert found.changes["last"].max() >= pd.Timestamp("2021-06-01")


def test_what_fails_half_way_leaves_the_old_rows_and_keeps_what_is_new(
    raw: Path, tmp_path: Path, typed: list[int]
) -> None:
    here = Workspace(tmp_path, raw)
    here.run()
    stored = collect(here.typed.load(), PROBLEM)
    append(raw)
    damaged = raw / "part-5.parquet"
    write(rows("2021-03-11"), damaged)
    content = bytearray(damaged.read_bytes())
    content[:200] = bytes(200)
    damaged.write_bytes(content)

    with pytest.raises(DatasetError, match=r"part-5\.parquet cannot be read"):
        here.run()
    assert_frame_equal(collect(here.typed.load(), PROBLEM), stored)
    damaged.unlink()

    typed.clear()
    _, found = here.run()

    assert typed == []
    assert found.changes[["change", "n_rows"]].to_numpy().tolist() == [["new", 46]]


def test_parts_that_are_no_longer_of_the_table_are_removed(raw: Path, tmp_path: Path) -> None:
    here = Workspace(tmp_path, raw)
    (tmp_path / "typed_rows.parquet").write_bytes(b"one file, as it was once written")
    here.run()
    remove(raw)
    here.run()

    files = {file.name for file in (tmp_path / "typed_rows.parquet").glob("*.parquet")}
    assert len(files) == len(here.parts.load())


def test_files_of_other_columns_are_refused(raw: Path) -> None:
    other = pd.read_parquet(raw / "part-2.parquet").rename(columns={"temp": "temperature"})
    write(other, raw / "part-2.parquet")

    with pytest.raises(DatasetError, match=r"part-2\.parquet .* temp, temperature"):
        RawParquetDataset(raw.as_posix()).load()


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no file"):
        RawParquetDataset(tmp_path.as_posix()).load()


def test_a_file_that_is_written_while_it_is_read_is_refused(raw: Path) -> None:
    pieces = iter(RawParquetDataset(raw.as_posix(), PIECE_ROWS).load().parts())
    next(pieces)
    change_a_value(raw)

    with pytest.raises(DataContractError, match="another file"):
        list(pieces)


def test_the_state_tells_of_a_file_inside_of_the_folder(raw: Path) -> None:
    dataset = RawParquetDataset(raw.as_posix())
    before = dataset.state()

    change_a_value(raw)

    assert dataset.state() != before


def test_parts_are_kept_on_an_object_store_too(raw: Path, tmp_path: Path, typed: list[int]) -> None:
    here, there = Workspace(tmp_path / "here", raw), Workspace(tmp_path / "there", raw)
    there.typed = DuckDBParquetDataset(filepath=f"memory://lifecycle/{tmp_path.name}")
    here.run()
    there.run()
    remove_the_last(raw)
    expected, _ = here.run()

    typed.clear()
    observed, _ = there.run()

    assert typed == []
    assert_frame_equal(observed, expected)


def test_a_table_that_workers_read_has_no_parts() -> None:
    table = raw_table.RawTable([], n_rows=12)

    assert table.describe_parts().empty
    assert table.unchanged_until() is None


def test_what_is_no_part_of_a_folder_is_named(raw: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = RawParquetDataset(raw.as_posix()).load()
    assert not caplog.messages
    (raw / "part-9.csv").write_text("a,b\n1,2\n")
    (raw / "part-8.PARQUET").write_bytes(b"no")
    (raw / "older").mkdir()
    # Of an upload that has not ended, and of Spark.
    (raw / ".part-7.parquet").write_bytes(b"half")
    (raw / "_SUCCESS").touch()

    assert_frame_equal(RawParquetDataset(raw.as_posix()).load(), expected)

    [said] = caplog.messages
    assert "older, part-8.PARQUET, part-9.csv" in said
    assert "part-7" not in said
    assert "_SUCCESS" not in said


def test_pieces_are_as_large_as_they_may_be_whatever_the_row_groups_and_files(raw: Path) -> None:
    whole = RawParquetDataset(raw.as_posix()).load()

    pieces = [*RawParquetDataset(raw.as_posix(), chunksize=100).load()]

    sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == len(whole)
    # Two pieces that would fit into one are one.
    assert all(one + other > 100 for one, other in pairwise(sizes))
    assert max(sizes) <= 100
    assert_frame_equal(pd.concat(pieces, ignore_index=True), whole)
