from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.ingestion.contract import check_observations
from regression_lifecycle.core.ingestion.gaps import find_gaps


def test_gaps_are_listed_with_their_ends_and_their_length(observations, problem):
    table = observations.drop(index=[10, 20, 21, 22]).reset_index(drop=True)
    gaps = find_gaps(table, problem)
    assert gaps["n_missing"].tolist() == [1, 3]
    assert gaps["first_missing"].tolist() == [
        pd.Timestamp("2021-03-01 10:00"),
        pd.Timestamp("2021-03-01 20:00"),
    ]
    assert gaps["last_missing"].tolist() == [
        pd.Timestamp("2021-03-01 10:00"),
        pd.Timestamp("2021-03-01 22:00"),
    ]


def test_a_table_without_gaps_has_an_empty_list(observations, problem):
    gaps = find_gaps(observations, problem)
    assert gaps.empty
    assert list(gaps) == ["kind", "first_missing", "last_missing", "n_missing"]


def test_the_bike_table_keeps_its_contract_and_misses_165_hours(
    bike_raw, bike_observations, bike_problem
):
    assert len(bike_observations) == len(bike_raw)
    check_observations(bike_observations, bike_problem)
    gaps = find_gaps(bike_observations, bike_problem)
    hours = pd.to_datetime(bike_raw["dteday"]) + pd.to_timedelta(bike_raw["hr"], unit="h")
    expected = pd.date_range(hours.min(), hours.max(), freq="h").difference(hours)
    assert gaps["n_missing"].sum() == len(expected) == 165
    listed = [
        hour
        for gap in gaps.itertuples()
        for hour in pd.date_range(gap.first_missing, gap.last_missing, freq="h")
    ]
    assert listed == list(expected)


@pytest.mark.parametrize(
    ("frequency", "anchor"),
    [
        ("1 month", "MS"),
        ("1 month", "ME"),
        ("1 month", "BME"),
        ("1 quarter", "QS"),
        ("1 quarter", "QE-JAN"),
        ("1 year", "YS"),
        ("1 year", "YE"),
        ("2 weeks", "2W"),
    ],
)
def test_the_calendar_has_no_false_gaps_and_keeps_true_ones(make_problem, frequency, anchor):
    # 1999 to 2019: with leap years and without.
    stamps = pd.date_range("1999-01-01", periods=80, freq=anchor).as_unit("us")
    table, described = pd.DataFrame({"timestamp": stamps}), make_problem(frequency=frequency)

    assert find_gaps(table, described).empty
    gaps = find_gaps(table.drop(index=[13, 14, 40]), described)
    assert gaps["n_missing"].tolist() == [2, 1]
    if not anchor.startswith("B"):
        assert gaps["first_missing"].tolist() == [stamps[13], stamps[40]]
        assert gaps["last_missing"].tolist() == [stamps[14], stamps[40]]


@pytest.fixture
def make_keyed(make_problem):
    """The tiny problem with a key column beside the time."""

    def build(frequency, column):
        columns = {**make_problem().model_dump()["columns"], column: {"type": "category"}}
        return make_problem(columns=columns, key=["timestamp", column], frequency=frequency)

    return build


def series_table(frequency: str, periods: int, *names: str) -> pd.DataFrame:
    stamps = pd.date_range("2020-01-31", periods=periods, freq=frequency).as_unit("us")
    table = pd.DataFrame({"timestamp": stamps}).merge(pd.DataFrame({"shop": names}), how="cross")
    return table.reset_index(drop=True)


@pytest.mark.parametrize(("frequency", "anchor"), [("1 day", "D"), ("1 month", "ME")])
def test_every_series_has_gaps_of_its_own(make_keyed, frequency, anchor):
    described = make_keyed(frequency, "shop")
    table = series_table(anchor, 20, "a", "b", "c")
    stamps = table["timestamp"].unique()
    place = table["timestamp"].map({stamp: k for k, stamp in enumerate(stamps)})
    gone = (
        ((table["shop"] == "a") & place.isin([4, 5, 9]))
        | ((table["shop"] == "b") & (place > 9))
        | ((table["shop"] == "c") & (place < 3))
    )

    gaps = find_gaps(table[~gone].sample(frac=1, random_state=0), described)

    listed = [
        (row.shop, row.kind, list(stamps).index(row.first_missing), row.n_missing)
        for row in gaps.itertuples()
    ]
    assert listed == [
        ("a", "gap", 4, 2),
        ("a", "gap", 9, 1),
        ("b", "ended", 10, 10),
        ("c", "begins later", 0, 3),
    ]
    assert gaps["n_missing"].sum() == gone.sum()
    assert gaps["last_missing"].tolist() == [stamps[5], stamps[9], stamps[19], stamps[2]]


def test_a_single_observation_begins_later_and_has_ended(make_keyed):
    table = series_table("D", 5, "a", "b")
    lonely = table[(table["shop"] == "a") | (table["timestamp"] == table["timestamp"][4])]

    gaps = find_gaps(lonely, make_keyed("1 day", "shop"))

    assert gaps[["shop", "kind", "n_missing"]].to_numpy().tolist() == [
        ["b", "begins later", 2],
        ["b", "ended", 2],
    ]


def test_series_that_stand_at_other_times_miss_nothing(make_keyed):
    # Daily rows at midnight and at noon.
    table = series_table("D", 5, "a", "b")
    late = table["shop"] == "b"
    table.loc[late, "timestamp"] += pd.Timedelta("12 hours")

    assert find_gaps(table, make_keyed("1 day", "shop")).empty


def test_a_number_of_the_row_names_no_series(make_problem):
    table = pd.DataFrame({"timestamp": pd.date_range("2020-01-01", periods=9), "instant": range(9)})
    columns = {**make_problem().model_dump()["columns"], "instant": {"type": "integer"}}
    described = make_problem(columns=columns, key=["instant"], frequency="1 day")

    gaps = find_gaps(table.drop(index=4), described)

    assert described.series_columns == ()
    assert gaps["n_missing"].tolist() == [1]
