"""What the problems of one data root share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kedro.io import DatasetError

from regression_lifecycle.datasets.problem_pages import HealthRecordsDataset, SharedTextDataset

RECORD = "08_reporting/health.json"


def record(root: Path, problem: str, content: str) -> None:
    path = root / problem / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_every_problem_is_read_by_the_folder_of_its_page(tmp_path: Path) -> None:
    record(tmp_path, "bikes", json.dumps({"verdict": "act"}))
    record(tmp_path, "shops", "half wri")
    (tmp_path / "01_raw").mkdir()

    records = HealthRecordsDataset(str(tmp_path), RECORD).load()

    assert records == {"bikes/08_reporting": {"verdict": "act"}, "shops/08_reporting": None}


def test_what_another_problem_records_is_no_news_but_a_new_problem_is(tmp_path: Path) -> None:
    dataset = HealthRecordsDataset(str(tmp_path), RECORD)
    index = SharedTextDataset(filepath=(tmp_path / "index.html").as_posix())
    assert (dataset.state(), index.state()) == ([], False)
    record(tmp_path, "bikes", "{}")
    index.save("one")
    before = dataset.state(), index.state()

    record(tmp_path, "bikes", '{"verdict": "act"}')
    index.save("two")
    assert (dataset.state(), index.state()) == before
    record(tmp_path, "shops", "{}")
    assert dataset.state() != before[0]


def test_no_folder_is_no_problem_and_nothing_can_be_saved(tmp_path: Path) -> None:
    dataset = HealthRecordsDataset(str(tmp_path / "absent"), RECORD)
    assert dataset.load() == {}
    with pytest.raises((TypeError, DatasetError), match="cannot be saved"):
        dataset.save("x")
