from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.evaluation.holdout import (
    overall_metrics,
    present_models,
    segment_metrics,
    window_metrics,
    worst_rows,
)
from regression_lifecycle.core.metrics import METRICS, compute_metrics
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows

OF_THE_MIDDLE = [name for name, metric in METRICS.items() if metric.asks != "quantile"]


@pytest.fixture
def at_problem(make_problem):
    """The tiny problem with the names of the table below."""
    return make_problem(
        target="y",
        timestamp={"name": "at", "date": "day"},
        forbidden_columns={},
        columns={"day": {"type": "date"}, "y": {"type": "float"}},
    )


def by_window(predictions, problem, **cut):
    parameters = WindowParameters.model_validate(cut)
    windows = list_windows(predictions, problem, parameters)
    return window_metrics(predictions, windows, problem, parameters)


@pytest.fixture
def predictions():
    """Ten days of hours; the candidate is off by one, the baseline by ten."""
    at = pd.date_range("2021-03-01", periods=240, freq="h")
    target = 100 + np.arange(240) % 24
    return pd.DataFrame(
        {
            "at": at,
            "hour": at.hour,
            "sky": np.where(at.hour < 12, "clear", "rain"),
            "y": target,
            "baseline": target - 10.0,
            "candidate": target + 1.0,
        }
    )


def test_models_come_in_one_order_and_only_those_that_predicted(predictions):
    assert present_models(predictions) == ["candidate", "baseline"]
    assert present_models(predictions.assign(champion=1.0)) == ["candidate", "champion", "baseline"]


def test_every_model_is_judged_on_all_rows(predictions, at_problem):
    found = overall_metrics(predictions, at_problem)
    assert found["candidate"]["mae"] == 1
    assert found["baseline"]["mae"] == 10
    assert found["candidate"]["n"] == 240


def test_a_segment_holds_the_rows_of_its_value_alone(predictions, at_problem):
    off = predictions["candidate"].where(predictions["hour"] != 7, predictions["y"] + 5.0)
    found = segment_metrics(predictions.assign(candidate=off), at_problem, ["hour", "sky"])
    hours = found[(found["segment"] == "hour") & (found["model"] == "candidate")]
    assert hours["value"].tolist() == [str(hour) for hour in range(24)]  # 2 before 10
    assert hours["n"].tolist() == [10] * 24
    assert hours["mae"].tolist() == [5.0 if hour == 7 else 1.0 for hour in range(24)]
    sky = found[(found["segment"] == "sky") & (found["model"] == "baseline")]
    assert sky["value"].tolist() == ["clear", "rain"]
    assert sky["mae"].tolist() == [10, 10]


@pytest.mark.parametrize("column", ["hour", "sky"])
def test_blanks_are_a_segment_of_their_own_and_the_last(predictions, column, at_problem):
    blank = predictions[column].where(predictions.index % 5 != 0)
    found = segment_metrics(predictions.assign(**{column: blank}), at_problem, [column])
    found = found[found["model"] == "candidate"]
    assert found["value"].tolist()[-1] == "missing"
    assert found["value"].tolist().count("missing") == 1
    assert found["n"].tolist()[-1] == 48
    assert found["n"].sum() == 240


def test_large_numbers_are_not_lumped_together(predictions, at_problem):
    shop = 1_234_567 + predictions.index % 2
    for values in (shop, shop.astype("float64")):
        found = segment_metrics(predictions.assign(shop=values), at_problem, ["shop"])
        assert found["value"].unique().tolist() == ["1234567", "1234568"]
        assert found["n"].tolist() == [120] * 4


def test_without_segments_the_list_is_empty(predictions, at_problem):
    assert segment_metrics(predictions, at_problem, []).empty


def test_a_window_has_the_figures_of_its_rows(predictions, at_problem):
    off = predictions["candidate"].where(predictions["at"] < "2021-03-06", predictions["y"] - 4.0)
    table = predictions.assign(candidate=off)
    found = by_window(table, at_problem, kind="length", length="5 days").set_index(
        ["window", "model"]
    )
    first, second = "2021-03-01 to 2021-03-05", "2021-03-06 to 2021-03-10"
    assert found.loc[(first, "candidate"), "mae"] == 1
    assert found.loc[(second, "candidate"), "mae"] == 4
    expected = compute_metrics(table["y"].iloc[120:], table["candidate"].iloc[120:])
    assert found.loc[(second, "candidate"), OF_THE_MIDDLE].to_dict() == pytest.approx(
        {name: expected[name] for name in OF_THE_MIDDLE}
    )


def test_a_window_that_is_not_complete_keeps_its_row_without_figures(predictions, at_problem):
    day = predictions["at"].dt.day
    table = predictions[(day == 1) | ((day == 2) & (predictions["hour"] < 5)) | (day == 4)]
    found = by_window(table, at_problem, kind="length", length="1 day", minimum_rows=10)
    found = found[found["model"] == "candidate"]
    assert found["status"].tolist() == ["complete", "underpopulated", "empty", "complete"]
    assert found["n"].tolist() == [24, 5, 0, 24]
    assert found["mae"].isna().tolist() == [False, True, True, False]
    assert found.loc[found["status"] != "complete", OF_THE_MIDDLE].isna().all(axis=None)


def test_a_window_whose_labels_are_not_there_yet_has_no_figures(predictions, at_problem):
    table = predictions.assign(y=predictions["y"].where(predictions["at"] < "2021-03-06 12:00"))
    found = by_window(table, at_problem, kind="length", length="5 days")
    found = found[found["model"] == "candidate"]
    assert found["status"].tolist() == ["complete", "pending labels"]
    assert found["n"].tolist() == [120, 120]
    assert found["mae"].isna().tolist() == [False, True]


def test_figures_by_batch_are_those_of_its_rows_wherever_they_stand(predictions, at_problem):
    table = predictions.assign(
        candidate=predictions["y"] + 1.0 + 2 * (predictions["sky"] == "rain")
    )
    found = by_window(table, at_problem, kind="column", column="sky")
    found = found[found["model"] == "candidate"].set_index("window")["mae"]
    assert found.to_dict() == {"sky=clear": 1, "sky=rain": 3}


def test_the_worst_rows_come_first_whatever_the_sign_of_the_error(predictions, at_problem):
    off = predictions["candidate"].copy()
    off[10], off[20], off[30] = predictions["y"][10] - 50, predictions["y"][20] + 40, math.nan
    found = worst_rows(predictions.assign(candidate=off), at_problem, 3)
    assert found["error"].tolist() == [-50, 40, 1]
    assert found["at"].tolist()[:2] == [predictions["at"][10], predictions["at"][20]]
    assert len(worst_rows(predictions, at_problem, 1000)) == 240


def test_rows_that_are_equally_bad_stay_in_the_order_of_time(predictions, at_problem):
    assert worst_rows(predictions, at_problem, 5)["at"].tolist() == predictions["at"].tolist()[:5]


def test_figures_are_weighted_and_the_worst_row_is_the_one_that_counts_most(
    predictions, at_problem, make_problem
):
    columns = {"day": {"type": "date"}, "y": {"type": "float"}, "w": {"type": "float"}}
    named = {"target": "y", "timestamp": {"name": "at", "date": "day"}, "forbidden_columns": {}}
    problem = make_problem(**named, columns=columns, weight_column="w")
    morning = predictions["hour"] < 12
    table = predictions.assign(
        candidate=predictions["y"] + np.where(morning, 1.0, 5.0), w=np.where(morning, 3.0, 1.0)
    )

    found = overall_metrics(table, problem)["candidate"]
    assert found["mae"] == pytest.approx((3 * 1 + 5) / 4)
    assert found["n"] == 240
    by_sky = segment_metrics(table, problem, ["sky"]).set_index(["value", "model"])
    assert by_sky.loc[("rain", "candidate"), "rmse"] == 5
    heavy = table.assign(w=np.where(table.index == 7, 100.0, 1.0))
    assert worst_rows(heavy, problem, 1)["at"].tolist() == [table["at"][7]]
    assert worst_rows(heavy, at_problem, 1)["at"].tolist() == [table["at"][12]]


def test_the_worst_row_of_a_quantile_has_the_largest_loss(predictions, at_problem):
    asked = at_problem.model_copy(update={"quantile": 0.9})
    # Ten too high costs 1, two too low costs 1.8.
    table = predictions.assign(candidate=predictions["y"])
    table.loc[[3, 8], "candidate"] += [10.0, -2.0]

    assert worst_rows(table, at_problem, 1)["error"].tolist() == [10]
    assert worst_rows(table, asked, 1)["error"].tolist() == [-2]
