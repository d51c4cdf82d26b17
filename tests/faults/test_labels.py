"""One label never stops the loop: it is held, answered, or set aside with its true source.

What the service answers is in tests/serving/test_store_intake.py.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_observations,
    enforce_contract,
)
from regression_lifecycle.core.ingestion.labels import (
    OFF_GRID,
    REPLACED,
    WAITS,
    LabelParameters,
    accept_labels,
)
from regression_lifecycle.pipelines.labels.nodes import take_labels
from tests.examples import tiny_problem
from tests.ingesting import ingest

HOURS = pd.date_range("2021-03-01", periods=48, freq="h")
LENIENT = LabelParameters(maximum_rejected_share=1)
KINDS = [
    pytest.param({"type": kind, "missing": missing, "minimum": 0}, id=f"{kind} {missing}")
    for kind in ("integer", "float")
    for missing in (False, True)
]
# Numbers that JSON, a CSV file and a 64-bit float can hold.
HUGE = [1e308, -1e308, 1e39, 1e19, 2.0**63, 2**63 - 1, 2**63, 10**19, 2**53 + 1, 9.3e15]


def run_with(labels: pd.DataFrame, problem: Problem) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations of a table of tens, and the labels that were of no use."""
    raw = pd.DataFrame({"day": HOURS.astype(str), "temp": 5.0, "cnt": 10})
    before = pd.DataFrame()
    observations, _, unused, *_ = ingest(raw, labels, problem, IngestionParameters(), before)
    return observations, unused


def stored(*targets: float, keys: Any = HOURS) -> pd.DataFrame:
    """Labels as they lie in the store, from whatever release took them."""
    moments = pd.Series([pd.Timestamp(key) for key in list(keys)[: len(targets)]])
    return LABELS.frame(
        pd.DataFrame({"row_key": moments.astype(str), "timestamp": moments, "target": targets})
        .assign(problem="tiny")
        .reset_index(drop=True)
    )


@pytest.mark.parametrize("spec", KINDS)
def test_what_the_boundary_accepts_the_next_run_can_use(spec: dict[str, Any]) -> None:
    problem = tiny_problem(cnt=spec)
    for value in HUGE:
        given = pd.DataFrame({"timestamp": [HOURS[5]], "cnt": [value]}, dtype=object)
        labels = accept_labels(given, problem, LENIENT)
        observations, unused = run_with(labels.observations, problem)

        check_observations(observations, problem)
        assert unused.empty
        taken = len(labels.observations) == 1
        assert observations["cnt"].iloc[5] == (float(value) if taken else 10)
        # What is taken, its error can be squared and summed.
        assert np.isfinite(observations["cnt"].astype(float).pow(2).sum())


@pytest.mark.parametrize(
    ("spec", "value", "reason"),
    [
        ({"type": "integer", "minimum": 0}, 2.0**63, "more digits"),
        ({"type": "integer", "minimum": 0}, 1e308, "cnt is beyond 1e+38"),
        ({"type": "integer"}, 1.5, "cnt is not a whole number"),
        ({"type": "float", "maximum": 100}, 101.0, "cnt is above 100"),
        ({"type": "float"}, np.inf, "cnt is infinite"),
        ({"type": "float", "missing_values": [-999]}, -999.0, "cnt is missing"),
    ],
)
def test_a_bad_label_that_is_inside_already_is_set_aside_and_its_row_keeps_the_table_s_target(
    caplog: pytest.LogCaptureFixture, spec: dict[str, Any], value: float, reason: str
) -> None:
    problem = tiny_problem(cnt=spec)
    labels = stored(value, 12.0)

    observations, unused = run_with(labels, problem)

    check_observations(observations, problem)
    assert observations["cnt"].tolist() == [10, 12, *[10] * 46]
    assert unused["row_key"].tolist() == ["2021-03-01 00:00:00"]
    assert reason in unused["reason"].item()
    (warned,) = [record.getMessage() for record in caplog.records]
    assert "the table 'labels' of the store" in warned
    assert "hour.csv" not in warned


def test_a_label_that_names_no_row_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    problem = tiny_problem()
    keys = ["2021-03-01 04:17", "2021-02-27 00:00", "2021-03-03 00:00", "2199-01-01", HOURS[1]]

    observations, unused = run_with(stored(1, 2, 3, 4, 5, keys=keys), problem)

    assert observations["cnt"].tolist() == [10, 5, *[10] * 46]
    # Nothing is said of the one that is older than the table.
    assert unused["reason"].tolist() == [OFF_GRID, WAITS, WAITS]
    (warned,) = [record.getMessage() for record in caplog.records]
    assert warned.startswith("1 label")
    assert "2021-03-01 04:17:00" in warned


def test_a_label_that_names_its_row_without_a_time_waits_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problem = tiny_problem(id={"type": "integer"}).model_copy(update={"key": ("id",)})
    raw = pd.DataFrame({"day": HOURS.astype(str), "temp": 5.0, "cnt": 10, "id": range(48)})
    labels = LABELS.frame([{"problem": "tiny", "row_key": key, "target": 1.0} for key in "479"])
    labels.loc[2, "row_key"] = "99"

    _, _, unused, *_ = ingest(raw, labels, problem, IngestionParameters(), pd.DataFrame())

    assert unused[["row_key", "reason"]].values.tolist() == [["99", WAITS]]
    assert caplog.records == []


def test_two_values_for_one_row_in_one_delivery_are_counted_and_the_last_one_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = pd.DataFrame(
        {"timestamp": [HOURS[1], HOURS[2], HOURS[1], HOURS[2]], "cnt": ["1", "7", "2", "7"]}
    ).astype(str)

    labels, rejected = take_labels(given, tiny_problem(), LabelParameters())

    assert dict(zip(labels["row_key"].str[11:13], labels["target"], strict=True)) == {
        "01": 2.0,
        "02": 7.0,
    }
    assert rejected[["raw_row", "rejection_reason"]].values.tolist() == [[1, REPLACED]]
    assert "the first one is in row 1" in caplog.text


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("temp", "1e308", "temp is beyond 1e+38"),
        ("temp", "-1e39", "temp is beyond 1e+38"),
        ("cnt", "1e308", "cnt is beyond 1e+38"),
        ("zone", "a\0b", "zone holds the character 0"),
        ("day", "0204-03-02 00:00", "timestamp is not of the years 1678 to 2261"),
        ("day", "9999-12-31 00:00", "timestamp is not of the years 1678 to 2261"),
    ],
)
def test_a_raw_row_that_store_or_models_could_not_hold_is_set_aside(
    column: str, value: str, reason: str
) -> None:
    problem = tiny_problem(zone={"type": "category"})
    raw = pd.DataFrame({"day": HOURS.astype(str), "temp": "5", "zone": "a", "cnt": "10"})
    raw.loc[7, column] = value

    rows, rejected = enforce_contract(raw, problem, IngestionParameters(maximum_rejected_share=0.1))

    assert len(rows) == 47
    assert rejected["raw_row"].tolist() == [8]
    assert reason in rejected["rejection_reason"].item()
