"""The monitoring's drift nodes: one verdict per window, in the table and on the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently import summary
from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.tables import DRIFT_HISTORY
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.monitoring.parameters import ReportParameters
from regression_lifecycle.pipelines.monitoring import drift
from tests.examples import tiny_problem

PROBLEM = tiny_problem()
PARAMETERS = DriftParameters.model_validate(
    {
        "columns": ["temp"],
        "numerical": {"method": "wasserstein", "threshold": 0.8},
        "reference": {"kind": "last_windows", "windows": 5},
        # More than there are: the configured threshold stays.
        "calibration": {"minimum_blocks": 50},
        "minimum_rows": 20,
    }
)
FIRST = pd.Timestamp("2021-03-01")


@pytest.fixture
def checked() -> Any:
    """Ten days of hours, the last two of which are planned windows; the last one is warmer."""
    moments = pd.date_range(FIRST, periods=240, freq="h")
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "timestamp": moments,
            "day": moments,
            "temp": random.normal(size=240) + 5 * (moments >= FIRST + pd.Timedelta("9 days")),
            "cnt": random.normal(size=240),
            "window_index": np.arange(240) // 24,
        }
    )
    rows["row_key"] = row_keys(rows, PROBLEM)
    said = pd.DataFrame(
        {
            "row_key": rows["row_key"],
            "prediction": random.normal(size=240),
            "window": moments.strftime("%Y-%m-%d"),
            "window_index": rows["window_index"],
            "model_version": "1",
        }
    )
    starts = [FIRST + pd.Timedelta(days=day) for day in (8, 9)]
    plan = pd.DataFrame(
        {
            "window": [f"{start:%Y-%m-%d}" for start in starts],
            "model_version": "1",
            "window_index": [8, 9],
            "start": starts,
            "end": [start + pd.Timedelta("1 day") for start in starts],
            "n": 24,
            "status": "complete",
            "known_from": FIRST,
        }
    )
    served = said[said["window_index"] >= 8]
    joined = drift.join_predictions(rows, served, said, PROBLEM, PARAMETERS)
    references, profile, thresholds = drift.find_references(plan, joined, None, PROBLEM, PARAMETERS)
    history, comparisons = drift.check_drift(plan, joined, served, references, PROBLEM)
    return plan, history, comparisons, profile, thresholds


def test_every_planned_window_has_a_row_per_column(checked: Any) -> None:
    _, history, _, profile, thresholds = checked

    assert list(history.columns) == list(DRIFT_HISTORY.columns)
    drifted = history.pivot(index="window", columns="column", values="drifted")
    assert drifted.loc["2021-03-09"].tolist() == [False] * 3
    assert drifted.loc["2021-03-10"].to_dict() == {"cnt": False, "prediction": False, "temp": True}
    assert set(profile["column"]) == {"temp", "cnt", "prediction"}
    assert thresholds["window"].unique().tolist() == ["2021-03-10"]
    assert thresholds["reference"].unique().tolist() == ["last_windows"]


@pytest.mark.parametrize(
    ("pages", "drawn"),
    [("none", ["no", "no"]), ("alarmed", ["no", "yes"]), ("all", ["yes", "yes"])],
)
def test_a_report_shows_what_is_in_the_table(checked: Any, pages: Any, drawn: list[str]) -> None:
    plan, history, comparisons, _, _ = checked
    alarms = plan[["window", "model_version"]].assign(alarms=["", "drift"], revision=0)
    parameters = ReportParameters(pages=pages)

    made, again, names = drift.draw_reports(plan, comparisons, alarms, PROBLEM, parameters)

    assert names == list(again) == ["2021-03-09_v1", "2021-03-10_v1"]
    facts = [summary(made[name]()) for name in names]
    assert [fact["metadata"]["page"] for fact in facts] == drawn
    shown = {row["column"]: row for row in facts[1]["drift"]}
    for row in history[history["window"] == "2021-03-10"].to_dict("records"):
        assert shown[row["column"]]["score"] == row["score"]
        assert shown[row["column"]]["drifted"] == row["drifted"]


def test_the_column_that_is_given_stands_in_the_rows_and_in_the_name_of_the_method(
    checked: Any,
) -> None:
    plan, _, _, _, _ = checked
    moments = pd.date_range(FIRST, periods=240, freq="h")
    rows = pd.DataFrame({"timestamp": moments, "day": moments, "temp": 1.0, "cnt": 1.0})
    rows = rows.assign(hr=moments.hour // 12, row_key=row_keys(rows, PROBLEM))
    said = rows[["row_key"]].assign(
        prediction=1.0,
        window=moments.strftime("%Y-%m-%d"),
        window_index=np.arange(240) // 24,
        model_version="1",
    )
    given = PARAMETERS.model_copy(update={"given": "hr"})

    joined = drift.join_predictions(rows, said, said, PROBLEM, given)
    references, _, _ = drift.find_references(plan, joined, None, PROBLEM, given)
    history, comparisons = drift.check_drift(plan, joined, said, references, PROBLEM)

    assert set(history["method"]) == {"wasserstein given hr"}
    assert not history["drifted"].any()
    alarms = plan[["window", "model_version"]].assign(alarms="drift", revision=0)
    made, _, names = drift.draw_reports(plan, comparisons, alarms, PROBLEM, ReportParameters())
    shown = summary(made[names[0]]())
    assert {row["method"] for row in shown["drift"]} == {"wasserstein given hr"}


def test_without_a_planned_window_there_is_nothing(checked: Any) -> None:
    plan, _, _, _, _ = checked
    rows = pd.DataFrame({"timestamp": [FIRST], "temp": [1.0], "cnt": [1.0], "prediction": [1.0]})

    references, profile, thresholds = drift.find_references(
        plan.iloc[:0], rows, None, PROBLEM, PARAMETERS
    )

    assert references == {}
    # Tables of no columns, which replace nothing that is stored.
    assert (profile.shape, thresholds.shape) == ((0, 0), (0, 0))


def test_a_window_without_a_reference_replaces_what_the_one_before_was_compared_with(
    checked: Any,
) -> None:
    plan, _, _, _, _ = checked
    rows = pd.DataFrame({"timestamp": [FIRST], "temp": [1.0], "cnt": [1.0], "prediction": [1.0]})
    first = plan.iloc[:1].assign(start=FIRST, end=FIRST + pd.Timedelta("1 day"))

    references, profile, thresholds = drift.find_references(first, rows, None, PROBLEM, PARAMETERS)

    assert [reference.kind for reference in references.values()] == [""]
    assert len(profile.columns) > 0
    assert (len(thresholds), len(thresholds.columns) > 0) == (0, True)
