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


@pytest.mark.parametrize(("name", "kind"), PREVIEWED.items())
def test_preview_has_the_type_that_viz_reads_and_content(finished_project, name, kind):
    dataset = open_catalog(finished_project).get(name)
    annotation = inspect.signature(dataset.preview).return_annotation

    assert getattr(annotation, "__name__", annotation) == kind
    shown = dataset.preview()
    assert shown
    if kind in ("TablePreview", "PlotlyPreview"):
        json.dumps(shown, default=str)
    if kind == "JSONPreview":
        json.loads(shown)
