"""Tables whose rows stand on some days of the week only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.calendar.weekdays import (
    WEEKDAYS,
    count_on_weekdays,
    find_weekdays,
    move_to_weekday,
)
from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.ingestion.gaps import find_gaps
from regression_lifecycle.core.monitoring.known_windows import cut_known_rows
from regression_lifecycle.core.windows.parameters import WindowParameters

WORKING_DAYS = WEEKDAYS[:5]
ROWS = pd.Series(pd.bdate_range("2024-01-01", "2024-03-29")).astype("datetime64[us]")


@pytest.mark.parametrize("step", ["1 day", "6 hours", "1 hour", "5 minutes"])
def test_moments_are_counted_and_moved_as_one_would_one_by_one(step):
    random, step = np.random.default_rng(0), pd.Timedelta(step)
    start = pd.Timestamp("2024-01-03 00:02")
    first = pd.Series([start + step * int(k) for k in random.integers(0, 3000, 50)])
    count = pd.Series(random.integers(0, 600, 50))

    def moved(moment, by):
        while moment.dayofweek > 4:
            moment += by
        return moment

    assert count_on_weekdays(first, count, step, WORKING_DAYS).tolist() == [
        sum((one + k * step).dayofweek < 5 for k in range(n))
        for one, n in zip(first, count, strict=True)
    ]
    assert count_on_weekdays(first, count, step, ()).tolist() == count.tolist()
    later = move_to_weekday(first, step, WORKING_DAYS, forward=True)
    earlier = move_to_weekday(first, step, WORKING_DAYS, forward=False)
    assert later.tolist() == [moved(one, step) for one in first]
    assert earlier.tolist() == [moved(one, -step) for one in first]


def test_weekends_are_no_gaps_and_a_holiday_is_one(make_problem):
    problem = make_problem(frequency="1 day", horizon="7 days", weekdays=WORKING_DAYS)
    assert find_gaps(ROWS.to_frame("timestamp"), problem).empty

    # A Monday, and a Thursday with the Friday after it.
    holidays = pd.to_datetime(["2024-02-12", "2024-03-07", "2024-03-08"])
    gaps = find_gaps(ROWS[~ROWS.isin(holidays)].to_frame("timestamp"), problem)

    assert gaps["n_missing"].tolist() == [1, 2]
    assert gaps["first_missing"].dt.strftime("%m-%d").tolist() == ["02-12", "03-07"]
    assert gaps["last_missing"].dt.strftime("%m-%d").tolist() == ["02-12", "03-08"]


def test_a_window_lacks_nothing_at_the_weekend(make_problem):
    """More than a fifth of the days would be missing for ever, and every tick would alert."""
    problem = make_problem(frequency="1 day", horizon="7 days", weekdays=WORKING_DAYS)
    weeks = WindowParameters.model_validate(
        {"kind": "length", "length": "28 days", "origin": "2024-01-01", "minimum_rows": 1}
    )
    table = ROWS.drop(index=3).to_frame("timestamp").assign(cnt=1)

    _, windows = cut_known_rows(table, pd.Timestamp("2024-03-25"), problem, weeks)

    assert windows["n_expected"].tolist() == [20, 20, 20]
    assert windows["n"].tolist() == [19, 20, 20]


def test_a_window_of_working_days_has_values_enough_for_drift(make_problem):
    problem = make_problem(frequency="1 day", horizon="7 days")

    assert derive_defaults(problem)["drift_rows"] == 20
    assert (
        derive_defaults(problem.model_copy(update={"weekdays": WORKING_DAYS}))["drift_rows"] == 15
    )


@pytest.mark.parametrize("frequency", ["2 days", "7 days", "1 month", "7 hours"])
def test_rows_that_skip_days_have_no_weekdays(make_problem, frequency):
    with pytest.raises(ValidationError, match=f"weekdays: .*every {frequency}; leave it out"):
        make_problem(frequency=frequency, horizon=frequency, weekdays=["monday"])


@pytest.mark.parametrize(
    ("moments", "found"),
    [
        (ROWS, WORKING_DAYS),
        (pd.concat([ROWS, pd.Series([pd.Timestamp("2024-02-03")])]), WORKING_DAYS),
        (pd.date_range("2024-01-01", periods=200), ()),
        (pd.date_range("2024-01-01", periods=3000, freq="h"), ()),
        (ROWS.head(15), ()),
        (pd.date_range("2024-01-01", periods=30, freq="7D"), ("monday",)),
    ],
    ids=["working days", "one saturday", "days", "hours", "short", "weeks"],
)
def test_days_without_rows_are_found(moments, found):
    assert find_weekdays(pd.Series(moments)) == found
