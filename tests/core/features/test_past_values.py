"""Values of earlier rows, looked up by number instead of joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.features import past_values
from regression_lifecycle.core.features.past_values import PastValues, look_up_ages

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


def test_more_series_and_moments_than_numbers_make_no_difference(table, of_shops, monkeypatch):
    rows = table.iloc[:20]
    found = look_up_ages(rows, table, "cnt", AGES, of_shops)

    monkeypatch.setattr(past_values, "_LARGEST", 3 * 9 * 3_600_000_000)

    np.testing.assert_array_equal(look_up_ages(rows, table, "cnt", AGES, of_shops), found)


@pytest.mark.parametrize("largest", [2**62, 10])
def test_the_newest_value_until_a_time_is_that_of_the_own_series(
    table, of_shops, monkeypatch, largest
):
    monkeypatch.setattr(past_values, "_LARGEST", largest)
    past = table.sort_values("timestamp", kind="stable")
    rows = past.iloc[[0, 1, 2, 12, 20, 27]]
    asked = rows["timestamp"] - pd.Timedelta("90 minutes")
    numbers = past["timestamp"].to_numpy("datetime64[us]").astype("int64")

    known = PastValues(past, numbers, past["cnt"].to_numpy(), rows, of_shops)
    found = known.until(asked.to_numpy("datetime64[us]").astype("int64"))

    for place, (moment, shop) in enumerate(zip(asked, rows["shop"], strict=True)):
        own = past["shop"].isna() if shop is None or shop != shop else past["shop"] == shop
        until = past.loc[own & (past["timestamp"] <= moment), "cnt"]
        expected = until.iloc[-1] if len(until) else np.nan
        np.testing.assert_equal(found[place], expected)


def test_of_several_rows_of_one_time_the_last_one_counts(table, of_shops):
    twice = pd.concat([table, table.assign(cnt=table["cnt"] + 100)])

    found = look_up_ages(table, twice, "cnt", [pd.Timedelta(0)], of_shops)

    np.testing.assert_array_equal(found[0], table["cnt"] + 100)
