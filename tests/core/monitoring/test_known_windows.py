"""Series that come and go, and how many rows a window should have."""

from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.features.feature import Reach
from regression_lifecycle.core.monitoring import known_windows
from regression_lifecycle.core.monitoring.known_windows import cut_known_rows
from regression_lifecycle.core.windows.parameters import WindowParameters
from tests.engines import every_engine

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


@every_engine
def test_every_engine_cuts_the_same_windows_and_reads_the_same_rows(
    engine, table, of_shops, monkeypatch
):
    monkeypatch.setattr(known_windows, "_ROWS_AT_ONCE", 10)
    as_of = pd.Timestamp("2021-03-27")
    expected, of_pandas = cut_known_rows(table, as_of, of_shops, WEEKS)

    known, windows = cut_known_rows(
        engine(table.sample(frac=1, random_state=0)), as_of, of_shops, WEEKS
    )

    pd.testing.assert_frame_equal(windows, of_pandas)
    spans = [(DAYS[3], DAYS[5]), (DAYS[4], DAYS[6]), (DAYS[20], DAYS[21])]
    rows = known.within(spans)
    pd.testing.assert_frame_equal(rows, expected.within(spans))
    assert sorted(rows["timestamp"].dt.day.unique()) == [4, 5, 6, 21]
    assert set(rows["window_index"]) == {0, 2}
    assert known.first == DAYS[0]


def test_hashes_are_those_of_the_rows_of_a_window_however_they_are_read(
    table, of_shops, monkeypatch
):
    _, whole = cut_known_rows(table, pd.Timestamp("2021-03-29"), of_shops, WEEKS)
    monkeypatch.setattr(known_windows, "_ROWS_AT_ONCE", 4)
    other = table.assign(cnt=table["cnt"].where(table.index != 3, 7))

    _, pieces = cut_known_rows(other, pd.Timestamp("2021-03-29"), of_shops, WEEKS)

    same = whole["labels_fingerprint"] == pieces["labels_fingerprint"]
    assert same.tolist() == [False, True, True, True]
    assert (whole["features_fingerprint"] == pieces["features_fingerprint"]).all()


def test_rows_around_others_are_those_that_their_features_look_at(table, of_shops):
    known, _ = cut_known_rows(table, pd.Timestamp("2021-03-29"), of_shops, WEEKS)
    reach = Reach(back=pd.Timedelta("3 days"), days_ahead=2)

    noon, hour = pd.Timedelta("12 hours"), pd.Timedelta("1 hour")
    spans = [(DAYS[10], DAYS[11]), (DAYS[10], DAYS[10] + hour), (DAYS[20] + noon, DAYS[21])]

    rows = known.around(spans, reach)

    days = (rows["timestamp"] - DAYS[0]).dt.days
    assert sorted(days.unique()) == [*range(7, 12), *range(17, 22)]


def test_a_stretch_has_rows_where_a_row_lies_in_it(problem):
    moments = pd.to_datetime(["2021-03-01 02:00", "2021-03-01 20:00", "2021-03-04 00:00"])
    table = pd.DataFrame({"timestamp": moments.as_unit("us"), "cnt": 1.0})
    known, _ = cut_known_rows(table, pd.Timestamp("2021-03-05"), problem, WEEKS)

    def has_rows(*hours):
        return known.has_rows(*(DAYS[0] + pd.Timedelta(hours=hour) for hour in hours))

    there = [(2, 3), (0, 100), (72, 73), (19, 21)]
    assert all(has_rows(*hours) for hours in there)
    nowhere = [(3, 20), (21, 72), (-9, 2), (73, 99)]
    assert not any(has_rows(*hours) for hours in nowhere)


@pytest.mark.parametrize(
    "windows", [{"kind": "rows", "rows": 9}, {"kind": "column", "column": "temp"}]
)
def test_windows_that_are_not_of_time_keep_the_place_of_each_row(windows, problem):
    hours = pd.date_range("2021-03-01", periods=24, freq="h").as_unit("us")
    table = pd.DataFrame({"timestamp": hours, "temp": [1.0] * 9 + [2.0] * 15, "cnt": 1.0})
    parameters = WindowParameters.model_validate({**windows, "minimum_rows": 1})

    known, listed = cut_known_rows(table, pd.Timestamp("2021-03-02"), problem, parameters)

    rows = known.within([(hours[8], hours[11])])
    assert rows["window_index"].tolist() == [0, 1, 1]
    assert listed["n"].sum() == 24
