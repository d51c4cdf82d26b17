"""The catalog dataset of a report: what lies in its folder, and that a page is safe to open."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.io.core import Version
from kedro_datasets.partitions import PartitionedDataset

from regression_lifecycle.adapters.evidently import (
    ColumnRoles,
    data_quality_snapshot,
    library_name,
    metric_values,
    regression_snapshot,
    safe_html,
    summary,
)
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.datasets.evidently_report import EvidentlyReportDataset
from tests.drift_reports import draw_drift, draw_window

pytestmark = pytest.mark.slow

TYPE = "regression_lifecycle.datasets.evidently_report.EvidentlyReportDataset"
# Text that becomes markup, if a page lets it.
ATTACK = "</script><script>window.__pwned = 1; alert(1)</script>"
IMAGE = "<img src=x onerror='window.__pwned = 2; alert(2)'>"
MARKER = "<script>var global = globalThis</script><script>window.__pwned = 3</script>"


def report(*values: float) -> Any:
    frame = pd.DataFrame({"temp": values})
    roles = ColumnRoles(numerical=("temp", "absent"))
    return data_quality_snapshot(frame, roles, maximum_rows=100, seed=0)


@pytest.fixture(scope="module")
def first() -> Any:
    return report(1.0, 2.0)


@pytest.fixture(scope="module")
def second() -> Any:
    return report(5.0, 6.0, 7.0)


def assert_same(loaded: Any, saved: Any) -> None:
    """Two snapshots show the same: their figures, and their pages to the last character."""
    assert summary(loaded) == summary(saved)
    assert safe_html(loaded, "x.js") == safe_html(saved, "x.js")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_a_report_comes_back_as_it_was_saved(tmp_path: Path, first: Any) -> None:
    dataset = EvidentlyReportDataset(filepath=str(tmp_path / "reports" / "quality"))
    assert not dataset.exists()

    dataset.save(first)

    assert dataset.exists()
    assert_same(dataset.load(), first)
    assert files(tmp_path / "reports") == [
        f"_evidently/{library_name()}",
        "quality/metrics.json",
        "quality/report.html",
        "quality/snapshot.json.gz",
    ]
    dataset.release()


def test_the_figures_lie_beside_it_as_strict_json(tmp_path: Path) -> None:
    single = report(3.0)
    EvidentlyReportDataset(filepath=tmp_path / "r", html="none").save(single)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    facts = json.loads((tmp_path / "r" / "metrics.json").read_text(), parse_constant=refuse)

    assert facts == summary(single)
    assert facts["metrics"]["MeanValue.temp"] == 3.0
    assert facts["metrics"]["StdValue.temp"] is None
    assert "StdValue.temp" not in metric_values(single)
    assert facts["notes"] == ["absent: not computed: no such column"]


def test_pages_share_their_library_unless_they_stand_alone(tmp_path: Path, first: Any) -> None:
    for name, mode in (("a", "shared"), ("b", "shared"), ("c", "standalone"), ("d", "none")):
        EvidentlyReportDataset(filepath=tmp_path / name, html=mode).save(first)

    size = {name: (tmp_path / name / "report.html").stat().st_size for name in "abc"}
    assert size["a"] == size["b"] < 100_000
    assert 1_000_000 < size["c"] < 2_000_000
    assert files(tmp_path / "_evidently") == [library_name()]
    assert f'src="../_evidently/{library_name()}"' in (tmp_path / "a" / "report.html").read_text()
    assert "<script src" not in (tmp_path / "c" / "report.html").read_text()
    assert not (tmp_path / "d" / "report.html").exists()


def test_a_page_never_shows_an_older_report_than_the_one_saved(tmp_path: Path, first: Any) -> None:
    EvidentlyReportDataset(filepath=tmp_path / "r").save(first)
    EvidentlyReportDataset(filepath=tmp_path / "r", html="none").save(first)

    assert files(tmp_path / "r") == ["metrics.json", "snapshot.json.gz"]


def test_a_library_that_was_cut_short_is_mended(tmp_path: Path, first: Any) -> None:
    library = tmp_path / "_evidently" / library_name()
    library.parent.mkdir()
    library.write_bytes(b"var global")

    EvidentlyReportDataset(filepath=tmp_path / "r").save(first)

    assert library.stat().st_size > 1_000_000


def test_versions_are_kept_apart_and_reach_one_library(
    tmp_path: Path, first: Any, second: Any
) -> None:
    path = str(tmp_path / "quality")
    for version, snapshot in (("2011-01-01T00.00.00.000Z", first), ("2011-01-08", second)):
        EvidentlyReportDataset(filepath=path, version=Version(None, version)).save(snapshot)

    newest = EvidentlyReportDataset(filepath=path, version=Version(None, None))
    oldest = EvidentlyReportDataset(
        filepath=path, version=Version("2011-01-01T00.00.00.000Z", None)
    )

    assert_same(newest.load(), second)
    assert_same(oldest.load(), first)
    assert files(tmp_path / "_evidently") == [library_name()]
    page = tmp_path / "quality" / "2011-01-08" / "quality" / "report.html"
    link = re.search(r'src="([^"]+)"', page.read_text())
    assert link is not None
    assert (page.parent / link[1]).resolve() == tmp_path / "_evidently" / library_name()
    with pytest.raises(DatasetError, match="must not exist"):
        EvidentlyReportDataset(filepath=path, version=Version(None, "2011-01-08")).save(first)


def test_a_folder_left_by_a_killed_save_is_no_version(tmp_path: Path, first: Any) -> None:
    path = tmp_path / "quality"
    EvidentlyReportDataset(filepath=path, version=Version(None, "2011-01-01")).save(first)
    killed = path / "2011-01-08" / "quality"
    killed.mkdir(parents=True)
    (killed / "report.html.0.tmp").touch()

    newest = EvidentlyReportDataset(filepath=path, version=Version(None, None))

    assert_same(newest.load(), first)
    assert newest.list_versions(full_path=False) == ["2011-01-01"]


@pytest.mark.parametrize("broken", ["snapshot.json.gz", "metrics.json", "report.html"])
def test_a_save_that_fails_leaves_the_old_report_whole(
    tmp_path: Path, first: Any, second: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    dataset = EvidentlyReportDataset(filepath=tmp_path / "r")
    dataset.save(first)
    before = {name: (tmp_path / "r" / name).read_bytes() for name in files(tmp_path / "r")}
    put = EvidentlyReportDataset._put

    def full_disk(self: EvidentlyReportDataset, path: str, content: bytes) -> None:
        put(self, path, content[: len(content) // 2])
        if broken in path:
            raise OSError("No space left on device")
        put(self, path, content)

    monkeypatch.setattr(EvidentlyReportDataset, "_put", full_disk)
    fresh = EvidentlyReportDataset(filepath=tmp_path / "fresh")
    for target in (dataset, fresh):
        with pytest.raises(DatasetError, match="No space left"):
            target.save(second)

    assert {n: (tmp_path / "r" / n).read_bytes() for n in files(tmp_path / "r")} == before
    assert not fresh.exists()
    assert not (tmp_path / "fresh").exists()


@pytest.mark.parametrize("moment", ["report.html", "metrics.json", "snapshot.json.gz"])
def test_a_report_exists_once_its_snapshot_does_and_never_before(
    tmp_path: Path, first: Any, second: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    old = EvidentlyReportDataset(filepath=tmp_path / "old")
    new = EvidentlyReportDataset(filepath=tmp_path / "new")
    old.save(first)
    replace = os.replace

    def killed(source: Path, target: Path) -> None:
        if target.name == moment:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    for dataset in (old, new):
        with pytest.raises(KeyboardInterrupt):
            dataset.save(second)

    assert_same(old.load(), first)
    assert not new.exists()
    assert not [name for name in files(tmp_path) if name.endswith(".tmp")]


def test_what_is_no_snapshot_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    dataset = EvidentlyReportDataset(filepath=tmp_path / "r")

    with pytest.raises(DatasetError):
        dataset.save({"not": "a snapshot"})
    with pytest.raises(DatasetError):
        dataset.load()
    with pytest.raises(
        DatasetError, match="html is 'inline'; allowed are shared, marked, standalone, none"
    ):
        EvidentlyReportDataset(filepath=tmp_path / "r", html="inline")

    assert files(tmp_path) == []


def test_a_report_lives_on_any_filesystem(first: Any) -> None:
    dataset = EvidentlyReportDataset(filepath="memory:///store/reports/quality")

    dataset.save(first)

    assert_same(dataset.load(), first)
    memory = fsspec.filesystem("memory")
    assert memory.exists(f"/store/reports/_evidently/{library_name()}")
    assert memory.exists("/store/reports/quality/report.html")
    memory.rm("/store", recursive=True)
    dataset.release()
    assert not dataset.exists()


def test_reports_are_partitions(tmp_path: Path, first: Any, second: Any) -> None:
    partitions = PartitionedDataset(
        path=str(tmp_path / "windows"),
        dataset={"type": TYPE, "html": "shared"},
        filename_suffix="/snapshot.json.gz",
    )

    partitions.save({"2011-w01": first, "2011-w02": lambda: second})
    loaded = partitions.load()

    assert sorted(loaded) == ["2011-w01", "2011-w02"]
    assert_same(loaded["2011-w02"](), second)
    assert (tmp_path / "windows" / "2011-w01" / "report.html").exists()
    assert files(tmp_path / "windows" / "_evidently") == [library_name()]


# --- one report per window -----------------------------------------------------------------


def window(seed: int, page: str = "no") -> Any:
    values = [float((i * seed) % 7) for i in range(60)]
    frame = pd.DataFrame({"temp": values, "cnt": values, "prediction": values[::-1]})
    roles = ColumnRoles(numerical=("temp",), target="cnt", prediction="prediction")
    return draw_window(frame, frame, roles, DriftParameters(), metadata={"page": page})


def windows(folder: Path, html: str = "marked") -> PartitionedDataset:
    return PartitionedDataset(
        path=str(folder),
        dataset={"type": TYPE, "html": html},
        filename_suffix="/snapshot.json.gz",
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_only_marked_windows_have_a_page_and_all_share_one_library(tmp_path: Path) -> None:
    quiet, loud = window(1), window(2, page="yes")

    windows(tmp_path).save({"w1_v3": quiet, "w2_v3": lambda: loud, "w3_v3": lambda: loud})

    assert [name for name in files(tmp_path) if not name.endswith(("gz", "json"))] == [
        f"_evidently/{library_name()}",
        "w2_v3/report.html",
        "w3_v3/report.html",
    ]
    loaded = windows(tmp_path).load()
    assert sorted(loaded) == ["w1_v3", "w2_v3", "w3_v3"]
    assert_same(loaded["w2_v3"](), loud)


def test_a_rerun_changes_no_byte(tmp_path: Path) -> None:
    windows(tmp_path).save({"w1": lambda: window(1), "w2": lambda: window(2, page="yes")})
    before = contents(tmp_path)

    windows(tmp_path).save({"w1": lambda: window(1), "w2": lambda: window(2, page="yes")})

    assert contents(tmp_path) == before


def test_a_crash_among_windows_leaves_whole_ones_alone(tmp_path: Path) -> None:
    windows(tmp_path).save({"w2": window(5)})
    before = contents(tmp_path)

    def crash() -> Any:
        raise RuntimeError("the power went off")

    with pytest.raises(DatasetError, match="the power went off"):
        windows(tmp_path).save({"w1": lambda: window(1, page="yes"), "w2": crash, "w3": crash})

    loaded = windows(tmp_path).load()
    assert sorted(loaded) == ["w1", "w2"]
    assert_same(loaded["w1"](), window(1, page="yes"))
    assert before.items() <= contents(tmp_path).items()


def test_pages_of_stored_windows_are_drawn_later_and_last(tmp_path: Path) -> None:
    windows(tmp_path).save({"w1": window(1), "w2": window(2)})
    stored = contents(tmp_path)

    windows(tmp_path, "shared").save(windows(tmp_path).load())
    drawn = contents(tmp_path)
    windows(tmp_path).save({"w1": window(1), "w2": window(3)})

    assert stored.items() < drawn.items()
    assert {"w1/report.html", "w2/report.html"} < set(drawn)
    assert (tmp_path / "w1" / "report.html").read_bytes() == drawn["w1/report.html"]
    assert not (tmp_path / "w2" / "report.html").exists()


def test_a_factory_pattern_and_metadata_reach_the_dataset(tmp_path: Path, first: Any) -> None:
    catalog = DataCatalog.from_config(
        {
            "{window}#report": {
                "type": TYPE,
                "filepath": f"{tmp_path.as_posix()}/{{window}}",
                "html": "none",
                "metadata": {"kedro-viz": {"layer": "reporting"}},
            }
        }
    )

    catalog.save("w7#report", first)

    assert_same(catalog.load("w7#report"), first)
    dataset = catalog["w7#report"]
    assert isinstance(dataset, EvidentlyReportDataset)
    assert dataset.metadata == {"kedro-viz": {"layer": "reporting"}}
    assert "w7" in str(dataset)
    assert_same(pickle.loads(pickle.dumps(dataset)).load(), first)


def test_the_preview_is_readable_and_of_the_type_that_kedro_viz_looks_for(
    tmp_path: Path, first: Any
) -> None:
    dataset = EvidentlyReportDataset(filepath=tmp_path / "r", html="none")
    annotation = inspect.signature(dataset.preview).return_annotation

    assert getattr(annotation, "__name__", annotation) == "HTMLPreview"
    assert dataset.preview() == "No report has been saved yet."
    dataset.save(first)
    assert dataset.preview().startswith("### Data quality")
    assert "| temp | 0 | 1 | 1.5 | 2 |" in dataset.preview()
    assert "- absent: not computed: no such column" in dataset.preview()


# --- in a browser --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    roles = ColumnRoles(
        numerical=("temp", IMAGE, ATTACK),
        categorical=(MARKER,),
        target="cnt",
        prediction="prediction",
        timestamp="at",
    )
    rows = 80
    frame = pd.DataFrame(
        {
            "at": pd.date_range("2011-01-01", periods=rows, freq="h"),
            "temp": [float(i % 7) for i in range(rows)],
            IMAGE: [float(i % 5) for i in range(rows)],
            ATTACK: [IMAGE] * rows,
            MARKER: [ATTACK, IMAGE, MARKER, "plain"] * (rows // 4),
            "cnt": [float(i % 24) for i in range(rows)],
            "prediction": [float(i % 23) for i in range(rows)],
        }
    )
    sizes = {"maximum_rows": 1000, "seed": 0}
    reports = {
        "drift": draw_drift(frame, frame.iloc[:40], roles, DriftParameters())[0],
        "quality": data_quality_snapshot(frame, roles, metadata={"note": ATTACK}, **sizes),
        "regression": regression_snapshot(frame, roles, **sizes),
        "window": draw_window(frame, frame, roles, DriftParameters(), detail="full"),
    }
    for name, snapshot in reports.items():
        for mode in ("shared", "standalone"):
            EvidentlyReportDataset(filepath=folder / mode / name, html=mode).save(snapshot)
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["shared", "standalone"])
@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no policy"])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("drift", "Drifted columns"),
        ("quality", "Dataset Summary"),
        ("regression", "RMSE"),
        ("window", "Drifted columns"),
    ],
)
def test_a_page_is_drawn_from_disk_and_runs_nothing_of_the_data(
    browser: Any, hostile_pages: Path, mode: str, policy: bool, kind: str, text: str
) -> None:
    # Without its policy too: the escaping alone must hold.
    context = browser.new_context(bypass_csp=not policy, offline=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    dialogs: list[str] = []
    errors: list[str] = []
    outside: list[str] = []

    def dismiss(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    def note_request(request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            outside.append(request.url)

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", note_request)
    page.goto((hostile_pages / mode / kind / "report.html").as_uri())
    page.get_by_text(text).first.wait_for()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.wait_for_timeout(500)

    assert page.evaluate("window.__pwned") is None
    assert dialogs == []
    assert errors == []
    assert outside == []
    if kind != "regression":
        assert page.get_by_text(IMAGE).count() > 0
    context.close()


@pytest.mark.browser
def test_a_page_without_its_library_says_where_it_belongs(
    browser: Any, tmp_path: Path, first: Any
) -> None:
    EvidentlyReportDataset(filepath=tmp_path / "r").save(first)
    shutil.rmtree(tmp_path / "_evidently")
    page = browser.new_page()

    page.goto((tmp_path / "r" / "report.html").as_uri())

    assert f"_evidently/{library_name()}" in page.inner_text("#root")
    page.close()
