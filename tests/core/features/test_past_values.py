"""Values of earlier rows, looked up by number instead of joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.features import past_values
from regression_lifecycle.core.features.past_values import look_up_ages

AGES = [pd.Timedelta("1 hour"), pd.Timedelta("5 hours"), pd.Timedelta("-2 hours")]


@pytest.fixture
def of_shops(make_problem):
    columns = {**make_problem().model_dump()["columns"], "shop": {"type": "category"}}
    return make_problem(columns=columns, key=["timestamp", "shop"])


@pytest.fixture
def table():
    """Ten hours of three shops, one without a name, with gaps and in no order."""
    hours = pd.date_range("2021-03-01", periods=10, freq="h")
    made = pd.DataFrame({"timestamp": hours}).merge(
        pd.DataFrame({"shop": ["b", None, "a"]}), how="cross"
    )
    made["cnt"] = np.arange(30.0)
    return made.drop(index=[4, 11]).sample(frac=1, random_state=0)


def test_they_are_those_that_a_join_finds(table, of_shops):
    rows = table.astype({"timestamp": "datetime64[us]"}).iloc[:20]

    found = look_up_ages(rows, table, "cnt", AGES, of_shops)

    for age, values in zip(AGES, found, strict=True):
        past = table.assign(timestamp=table["timestamp"] + age)
        joined = rows[["timestamp", "shop"]].merge(past, on=["timestamp", "shop"], how="left")
        np.testing.assert_array_equal(values, joined["cnt"])


def test_without_observations_there_is_none(table, of_shops):
    found = look_up_ages(table, table.iloc[:0], "cnt", AGES, of_shops)

    assert len(found) == len(AGES)
    assert np.isnan(found).all()


def test_more_series_and_moments_than_numbers_are_left_to_a_join(table, of_shops, monkeypatch):
    monkeypatch.setattr(past_values, "_LARGEST", 3 * 9 * 3_600_000_000)

    assert look_up_ages(table, table, "cnt", AGES, of_shops) is None
