"""The workspace of Evidently's own UI: one run per window, however often it is saved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.adapters.evidently import ColumnRoles, summary
from regression_lifecycle.adapters.evidently.library import quiet
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.datasets.evidently_workspace import EvidentlyWorkspaceDataset
from tests.drift_reports import draw_window

TYPE = "regression_lifecycle.datasets.evidently_workspace.EvidentlyWorkspaceDataset"
ATTACK = "</script><script>alert(1)</script><!--<SCRIPT>"


def window(
    day: int,
    factor: int = 3,
    column: str = "temp",
    unlabelled: int = 0,
    compared: bool = True,
    parameters: DriftParameters | None = None,
    **facts: str,
) -> Any:
    values = [float((i * factor) % 7) for i in range(60)]
    frame = pd.DataFrame({column: values, "sky": "rain", "cnt": values, "prediction": values[::-1]})
    frame.loc[: unlabelled - 1, "cnt"] = float("nan")
    roles = ColumnRoles(
        numerical=(column,), categorical=("sky",), target="cnt", prediction="prediction"
    )
    moment = pd.Timestamp(2011, 1, day).to_pydatetime()
    return draw_window(
        frame,
        frame if compared else None,
        roles,
        parameters or DriftParameters(),
        name=f"day {day}",
        timestamp=moment,
        metadata=facts,
    )


@pytest.fixture
def dataset(tmp_path: Path) -> EvidentlyWorkspaceDataset:
    return EvidentlyWorkspaceDataset(path=tmp_path / "workspace", project="bikes")


def contents(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def opened(path: Path) -> tuple[Any, Any]:
    """The workspace and its project as Evidently reads them."""
    with quiet():
        from evidently.ui.workspace import Workspace

        workspace = Workspace(str(path))
        (project,) = workspace.list_projects()
    return workspace, project


def test_evidently_finds_the_project_its_runs_and_its_dashboard(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    first = window(1, window="w1", model_version="3")
    assert not dataset.exists()
    assert dataset.load() == []

    dataset.save({"w2_v3": lambda: window(8), "w1_v3": first})

    assert dataset.exists()
    runs = dataset.load()
    assert [run["key"] for run in runs] == ["w1_v3", "w2_v3"]
    assert [run["name"] for run in runs] == ["day 1", "day 8"]
    assert [run["timestamp"] for run in runs] == ["2011-01-01T00:00:00", "2011-01-08T00:00:00"]
    workspace, project = opened(tmp_path / "workspace")
    assert project.name == "bikes"
    assert {str(run) for run in workspace.list_runs(project.id)} == {run["id"] for run in runs}
    from evidently.core.report import Snapshot

    read = Snapshot.load_model(workspace.get_run(project.id, runs[0]["id"]))
    assert summary(first)["metrics"].items() <= summary(read)["metrics"].items()
    assert summary(read)["metadata"] == {"window": "w1", "model_version": "3", "key": "w1_v3"}


def test_every_panel_of_the_dashboard_draws_a_point_per_window(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    noted = window(8, unlabelled=5)
    assert summary(noted)["notes"] != []
    dataset.save({"w1": window(1), "w2": noted})

    _, project = opened(tmp_path / "workspace")
    model = project.dashboard.model()

    titles = [panel.title for panel in model.panels]
    assert {"RMSE", "MAE", "Mean error", "Drifted columns", "Rows", "Missing values"} < set(titles)
    assert [panel.id for panel in model.panels] == model.tabs[0].panels
    for panel in model.panels:
        for values in panel.values:
            assert len(series(tmp_path / "workspace", project.id, values)) == 2, panel.title
    drift = {panel.title: [v.legend for v in panel.values] for panel in model.panels}
    assert drift["Drift by column"] == ["temp", "sky", "cnt", "prediction"]


def test_drift_of_a_column_is_one_line_whatever_its_method_and_threshold(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    def judged_by(method: str, threshold: float) -> DriftParameters:
        choice = {"method": method, "threshold": threshold}
        return DriftParameters.model_validate({"numerical": choice})

    dataset.save(
        {
            "w1": window(1, parameters=judged_by("wasserstein", 0.1)),
            "w2": window(8, parameters=judged_by("wasserstein", 0.4)),
            "w3": window(15, parameters=judged_by("ks", 0.05)),
        }
    )

    project = opened(tmp_path / "workspace")[1]
    panels = {panel.title: panel.values for panel in project.dashboard.model().panels}
    temp = next(values for values in panels["Drift by column"] if values.legend == "temp")
    # The table is compared with itself: no distance, and a p-value of 1.
    assert series(tmp_path / "workspace", project.id, temp) == [0, 0, pytest.approx(0.05)]


def test_the_dashboard_gets_its_columns_as_soon_as_some_were_compared(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    def titles() -> set[str]:
        model = opened(tmp_path / "workspace")[1].dashboard.model()
        return {panel.title for panel in model.panels}

    dataset.save({"w1": window(1, compared=False)})
    before = titles()
    dataset.save({"w2": window(8)})

    assert "RMSE" in before
    assert titles() - before == {
        "Drift by column",
        "Missing values",
    }


def series(path: Path, project: Any, values: Any) -> list[float]:
    """The points that the UI's server gives for one line of a panel."""
    with quiet():
        from evidently.legacy.utils.sync import async_to_sync
        from evidently.ui.service.base import SeriesFilter
        from evidently.ui.service.storage.local.base import InMemoryDataStorage

        wanted = SeriesFilter(
            tags=[], metadata={}, metric=values.metric, metric_labels=values.metric_labels
        )
        storage = InMemoryDataStorage(path=str(path))
        found = async_to_sync(storage.get_data_series(project, [wanted], None, None)).series
    (line,) = found
    return [point for point in line.values if point is not None]


def test_saving_again_makes_no_second_run_and_touches_nothing(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    dataset.save({"w1": window(1), "w2": window(8)})
    before = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    dataset.save({"w1": window(1)})
    dataset.save({"w2": window(8)})

    assert contents(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}.items() <= (
        times.items()
    )


def test_a_window_that_changed_is_replaced_and_the_others_stay(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    dataset.save({"w1": window(1), "w2": window(8)})
    before = contents(tmp_path)

    dataset.save({"w2": window(8, factor=5)})

    after = contents(tmp_path)
    assert set(after) == set(before)
    changed = [name for name in after if after[name] != before[name]]
    assert [Path(name).stem for name in changed] == [dataset.load()[1]["id"]]


def test_a_dashboard_changed_by_hand_and_foreign_runs_stay(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    dataset.save({"w1": window(1)})
    workspace, project = opened(tmp_path / "workspace")
    with quiet():
        project.dashboard.delete_tab("Windows")
        workspace.add_run(project.id, window(3))

    dataset.save({"w2": window(8)})

    assert [tab.title for tab in opened(tmp_path / "workspace")[1].dashboard.model().tabs] == []
    assert [run["key"] for run in dataset.load()] == ["w1", "", "w2"]


def test_a_deleted_workspace_is_made_anew(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    dataset.save({"w1": window(1)})
    before = contents(tmp_path)
    shutil.rmtree(tmp_path / "workspace")

    dataset.save({"w1": window(1)})

    assert contents(tmp_path) == before


def test_a_save_that_fails_leaves_whole_runs_and_no_debris(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.save({"w1": window(1)})
    before = contents(tmp_path)
    write = Path.write_bytes

    def full_disk(self: Path, content: bytes) -> int:
        write(self, content[: len(content) // 2])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(DatasetError, match="No space left"):
        dataset.save({"w1": window(1, factor=5)})

    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def test_no_text_of_the_data_ends_the_script_of_a_page_that_the_ui_gives_away(
    tmp_path: Path, dataset: EvidentlyWorkspaceDataset
) -> None:
    dataset.save({ATTACK: window(1, column=ATTACK, fact=ATTACK)})

    workspace, project = opened(tmp_path / "workspace")
    (run,) = dataset.load()
    with quiet():
        from evidently.core.report import Snapshot

        page = Snapshot.load_model(workspace.get_run(project.id, run["id"]))
        text = page.get_html_str(as_iframe=False)
    assert "alert(1)" in text
    for part in ("</script><script>alert", "<!--<", "alert(1)</script>"):
        assert part.lower() not in text.lower()
    # The dashboard names the column as its runs do.
    labels = [v.metric_labels for panel in project.dashboard.model().panels for v in panel.values]
    column = next(label["column"] for label in labels if "alert" in label.get("column", ""))
    stored = json.loads(next((tmp_path / "workspace").rglob("snapshots/*.json")).read_text())
    assert column in json.dumps(stored["metric_results"], ensure_ascii=False)


def test_what_is_no_snapshot_is_refused(dataset: EvidentlyWorkspaceDataset) -> None:
    with pytest.raises(DatasetError):
        dataset.save({"w1": {"not": "a snapshot"}})

    assert dataset.load() == []


def test_the_catalog_entry_is_a_path_and_a_project(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            "runs": {
                "type": TYPE,
                "path": str(tmp_path / "w"),
                "project": "bikes",
                "description": "Rented bikes",
                "metadata": {"kedro-viz": {"layer": "reporting"}},
            }
        }
    )

    catalog.save("runs", {"w1": window(1), "w2": window(8), "w3": window(15)})

    dataset = catalog["runs"]
    assert isinstance(dataset, EvidentlyWorkspaceDataset)
    assert dataset.metadata == {"kedro-viz": {"layer": "reporting"}}
    assert "bikes" in str(dataset)
    assert dataset.preview(2)["data"] == [
        ["2011-01-15T00:00:00", "day 15", "w3"],
        ["2011-01-08T00:00:00", "day 8", "w2"],
    ]
    assert opened(tmp_path / "w")[1].description == "Rented bikes"
