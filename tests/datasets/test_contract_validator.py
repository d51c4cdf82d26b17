"""The contract at the border of the catalog: a table that breaks it is neither used nor stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.datasets.contract_validator import ContractValidator
from tests.shipped import open_loader
from tests.spark import to_spark, together

PROBLEM: dict[str, Any] = {
    "name": "tiny",
    "target": "cnt",
    "timestamp": {"date": "day", "hour": "hr"},
    "frequency": "1 hour",
    "horizon": "6 hours",
    "columns": {
        "day": {"type": "date", "known_in_advance": True},
        "hr": {"type": "integer", "minimum": 0, "maximum": 23, "known_in_advance": True},
        "temp": {"type": "float", "minimum": 0, "maximum": 1, "known_in_advance": True},
        "cnt": {"type": "integer", "minimum": 0},
    },
}
RAW = pd.DataFrame(
    {
        "day": ["2021-03-01"] * 4,
        "hr": [0, 1, 2, 3],
        "temp": [0.1, 0.2, 0.3, 0.4],
        "cnt": [5, 6, 7, 8],
        "note": ["further", "columns", "are", "allowed"],
    }
)
OBSERVATIONS = pd.DataFrame(
    {
        "timestamp": pd.date_range("2021-03-01", periods=4, freq="h").astype("datetime64[us]"),
        "day": pd.Series(pd.Timestamp("2021-03-01"), index=range(4)).astype("datetime64[us]"),
        "hr": [0, 1, 2, 3],
        "temp": [0.1, 0.2, 0.3, 0.4],
        "cnt": [5, 6, 7, 8],
    }
)


def catalog_of(folder: Path, stage: str, **validator: Any) -> DataCatalog:
    kind = {"raw": "pandas.CSVDataset", "observations": "pandas.ParquetDataset"}[stage]
    if stage == "observations":
        kind = "regression_lifecycle.datasets.atomic_files.AtomicParquetDataset"
    return DataCatalog.from_config(
        {
            "table": {
                "type": kind,
                "filepath": (folder / "table").as_posix(),
                "validator": {
                    "class": f"{ContractValidator.__module__}.ContractValidator",
                    "options": {"stage": stage, "problem": PROBLEM},
                    **validator,
                },
            }
        }
    )


def root_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def set_value(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        changed = table.astype({column: "object"}) if isinstance(value, str) else table.copy()
        changed.loc[row, column] = value
        return changed

    return change


def test_a_good_raw_file_is_loaded_as_it_is(tmp_path: Path) -> None:
    RAW.to_csv(tmp_path / "table", index=False)

    loaded = catalog_of(tmp_path, "raw", on="load").load("table")

    pd.testing.assert_frame_equal(loaded, RAW)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (RAW.drop(columns=["temp", "cnt"]), r"missing columns: temp, cnt\. The file has: day"),
        (RAW.head(0), "the table has no rows"),
    ],
)
def test_a_raw_file_of_the_wrong_shape_is_refused(
    tmp_path: Path, raw: pd.DataFrame, message: str
) -> None:
    raw.to_csv(tmp_path / "table", index=False)

    with pytest.raises(DatasetError, match=message) as caught:
        catalog_of(tmp_path, "raw", on="load").load("table")

    assert isinstance(root_cause(caught.value), DataContractError)


def test_values_of_raw_rows_are_left_to_ingestion_which_quarantines_them(tmp_path: Path) -> None:
    set_value(1, "cnt", -6)(RAW).to_csv(tmp_path / "table", index=False)

    assert len(catalog_of(tmp_path, "raw", on="load").load("table")) == 4


def test_good_observations_are_stored_and_loaded_as_they_are(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "observations")

    catalog.save("table", OBSERVATIONS)

    pd.testing.assert_frame_equal(catalog.load("table"), OBSERVATIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_value(2, "cnt", -1), r"cnt is below 0 \(1 row, first in row 3: "),
        (set_value(1, "temp", 1.5), r"temp is above 1 \(1 row, first in row 2: "),
        (set_value(0, "temp", None), "temp is missing"),
        (set_value(3, "temp", "warm"), "temp is not a number"),
        (lambda t: t.drop(columns="temp"), r"missing columns: temp"),
        (lambda t: t.drop(columns="timestamp"), r"missing columns: timestamp"),
        (lambda t: t.head(0), "the table has no rows"),
        (lambda t: t.iloc[[0, 1, 1, 2]], r"the key \(timestamp\) is not unique"),
        (lambda t: t.iloc[::-1], "rows are not sorted by timestamp"),
        (lambda t: t.astype({"timestamp": "str"}), "timestamp is not a time but String"),
    ],
)
def test_observations_that_break_the_contract_are_not_stored(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    catalog = catalog_of(tmp_path, "observations")
    with pytest.raises(DatasetError, match=message):
        catalog.save("table", change(OBSERVATIONS))
    assert list(tmp_path.iterdir()) == []

    catalog.save("table", OBSERVATIONS)
    before = (tmp_path / "table").read_bytes()
    with pytest.raises(DatasetError, match=message):
        catalog.save("table", change(OBSERVATIONS))

    assert (tmp_path / "table").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_observations_that_were_tampered_with_on_disk_are_not_loaded(tmp_path: Path) -> None:
    set_value(2, "cnt", -1)(OBSERVATIONS).to_parquet(tmp_path / "table")

    with pytest.raises(DatasetError, match="cnt is below 0"):
        catalog_of(tmp_path, "observations").load("table")


@together
def test_what_spark_has_stored_is_held_to_types_and_bounds() -> None:
    validator = ContractValidator("observations", PROBLEM)
    stored = to_spark(OBSERVATIONS)

    assert validator.validate(stored) is stored
    with pytest.raises(DataContractError, match=r"1 row .* one of them because cnt is below 0"):
        validator.validate(to_spark(set_value(2, "cnt", -1)(OBSERVATIONS)))


@pytest.mark.parametrize("engine", ["duckdb", "polars", "spark"])
def test_every_engine_holds_its_observations_to_the_contract_when_they_are_read(
    engine: str,
) -> None:
    base, own = (
        open_loader(env)["catalog"]["observations"]["validator"]
        for env in ("test", f"test,{engine}")
    )

    assert own == {"class": base["class"], "options": base["options"], "on": "load"}


def test_checking_changes_nothing_in_the_table(tmp_path: Path) -> None:
    table = OBSERVATIONS.copy()

    checked = ContractValidator("observations", PROBLEM).validate(table)

    assert checked is table
    pd.testing.assert_frame_equal(table, OBSERVATIONS)


def test_an_unknown_stage_is_answered_with_the_ones_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'raw'\? Allowed: observations"):
        ContractValidator("rav", PROBLEM)  # type: ignore[arg-type]
