"""What MLflow keeps of plots and reports: pages that need no other file and no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import plotly.graph_objects as go
import pytest

from regression_lifecycle.adapters.evidently import ColumnRoles, data_quality_snapshot
from regression_lifecycle.datasets import mlflow_files
from regression_lifecycle.datasets.mlflow_files import (
    MlflowEvidentlyReportDataset,
    MlflowPlotlyDataset,
)

ATTACK = "</script><script>document.title='attacked'</script>"


def artifact(run: mlflow.ActiveRun, path: str) -> Path:
    return Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path))


def artifacts(run: mlflow.ActiveRun, folder: str) -> list[str]:
    return [one.path for one in mlflow.MlflowClient().list_artifacts(run.info.run_id, folder)]


def report(**facts: str) -> Any:
    frame = pd.DataFrame({"temp": [0.1, 0.4, 0.7], "sky": ["clear", ATTACK, "rain"]})
    roles = ColumnRoles(numerical=("temp",), categorical=("sky",))
    return data_quality_snapshot(frame, roles, maximum_rows=10, seed=0, metadata=facts)


def test_a_plot_is_a_page_of_bounded_size_that_draws_offline(
    run: mlflow.ActiveRun, tmp_path: Path, browser: Any
) -> None:
    figure = go.Figure(go.Bar(x=[ATTACK, "b"], y=[1, 2]), {"title": "Two bars"})
    MlflowPlotlyDataset(filepath=str(tmp_path / "bars.json")).save(figure)

    page = artifact(run, "plots/bars.html")

    assert page.stat().st_size < 2_500_000
    tab = browser.new_context(offline=True).new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector(".main-svg")
    assert "Two bars" in tab.inner_text("body")
    assert tab.title() == "Plot"


def test_a_report_is_a_page_of_bounded_size_that_draws_offline(
    run: mlflow.ActiveRun, tmp_path: Path, browser: Any
) -> None:
    dataset = MlflowEvidentlyReportDataset(filepath=tmp_path / "quality")
    dataset.save(report(about="problem bikes"))

    page = artifact(run, "reports/quality.html")

    assert page.stat().st_size < 2_500_000
    tab = browser.new_context(offline=True).new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("text=problem bikes")
    assert tab.title() == "data quality"


def test_a_report_without_a_page_is_not_logged_and_of_many_the_first(
    run: mlflow.ActiveRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_files, "MOST_PAGES", 2)

    for name, page in [("a", "yes"), ("b", "no"), ("c", "yes"), ("d", "yes")]:
        dataset = MlflowEvidentlyReportDataset(filepath=tmp_path / name, html="marked")
        dataset.save(report(page=page))

    assert artifacts(run, "reports") == ["reports/a.html", "reports/c.html"]
    assert (tmp_path / "d" / "report.html").exists()


@pytest.mark.parametrize("is_silenced", [True, False])
def test_outside_a_run_or_silenced_files_are_written_alone(
    experiment: str, tmp_path: Path, is_silenced: bool
) -> None:
    plot = MlflowPlotlyDataset(filepath=str(tmp_path / "bars.json"))
    quality = MlflowEvidentlyReportDataset(filepath=tmp_path / "quality")
    if is_silenced:
        with mlflow.start_run(experiment_id=experiment) as run:
            for dataset in (plot, quality):
                dataset._logging_activated = False
            plot.save(go.Figure())
            quality.save(report())
        assert artifacts(run, "") == []
    else:
        plot.save(go.Figure())
        quality.save(report())
        assert mlflow.active_run() is None

    assert (tmp_path / "bars.json").exists()
    assert quality.exists()
