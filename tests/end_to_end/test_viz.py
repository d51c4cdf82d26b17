"""What Kedro-Viz needs: a layer for every entry and previews that it can show."""

from __future__ import annotations

import inspect
import json

import pytest

from tests.conftest import open_catalog

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]

PREVIEWED = {
    "candidate_model": "JSONPreview",
    "champion_version": "JSONPreview",
    "data_quality_report": "HTMLPreview",
    "drift_report": "HTMLPreview",
    "drift_verdict": "TablePreview",
    "error_over_time_plot": "PlotlyPreview",
    "feature_importance_plot": "PlotlyPreview",
    "gate_decision": "JSONPreview",
    "holdout_metrics": "JSONPreview",
    "ledger": "TablePreview",
    "model_card": "HTMLPreview",
    "observations": "TablePreview",
    "predicted_against_actual_plot": "PlotlyPreview",
    "registration": "JSONPreview",
    "regression_report": "HTMLPreview",
    "residuals_plot": "PlotlyPreview",
    "segment_metrics": "TablePreview",
    "window_metrics": "TablePreview",
    "worst_observations": "TablePreview",
}


@pytest.fixture(scope="module")
def catalog(finished_project_once):
    """The catalog of the finished project, opened once for all previews."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished_project_once)
        yield open_catalog(finished_project_once)


@pytest.mark.parametrize(("name", "kind"), PREVIEWED.items())
def test_preview_has_the_type_that_viz_reads_and_content(catalog, name, kind):
    dataset = catalog.get(name)
    annotation = inspect.signature(dataset.preview).return_annotation

    assert getattr(annotation, "__name__", annotation) == kind
    shown = dataset.preview()
    assert shown
    if kind in ("TablePreview", "PlotlyPreview"):
        json.dumps(shown, default=str)
    if kind == "JSONPreview":
        json.loads(shown)


def test_preview_of_the_champion_asks_nobody_while_the_registry_is_unknown(catalog, monkeypatch):
    import mlflow

    monkeypatch.setattr(mlflow, "is_tracking_uri_set", lambda: False)
    assert "--include-hooks" in json.loads(catalog.get("champion_version").preview())["version"]
