"""A table whose rows only stand in order, from the raw file to the gate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import SplitParameters, split_by_time
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    choose_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    compare_paired,
    paired_losses,
)
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_observations,
    enforce_contract,
)
from regression_lifecycle.core.ingestion.gaps import find_gaps
from regression_lifecycle.core.ingestion.labels import LabelParameters, accept_labels, join_labels
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, window_of_rows

TOLERANT = IngestionParameters(maximum_rejected_share=0.1)


def parts_problem(**changes):
    return Problem.model_validate(
        {
            "name": "parts",
            "target": "strength",
            "timestamp": {"name": "row_time", "rows": True},
            "columns": {
                "weight": {"type": "float", "minimum": 0, "known_in_advance": True},
                "strength": {"type": "float"},
            },
            **changes,
        }
    )


@pytest.fixture
def raw():
    random = np.random.default_rng(3)
    weight = random.uniform(1, 5, 1000).round(3)
    return pd.DataFrame(
        {"weight": weight, "strength": 20 * weight + random.normal(0, 4, 1000).round(3)}
    )


def test_from_the_file_to_the_gate(raw, recipe):
    problem = parts_problem()
    raw.loc[[3, 700], "weight"] = -1
    observations = enforce_contract(raw, problem, TOLERANT).observations
    check_observations(observations, problem)
    features = build_features(
        observations,
        problem,
        recipe(
            {"kind": "columns", "names": ["weight"]},
            {"kind": "lag", "name": "before", "column": "weight", "ages": ["1 second"]},
        ),
    )
    assert features["before"].isna().sum() == 3
    training, holdout = split_by_time(
        features,
        "row_time",
        SplitParameters.model_validate({"kind": "rows", "holdout_rows": 500}),
        target="strength",
    )
    assert (len(training), len(holdout)) == (498, 500)

    mean = float(training["strength"].mean())
    forecasts = naive_forecasts(
        observations, holdout, {"mean": mean}, problem, BaselineParameters()
    )
    # The order says nothing here, so the last value is no forecast.
    assert choose_baseline(forecasts, holdout["strength"], "rmse") == "mean"
    slope, level = np.polyfit(training["weight"], training["strength"], 1)
    comparison = Comparison(block="25 seconds")
    losses = paired_losses(
        holdout["row_time"],
        holdout["strength"],
        level + slope * holdout["weight"],
        forecasts["mean"],
        comparison,
    )
    found = compare_paired(losses, comparison)
    # Rows 499 to 999, without 700: blocks of 25 rows are counted from the first row of the file.
    assert found.n_blocks == 21
    assert 0.5 < found.lower < found.improvement < 1

    parameters = WindowParameters.model_validate({"kind": "rows", "rows": 200})
    windows = list_windows(holdout, problem, parameters)
    assert [(w.key, w.n, w.status) for w in windows] == [
        ("rows=0-199", 200, "complete"),
        ("rows=200-399", 200, "complete"),
        ("rows=400-599", 100, "partial"),
    ]
    place = window_of_rows(holdout, windows, problem, parameters)
    assert place.tolist() == [0] * 200 + [1] * 200 + [2] * 100


def test_a_row_that_is_set_aside_shifts_no_other(raw):
    problem = parts_problem()
    raw.loc[0, "weight"] = -1
    observations, rejected = enforce_contract(raw, problem, TOLERANT)
    assert rejected["raw_row"].tolist() == [1]
    assert observations["row_time"].iloc[0] == pd.Timestamp("1970-01-01 00:00:01")
    assert observations["row_time"].iloc[-1] == pd.Timestamp("1970-01-01 00:16:39")
    assert observations["row_time"].dtype == "datetime64[us]"
    gone = raw.drop(index=[500])
    raw.loc[500, "weight"] = -1
    gaps = find_gaps(enforce_contract(raw, problem, TOLERANT).observations, problem)
    assert gaps["first_missing"].tolist() == [pd.Timestamp("1970-01-01 00:08:20")]
    # A row that is not in the file at all does shift the later ones: there is nothing to count.
    assert find_gaps(enforce_contract(gone, problem, TOLERANT).observations, problem).empty


def test_the_order_of_the_file_is_the_order(raw):
    shuffled = raw.sample(frac=1, random_state=1)
    observations = enforce_contract(shuffled, parts_problem(), TOLERANT).observations
    assert observations["weight"].tolist() == shuffled["weight"].tolist()


def test_equal_rows_are_rows_of_their_own(raw):
    raw.loc[1] = raw.loc[0]
    assert len(enforce_contract(raw, parts_problem(), IngestionParameters()).observations) == 1000


def test_a_row_is_a_second_unless_another_step_is_named():
    problem = parts_problem()
    assert problem.frequency == problem.horizon == pd.Timedelta("1 second")
    assert problem.key_columns == ("row_time",)
    assert parts_problem(frequency=None, horizon=None) == problem
    minutes = parts_problem(frequency="1 minute")
    assert minutes.frequency == minutes.horizon == pd.Timedelta("1 minute")
    assert parts_problem(horizon="50 seconds").horizon == pd.Timedelta("50 seconds")


def test_a_table_with_a_time_must_say_its_step():
    with pytest.raises(ValidationError, match="frequency"):
        parts_problem(timestamp={"date": "weight"})


@pytest.mark.parametrize(
    ("timestamp", "message"),
    [
        ({}, "give either 'date', the column with the time, or 'year'"),
        ({"rows": False}, "give either 'date'"),
        ({"rows": True, "date": "weight"}, "give either 'date'"),
        ({"rows": True, "hour": "weight"}, "hour has no meaning with 'rows: true'"),
        ({"rows": True, "name": "weight"}, "'weight' is a raw column"),
    ],
)
def test_a_time_is_given_in_one_way(timestamp, message):
    with pytest.raises(ValidationError, match=message):
        parts_problem(timestamp=timestamp)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "calendar", "parts": ["weekday"]},
        {"kind": "cyclical", "part": "hour", "period": 24},
        {"kind": "annual_period", "name": "winter", "first": "12-01", "last": "02-28"},
        {"kind": "day", "name": "weight_day", "column": "weight"},
    ],
)
def test_a_feature_of_the_calendar_is_refused_with_what_is_possible(raw, recipe, spec):
    message = f"kind '{spec['kind']}' needs a calendar.*use kind 'columns', 'lag' or 'time_index'"
    with pytest.raises(ConfigurationError, match=message):
        recipe(spec).check(parts_problem())


def test_the_number_of_the_row_may_be_a_trend(raw, recipe):
    problem = parts_problem()
    trend = {"kind": "time_index", "name": "k", "origin": "1970-01-01", "unit": "1 second"}
    observations = enforce_contract(raw, problem, TOLERANT).observations
    table = build_features(observations, problem, recipe(trend))
    assert table["k"].tolist() == list(range(1000))


def test_a_lag_of_the_target_is_as_old_as_the_horizon_in_rows(recipe):
    lag = {"kind": "lag", "name": "before", "column": "strength", "ages": ["49 seconds"]}
    with pytest.raises(ConfigurationError, match="use ages from 50 seconds on"):
        recipe(lag).check(parts_problem(horizon="50 seconds"))


def test_calendar_windows_are_refused_and_windows_of_a_length_count_rows(raw):
    problem = parts_problem()
    observations = enforce_contract(raw, problem, TOLERANT).observations
    with pytest.raises(ConfigurationError, match=r"windows\.period: month needs a calendar"):
        list_windows(
            observations,
            problem,
            WindowParameters.model_validate({"kind": "period", "period": "month"}),
        )
    windows = list_windows(
        observations,
        problem,
        WindowParameters.model_validate({"kind": "length", "length": "400 seconds"}),
    )
    assert [w.n for w in windows] == [400, 400, 200]


def test_a_label_names_its_row_by_the_number(raw):
    problem = parts_problem()
    raw["strength"] = raw["strength"].where(raw.index < 990)
    spec = {**problem.columns, "strength": {"type": "float", "missing": True}}
    problem = parts_problem(columns=spec)
    observations = enforce_contract(raw, problem, TOLERANT).observations
    given = pd.DataFrame({"row_time": ["995", "1970-01-01 00:16:36", "5000"],
                          "strength": ["7.5", "8.5", "1"]})  # fmt: skip

    labels = accept_labels(given, problem, LabelParameters()).observations

    joined = join_labels(observations, labels, problem).observations["strength"]
    assert joined.iloc[[995, 996]].tolist() == [7.5, 8.5]
    assert joined.iloc[[994, 997]].isna().all()


def test_numbers_name_rows_only_where_there_is_no_time(problem):
    assert parts_problem().moment_of_row(90) == pd.Timestamp("1970-01-01 00:01:30")
    for number in (-1, 10**14):
        with pytest.raises(ConfigurationError, match="is not the number of a row"):
            parts_problem().moment_of_row(number)
    with pytest.raises(ConfigurationError, match="by their time"):
        problem.moment_of_row(90)


def test_a_number_that_is_no_row_is_set_aside():
    given = pd.DataFrame({"row_time": ["99999999999", "5"], "strength": ["7.5", "8.5"]})
    found = accept_labels(given, parts_problem(), LabelParameters(maximum_rejected_share=1))
    assert found.observations["target"].tolist() == [8.5]
    assert len(found.rejected) == 1
