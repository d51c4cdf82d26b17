"""The page's view of the tables: which row counts, and how it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.dashboard import formatting as words
from regression_lifecycle.adapters.dashboard.drift import drift_data, drift_section
from regression_lifecycle.adapters.dashboard.windows import (
    bias_limit,
    champion_changes,
    window_data,
)
from regression_lifecycle.core.decisions.records import RuleFinding
from tests.adapters.dashboard.examples import BIAS_RULE, drift, full_tables, windows
from tests.core.decisions.test_records import POLICY


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


def test_a_limit_of_something_else_is_none_for_the_bias_of_a_window() -> None:
    def limit(**changes: Any) -> RuleFinding | None:
        rule = replace(BIAS_RULE, **changes)
        return bias_limit(replace(POLICY, rules=(rule,)))

    found = limit()
    assert found is not None
    assert found.threshold == 0.1
    assert limit(verdict="not computed", value=None) is not None
    # As that of biases that are summed up.
    assert limit(bounded_column="") is None
    assert limit(bounded_column="drifted_share") is None
    assert limit(threshold=None) is None
    assert bias_limit(None) is None


def test_no_input_is_changed() -> None:
    given = full_tables()
    frames = (given.monitoring.windows, given.monitoring.drift)
    before = [frame.copy() for frame in frames]
    window_data(given.windows)
    drift_section(given)
    for frame, kept in zip(frames, before, strict=True):
        pd.testing.assert_frame_equal(frame, kept)
