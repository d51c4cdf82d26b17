from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import (
    Window,
    list_windows,
    place_features,
    window_of_rows,
    windows_frame,
)


def parameters_of(**given):
    """Parameters of windows; a kind is called like the key of its own, but for ``explicit``."""
    kind = next(name for name in WindowParameters.kinds if name in given)
    if kind == "explicit":
        given["windows"] = given.pop("explicit")
    return WindowParameters.model_validate({"kind": kind, **given})


def hours(start="2021-03-01", periods=240, **more):
    moments = pd.date_range(start, periods=periods, freq="h")
    return pd.DataFrame({"timestamp": moments, **more})


@pytest.fixture
def cut(problem):
    """Lists the windows of a table, cut in a way."""

    def cut(table, as_of=None, labels_known_until=None, **parameters):
        return list_windows(
            table,
            problem,
            parameters_of(**parameters),
            as_of=None if as_of is None else pd.Timestamp(as_of),
            labels_known_until=None
            if labels_known_until is None
            else pd.Timestamp(labels_known_until),
        )

    return cut


def column(windows, name):
    return [getattr(window, name) for window in windows]


# --- windows of one length -----------------------------------------------------------------------


def test_windows_of_one_length_hold_every_row_once(cut):
    rows = hours("2021-03-01 12:00", 228)
    windows = cut(rows, length="4 days")
    assert column(windows, "start") == list(
        pd.to_datetime(["2021-03-01", "2021-03-05", "2021-03-09"])
    )
    assert column(windows, "end") == list(
        pd.to_datetime(["2021-03-05", "2021-03-09", "2021-03-13"])
    )
    assert column(windows, "n") == [84, 96, 48]
    assert column(windows, "key") == ["2021-03-01", "2021-03-05", "2021-03-09"]
    assert windows[0].label == "2021-03-01 to 2021-03-04"


@pytest.mark.parametrize("last", ["2021-03-04 23:00", "2021-03-05 00:00", "2021-03-05 01:00"])
def test_the_last_row_lies_in_the_last_window(cut, last):
    rows = hours()
    rows = rows[rows["timestamp"] <= last]
    windows = cut(rows, length="2 days")
    assert sum(column(windows, "n")) == len(rows)
    assert windows[-1].n > 0


def test_windows_say_whether_they_are_complete_underpopulated_or_empty(cut):
    rows = hours()
    day, hour = rows["timestamp"].dt.day, rows["timestamp"].dt.hour
    rows = rows[~day.isin([2, 5]) & ~((day == 3) & (hour >= 10))]
    windows = cut(rows, length="1 day", minimum_rows=24)
    assert column(windows, "status") == [
        *("complete", "empty", "underpopulated", "complete", "empty"),
        *["complete"] * 5,
    ]
    assert column(windows, "n") == [24, 0, 10, 24, 0, *[24] * 5]
    assert column(windows, "index") == list(range(10))


def test_a_window_that_the_rows_do_not_fill_at_an_end_is_partial(cut):
    windows = cut(hours("2021-03-01 06:00", 78), length="1 day", minimum_rows=1)
    assert column(windows, "status") == ["partial", "complete", "complete", "partial"]
    assert column(windows, "n") == [18, 24, 24, 12]


@pytest.mark.parametrize(("first", "status"), [("00:30", "complete"), ("01:00", "partial")])
def test_a_table_that_begins_a_whole_step_late_has_a_partial_window(cut, first, status):
    windows = cut(hours(f"2021-03-01 {first}", 47), length="1 day", minimum_rows=20)
    assert windows[0].status == status


def test_few_rows_weigh_more_than_an_open_end(cut):
    windows = cut(hours(periods=30), length="1 day", minimum_rows=10)
    assert column(windows, "status") == ["complete", "underpopulated"]


def test_windows_shorter_than_a_day_have_names_of_their_own(cut):
    windows = cut(hours("2021-03-01 13:00", 11), length="6 hours", minimum_rows=1)
    # Counted from midnight, but nothing is listed before the first row.
    assert column(windows, "key") == ["2021-03-01 12:00", "2021-03-01 18:00"]
    assert column(windows, "label") == [
        "2021-03-01 12:00 until 2021-03-01 18:00",
        "2021-03-01 18:00 until 2021-03-02",
    ]
    assert column(windows, "index") == [0, 1]


def test_an_origin_counts_from_the_same_moment_whatever_the_table_holds(cut):
    table = hours(periods=480)
    whole = cut(table, length="3 days", origin="2021-03-05 06:00")
    late = cut(
        table[table["timestamp"] >= "2021-03-09"], length="3 days", origin="2021-03-05 06:00"
    )
    assert whole[0].start == pd.Timestamp("2021-03-05 06:00")
    assert whole[0].status == "complete"
    assert [(w.index, w.key) for w in whole] == [(w.index, w.key) for w in late]
    assert column(late, "status")[:2] == ["empty", "partial"]


@pytest.mark.parametrize("way", [{"length": "3 days"}, {"period": "week"}, {"rows": 50}])
def test_rows_before_the_origin_are_in_no_window(problem, way):
    table = hours()
    parameters = parameters_of(**way, origin="2021-03-04")
    windows = list_windows(table, problem, parameters)
    place = window_of_rows(table, windows, problem, parameters)
    assert (place >= 0).tolist() == (table["timestamp"] >= "2021-03-04").tolist()
    assert sum(column(windows, "n")) == 7 * 24


def test_a_period_that_the_origin_cuts_is_partial(cut):
    windows = cut(hours(), period="week", origin="2021-03-04")
    assert [(w.key, w.n, w.status) for w in windows] == [
        ("2021-W09", 96, "partial"),
        ("2021-W10", 72, "partial"),
    ]


def test_an_origin_after_the_last_row_gives_no_windows(cut):
    for way in ({"length": "1 day"}, {"period": "day"}, {"rows": 24}):
        assert cut(hours(), **way, origin="2022-01-01") == []


def test_a_mistyped_year_is_answered_and_not_listed(cut):
    rows = pd.DataFrame({"timestamp": pd.to_datetime(["1012-01-01", "2012-01-01"])})
    with pytest.raises(ConfigurationError, match="windows lie between 1012-01-01"):
        cut(rows, length="1 hour")


# --- periods, local time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "keys"),
    [
        ("day", ["2020-12-31", "2021-01-01", "2021-01-02"]),
        ("week", ["2020-W53"]),
        ("month", ["2020-12", "2021-01"]),
        ("quarter", ["2020-Q4", "2021-Q1"]),
        ("year", ["2020", "2021"]),
    ],
)
def test_periods_end_with_the_year_and_a_week_does_not(cut, period, keys):
    windows = cut(hours("2020-12-31", 72), period=period)
    assert column(windows, "key") == keys
    assert sum(column(windows, "n")) == 72


def test_a_week_belongs_to_the_year_of_its_thursday(cut):
    windows = cut(hours("2020-12-28", 14 * 24), period="week")
    assert column(windows, "key") == ["2020-W53", "2021-W01"]
    assert column(windows, "start") == list(pd.to_datetime(["2020-12-28", "2021-01-04"]))
    assert column(windows, "end") == list(pd.to_datetime(["2021-01-04", "2021-01-11"]))
    assert column(windows, "status") == ["complete", "complete"]
    # 2019-12-30 is a Monday whose Thursday lies in 2020.
    assert cut(hours("2019-12-30", 168), period="week")[0].key == "2020-W01"


def test_the_29th_of_february_is_a_day_of_its_month(cut):
    month = cut(hours("2012-02-01", 29 * 24), period="month")
    assert [(w.key, w.n, w.status) for w in month] == [("2012-02", 696, "complete")]
    year = cut(hours("2012-01-01", 366 * 24), period="year")
    assert [(w.key, w.n, w.status) for w in year] == [("2012", 8784, "complete")]
    days = cut(hours("2012-02-28", 72), length="1 day")
    assert column(days, "key") == ["2012-02-28", "2012-02-29", "2012-03-01"]
    # A length is a length: a year of 366 days ends a window of 365 days one day early.
    years = cut(hours("2012-01-01", 366 * 24), length="365 days")
    assert column(years, "key") == ["2012-01-01", "2012-12-31"]


@pytest.mark.parametrize("way", [{"length": "1 day"}, {"period": "day"}])
def test_the_days_of_23_and_25_hours_are_days(problem, way):
    spring = hours("2021-03-27", 72)
    spring = spring[spring["timestamp"] != "2021-03-28 02:00"]
    repeated = pd.DataFrame({"timestamp": [pd.Timestamp("2021-10-31 02:00")]})
    autumn = pd.concat([hours("2021-10-30", 72), repeated]).sort_values("timestamp")
    parameters = parameters_of(**way, minimum_rows=20)
    for table, counts in ((spring, [24, 23, 24]), (autumn, [24, 25, 24])):
        windows = list_windows(table, problem, parameters)
        assert column(windows, "n") == counts
        assert column(windows, "status") == ["complete"] * 3
        assert (window_of_rows(table, windows, problem, parameters) >= 0).all()


def test_a_missing_hour_at_midnight_makes_neither_day_partial(cut):
    # In some places clocks go forward at midnight, so that the day begins at 1 o'clock.
    table = hours("2021-03-01", 96)
    table = table[table["timestamp"] != "2021-03-03 00:00"]
    assert column(cut(table, length="1 day", minimum_rows=20), "status") == ["complete"] * 4


def test_a_gap_keeps_its_periods_in_the_list(cut):
    table = pd.concat([hours("2021-01-01", 31 * 24), hours("2021-04-01", 30 * 24)])
    windows = cut(table, period="month")
    assert column(windows, "key") == ["2021-01", "2021-02", "2021-03", "2021-04"]
    assert column(windows, "status") == ["complete", "empty", "empty", "complete"]


# --- windows by rows and by column ---------------------------------------------------------------


def test_windows_of_rows_hold_so_many_in_the_order_of_time(problem):
    table = hours(periods=100).sample(frac=1, random_state=1)
    parameters = parameters_of(rows=40, minimum_rows=10)
    windows = list_windows(table, problem, parameters)
    assert [(w.key, w.n, w.status) for w in windows] == [
        ("rows=0-39", 40, "complete"),
        ("rows=40-79", 40, "complete"),
        ("rows=80-119", 20, "partial"),
    ]
    assert windows[1].start == pd.Timestamp("2021-03-02 16:00")
    assert windows[1].end == windows[2].start == pd.Timestamp("2021-03-04 08:00")
    assert windows[0].label == "rows 0 to 39"
    place = window_of_rows(table, windows, problem, parameters)
    assert place.sort_index().tolist() == [0] * 40 + [1] * 40 + [2] * 20


def test_windows_of_rows_are_filled_one_group_after_the_other_at_one_moment(make_problem):
    panel = make_problem(key=["timestamp", "sky"])
    table = pd.concat([hours(periods=3, sky="rain"), hours(periods=3, sky="clear")])
    parameters = parameters_of(rows=2, minimum_rows=1)
    windows = list_windows(table, panel, parameters)
    place = window_of_rows(table, windows, panel, parameters)
    assert place.tolist() == [0, 1, 2, 0, 1, 2]


def test_windows_of_a_column_come_in_the_order_of_first_appearance(problem):
    table = hours(periods=90, batch=np.repeat([7.0, 3.0, 5.0], 30))
    table.loc[5, "batch"] = np.nan
    table.loc[80, "batch"] = 7.0
    shuffled = table.sample(frac=1, random_state=2)
    parameters = parameters_of(column="batch")
    windows = list_windows(shuffled, problem, parameters)
    assert column(windows, "key") == ["batch=7", "batch=3", "batch=5"]
    assert column(windows, "n") == [30, 30, 29]
    assert column(windows, "status") == ["complete"] * 3
    assert windows[0].end == pd.Timestamp("2021-03-04 09:00")
    # Any part of the table is placed alike.
    part = table.iloc[[5, 40, 80]]
    assert window_of_rows(part, windows, problem, parameters).tolist() == [-1, 1, 0]


def test_features_of_a_panel_find_their_windows_whatever_the_key_is_called(make_problem):
    columns = make_problem().model_dump(mode="python")["columns"]
    panel = make_problem(
        key=["timestamp", "place"],
        columns={**columns, "place": {"type": "category", "known_in_advance": True}},
    )
    table = pd.concat([hours(periods=60, place="north"), hours(periods=60, place="south")])
    parameters = parameters_of(length="1 day", minimum_rows=1)
    windows = list_windows(table, panel, parameters)
    features = table[["timestamp", "place"]].sample(frac=1, random_state=4)

    place = place_features(features, table, windows, panel, parameters)

    days = (features["timestamp"] - pd.Timestamp("2021-03-01")) // pd.Timedelta("1 day")
    assert place.tolist() == days.tolist()


def test_a_column_that_is_not_there_is_answered_with_those_that_are(cut):
    with pytest.raises(ConfigurationError, match=r"windows.column: unknown column 'bach'; did you"):
        cut(hours(batch=1), column="bach")


def test_the_order_of_the_file_is_kept_where_an_index_repeats_itself(problem):
    table = pd.concat([hours(periods=30, batch="a"), hours("2021-04-01", 30, batch="b")])
    for way in ({"rows": 30}, {"column": "batch"}):
        parameters = parameters_of(**way)
        windows = list_windows(table, problem, parameters)
        place = window_of_rows(table, windows, problem, parameters)
        assert place.tolist() == [0] * 30 + [1] * 30
        assert place.index.equals(table.index)


# --- explicit windows ----------------------------------------------------------------------------

EXPLICIT = [
    {"start": "2021-03-02", "end": "2021-03-04"},
    {"start": "2021-03-04", "end": "2021-03-05"},
    {"start": "2022-01-01", "end": "2022-01-08"},
]


def test_explicit_windows_are_taken_as_they_are_with_an_open_end(problem):
    table, parameters = hours(), parameters_of(explicit=EXPLICIT)
    windows = list_windows(table, problem, parameters)
    assert column(windows, "n") == [48, 24, 0]
    assert column(windows, "status") == ["complete", "complete", "empty"]
    assert column(windows, "label")[:2] == ["2021-03-02 to 2021-03-03", "2021-03-04 to 2021-03-04"]
    place = window_of_rows(table, windows, problem, parameters)
    assert place.tolist() == [-1] * 24 + [0] * 48 + [1] * 24 + [-1] * 144


def test_an_explicit_window_keeps_its_index_when_one_looks_from_the_middle(cut):
    windows = cut(hours(), as_of="2021-03-04 23:00", explicit=EXPLICIT)
    assert column(windows, "index") == [0, 1]


# --- looking from a moment -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        {"length": "3 days"},
        {"length": "3 days", "origin": "2021-02-28"},
        {"period": "week"},
        {"rows": 50},
        {"column": "batch"},
        {"explicit": EXPLICIT},
    ],
)
def test_a_window_keeps_key_index_and_figures_however_late_one_looks(cut, way):
    table = hours(periods=720, cnt=1.0, batch=np.arange(720) // 70)
    last = {window.key: window for window in cut(table, as_of="2021-03-30 23:00", **way)}
    for moment in pd.date_range("2021-03-01 05:00", "2021-03-30", freq="7h"):
        for window in cut(table, as_of=moment, **way):
            assert last[window.key].index == window.index
            if window.status == "complete" and "column" not in way:
                assert last[window.key] == window


def test_later_rows_are_not_looked_at(cut):
    table = hours(cnt=1.0)
    for moment in ("2021-03-04 10:00", "2021-03-04 23:00"):
        seen = table[table["timestamp"] <= moment]
        assert cut(table, as_of=moment, length="2 days") == cut(seen, length="2 days")


def test_a_window_is_over_with_its_last_row_or_when_its_time_has_passed(cut):
    table = hours()
    missing_last = table[table["timestamp"] != "2021-03-02 23:00"]

    def second(rows, as_of):
        return cut(rows, as_of=as_of, length="1 day", minimum_rows=20)[1].status

    assert second(table, "2021-03-02 22:00") == "partial"
    assert second(table, "2021-03-02 23:00") == "complete"
    assert second(missing_last, "2021-03-02 23:00") == "partial"
    assert second(missing_last, "2021-03-03 00:00") == "complete"


def test_a_window_in_which_nothing_came_is_empty_once_it_is_over(cut):
    table = hours(periods=48)
    windows = cut(table, as_of="2021-03-04 12:00", length="1 day")
    assert [(w.key, w.status) for w in windows] == [
        ("2021-03-01", "complete"),
        ("2021-03-02", "complete"),
        ("2021-03-03", "empty"),
    ]


def test_before_the_first_row_there_is_no_window(cut):
    for way in ({"length": "1 day"}, {"period": "day"}, {"rows": 24}, {"column": "batch"}):
        assert cut(hours(batch=1), as_of="2021-02-01", **way) == []


# --- labels --------------------------------------------------------------------------------------


def test_a_window_waits_for_its_labels(cut):
    table = hours(cnt=1.0)
    table["cnt"] = table["cnt"].where(table["timestamp"] < "2021-03-04 12:00")
    windows = cut(table, length="2 days")
    assert column(windows, "status") == ["complete", *["pending labels"] * 4]
    assert column(windows, "n_labelled") == [48, 36, 0, 0, 0]
    assert cut(table, length="2 days", labelled_share=0.75)[1].status == "complete"


def test_labels_that_come_later_count_as_unknown(cut):
    table = hours(cnt=1.0)
    windows = cut(table, labels_known_until="2021-03-03 23:00", length="2 days")
    assert column(windows, "n_labelled") == [48, 24, 0, 0, 0]
    assert column(windows, "status") == ["complete", *["pending labels"] * 4]


def test_the_labelled_share_itself_is_enough(cut):
    table = hours(cnt=1.0, periods=100)
    for missing, status in ((5, "complete"), (6, "pending labels")):
        rows = table.assign(cnt=table["cnt"].where(table.index >= missing))
        assert cut(rows, rows=100)[0].status == status


def test_a_table_without_the_target_waits_for_nothing(cut):
    windows = cut(hours(), labels_known_until="2021-03-01", length="5 days")
    assert column(windows, "status") == ["complete", "complete"]
    assert column(windows, "n_labelled") == [0, 0]


# --- kinds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "'kind' is missing; allowed: length, period, rows, column, explicit"),
        ({"kind": "lenght", "length": "1 day"}, "unknown kind 'lenght'; did you mean 'length'"),
        ({"kind": "length", "length": "1 day", "period": "day"}, "unknown key 'period'"),
        (
            {
                "kind": "explicit",
                "windows": [
                    {"start": "2021-03-01", "end": "2021-03-03"},
                    {"start": "2021-03-02", "end": "2021-03-04"},
                ],
            },
            "windows overlap: 2021-03-01 00:00:00 to 2021-03-03",
        ),
        (
            {"kind": "explicit", "windows": [{"start": "2021-03-02", "end": "2021-03-02"}]},
            "end after it starts",
        ),
        (
            {"kind": "explicit", "windows": EXPLICIT, "origin": "2021-03-01"},
            "'origin' has no meaning for explicit",
        ),
        ({"kind": "explicit", "windows": []}, "at least 1 item"),
        ({"kind": "length", "length": "28"}, "has no unit"),
        ({"kind": "period", "period": "fortnight"}, "period"),
        ({"kind": "rows", "rows": 0}, "rows"),
        ({"kind": "rows", "rows": 9}, "9 rows never reach minimum_rows = 10"),
        ({"kind": "period", "period": "day", "labelled_share": 0}, "labelled_share"),
        ({"kind": "length", "lenght": "1 day"}, "did you mean 'length'"),
    ],
)
def test_windows_that_make_no_sense_are_refused(parameters, message):
    with pytest.raises(ValidationError, match=message):
        WindowParameters.model_validate(parameters)


@pytest.mark.parametrize("kind", WindowParameters.kinds)
def test_parameters_of_every_kind_can_be_written_and_read_again(kind):
    own = {
        "length": {"length": "2 days", "origin": "2021-03-01"},
        "period": {"period": "month"},
        "rows": {"rows": 40},
        "column": {"column": "batch"},
        "explicit": {"windows": EXPLICIT},
    }[kind]
    parameters = WindowParameters.model_validate({"kind": kind, **own})

    assert WindowParameters.model_validate(parameters.model_dump(mode="json")) == parameters


# --- tables --------------------------------------------------------------------------------------


def test_windows_as_a_table(cut):
    frame = windows_frame(cut(hours(cnt=1.0), length="5 days"))
    assert list(frame.columns) == [
        *("window", "window_index", "start", "end", "n", "n_labelled", "status"),
    ]
    assert frame["window"].tolist() == ["2021-03-01", "2021-03-06"]
    empty = windows_frame([])
    assert list(empty.columns) == list(frame.columns)
    assert empty.dtypes.equals(frame.dtypes)


def test_without_windows_no_row_is_in_one(problem):
    for way in ({"length": "1 day"}, {"rows": 30}):
        place = window_of_rows(hours(), [], problem, parameters_of(**way))
        assert set(place) == {-1}


def test_rows_find_the_windows_that_are_given_and_only_those(problem):
    table, parameters = hours(), parameters_of(length="2 days")
    windows = list_windows(table, problem, parameters)
    place = window_of_rows(table, [windows[3], windows[1]], problem, parameters)
    assert place.tolist() == [-1] * 48 + [1] * 48 + [-1] * 48 + [3] * 48 + [-1] * 48


def test_the_inputs_stay_as_they_are(problem):
    table = hours(cnt=1.0, batch=1).sample(frac=1, random_state=1)
    before = table.copy(deep=True)
    for way in ({"length": "1 day"}, {"rows": 30}, {"column": "batch"}):
        parameters = parameters_of(**way)
        windows = list_windows(table, problem, parameters, as_of=pd.Timestamp("2021-03-05"))
        window_of_rows(table, windows, problem, parameters)
        pd.testing.assert_frame_equal(table, before)


def test_a_window_is_what_it_says():
    window = Window(
        0, "2021-03", pd.Timestamp("2021-03-01"), pd.Timestamp("2021-04-01"), 3, 2, "partial"
    )
    assert window.label == "2021-03"
    with pytest.raises(AttributeError):
        window.n = 4


@pytest.mark.parametrize(
    ("length", "origin", "starts"),
    [
        ("1 quarter", None, ["2019-10-01", "2020-01-01", "2020-04-01"]),
        ("1 month", None, ["2019-11-01", "2019-12-01", "2020-01-01"]),
        ("1 year", None, ["2019-01-01", "2020-01-01"]),
        ("1 month", "2019-08-31", ["2019-08-31", "2019-09-30", "2019-10-31"]),
        ("1 quarter", "2019-11-15", ["2019-11-15", "2020-02-15"]),
    ],
)
def test_windows_of_months_follow_the_calendar(cut, length, origin, starts):
    rows = hours("2019-11-15", 24 * 160)
    windows = cut(rows, length=length, origin=origin)
    found = column(windows, "start")
    assert found[: len(starts)] == [pd.Timestamp(start) for start in starts]
    assert column(windows, "end")[:-1] == found[1:]
    assert sum(column(windows, "n")) == len(rows)


@pytest.mark.parametrize("anchor", ["MS", "ME"])
def test_a_year_of_months_is_complete(make_problem, anchor):
    stamps = pd.date_range("2019-01-01", periods=30, freq=anchor).as_unit("us")
    windows = list_windows(
        pd.DataFrame({"timestamp": stamps}),
        make_problem(frequency="1 month", horizon="1 month"),
        parameters_of(length="1 year", minimum_rows=6),
    )
    assert [(w.key, w.n, w.status) for w in windows] == [
        ("2019-01-01", 12, "complete"),
        ("2020-01-01", 12, "complete"),
        ("2021-01-01", 6, "partial"),
    ]


# --- labels that never come -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deadline", "delay", "statuses"),
    [
        (None, None, ["pending labels"] * 3),
        ("2 days", None, ["complete", "complete", "pending labels"]),
        ("2 days", "1 day", ["complete", "pending labels", "pending labels"]),
        ("4 days", None, ["complete", "pending labels", "pending labels"]),
    ],
)
def test_a_window_waits_for_its_labels_until_the_deadline(problem, deadline, delay, statuses):
    given = {"label_deadline": deadline, "label_delay": delay}
    waiting = type(problem).model_validate(problem.model_dump() | given)
    table = hours(periods=6 * 24, cnt=1.0)
    table.loc[::5, "cnt"] = np.nan
    windows = list_windows(table, waiting, parameters_of(length="2 days"))
    assert column(windows, "status") == statuses
    assert column(windows, "n_labelled") == [38, 38, 39]


def test_a_window_with_hardly_a_label_waits_however_late_it_is(problem):
    waiting = problem.model_copy(update={"label_deadline": pd.Timedelta("1 hour")})
    table = hours(periods=96, cnt=np.nan)
    table.loc[:8, "cnt"] = 1.0
    windows = list_windows(table, waiting, parameters_of(length="2 days", minimum_rows=10))
    assert column(windows, "status") == ["pending labels", "pending labels"]
    few = list_windows(table, waiting, parameters_of(length="2 days", minimum_rows=9))
    assert column(few, "status") == ["complete", "pending labels"]


# --- tables without a time ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "keys"),
    [
        ({"length": "100 seconds"}, ["rows=0-99", "rows=100-199", "rows=200-299"]),
        ({"length": "120 seconds", "origin": "1970-01-01 00:01"}, ["rows=60-179", "rows=180-299"]),
        ({"rows": 100}, ["rows=0-99", "rows=100-199", "rows=200-299"]),
    ],
)
def test_without_a_time_windows_are_named_by_their_rows(problem, parameters, keys):
    rows = type(problem).model_validate(
        problem.model_dump() | {"timestamp": {"rows": True}, "frequency": "1 second", "key": ()}
    )
    table = pd.DataFrame({"timestamp": pd.date_range("1970-01-01", periods=250, freq="s")})
    windows = list_windows(table, rows, parameters_of(**parameters))
    assert column(windows, "key") == keys
    assert windows[-1].label == keys[-1].replace("rows=", "rows ").replace("-", " to ")


# --- how many rows a window can hold --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "parameters", "capacity"),
    [
        ({}, {"length": "2 days"}, 48),
        ({"frequency": "1 day"}, {"period": "month"}, 31),
        ({"frequency": "1 month", "horizon": "1 month"}, {"period": "year"}, 12),
        ({}, {"rows": 40}, 40),
        ({}, {"column": "batch"}, None),
        ({"irregular": True}, {"length": "2 days"}, None),
        ({"key": ["timestamp", "temp"]}, {"length": "2 days"}, None),
    ],
)
def test_a_window_can_hold_so_many_rows(problem, changes, parameters, capacity):
    changed = type(problem).model_validate(problem.model_dump() | changes)
    assert parameters_of(**parameters).capacity(changed) == capacity
