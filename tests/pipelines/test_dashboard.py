"""The dashboard pipeline: from the stored tables to the page and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel
from regression_lifecycle.core.prediction.interval import PredictionInterval
from regression_lifecycle.datasets.atomic_files import (
    AtomicJSONDataset,
    AtomicPictureDataset,
    AtomicTextDataset,
    OptionalTextDataset,
)
from regression_lifecycle.datasets.problem_pages import HealthRecordsDataset
from regression_lifecycle.pipelines.dashboard import create_pipeline
from regression_lifecycle.pipelines.picture import create_pipeline as create_picture_pipeline
from tests.adapters.dashboard.examples import full_tables, ledger, page_problem
from tests.shipped import parameters


def champion() -> TrainedModel:
    recipe = FeatureRecipe.model_validate({"features": [{"kind": "columns", "names": ["day"]}]})
    metadata = ModelMetadata(
        problem="bikes",
        fingerprint="f",
        data_fingerprint="d",
        target="cnt",
        recipe=recipe,
        trained_from="2011-01-01",
        trained_until="2011-04-15 23:00",
        n_rows=2519,
        target_mean=100.0,
        target_median=100.0,
    )
    estimator = make_pipeline(StandardScaler(), Ridge())
    return TrainedModel(estimator, metadata, pd.DataFrame(), {"version": "3"})


@pytest.fixture
def interval() -> PredictionInterval:
    return PredictionInterval.model_validate(parameters()["adjustment"]["interval"])


@pytest.mark.parametrize("full", [True, False], ids=["full", "nothing yet"])
def test_the_page_and_the_picture_are_written(
    tmp_path: Path, interval: PredictionInterval, full: bool
) -> None:
    made = full_tables()
    tables = {
        "window_history": made.monitoring.windows,
        "drift_history": made.monitoring.drift,
        "segment_history": made.monitoring.segments,
        "series_history": made.monitoring.series,
        "backtest_history": made.backtest.history,
        "backtest_summary": made.backtest.summary,
        "recorded_error_rates": made.deployment.error_rates,
        "report_links": made.report_links,
    }
    workspace = tmp_path / "bikes" / "08_reporting"
    page, picture, record = (
        workspace / name for name in ("index.html", "error.png", "health.json")
    )
    index = tmp_path / "index.html"
    library = tmp_path / "library.js"
    inputs = {
        **{name: table if full else pd.DataFrame() for name, table in tables.items()},
        "policy_ledger": ledger() if full else ledger().iloc[:0],
        "champion_model": champion() if full else None,
        "params:problem": page_problem(),
        "params:adjustment.interval": interval,
        "params:dashboard": DashboardParameters(),
    }
    catalog = DataCatalog(
        {
            **{name: _Given(value) for name, value in inputs.items()},
            "dashboard_page": AtomicTextDataset(filepath=page.as_posix()),
            "health_record": AtomicJSONDataset(filepath=record.as_posix()),
            "recorded_health": HealthRecordsDataset(str(tmp_path), "08_reporting/health.json"),
            "problem_index": AtomicTextDataset(filepath=index.as_posix()),
            "error_by_window_picture": AtomicPictureDataset(str(picture)),
            **{
                name: OptionalTextDataset(filepath=library.as_posix())
                for name in ("stored_page_library", "page_library")
            },
        }
    )

    SequentialRunner().run(create_pipeline(), catalog)
    assert not picture.exists()
    SequentialRunner().run(create_picture_pipeline(), catalog)

    html = page.read_text(encoding="utf-8")
    assert ("version 3, Ridge" in html) is full
    assert ("2011-01-01 to 2011-04-15 23:00, 2,519 rows" in html) is full
    assert ("The policy has not decided yet" in html) is not full
    # One verdict: the record, which the terminal shows, the page and the list say the same.
    verdict = json.loads(record.read_text(encoding="utf-8"))["verdict"]
    assert verdict == ("act" if full else "no model yet")
    assert f'class="word">{verdict.capitalize()}<' in html
    listed = index.read_text(encoding="utf-8")
    assert f">{verdict}</span>" in listed
    assert 'href="bikes/08_reporting/index.html"' in listed
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (library.read_text(encoding="utf-8")[:1000] in html) is full


class _Given(MemoryDataset):
    """A dataset that may hold None, as the champion's does before the first promotion."""

    def load(self) -> object:
        return None if self._data is None else super().load()
