"""Series that come and go, and how many rows a window should have."""

from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.monitoring.known_windows import cut_known_rows
from regression_lifecycle.core.windows.parameters import WindowParameters

DAYS = pd.date_range("2021-03-01", periods=28).as_unit("us")
WEEKS = WindowParameters.model_validate(
    {"kind": "length", "length": "7 days", "origin": "2021-03-01", "minimum_rows": 1}
)


@pytest.fixture
def of_shops(make_problem):
    columns = {**make_problem().model_dump()["columns"], "shop": {"type": "category"}}
    lengths = {"frequency": "1 day", "horizon": "1 day"}
    return make_problem(columns=columns, key=["timestamp", "shop"], **lengths)


@pytest.fixture
def table():
    """Four weeks: ``b`` stops on the tenth day, ``c`` begins on the twelfth, ``a`` lacks two."""
    made = pd.DataFrame({"timestamp": DAYS}).merge(
        pd.DataFrame({"shop": ["a", "b", "c"]}), how="cross"
    )
    day = (made["timestamp"] - DAYS[0]).dt.days
    gone = (
        ((made["shop"] == "a") & day.isin([1, 2]))
        | ((made["shop"] == "b") & (day >= 10))
        | ((made["shop"] == "c") & (day < 12))
    )
    return made[~gone].assign(cnt=1).reset_index(drop=True)


def test_every_series_is_expected_from_its_first_row_until_it_has_vanished(table, of_shops):
    _, windows = cut_known_rows(table, pd.Timestamp("2021-03-29"), of_shops, WEEKS)

    assert windows["n_expected"].tolist() == [14, 16, 21, 14]
    missing = windows["n_expected"] - windows["n"]
    # Of b four days in the second week, and all of the third.
    assert missing.tolist() == [2, 4, 7, 0]
    assert windows["n_series"].tolist() == [2, 3, 2, 2]
    assert windows["new_series"].tolist() == ["", "c", "", ""]
    assert windows["vanished_series"].tolist() == ["", "", "b", ""]


def test_from_a_window_that_is_not_over_nothing_has_vanished_yet(table, of_shops):
    _, windows = cut_known_rows(table, pd.Timestamp("2021-03-17"), of_shops, WEEKS)

    assert windows["vanished_series"].tolist() == ["", "", ""]
    # Two of seven days are over, of the two that are there.
    assert windows["n_expected"].tolist()[2] == 4


def test_a_series_of_the_time_before_the_first_window_is_not_new(table, of_shops):
    later = WEEKS.model_copy(update={"origin": pd.Timestamp("2021-03-15")})
    without_c = table[(table["shop"] != "c") | (table["timestamp"] < "2021-03-15")]

    _, windows = cut_known_rows(without_c, pd.Timestamp("2021-03-29"), of_shops, later)

    assert windows["new_series"].tolist() == ["", ""]
    assert windows["n_expected"].tolist() == [7, 7]


def test_many_months_of_many_series(make_problem):
    columns = {**make_problem().model_dump()["columns"], "shop": {"type": "category"}}
    lengths = {"frequency": "1 month", "horizon": "1 month"}
    described = make_problem(columns=columns, key=["timestamp", "shop"], **lengths)
    months = pd.date_range("2020-01-31", periods=24, freq="ME").as_unit("us")
    made = pd.DataFrame({"timestamp": months}).merge(
        pd.DataFrame({"shop": ["a", "b"]}), how="cross"
    )
    made = made[(made["shop"] == "a") | (made["timestamp"] > "2020-06-01")].assign(cnt=1)
    years = WindowParameters.model_validate({"kind": "period", "period": "year"})

    _, windows = cut_known_rows(made, pd.Timestamp("2022-01-31"), described, years)

    assert (windows["n_expected"] - windows["n"]).tolist() == [0, 0]
