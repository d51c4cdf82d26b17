"""Links to the reports that exist, and to no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kedro.io import DatasetError

from regression_lifecycle.datasets.report_links import ReportLinksDataset


def test_reports_are_found_with_their_windows(tmp_path: Path) -> None:
    for folder in ("drift_report", "windows/2011-02-05_v1", "windows/2011-02-12_v2"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "report.html").touch()
    (tmp_path / "windows/2011-02-19_v2").mkdir()
    (tmp_path / "metrics.json").touch()
    about = {"metadata": {"candidate": "f3", "problem": "bikes"}}
    (tmp_path / "drift_report" / "metrics.json").write_text(json.dumps(about))

    links = ReportLinksDataset(str(tmp_path), "windows").load()

    assert links.to_dict("list") == {
        "name": ["drift_report", "2011-02-05_v1", "2011-02-12_v2"],
        "path": [
            "drift_report/report.html",
            "windows/2011-02-05_v1/report.html",
            "windows/2011-02-12_v2/report.html",
        ],
        "window": ["", "2011-02-05", "2011-02-12"],
        "candidate": ["f3", "", ""],
    }


def test_no_folder_is_no_report_and_nothing_can_be_saved(tmp_path: Path) -> None:
    dataset = ReportLinksDataset(str(tmp_path / "absent"), "windows")
    assert dataset.load().empty
    assert dataset.preview()["data"] == []
    with pytest.raises((TypeError, DatasetError), match="cannot be saved"):
        dataset.save("x")
