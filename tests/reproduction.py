"""A small training record and its snapshots, for tests that need no whole run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.provenance import Provenance
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.reproduction.snapshots import (
    Snapshot,
    TrainingRecord,
    take_snapshot,
)
from regression_lifecycle.pipelines.training.nodes import describe_training, make_training_record
from tests.examples import BOOSTED, tiny_problem

PROBLEM = tiny_problem()
PREPROCESSING = PreprocessingParameters.model_validate(
    {
        "features": [{"kind": "columns", "names": ["temp"]}],
        "split": {"kind": "share", "holdout_share": 0.2},
    }
)
TRAINING = TrainingParameters.model_validate({"model": {"estimator": BOOSTED}})
PROVENANCE = Provenance(
    code_revision="a" * 40, lock_hash="b" * 16, packages={"numpy": "2.0.0"}, platform="Linux x86_64"
)


def training_set(end: str, start: str = "2021-01-01") -> pd.DataFrame:
    """Hours whose target follows the temperature, the same in every table that holds them."""
    moments = pd.date_range(start, end, freq="h", inclusive="left", unit="us")
    hours = (moments - pd.Timestamp("2021-01-01")) // pd.Timedelta("1 hour")
    temp = np.sin(hours.to_numpy() / 7.0)
    temp[hours % 11 == 3] = np.nan
    return pd.DataFrame({"timestamp": moments, "temp": temp, "cnt": (hours % 24).astype("int64")})


def record(end: str, start: str = "2021-01-01", **best_parameters: Any) -> TrainingRecord:
    """What a model of these hours is fitted on."""
    rows = training_set(end, start)
    configuration = describe_training(best_parameters, PROBLEM, PREPROCESSING, TRAINING)
    return make_training_record(rows, configuration)


def snapshot(version: str, end: str, **kwargs: Any) -> Snapshot:
    """The snapshot of a version that was trained on the hours before a moment."""
    return take_snapshot(record(end, **kwargs), version, PROVENANCE)
