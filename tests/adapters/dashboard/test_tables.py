"""The page's view of the tables: which row counts, and how it is written."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.dashboard import formatting as words
from regression_lifecycle.adapters.dashboard.charts import window_axis
from regression_lifecycle.adapters.dashboard.drift import drift_data, drift_section
from regression_lifecycle.adapters.dashboard.policies import spread
from regression_lifecycle.adapters.dashboard.rules import (
    bias_bound,
    coverage_floor,
    error_limits,
    sparkline,
)
from regression_lifecycle.adapters.dashboard.windows import (
    alarm_spans,
    champion_changes,
    window_data,
    with_limits,
)
from regression_lifecycle.core.decisions.records import RuleFinding
from tests.adapters.dashboard.examples import BIAS_RULE, drift, full_tables, page_problem, windows


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (12345.6, "12,346"),
        (51.34, "51.3"),
        (-1.234, "\u22121.23"),
        (0.1267, "0.127"),
        (0.00012, "0.00012"),
        (0, "0"),
        (168.0, "168"),
        (np.nan, "\u2013"),
        (np.inf, "\u2013"),
        (None, "\u2013"),
        (pd.NA, "\u2013"),
    ],
)
def test_figures_are_short_and_a_missing_one_is_a_dash(value: object, written: str) -> None:
    assert words.figure(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.9, "90.0%"), (0.042, "+4.2%"), (-0.081, "\u22128.1%"), (-0.0001, "0.0%"), (None, "\u2013")],
)
def test_shares_are_percentages(value: float | None, written: str) -> None:
    assert (words.percent if value == 0.9 else words.signed)(value) == written


def test_moments_are_dates_where_they_can_be() -> None:
    assert words.moment("2012-08-07 00:00:00") == "2012-08-07"
    assert words.moment(pd.Timestamp("2012-08-07 12:00")) == "2012-08-07 12:00"
    assert words.moment("row 17") == "row 17"
    assert words.moment(None) == "\u2013"


def test_of_a_window_counts_the_newest_revision_by_the_version_that_served_it() -> None:
    first = windows(3)
    corrected = first.iloc[[1]].assign(revision=1, rmse=77.0)
    later = first.iloc[[1]].assign(model_version="10", rmse=88.0)
    shown = full_tables(window_history=pd.concat([later, first, corrected])).all_windows
    assert shown["rmse"].iloc[1] == 77.0
    assert shown["window"].is_unique


def test_versions_are_compared_as_numbers() -> None:
    rows = windows(1)
    both = pd.concat([rows.assign(model_version="10"), rows.assign(model_version="9")])
    shown = full_tables(window_history=both).all_windows
    assert shown["model_version"].tolist() == ["9"]


def test_a_change_of_champion_is_marked_where_it_first_served() -> None:
    changes = champion_changes(windows(12))
    assert list(changes.values()) == ["v1", "v2", "v3"]
    assert pd.to_datetime(list(changes)[1], unit="ms") == windows(12)["start"].iloc[5]


def test_a_small_p_value_is_drift() -> None:
    rows = drift(windows(3)).assign(method="ks", threshold=0.05, end=pd.Timestamp("2011-03-01"))
    rows["score"] = [0.5, 0.04, 0.001, 0.0, 0.05, np.nan]
    steps = drift_data(rows)["step"].tolist()
    assert steps == [
        "below ¼ of the threshold", "1 to 2", "4 and more", "4 and more", "1 to 2", "not computed",
    ]  # fmt: skip


def test_the_limits_that_are_drawn_are_those_of_the_rules() -> None:
    of = full_tables().windows
    performance = replace(
        BIAS_RULE,
        kind="performance",
        threshold=0.8,
        figures={"metric": "rmse", "relative_to": "baseline"},
    )
    by_size = replace(performance, figures={"metric": "rmse", "relative_to": "target_mean"})
    first = replace(performance, figures={"metric": "rmse", "relative_to": "first_windows"})

    drawn = error_limits(of, [BIAS_RULE, performance], "rmse")
    pd.testing.assert_series_equal(drawn, 0.8 * of["baseline_rmse"], check_names=False)
    mean = of["sum_absolute_target"] / of["sum_weight"]
    drawn = error_limits(of, [by_size], "rmse")
    pd.testing.assert_series_equal(drawn, 0.8 * mean, check_names=False)
    for rules in ([first], [BIAS_RULE], [replace(performance, threshold=None)], []):
        assert error_limits(of, rules, "rmse").isna().all()
    assert error_limits(of, [performance], "pinball").isna().all()

    # Of biases that are added up, what is forgiven a window; of others the limit.
    summed = replace(BIAS_RULE, figures={**BIAS_RULE.figures, "allowance": 0.05})
    assert bias_bound([performance, summed]) == (summed, 0.05)
    assert bias_bound([BIAS_RULE]) == (BIAS_RULE, 0.1)
    assert bias_bound([performance]) is None
    coverage = replace(BIAS_RULE, kind="coverage", threshold=0.25)
    assert coverage_floor([coverage]) == 0.75
    assert coverage_floor([BIAS_RULE]) is None


def test_neighbouring_alarms_of_the_same_rules_are_one_span() -> None:
    of = windows(7).assign(alarms=["", "bias", "bias", "bias,age", "", "bias", ""])

    spans = alarm_spans(of)

    names = of["window"]
    assert spans[["rules", "first", "last", "n"]].values.tolist() == [
        ["bias", names[1], names[2], 2],
        ["bias, age", names[3], names[3], 1],
        ["bias", names[5], names[5], 1],
    ]
    assert pd.to_datetime(spans["end"], unit="ms").tolist() == of["end"][[2, 3, 5]].tolist()
    assert alarm_spans(of.assign(alarms="")).empty


def test_ticks_stand_at_starts_of_windows_and_say_the_year_once() -> None:
    starts = pd.Series(pd.date_range("2010-12-04", periods=60, freq="7D"))

    axis = window_axis(starts, page_problem())

    moments = pd.to_datetime(list(axis.starts), unit="ms")
    assert set(moments) <= set(starts)
    assert moments[-1] == starts.iloc[-1]
    assert len(moments) == 12
    assert len(set(moments[1:] - moments[:-1])) == 1
    years = [label for label in axis.labels if label[-4:].isdigit()]
    assert years == ["1 Jan 2011", "21 Jan 2012"]
    six_hours = pd.Series(pd.date_range("2011-01-01", periods=3, freq="6h"))
    hourly = window_axis(six_hours, page_problem())
    assert hourly.labels == ("1 Jan 2011", "1 Jan 06:00", "1 Jan 12:00")
    assert window_axis(starts[:0], page_problem()).starts == ()


def test_names_are_moved_apart_and_stay_in_the_chart() -> None:
    assert spread([10.0, 100.0], 14, 260) == [10.0, 100.0]
    assert spread([50.0, 50.0, 49.0], 14, 260) == [63.0, 77.0, 49.0]
    assert spread([255.0, 258.0], 14, 260) == [246.0, 260.0]
    crowded = spread([130.0] * 8, 14, 260)
    assert sorted(crowded) == crowded
    assert min(b - a for a, b in itertools.pairwise(crowded)) >= 14


def test_a_small_line_breaks_where_another_version_begins() -> None:
    def found(value: float | None) -> RuleFinding:
        return replace(BIAS_RULE, value=value)

    history = [("1", found(0.02)), ("1", found(-0.2)), ("2", found(0.0)), ("2", found(None))]

    line = sparkline([*history, ("2", found(0.1))])

    assert [len(part.split()) for part in line["values"]] == [2, 1, 1]
    assert [len(part.split()) for part in line["limits"]] == [2, 3]
    # A bias that is too low counts like one that is too high, and the limit lies halfway up.
    heights = [float(point.split(",")[1]) for point in line["values"][0].split()]
    limit = float(line["limits"][0].split()[0].split(",")[1])
    assert heights[1] < limit < heights[0]
    assert float(line["end"][1]) == limit
    assert sparkline(history[3:]) == {}


def test_no_input_is_changed() -> None:
    given = full_tables()
    frames = (given.monitoring.windows, given.monitoring.drift)
    before = [frame.copy() for frame in frames]
    window_data(with_limits(given))
    drift_section(given)
    for frame, kept in zip(frames, before, strict=True):
        pd.testing.assert_frame_equal(frame, kept)
