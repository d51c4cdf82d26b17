"""References that move along with the windows, and what stands in for missing predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.drift.monitor import DriftMonitor, DriftReference
from regression_lifecycle.core.drift.parameters import DriftParameters

DAY = pd.Timedelta("1 day")
START = pd.Timestamp("2021-03-01")
COLUMNS: list[Any] = [
    ("temp", "numerical", "feature"),
    ("prediction", "numerical", "prediction"),
]


def monitor(served_from: pd.Timestamp, **reference: Any) -> DriftMonitor:
    """Twenty days of hours; predictions are there from a moment on."""
    moments = pd.Series(pd.date_range(START, periods=480, freq="h"))
    random = np.random.default_rng(0)
    served = (moments >= served_from).to_numpy()
    table = pd.DataFrame(
        {
            "temp": random.normal(size=480),
            "prediction": np.where(served, random.normal(5, 1, 480), np.nan),
        }
    )
    parameters = DriftParameters.model_validate(
        {
            "numerical": {"method": "wasserstein", "threshold": 0.3},
            "reference": {"kind": "training", "windows": 5, **reference},
            "minimum_rows": 20,
        }
    )
    return DriftMonitor(table, moments, COLUMNS, parameters)


def reference_of(found: DriftMonitor, day: int) -> DriftReference:
    start = START + day * DAY
    return found.reference_for(start, start + DAY, 24, None, START + 4 * DAY)


def test_a_reference_that_stays_is_counted_once_for_windows_of_any_length() -> None:
    found = monitor(served_from=START)
    start = START + 10 * DAY
    month, longer = (
        found.reference_for(start, start + days * DAY, 24 * days, None, START + 4 * DAY)
        for days in (1, 2)
    )

    assert month.profile.columns[0].found is longer.profile.columns[0].found
    assert month.thresholds["threshold"].tolist() != longer.thresholds["threshold"].tolist()


def test_predictions_are_compared_with_recent_ones_where_the_reference_has_none() -> None:
    found = monitor(served_from=START + 4 * DAY)
    alone = monitor(served_from=START + 4 * DAY, kind="last_windows", fallback=[])
    window = pd.DataFrame({"temp": np.zeros(24), "prediction": np.linspace(3, 7, 24)})

    verdict = reference_of(found, 10).verdict(window)

    # Four days of training, and the five windows before this one.
    assert verdict["n_reference"].tolist() == [96, 120]
    assert verdict["column"].tolist() == ["temp", "prediction"]
    recent = reference_of(alone, 10).verdict(window)
    pd.testing.assert_series_equal(verdict.iloc[1], recent.iloc[1])
    thresholds = reference_of(found, 10).thresholds.set_index("column")
    assert thresholds["n_blocks"].to_dict() == {"temp": 4, "prediction": 5}
    assert reference_of(found, 10).kind == "training"


def test_without_any_served_prediction_the_reason_stays() -> None:
    found = monitor(served_from=START + 11 * DAY)
    window = pd.DataFrame({"temp": np.zeros(24), "prediction": np.linspace(3, 7, 24)})

    verdict = reference_of(found, 10).verdict(window).set_index("column")

    assert verdict.at["prediction", "reason"].startswith("not computed: 0 values in reference")
    assert verdict.at["temp", "reason"] == ""


def test_a_reference_that_stays_is_read_and_calibrated_once() -> None:
    found = monitor(served_from=START)

    assert reference_of(found, 10) is reference_of(found, 11)


@pytest.mark.parametrize("n_rows", [0, 24])
def test_a_reference_without_rows_is_a_reference_all_the_same(n_rows: int) -> None:
    found = monitor(served_from=START)

    reference = found.reference_for(START, START + DAY, n_rows, None, None)

    assert (len(reference.rows), reference.kind) == (0, "")
    assert reference.verdict(pd.DataFrame({"temp": [1.0]}))["drifted"].isna().all()


def test_a_column_that_outlasts_its_reference_is_not_computed_in_words() -> None:
    found = monitor(served_from=START)
    found.table["temp"] = np.linspace(0, 1, 480)
    window = pd.DataFrame({"temp": np.zeros(24), "prediction": np.linspace(3, 7, 24)})

    reference = reference_of(found, 10)
    verdict = reference.verdict(window).set_index("column")

    assert verdict.at["temp", "reason"].startswith(
        "not computed: the column remembers longer than the reference lasts: of its 4 windows 1"
    )
    assert verdict.at["temp", "drifted"] is pd.NA
    assert np.isnan(verdict.at["temp", "score"])
    assert verdict.at["prediction", "drifted"] in (True, False)
    assert "remembers longer" in reference.profile.to_frame()["reason"].iloc[0]
