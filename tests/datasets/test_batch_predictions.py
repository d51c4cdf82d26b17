from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.datasets.batch_predictions import BatchPredictionsDataset
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset
from tests.core.prediction.test_batch_scoring import RAW, rows_of, run_of

RAW_LAST = pd.Timestamp("2021-03-10 23:00")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def chunks(raw: pd.DataFrame = RAW, size: int = 50) -> list[pd.DataFrame]:
    return [raw.iloc[at : at + size] for at in range(0, len(raw), size)]


def test_a_batch_comes_back_with_what_is_known_of_it(tmp_path: Path) -> None:
    dataset = BatchPredictionsDataset(str(tmp_path))
    dataset.save(run_of(chunks(), batch="week"))

    (batch,) = dataset.load()

    assert files(tmp_path) == ["week/v3.parquet"]
    assert (batch.batch, batch.model_version, batch.n_rows) == ("week", "3", 192)
    assert batch.trained_until == pd.Timestamp("2021-03-02 23:00")
    assert (batch.first, batch.last) == (pd.Timestamp("2021-03-03"), RAW_LAST)
    assert batch.judged
    rows = pd.concat(list(batch.read(batch.first, batch.last)), ignore_index=True)
    expected = rows_of(run_of())
    pd.testing.assert_frame_equal(rows[expected.columns], expected)
    assert set(rows["batch"]) == {"week"}
    assert set(rows["model_version"]) == {"3"}
    assert set(rows["scored_at"]) == {batch.scored_at}


def test_of_a_long_batch_only_the_part_that_is_asked_for_is_read(tmp_path: Path) -> None:
    dataset = BatchPredictionsDataset(str(tmp_path))
    dataset.save(run_of(chunks()))
    (batch,) = dataset.load()
    first, last = pd.Timestamp("2021-03-05 06:00"), pd.Timestamp("2021-03-05 18:00")

    rows = pd.concat(list(batch.read(first, last)))

    assert len(rows) < batch.n_rows / 2
    wanted = pd.date_range(first, last, freq="h")
    assert set(wanted) <= set(rows["timestamp"])


def test_its_state_changes_with_what_is_written(tmp_path: Path) -> None:
    dataset = BatchPredictionsDataset(str(tmp_path))
    states = [dataset.state()]
    dataset.save(run_of())
    states.append(dataset.state())
    dataset.save(run_of(RAW.assign(temp=1.0)))
    states.append(dataset.state())

    assert states[0] == []
    assert states[1] != states[2]
    dataset.save(run_of(RAW.assign(temp=1.0)))
    assert dataset.state() == states[2]


def test_the_same_rows_leave_the_file_as_it_was_however_they_are_cut(tmp_path: Path) -> None:
    BatchPredictionsDataset(str(tmp_path)).save(run_of())
    before = (tmp_path / "default/v3.parquet").read_bytes()

    again = BatchPredictionsDataset(str(tmp_path))
    again.save(run_of(chunks(size=31)))

    assert (tmp_path / "default/v3.parquet").read_bytes() == before
    assert len(again.load()) == 1


def test_other_rows_replace_the_file(tmp_path: Path) -> None:
    dataset = BatchPredictionsDataset(str(tmp_path))
    dataset.save(run_of())
    (first,) = dataset.load()
    dataset.save(run_of(RAW.assign(temp=1.0)))
    (second,) = dataset.load()

    assert first.digest != second.digest
    assert set(pd.read_parquet(tmp_path / "default/v3.parquet")["prediction"]) == {2.0}


def test_rows_that_were_set_aside_stand_beside_the_predictions(tmp_path: Path) -> None:
    broken = RAW.astype({"temp": "object"})
    broken.loc[100, "temp"] = "warm"
    dataset = BatchPredictionsDataset(str(tmp_path))

    dataset.save(run_of(chunks(broken)))

    assert files(tmp_path) == ["default/v3.parquet", "default/v3.rejected.parquet"]
    rejected = pd.read_parquet(tmp_path / "default/v3.rejected.parquet")
    assert rejected["raw_row"].tolist() == [101]
    assert rejected["temp"].tolist() == ["warm"]
    assert dataset.load()[0].n_rejected == 1
    # The mended table takes them away again.
    dataset.save(run_of())
    assert files(tmp_path) == ["default/v3.parquet"]


def test_a_batch_that_is_refused_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    BatchPredictionsDataset(str(tmp_path)).save(run_of(length="1 day"))
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    broken = RAW.assign(temp=1.0).astype({"temp": "object"})
    broken.loc[100:110, "temp"] = "warm"  # on the fifth of March

    with pytest.raises(Exception, match="20210305"):
        BatchPredictionsDataset(str(tmp_path)).save(run_of(chunks(broken, 24), length="1 day"))

    after = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert set(after) == set(before)
    changed = {name[8:16] for name in before if after[name] != before[name]}
    assert changed == {"20210303", "20210304"}


def test_loading_gives_what_was_just_scored_or_else_all_there_is(tmp_path: Path) -> None:
    BatchPredictionsDataset(str(tmp_path)).save(run_of(batch="one"))
    second = BatchPredictionsDataset(str(tmp_path))
    assert not BatchPredictionsDataset(str(tmp_path / "elsewhere")).exists()
    assert second.exists()
    assert [batch.batch for batch in second.load()] == ["one"]

    second.save(run_of(batch="two"))
    assert [batch.batch for batch in second.load()] == ["two"]
    second.save(run_of(start="2031-01-01"))
    assert second.load() == []
    assert [b.batch for b in BatchPredictionsDataset(str(tmp_path)).load()] == ["one", "two"]


def test_a_trial_says_that_it_is_not_to_be_judged(tmp_path: Path) -> None:
    dataset = BatchPredictionsDataset(str(tmp_path))
    dataset.save(run_of())
    dataset.save(run_of(judged=False))

    assert not dataset.load()[0].judged


def test_that_nothing_was_scored_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    BatchPredictionsDataset(str(tmp_path)).save(run_of(start="2031-01-01"))

    assert "no rows from 2031-01-01 00:00:00 for version 3" in caplog.text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default/v3.parquet").write_bytes(b"not a table")

    with pytest.raises(Exception, match=r"default/v3.parquet is damaged") as caught:
        BatchPredictionsDataset(str(tmp_path)).load()
    assert isinstance(caught.value.__cause__ or caught.value, DataContractError)


def test_an_object_store_is_written_object_by_object() -> None:
    import fsspec

    dataset = BatchPredictionsDataset("memory:///bucket/scored")
    dataset.save(run_of(chunks(), length="7 days"))

    names = sorted(fsspec.filesystem("memory").glob("/bucket/scored/*/*"))
    assert [name.split("/")[-2] for name in names] == [
        "default-20210301T000000",
        "default-20210308T000000",
    ]
    rows = pd.concat(
        [rows for batch in dataset.load() for rows in batch.read(batch.first, batch.last)]
    )
    assert len(rows) == 192


def test_a_parquet_table_is_read_in_pieces(tmp_path: Path) -> None:
    RAW.to_parquet(tmp_path / "raw.parquet", row_group_size=70)
    dataset = RawParquetDataset(str(tmp_path / "raw.parquet"), chunksize=50)

    pieces = list(dataset.load())

    assert max(len(piece) for piece in pieces) <= 50
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), RAW)
    assert dataset.exists()
    with pytest.raises(Exception, match="is an input"):
        dataset.save(RAW)
