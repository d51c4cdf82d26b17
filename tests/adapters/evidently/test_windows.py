"""The snapshot of a window: Evidently's own figures, cheap, the same each time, come what may."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently import (
    ColumnRoles,
    about_line,
    dump_snapshot,
    load_snapshot,
    metric_values,
    safe_html,
    summary,
    window_snapshot,
)
from regression_lifecycle.adapters.evidently.library import quiet
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import compare_tables
from tests.drift_reports import ROLES, draw_window, headline, table

pytestmark = pytest.mark.slow

PARAMETERS = DriftParameters(
    numerical={"method": "wasserstein", "threshold": 0.3},
    per_column={"hum": {"method": "wasserstein", "threshold": 0.9}},
)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return table(400, seed=1)


@pytest.fixture(scope="module")
def current() -> pd.DataFrame:
    frame = table(150, seed=2, shift=1.0)
    frame.loc[:4, "temp"] = np.nan
    return frame


@pytest.fixture(scope="module")
def full(current: pd.DataFrame, reference: pd.DataFrame) -> Any:
    return draw_window(current, reference, ROLES, PARAMETERS, detail="full")


@quiet()
def evidently_values(current: pd.DataFrame, reference: pd.DataFrame, like: Any) -> dict[str, Any]:
    """What Evidently computes for the metrics of a snapshot, by metric."""
    from evidently import DataDefinition, Dataset, Regression, Report
    from evidently._pydantic_compat import parse_obj_as
    from evidently.core.metric_types import Metric

    configs = [metric["config"] for metric in like.dict()["metrics"]]
    # The number of drifted columns is told nothing of methods and thresholds; see below.
    configs = [config for config in configs if "DriftedColumnsCount" not in config["type"]]
    definition = DataDefinition(
        numerical_columns=["temp", "hum", "cnt", "prediction"],
        categorical_columns=["sky"],
        regression=[Regression(target="cnt", prediction="prediction")],
    )
    sides = [
        Dataset.from_pandas(frame.drop(columns="at"), data_definition=definition)
        for frame in (current, reference)
    ]
    run = Report([parse_obj_as(Metric, config) for config in configs]).run(*sides)
    return {name: value for name, value in metric_values(run).items() if "Drifted" not in name}


def test_the_figures_are_those_of_evidentlys_own_metrics(
    current: pd.DataFrame, reference: pd.DataFrame
) -> None:
    snapshot = draw_window(current, reference, ROLES, PARAMETERS)

    found = metric_values(snapshot)
    count = {name: found.pop(name) for name in list(found) if "Drifted" in name}
    assert found == pytest.approx(evidently_values(current, reference, snapshot), rel=1e-9)
    verdict = compare_tables(reference, current, ROLES.columns(), PARAMETERS)
    assert count["DriftedColumnsCount.count"] == verdict["drifted"].sum()
    assert count["DriftedColumnsCount.share"] == verdict["drifted"].mean()
    assert {"RMSE", "MAE.mean", "MeanError.mean", "R2Score", "RowCount"} < set(found)
    assert found["MissingValueCount.temp.count"] == 5
    thresholds = {row["column"]: row["threshold"] for row in summary(snapshot)["drift"]}
    assert thresholds["hum"] == 0.9
    assert thresholds["temp"] == 0.3


def test_the_full_level_adds_plots_and_changes_no_figure(
    current: pd.DataFrame, reference: pd.DataFrame, full: Any
) -> None:
    figures = draw_window(current, reference, ROLES, PARAMETERS)

    assert summary(full) == summary(figures)
    assert "Predicted vs Actual in Time" in safe_html(full, "x.js")
    assert "Drift in column 'temp'" in safe_html(full, "x.js")
    assert "plotly" not in figures.dumps()
    assert len(dump_snapshot(figures)) < 5_000
    assert len(dump_snapshot(full)) < 40_000


def test_the_reader_sees_figures_first_and_drifted_columns_before_others(full: Any) -> None:
    columns = full.to_snapshot_model().widgets[2]

    shown = headline(full)
    assert shown["Rows"] == "150"
    assert shown["RMSE"] == f"{metric_values(full)['RMSE']:.4g}"
    assert shown["Drifted columns"] == "1 of 5"
    assert set(shown) == {"Rows", "RMSE", "MAE", "Mean error", "Bias", "Drifted columns"}
    assert columns.params["data"][0][:3] == ["temp", "drift", "wasserstein"]
    assert [row[1] for row in columns.params["data"][1:]] == ["no drift"] * 4


CODE = """
import hashlib, sys
sys.path.insert(0, {root!r})
from tests.adapters.evidently.test_windows import PARAMETERS, ROLES, table
from regression_lifecycle.adapters.evidently import dump_snapshot
from tests.drift_reports import ROLES, draw_window, table
made = draw_window(table(150, 2, 1.0), table(400, 1), ROLES, PARAMETERS, detail="full")
print(hashlib.sha256(dump_snapshot(made)).hexdigest())
"""


def test_the_same_window_is_stored_in_the_same_bytes_by_every_process() -> None:
    here = draw_window(table(150, 2, 1.0), table(400, 1), ROLES, PARAMETERS, detail="full")

    done = subprocess.run(
        [sys.executable, "-c", CODE.format(root=str(Path(__file__).parents[3]))],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )

    assert done.stdout.strip() == hashlib.sha256(dump_snapshot(here)).hexdigest()


def test_a_snapshot_that_was_stored_is_stored_in_the_same_bytes_again(full: Any) -> None:
    stored = dump_snapshot(full)

    assert dump_snapshot(load_snapshot(stored)) == stored


def test_facts_name_and_moment_are_kept(current: pd.DataFrame) -> None:
    given = draw_window(
        current,
        None,
        ROLES,
        PARAMETERS,
        name="2011-01-29 v3",
        timestamp=datetime(2011, 2, 5),
        metadata={"window": "2011-01-29", "page": "yes"},
        tags=["alarm"],
    )
    untold = draw_window(current, None, ROLES, PARAMETERS)

    facts = summary(given)
    assert (facts["name"], facts["timestamp"]) == ("2011-01-29 v3", "2011-02-05T00:00:00")
    assert facts["metadata"] == {"window": "2011-01-29", "page": "yes"}
    assert given.to_snapshot_model().tags == ["alarm"]
    assert summary(untold)["timestamp"] == current["at"].max().isoformat()


def test_what_cannot_be_computed_is_said(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    def notes(frame: pd.DataFrame, before: pd.DataFrame | None, roles: Any = ROLES) -> list[str]:
        made = draw_window(frame, before, roles, PARAMETERS, detail="full")
        json.dumps(summary(made), allow_nan=False)
        return list(summary(made)["notes"])

    pending = current.assign(cnt=np.nan)
    some = current.assign(cnt=current["cnt"].where(current.index >= 50))
    blind = ColumnRoles(numerical=("temp", "hum"))
    assert notes(current.iloc[:0], reference) == ["no rows in this window"]
    assert notes(current, reference.iloc[:0]) == ["no reference: drift is not computed"]
    assert notes(current, None)[-1] == "no reference: drift is not computed"
    assert "no labels yet: errors are not computed" in notes(pending, reference)
    assert "no predictions: errors are not computed" in notes(
        current.assign(prediction=np.nan), reference
    )
    assert (
        "50 of 150 rows have no target or no prediction: the errors are those of the others"
        in notes(some, reference)
    )
    assert "temp: not computed: no such column in current" in notes(
        current.drop(columns="temp"), reference
    )
    assert notes(current, reference, blind) == [
        "no target or no prediction is declared: errors are not computed"
    ]
    few = notes(current.iloc[:10], reference)
    assert "hum: not computed: 10 values in current, minimum_rows is 30" in few


def test_pending_labels_leave_the_drift_of_the_rest(
    current: pd.DataFrame, reference: pd.DataFrame
) -> None:
    values = metric_values(draw_window(current.assign(cnt=np.nan), reference, ROLES, PARAMETERS))

    assert "RMSE" not in values
    assert {"ValueDrift.temp", "ValueDrift.prediction"} < set(values)
    assert "ValueDrift.cnt" not in values


@pytest.mark.parametrize(
    "change",
    [
        {"cnt": 0.0},
        {"cnt": 7.0, "prediction": 9.0},
        {"temp": 1.0, "sky": None},
        {"temp": "warm"},
        {"cnt": 0.5, "prediction": np.nextafter(9.1, np.arange(150) % 2 * 10)},
    ],
    ids=["zero targets", "constant errors", "constant and blank", "text", "no bins"],
)
def test_an_odd_window_still_gives_its_figures(
    current: pd.DataFrame, reference: pd.DataFrame, change: dict[str, Any]
) -> None:
    odd = current.assign(**change)

    snapshot = draw_window(odd, reference, ROLES, PARAMETERS, detail="full")

    error = odd["prediction"] - odd["cnt"]
    assert metric_values(snapshot)["RMSE"] == pytest.approx(float((error**2).mean() ** 0.5))
    if "cnt" in change:
        assert "R2Score" not in metric_values(snapshot)
    assert load_snapshot(dump_snapshot(snapshot)).dict() == snapshot.dict()


def test_one_row_is_a_window(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    snapshot = draw_window(current.iloc[7:8], reference, ROLES, PARAMETERS)

    error = current["prediction"][7] - current["cnt"][7]
    assert metric_values(snapshot)["MeanError.mean"] == pytest.approx(error)
    assert "NaN" not in snapshot.dumps()


def test_errors_are_over_all_rows_where_drift_looks_at_a_sample(
    current: pd.DataFrame, reference: pd.DataFrame
) -> None:
    small = PARAMETERS.model_copy(update={"maximum_rows": 60})

    snapshot = draw_window(current, reference, ROLES, small, detail="full")

    error = current["prediction"] - current["cnt"]
    assert metric_values(snapshot)["MeanError.mean"] == pytest.approx(error.mean())
    assert metric_values(snapshot)["RowCount"] == 150
    said = "60 of 150 rows in current are looked at: a random sample, seed 0"
    assert said in summary(snapshot)["notes"]


def test_the_page_shows_the_verdict_it_was_given(
    current: pd.DataFrame, reference: pd.DataFrame
) -> None:
    verdict = compare_tables(reference, current, ROLES.columns(), PARAMETERS)
    verdict.loc[verdict["column"] == "hum", ["score", "drifted"]] = [7.5, True]

    snapshot = window_snapshot(current, reference, ROLES, verdict, PARAMETERS, detail="full")

    shown = {row["column"]: row for row in summary(snapshot)["drift"]}
    assert shown["hum"]["score"] == metric_values(snapshot)["ValueDrift.hum"] == 7.5
    assert metric_values(snapshot)["DriftedColumnsCount.count"] == verdict["drifted"].sum()
    assert "Drift detection method: wasserstein. Drift score: 7.5" in safe_html(snapshot, "x.js")


@pytest.mark.parametrize("detail", ["figures", "full"])
def test_the_first_line_says_what_the_report_is_about(
    current: pd.DataFrame, reference: pd.DataFrame, detail: Any
) -> None:
    said = about_line("bikes", "model version 3", "window w7", 1500, "training, 400 rows", "bias")
    assert said == (
        "problem bikes; model version 3; window w7; 1,500 rows; reference: training, 400 rows; "
        "alarms: bias"
    )
    assert about_line("bikes", "no model", "all", 9).endswith(
        "9 rows; reference: none; no rule looks at it"
    )
    verdict = compare_tables(reference, current, ROLES.columns(), PARAMETERS)

    snapshot = window_snapshot(
        current, reference, ROLES, verdict, PARAMETERS, detail=detail, metadata={"about": said}
    )

    assert summary(snapshot)["metadata"]["about"] == said
    first = snapshot.to_snapshot_model().widgets[0].dict()
    assert said in json.dumps(first["params"])


def test_a_column_that_the_reference_lacks_is_judged_and_not_drawn(
    current: pd.DataFrame, reference: pd.DataFrame
) -> None:
    # As a prediction that was compared with the one of other rows.
    verdict = compare_tables(reference, current, ROLES.columns(), PARAMETERS)
    blank = reference.assign(prediction=np.nan)

    snapshot = window_snapshot(current, blank, ROLES, verdict, PARAMETERS, detail="full")

    assert "ValueDrift.prediction" in metric_values(snapshot)
    (note,) = [note for note in summary(snapshot)["notes"] if "not drawn" in note]
    assert note.startswith("prediction: not drawn: the reference has no value of it")
