"""A CSV file runs nothing in a spreadsheet, and says what was saved."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from regression_lifecycle.datasets.atomic_files import AtomicCSVDataset

DANGEROUS = ["=1+1", "+1", "-north", "@SUM(A1)", "\tx", "'=1", "''-2"]
HARMLESS = ["north", "a=b", "'tis", "", "2011-04-16"]


def test_formulas_are_texts_in_the_file_and_come_back_as_they_were(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "=name": [*DANGEROUS, *HARMLESS[:3]],
            "error": [-1.5] * 10,
            "series": pd.Categorical(["-a", "b"] * 5),
        }
    )
    dataset = AtomicCSVDataset(filepath=(tmp_path / "x.csv").as_posix(), save_args={"index": False})

    dataset.save(table)

    with (tmp_path / "x.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["'=name", "error", "series"]
    assert [row[0] for row in rows] == [f"'{text}" for text in DANGEROUS] + HARMLESS[:3]
    assert {row[1] for row in rows} == {"-1.5"}
    assert [row[2] for row in rows[:2]] == ["'-a", "b"]
    loaded = dataset.load()
    assert list(loaded.columns) == list(table.columns)
    assert loaded["=name"].tolist() == table["=name"].tolist()
    assert loaded["series"].tolist() == ["-a", "b"] * 5
    assert table["=name"].tolist() == [*DANGEROUS, *HARMLESS[:3]]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay(tmp_path: Path, text: str) -> None:
    dataset = AtomicCSVDataset(filepath=(tmp_path / "x.csv").as_posix(), save_args={"index": False})
    dataset.save(pd.DataFrame({"a": [text], "b": [1]}))

    assert "'" not in (tmp_path / "x.csv").read_text().replace("'tis", "")
