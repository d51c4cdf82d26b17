from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.baseline import BaselineParameters, baseline_forecast

DAILY = BaselineParameters(season="1 day", seasons_back=2)


@pytest.fixture
def history(observations):
    """Four days whose target is the number of hours since the first."""
    return observations[["timestamp"]].assign(cnt=np.arange(96))


def test_the_forecast_is_the_value_one_season_ago(history, problem):
    rows = history.iloc[48:].sample(frac=1, random_state=1)
    made = baseline_forecast(history, rows, -1.0, problem, DAILY)
    assert made.index.equals(rows.index)
    assert made.tolist() == (rows["cnt"] - 24).tolist()


def test_a_gap_shifts_nothing_and_falls_back_season_by_season_then_to_the_mean(history, problem):
    # Hour 50 looks at 26, then 2; hour 60 at 36, then 12; both of the latter are gone for 60.
    past = history.drop(index=[26, 36, 12])
    made = baseline_forecast(past, history.iloc[48:72], -1.0, problem, DAILY)
    expected = {hour: hour - 24.0 for hour in range(48, 72)} | {50: 2.0, 60: -1.0}
    assert made.to_dict() == expected


def test_seasons_beyond_the_allowed_number_are_not_tried(history, problem):
    parameters = BaselineParameters(season="1 day", seasons_back=1)
    made = baseline_forecast(history.drop(index=26), history.loc[[50]], -1.0, problem, parameters)
    assert made.tolist() == [-1.0]


def test_without_a_season_the_horizon_is_one(history, problem):
    made = baseline_forecast(history, history.loc[[50]], -1.0, problem, BaselineParameters())
    assert made.tolist() == [44.0]


def test_a_season_shorter_than_the_horizon_is_refused(history, problem):
    parameters = BaselineParameters(season="5 hours")
    with pytest.raises(ConfigurationError, match=r"shorter than the horizon.*not known yet"):
        baseline_forecast(history, history, 0.0, problem, parameters)


def test_the_mean_is_that_of_training(history, problem):
    parameters = BaselineParameters(kind="mean")
    made = baseline_forecast(history, history.loc[[50, 60]], 12.5, problem, parameters)
    assert made.to_dict() == {50: 12.5, 60: 12.5}


def test_later_values_never_change_the_forecast(history, problem):
    moment = history["timestamp"].iloc[70]
    later = history["timestamp"] >= moment
    changed = history.assign(cnt=history["cnt"].where(~later, 9999))
    rows = history[history["timestamp"] - problem.horizon < moment]
    for season in ("6 hours", "1 day"):
        parameters = BaselineParameters(season=season)
        made, other = (
            baseline_forecast(past, rows, -1.0, problem, parameters) for past in (history, changed)
        )
        assert made.tolist() == other.tolist()


def test_a_group_repeats_its_own_past(make_problem, history):
    panel = make_problem(key=["sky", "timestamp"])
    table = pd.concat(
        [history.assign(sky="clear"), history.assign(sky="rain", cnt=history["cnt"] + 1000)],
        ignore_index=True,
    )
    made = baseline_forecast(table, table.iloc[[48, 144]], -1.0, panel, DAILY)
    assert made.tolist() == [24.0, 1024.0]


def test_same_hour_last_week_on_the_bike_holdout(bike_raw, bike_observations, bike_problem):
    start = pd.Timestamp("2012-08-07 12:00")
    # The reference a second time, without the project's code: a plain look-up by hour.
    hours = pd.to_datetime(bike_raw["dteday"]) + pd.to_timedelta(bike_raw["hr"], unit="h")
    known = dict(zip(hours, bike_raw["cnt"], strict=True))
    mean = bike_raw.loc[hours < start, "cnt"].mean()
    expected = [
        next(
            (known[at - k * pd.Timedelta("7D")] for k in (1, 2, 3, 4)
             if at - k * pd.Timedelta("7D") in known),
            mean,
        )
        for at in hours[hours >= start]
    ]  # fmt: skip
    holdout = bike_observations[bike_observations["timestamp"] >= start]
    parameters = BaselineParameters(season="7 days", seasons_back=4)
    made = baseline_forecast(bike_observations, holdout, mean, bike_problem, parameters)
    assert made.tolist() == pytest.approx(expected)
    error = math.sqrt(((made - holdout["cnt"]) ** 2).mean())
    assert 110 < error < 114
