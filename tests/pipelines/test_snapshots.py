"""The promotion's nodes: a snapshot is that of the very model, or there is none."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.models.provenance import SourceCode
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.reproduction.retention import SnapshotParameters
from regression_lifecycle.core.reproduction.snapshots import Snapshot
from regression_lifecycle.pipelines.promotion.nodes import record_training, take_snapshot
from regression_lifecycle.pipelines.training.nodes import (
    describe_training,
    make_training_record,
    train,
)
from tests.reproduction import PREPROCESSING, PROBLEM, TRAINING, record, training_set

SOURCE = SourceCode("revision", "lock")
KEEP_ALL = {"kind": "all"}


@pytest.fixture(scope="module")
def candidate() -> TrainedModel:
    """A model of the first ten days."""
    return train(training_set("2021-01-11"), {}, PROBLEM, PREPROCESSING, TRAINING)


def take(
    candidate: TrainedModel,
    version: str = "1",
    end: str = "2021-01-11",
    keep: dict[str, Any] = KEEP_ALL,
) -> tuple[Snapshot, ...]:
    parameters = SnapshotParameters.model_validate({"keep": keep})
    configuration = describe_training({}, PROBLEM, PREPROCESSING, TRAINING)
    registration = {"version": version}
    recorded = record_training(training_set(end), configuration, registration, parameters)
    return take_snapshot(recorded, candidate, registration, SOURCE)


def test_the_snapshot_of_a_version_is_that_of_its_model(candidate: TrainedModel) -> None:
    (taken,) = take(candidate, version="7")

    said = taken.manifest
    assert (said.version, said.fingerprint) == ("7", candidate.metadata.fingerprint)
    assert said.data_fingerprint == candidate.metadata.data_fingerprint
    assert said.n_rows == candidate.metadata.n_rows
    assert (said.provenance.code_revision, said.provenance.lock_hash) == ("revision", "lock")


def test_what_has_no_version_has_no_snapshot(candidate: TrainedModel) -> None:
    assert take(candidate, version="") == ()


def test_none_is_taken_where_none_is_wanted(candidate: TrainedModel) -> None:
    assert take(candidate, keep={"kind": "none"}) == ()


def test_rows_that_another_model_was_trained_on_are_refused(candidate: TrainedModel) -> None:
    with pytest.raises(StateError, match="not the one that the candidate was trained with"):
        take(candidate, end="2021-01-12")


def test_the_record_holds_what_the_fit_looks_at_and_no_more() -> None:
    rows = training_set("2021-01-03").assign(note="x")
    rows.loc[3, "temp"] = None
    blank = rows.assign(cnt=rows["cnt"].astype("float64")).astype({"cnt": "Float64"})
    blank.loc[5, "cnt"] = pd.NA

    configuration = describe_training({}, PROBLEM, PREPROCESSING, TRAINING)
    kept = make_training_record(blank, configuration).rows

    assert list(kept.columns) == ["timestamp", "temp", "cnt"]
    assert len(kept) == len(rows) - 1
    assert kept["cnt"].dtype == "float64"


def test_a_model_of_the_recorded_rows_is_the_model_itself(candidate: TrainedModel) -> None:
    kept = record("2021-01-11").rows

    again = train(kept, {}, PROBLEM, PREPROCESSING, TRAINING)

    assert again.metadata == candidate.metadata
    assert again.predict(kept).equals(candidate.predict(kept))
