from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.evaluation.window_metrics import (
    data_quality,
    measure_rows,
    measure_segments,
    segment_extremes,
)
from regression_lifecycle.core.metrics import WINDOW_METRICS, compute_metrics


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "cnt": [10.0, 20.0, 30.0, 40.0, math.nan],
            "prediction": [12.0, 18.0, 30.0, 60.0, 99.0],
            "raw_prediction": [6.0, 9.0, 15.0, 30.0, 50.0],
            "lower": [9.0, 19.0, 25.0, math.nan, 0.0],
            "upper": [15.0, 21.0, 35.0, math.nan, 200.0],
            "baseline": [10.0, 10.0, math.nan, 40.0, 7.0],
            "hour": [0, 8, 8, 8, 8],
            "sky": ["clear", "rain", None, "rain", "rain"],
        }
    )


def test_figures_are_those_of_the_labelled_rows(rows, problem):
    figures = measure_rows(rows, problem)

    expected = compute_metrics(rows["cnt"][:4], rows["prediction"][:4])
    assert {name: figures[name] for name in WINDOW_METRICS if name in expected} == {
        name: expected[name] for name in WINDOW_METRICS if name in expected
    }
    assert figures["sum_target"] == 100
    assert figures["sum_prediction"] == 120
    assert figures["sum_raw_prediction"] == 60
    assert figures["baseline_rmse"] == pytest.approx(math.sqrt(100 / 3))
    assert figures["baseline_mae"] == pytest.approx(10 / 3)


def test_coverage_is_the_share_inside_of_the_rows_with_an_interval(rows, problem):
    figures = measure_rows(rows, problem)

    assert figures["coverage"] == 1.0
    assert figures["interval_width"] == pytest.approx(18 / 3)
    outside = measure_rows(rows.assign(upper=[9.5, 21.0, 35.0, math.nan, 200.0]), problem)
    assert outside["coverage"] == pytest.approx(2 / 3)
    bare = measure_rows(rows.assign(lower=math.nan), problem)
    assert math.isnan(bare["coverage"])


def test_a_window_without_labels_has_no_figures(rows, problem):
    figures = measure_rows(rows.assign(cnt=math.nan), problem)

    sums = {name for name in figures if name.startswith("sum_")}
    assert all(math.isnan(figures[name]) for name in figures if name not in sums)
    assert {figures[name] for name in sums} == {0.0}


def test_segments_are_judged_by_value(rows, problem):
    table = measure_segments(rows, problem, ["hour", "sky"])

    assert table[["segment", "value", "n"]].values.tolist() == [
        ["hour", "0", 1],
        ["hour", "8", 3],
        ["sky", "clear", 1],
        ["sky", "missing", 1],
        ["sky", "rain", 2],
    ]
    eight = table.iloc[1]
    assert eight["rmse"] == pytest.approx(math.sqrt((4 + 0 + 400) / 3))
    assert eight["bias"] == pytest.approx(108 / 90 - 1)
    assert measure_segments(rows, problem, []).empty


def test_truths_are_told_as_the_table_writes_them_or_as_yes_and_no(rows, make_problem):
    spelt = {"type": "boolean", "true_values": ["offen"], "false_values": ["zu"]}
    columns = {"open": {"type": "boolean"}, "fair": spelt}
    problem = make_problem()
    problem = make_problem(columns={**problem.model_dump()["columns"], **columns})
    whole = pd.array([1, 0, None, 1, 1], dtype="Int64")
    truths = rows.assign(open=whole, fair=[1.0, 0.0, 1.0, 0.0, 1.0])

    table = measure_segments(truths, problem, ["open", "fair"])

    assert table[["segment", "value"]].values.tolist() == [
        ["open", "missing"], ["open", "no"], ["open", "yes"], ["fair", "offen"], ["fair", "zu"],
    ]  # fmt: skip


def test_the_worst_segment_needs_enough_rows(rows, problem):
    table = measure_segments(rows, problem, ["hour", "sky"])

    found = segment_extremes(table, 2)
    assert found["worst_segment"] == "sky=rain"
    assert found["worst_segment_error"] == pytest.approx(math.sqrt(404 / 2))
    assert found["most_biased_segment"] == "sky=rain"
    assert found["most_biased_segment_bias"] == pytest.approx(0.3)
    none = segment_extremes(table, 9)
    assert none["worst_segment"] is None
    assert math.isnan(none["most_biased_segment_bias"])
    assert segment_extremes(measure_segments(rows, problem, []), 1)["worst_segment"] is None


def test_the_most_biased_segment_may_be_too_low():
    table = pd.DataFrame(
        {
            "segment": "hour",
            "value": ["1", "2"],
            "n": 10,
            "rmse": [np.nan, 3.0],
            "bias": [-0.6, 0.5],
        }
    )

    found = segment_extremes(table, 1)

    assert (found["most_biased_segment"], found["most_biased_segment_bias"]) == ("hour=1", -0.6)
    assert found["worst_segment"] == "hour=2"


def test_quality_counts_what_is_blank_lost_and_rejected(rows):
    found = data_quality(rows, ["sky", "hour", "elsewhere"], 10, 2)

    assert found == {"n_missing_rows": 3, "n_rejected": 2, "missing_share": 0.1}
    assert data_quality(rows, ["sky"], None, 0)["n_missing_rows"] is None
    # A repeated hour is no row too few.
    assert data_quality(rows, ["sky"], 4, 0)["n_missing_rows"] == 0
    empty = data_quality(rows.iloc[:0], ["sky"], 10, 0)
    assert empty["n_missing_rows"] == 10
    assert math.isnan(empty["missing_share"])


def test_a_quantile_has_a_loss_and_a_coverage_and_no_bias(make_problem):
    rows = pd.DataFrame(
        {
            "cnt": [1.0, 2.0, 3.0, 4.0],
            "prediction": [4.0] * 4,
            "raw_prediction": [4.0] * 4,
            "lower": math.nan,
            "upper": math.nan,
            "baseline": [5.0] * 4,
            "hour": [0, 0, 1, 1],
        }
    )

    figures = measure_rows(rows, make_problem(quantile=0.9))
    segments = measure_segments(rows, make_problem(quantile=0.9), ["hour"])

    assert figures["pinball"] == pytest.approx(0.1 * 1.5)
    assert figures["baseline_pinball"] == pytest.approx(0.1 * 2.5)
    assert figures["quantile_coverage"] == 1
    assert math.isnan(figures["bias"])
    assert math.isnan(figures["sum_raw_prediction"])
    assert segments["bias"].isna().all()


def test_a_weight_counts_in_errors_and_sums_and_not_in_coverage(rows, make_problem):
    weighted = make_problem(weight_column="load")
    weight = pd.Series([2, 0, 1, 3, 1])
    table = rows.assign(load=weight)
    repeated = rows.loc[np.repeat(rows.index, weight)]

    figures = measure_rows(table, weighted)
    expected = measure_rows(repeated, make_problem())

    # A row that counts twice is still one draw of chance.
    rowwise = {"coverage", "interval_width"}
    assert figures["bias_standard_error"] > expected["bias_standard_error"]
    for name in figures.keys() - rowwise - {"bias_standard_error"}:
        assert figures[name] == pytest.approx(expected[name], nan_ok=True), name
    assert figures["sum_weight"] == 6
    plain = measure_rows(rows, make_problem())
    assert {name: figures[name] for name in rowwise} == {name: plain[name] for name in rowwise}

    found = measure_segments(table, weighted, ["hour"]).drop(columns="n")
    pd.testing.assert_frame_equal(
        found, measure_segments(repeated, make_problem(), ["hour"]).drop(columns="n")
    )


def test_the_worst_segment_of_a_quantile_has_the_largest_loss(make_problem):
    rows = pd.DataFrame({"cnt": [10.0, 10.0], "prediction": [16.0, 8.0], "hour": [0, 1]})
    asked = make_problem(quantile=0.9)

    table = measure_segments(rows, asked, ["hour"])

    assert table["pinball"].tolist() == pytest.approx([0.6, 1.8])
    found = segment_extremes(table, 1, asked.error_metric)
    assert (found["worst_segment"], found["worst_segment_error"]) == ("hour=1", pytest.approx(1.8))
    assert segment_extremes(table, 1)["worst_segment"] == "hour=0"


def test_segments_of_several_windows_are_those_of_each(problem):
    rows = pd.DataFrame(
        {
            "window": ["a", "a", "b", "b"],
            "hour": [1, 2, 1, 1],
            "cnt": [10.0, 20.0, 30.0, 40.0],
            "prediction": [11.0, 20.0, 33.0, 38.0],
        }
    )

    together = measure_segments(rows, problem, ["hour"], ["window"])

    for window, part in rows.groupby("window"):
        mine = together[together["window"] == window].drop(columns="window")
        alone = measure_segments(part, problem, ["hour"])
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), alone)
