"""A table with missing values goes the whole way, where its problem says that it may have some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.conftest import first_months, open_catalog, run_project
from tests.examples import with_missing_values
from tests.loop import plant

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cycle")]


@pytest.fixture
def incomplete_project(finished_copy: Path) -> Path:
    """A project whose weather is missing in every ninth hour."""
    plant(finished_copy, lambda raw: with_missing_values(raw, "weathersit", "hum"))
    path = finished_copy / "conf/test/parameters.yml"
    parameters = yaml.safe_load(path.read_text())
    weather = {
        "weathersit": {"type": "integer", "allowed": [1, 2, 3, 4]},
        "hum": {"type": "float", "minimum": 0, "maximum": 1},
    }
    parameters["problem"] = {
        "columns": {
            name: {**spec, "missing": True, "known_in_advance": True}
            for name, spec in weather.items()
        }
    }
    path.write_text(yaml.safe_dump(parameters))
    return finished_copy


def test_missing_values_reach_every_stage_and_every_row_its_prediction(
    incomplete_project: Path,
) -> None:
    run_project(incomplete_project)
    run_project(
        incomplete_project,
        pipeline_names=["scoring"],
        params={"scoring": {"start": "2011-05-06", "end": "2011-05-20"}},
    )

    catalog = open_catalog(incomplete_project)
    observations = catalog.load("observations")
    assert len(observations) == len(first_months().splitlines()) - 1
    assert len(catalog.load("rejected_observations")) == 0
    blank = np.arange(len(observations)) % 9 == 4
    for name in ("weathersit", "hum"):
        assert observations[name].isna().tolist() == blank.tolist()
    holdout = catalog.load("holdout_set")
    n_missing = int(holdout["weathersit"].isna().sum())
    assert 80 < n_missing < 100

    predictions = catalog.load("holdout_predictions")
    assert predictions["candidate"].notna().all()
    segments = catalog.load("segment_metrics")
    missing = segments[(segments["segment"] == "weathersit") & (segments["value"] == "missing")]
    assert set(missing["n"]) == {n_missing}
    assert np.isfinite(missing["rmse"]).all()

    (batch,) = catalog.load("batch_predictions")
    scored = pd.concat(list(batch.read(batch.first, batch.last)), ignore_index=True)
    assert len(scored) == 14 * 24
    assert np.isfinite(scored["prediction"]).all()
