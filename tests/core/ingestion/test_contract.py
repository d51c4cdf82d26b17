from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from regression_lifecycle.core.data.keys import row_keys, series_names
from regression_lifecycle.core.data.problem import ColumnSpec
from regression_lifecycle.core.data.raw_columns import rejected_moments
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    check_observations,
    check_structure,
    enforce_contract,
    sort_rows,
)
from regression_lifecycle.core.ingestion.gaps import find_gaps
from tests.examples import with_missing_values

LENIENT = IngestionParameters(maximum_rejected_share=0.5, unreadable="quarantine")


def broken(raw, column, value, row=5):
    """The table with one value replaced, as a reader that meets mixed values gives it."""
    return raw.astype({column: "object"}).pipe(
        lambda table: table.assign(
            **{column: [value if i == row else v for i, v in enumerate(table[column])]}
        )
    )


def test_a_good_table_is_taken_whole_and_typed(raw, problem):
    result = enforce_contract(raw, problem, IngestionParameters())
    assert result.rejected.empty
    assert list(result.observations) == ["timestamp", *problem.columns]
    assert result.observations.dtypes.astype("str").to_dict() == {
        "timestamp": "datetime64[us]",
        "day": "datetime64[us]",
        "hour": "int64",
        "temp": "float64",
        "sky": "str",
        "load": "float64",
        "part_a": "int64",
        "part_b": "int64",
        "cnt": "int64",
    }
    assert result.observations["cnt"].tolist() == raw["cnt"].tolist()
    assert result.observations["timestamp"].tolist() == list(
        pd.date_range("2021-03-01", periods=96, freq="h")
    )


def test_missing_columns_are_named_together_with_those_that_are_there(raw, problem):
    with pytest.raises(DataContractError, match=r"missing columns: load, cnt.*file has: day"):
        enforce_contract(raw.drop(columns=["load", "cnt"]), problem, LENIENT)


def test_a_column_that_stands_twice_is_refused(raw, problem):
    twice = pd.concat([raw, raw[["temp"]]], axis=1)
    with pytest.raises(DataContractError, match="stand twice in the file: temp"):
        check_structure(twice, problem)


def test_a_table_without_rows_is_refused(raw, problem):
    with pytest.raises(DataContractError, match="no rows"):
        enforce_contract(raw.iloc[:0], problem, LENIENT)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("temp", "warm", "temp is not a number"),
        ("temp", np.inf, "temp is infinite"),
        ("temp", "-inf", "temp is infinite"),
        ("temp", 60.5, "temp is above 60"),
        ("temp", -51, "temp is below -50"),
        ("temp", None, "temp is missing"),
        ("temp", "  ", "temp is missing"),
        ("cnt", 2.5, "cnt is not a whole number"),
        ("cnt", -1, "cnt is below 0"),
        ("cnt", np.nan, "cnt is missing"),
        ("sky", "snow", "sky is not one of clear, rain"),
        ("day", "2021-02-30", "day is not a date"),
        ("day", "yesterday", "day is not a date"),
        ("day", "", "day is missing"),
        ("day", "2021-03-01T05:00+01:00", "day has a time zone"),
        ("hour", 24, "hour is above 23"),
        ("hour", 1e18, "hour is above 23"),
        ("hour", -1, "hour is below 0"),
        ("hour", 4.5, "hour is not a whole number"),
    ],
)
def test_a_broken_value_sends_its_row_alone_to_quarantine(raw, problem, column, value, reason):
    observations, rejected = enforce_contract(broken(raw, column, value), problem, LENIENT)
    assert len(observations) == len(raw) - 1
    assert rejected["raw_row"].tolist() == [6]
    assert reason in rejected["rejection_reason"].item()
    # The mended dtypes must not depend on the broken row.
    assert observations["cnt"].dtype == "int64"
    assert observations["temp"].dtype == "float64"


def test_limits_themselves_are_inside(raw, problem):
    table = broken(broken(raw, "temp", 60, row=1), "temp", -50, row=2)
    assert enforce_contract(table, problem, LENIENT).rejected.empty


def test_a_row_is_rejected_with_all_its_reasons(raw, problem):
    table = broken(broken(raw, "temp", "warm"), "cnt", -3)
    reason = enforce_contract(table, problem, LENIENT).rejected["rejection_reason"].item()
    assert reason == "temp is not a number; cnt is below 0"


def test_a_blank_is_kept_where_it_is_allowed(raw, problem):
    observations, rejected = enforce_contract(broken(raw, "sky", None), problem, LENIENT)
    assert rejected.empty
    assert observations["sky"].isna().tolist() == [i == 5 for i in range(len(raw))]


def test_whole_numbers_that_may_be_missing_are_checked_and_keep_their_blanks(
    make_problem, problem, raw, tmp_path
):
    columns = {name: spec.model_dump() for name, spec in problem.columns.items()}
    codes = {"type": "integer", "allowed": [1, 2, 3, 4], "missing": True}
    problem = make_problem(columns={**columns, "code": codes})
    table = with_missing_values(raw.assign(code=raw.index % 4 + 1), "code")
    observations, rejected = enforce_contract(table, problem, LENIENT)
    assert rejected.empty
    assert observations["code"].dtype == "float64"
    assert observations["code"].tolist() == pytest.approx(table["code"].tolist(), nan_ok=True)
    check_observations(observations, problem)
    observations.to_parquet(tmp_path / "observations.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "observations.parquet"), observations)
    for value, reason in ((5, "code is not one of"), (1.5, "code is not a whole number")):
        rejected = enforce_contract(broken(table, "code", value), problem, LENIENT).rejected
        assert rejected["rejection_reason"].item().startswith(reason)


def test_a_boolean_is_zero_or_one_however_it_was_read(make_problem, raw):
    columns = {"day": {"type": "date"}, "cnt": {"type": "integer"}, "open": {"type": "boolean"}}
    problem = make_problem(timestamp={"date": "day"}, columns=columns, forbidden_columns={})
    table = raw.iloc[[0, 24]].assign(open=[True, False])
    for values in ([True, False], [1, 0], ["1", "0"], [1.0, 0.0]):
        result = enforce_contract(table.assign(open=values), problem, LENIENT).observations
        assert result["open"].tolist() == [1, 0]
        assert result["open"].dtype == "int64"
    rejected = enforce_contract(table.assign(open=[1, 2]), problem, LENIENT).rejected
    assert "open is neither 0 nor 1" in rejected["rejection_reason"].item()


def test_a_label_does_not_change_when_another_row_is_blank(make_problem, raw):
    columns = {
        "day": {"type": "date"},
        "cnt": {"type": "integer"},
        "zone": {"type": "category", "allowed": [1, 2], "missing": True},
    }
    problem = make_problem(timestamp={"date": "day"}, columns=columns, forbidden_columns={})
    table = raw.iloc[[0, 24, 48]].assign(zone=[1, 2, None])  # a reader gives 1.0, 2.0 and NaN
    assert table["zone"].dtype == "float64"
    result = enforce_contract(table, problem, IngestionParameters())
    assert result.observations["zone"].tolist()[:2] == ["1", "2"]
    assert result.observations["zone"].isna().tolist() == [False, False, True]


def test_a_date_in_its_own_format_is_read_by_it(make_problem, raw, problem):
    columns = {name: spec.model_dump() for name, spec in problem.columns.items()}
    columns["day"]["format"] = "%d.%m.%Y"
    table = raw.assign(day=pd.to_datetime(raw["day"]).dt.strftime("%d.%m.%Y"))
    result = enforce_contract(table, make_problem(columns=columns), IngestionParameters())
    assert result.observations["timestamp"].iloc[-1] == pd.Timestamp("2021-03-04 23:00")


def test_date_and_time_in_one_column_need_no_hour(make_problem, raw):
    columns = {"at": {"type": "datetime"}, "cnt": {"type": "integer"}}
    problem = make_problem(timestamp={"date": "at"}, columns=columns, forbidden_columns={})
    table = pd.DataFrame({"at": ["2021-03-01T00:30", "2021-03-01T01:15:10"], "cnt": [1, 2]})
    stamps = enforce_contract(table, problem, LENIENT).observations["timestamp"]
    assert stamps.tolist() == [
        pd.Timestamp("2021-03-01 00:30"),
        pd.Timestamp("2021-03-01 01:15:10"),
    ]


def test_a_table_in_a_time_zone_is_refused_with_the_mend(make_problem):
    columns = {"at": {"type": "datetime"}, "cnt": {"type": "integer"}}
    problem = make_problem(timestamp={"date": "at"}, columns=columns, forbidden_columns={})
    at = pd.date_range("2021-03-28", periods=5, freq="h", tz="Europe/Berlin")
    with pytest.raises(DataContractError, match="at has a time zone; write local times"):
        enforce_contract(pd.DataFrame({"at": at, "cnt": 1}), problem, LENIENT)


def test_an_hour_that_the_clock_repeats_is_named_and_another_zone_keeps_it(make_problem):
    at = pd.date_range("2021-10-30T22:00", periods=25, freq="h", tz="UTC")  # a day in Berlin
    table = pd.DataFrame({"at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "cnt": 1})
    rejected = {}
    for zone in ("Europe/Berlin", "UTC", "Etc/GMT-1"):
        problem = make_problem(
            timestamp={"date": "at"},
            columns={"at": {"type": "datetime", "zone": zone}, "cnt": {"type": "integer"}},
            forbidden_columns={},
        )
        rejected[zone] = enforce_contract(table, problem, LENIENT).rejected
    assert rejected["UTC"].empty
    assert rejected["Etc/GMT-1"].empty
    assert rejected["Europe/Berlin"]["at"].tolist() == ["2021-10-31T01:00:00Z"]
    assert "hour that the clock repeats" in rejected["Europe/Berlin"]["rejection_reason"].item()


def test_keys_differ_in_their_last_digit_however_large_they_are(make_problem):
    columns = {"at": {"type": "date"}, "id": {"type": "integer"}, "cnt": {"type": "integer"}}
    problem = make_problem(
        timestamp={"date": "at"}, columns=columns, forbidden_columns={}, key=["id"]
    )
    ids = [2**53, 2**53 + 1, 2**53 + 2]
    for values in (ids, [str(value) for value in ids]):
        table = pd.DataFrame({"at": "2021-03-01", "id": values, "cnt": 1})
        observations, rejected = enforce_contract(table, problem, LENIENT)
        assert rejected.empty
        assert observations["id"].tolist() == ids


def test_keys_that_read_alike_are_told_and_others_may_hold_the_sign(make_problem):
    text = {"type": "category"}
    columns = {"at": {"type": "date"}, "shop": text, "item": text, "cnt": {"type": "integer"}}
    problem = make_problem(
        timestamp={"date": "at"},
        columns=columns,
        forbidden_columns={},
        key=["timestamp", "shop", "item"],
    )
    shops, items = ["a|b", "a", "a|b", "x|y"], ["c", "b|c", "d", "c"]
    days = ["2021-03-01", "2021-03-02"]
    table = pd.DataFrame(
        [(d, s, i, 1) for d in days for s, i in zip(shops, items, strict=True)],
        columns=list(columns),
    )

    observations, rejected = enforce_contract(table, problem, LENIENT)

    assert rejected[["shop", "item"]].drop_duplicates().values.tolist() == [["a", "b|c"]]
    assert (
        "reads like another one, since a text in it holds the sign '|'"
        in set(rejected["rejection_reason"]).pop()
    )
    assert row_keys(observations, problem).is_unique
    assert series_names(observations, problem).nunique() == 3


def test_of_two_good_rows_with_one_key_the_first_is_kept(raw, problem):
    table = pd.concat([raw, raw.iloc[[7]].assign(cnt=999)], ignore_index=True)
    observations, rejected = enforce_contract(table, problem, LENIENT)
    assert observations.loc[7, "cnt"] == raw.loc[7, "cnt"]
    assert rejected["raw_row"].tolist() == [len(raw) + 1]
    assert rejected["rejection_reason"].item() == (
        "the key (timestamp) stands in an earlier row already, with other values"
    )


def test_a_broken_row_does_not_push_out_the_good_one_that_corrects_it(raw, problem):
    correction = raw.iloc[[7]]
    table = pd.concat([broken(raw, "cnt", "?", row=7), correction], ignore_index=True)
    observations, rejected = enforce_contract(table, problem, LENIENT)
    assert len(observations) == len(raw)
    assert observations.loc[7, "cnt"] == raw.loc[7, "cnt"]
    assert rejected["rejection_reason"].tolist() == ["cnt is not a number"]


def test_one_time_may_stand_in_several_groups(make_problem, raw):
    problem = make_problem(key=["sky", "timestamp"])
    table = pd.concat([raw.assign(sky="rain"), raw.assign(sky="clear")], ignore_index=True)
    observations, rejected = enforce_contract(table, problem, LENIENT)
    assert len(observations) == 2 * len(raw)
    assert rejected.empty
    # By time first: whatever cuts or folds the table afterwards does so in time.
    assert observations["timestamp"].is_monotonic_increasing
    assert observations["sky"].tolist()[:4] == ["clear", "rain", "clear", "rain"]
    check_observations(observations, problem)
    assert find_gaps(observations, problem).empty


def test_the_order_of_the_file_does_not_matter(raw, problem):
    expected = enforce_contract(raw, problem, LENIENT).observations
    shuffled = raw.sample(frac=1, random_state=3)
    assert_frame_equal(enforce_contract(shuffled, problem, LENIENT).observations, expected)


def test_further_columns_and_their_order_are_left_aside(raw, problem):
    expected = enforce_contract(raw, problem, LENIENT).observations
    table = raw.assign(note="x", timestamp="not mine", raw_row=1)[
        ["note", "raw_row", *reversed(raw.columns), "timestamp"]
    ]
    assert_frame_equal(enforce_contract(table, problem, LENIENT).observations, expected)


def test_the_quarantine_keeps_raw_values_and_positions_in_the_file(raw, problem):
    table = broken(broken(raw, "temp", " warm", row=3), "cnt", "1,5", row=90).assign(note="seen")
    table.index = table.index + 1000
    rejected = enforce_contract(table, problem, LENIENT).rejected
    assert list(rejected) == ["raw_row", "rejection_reason", *table.columns]
    assert rejected["raw_row"].tolist() == [4, 91]
    assert rejected["temp"].tolist() == [" warm", str(raw.loc[90, "temp"])]
    assert rejected["cnt"].tolist() == [str(raw.loc[3, "cnt"]), "1,5"]
    assert rejected["note"].tolist() == ["seen", "seen"]


def test_a_corrected_quarantine_file_can_be_read_again(raw, problem):
    rejected = enforce_contract(broken(raw, "cnt", "?"), problem, LENIENT).rejected
    observations, left = enforce_contract(rejected.assign(cnt="12"), problem, LENIENT)
    assert observations["cnt"].tolist() == [12]
    assert left.empty
    assert list(left) == list(rejected)


def test_the_quarantine_can_be_stored_in_a_typed_file(raw, problem, tmp_path):
    rejected = enforce_contract(broken(raw, "cnt", "?"), problem, LENIENT).rejected
    rejected.to_parquet(tmp_path / "rejected.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "rejected.parquet"), rejected)


def test_the_input_is_never_changed(raw, problem):
    table = broken(raw, "temp", "warm").sample(frac=1, random_state=1)
    before = table.copy(deep=True)
    enforce_contract(table, problem, LENIENT)
    assert_frame_equal(table, before)


def test_too_many_broken_rows_refuse_the_table_with_counts_and_reasons(raw, problem):
    table = broken(broken(raw, "temp", "warm", row=3), "cnt", -1, row=4)
    with pytest.raises(DataContractError) as caught:
        enforce_contract(
            table, problem, LENIENT.model_copy(update={"maximum_rejected_share": 0.02})
        )
    message = str(caught.value)
    assert "2 of 96 rows (2.1%) break the contract" in message
    assert "maximum_rejected_share = 2.0%" in message
    assert "temp is not a number (1 row, first in row 4: 'warm')" in message
    assert "cnt is below 0 (1 row, first in row 5: '-1')" in message


def test_exactly_the_bearable_share_is_borne(raw, problem):
    table = broken(raw.iloc[:50], "temp", "warm")
    parameters = LENIENT.model_copy(update={"maximum_rejected_share": 0.02})
    assert len(enforce_contract(table, problem, parameters).rejected) == 1


def test_text_among_numbers_refuses_the_table_unless_quarantine_is_asked_for(raw, problem):
    # One row of 96 would be borne: it is the kind of break that refuses.
    parameters = IngestionParameters(maximum_rejected_share=0.5)
    with pytest.raises(DataContractError) as caught:
        enforce_contract(broken(raw, "temp", "warm", row=3), problem, parameters)
    assert "temp is not a number in 1 row, first in row 4: 'warm'" in str(caught.value)
    assert "set ingestion.unreadable to quarantine" in str(caught.value)
    assert len(enforce_contract(broken(raw, "temp", 99), problem, parameters).rejected) == 1


def test_too_few_good_rows_refuse_the_table(raw, problem):
    with pytest.raises(DataContractError, match=r"too few rows keep the contract: 96, and"):
        enforce_contract(raw, problem, IngestionParameters(minimum_rows=97))


def test_what_the_contract_returns_passes_the_check_also_after_storage(raw, problem, tmp_path):
    table = broken(broken(raw, "sky", None, row=1), "temp", "warm", row=2)
    observations = enforce_contract(table, problem, LENIENT).observations
    check_observations(observations, problem)
    observations.to_parquet(tmp_path / "observations.parquet")
    stored = pd.read_parquet(tmp_path / "observations.parquet")
    check_observations(stored, problem)
    assert_frame_equal(stored, observations)


def test_a_column_of_blanks_alone_comes_back_from_storage_as_it_was(raw, problem, tmp_path):
    observations = enforce_contract(raw.assign(sky=None), problem, LENIENT).observations
    observations.to_parquet(tmp_path / "observations.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "observations.parquet"), observations)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("date", "2024-01-01"),
        ("datetime", "2024-01-01 10:00"),
        ("category", "a"),
        ("float", 1.5),
        ("integer", 1),
        ("boolean", 1),
    ],
)
def test_a_column_that_may_hold_anything_passes_the_check(raw, problem, type_, value):
    # Nothing is declared of it by which a value could be wrong.
    free = ColumnSpec(type=type_, missing=True)
    described = problem.model_copy(update={"columns": {**problem.columns, "load": free}})
    table = raw.assign(load=[None, *[value] * (len(raw) - 1)])

    observations = enforce_contract(table, described, LENIENT).observations

    check_observations(observations, described)
    assert observations["load"].isna().sum() == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.drop(columns="temp"), r"missing columns: temp"),
        (lambda t: t.drop(columns="timestamp"), r"missing columns: timestamp"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: pd.concat([t, t.iloc[[-1]]]), "not unique"),
        (lambda t: t.iloc[::-1], "not sorted by timestamp"),
        (lambda t: t.assign(timestamp=t["timestamp"].astype("str")), "timestamp is not a time"),
        (lambda t: t.assign(temp=t["temp"] + 100), r"96 rows against.*temp is above 60"),
        (lambda t: t.assign(cnt=t["cnt"].where(t.index != 4)), r"1 row.*cnt is missing"),
        (lambda t: t.assign(cnt=t["cnt"].astype("float64") + 0.5), r"96 rows.*a whole number"),
        (lambda t: t.assign(temp=t["temp"].where(t.index != 4, np.inf)), r"1 row.*is infinite"),
        (lambda t: t.assign(sky=t["sky"].where(t.index != 4, "a\0b")), r"1 row.*the character 0"),
    ],
)
def test_a_damaged_table_does_not_pass_the_check(observations, problem, damage, message):
    with pytest.raises(DataContractError, match=message):
        check_observations(damage(observations), problem)


# --- times that are made of parts ---------------------------------------------------------------

PARTS = {"yr": 2020, "mo": 2, "qu": 4, "wk": 53, "dy": 29, "hr": 5}


def read_parts(make_problem, parts, **values):
    """Read one row whose time is made of parts; the names of columns are those of PARTS."""
    columns = {name: {"type": "integer"} for name in PARTS} | {"cnt": {"type": "integer"}}
    described = make_problem(timestamp=parts, columns=columns, forbidden_columns={})
    raw = pd.DataFrame([{**PARTS, "cnt": 1, **values}])
    good, bad, _ = sort_rows(raw, described)
    return good, bad, rejected_moments(bad, described)


YEAR, MONTH = {"year": "yr"}, {"year": "yr", "month": "mo"}
QUARTER, WEEK = {"year": "yr", "quarter": "qu"}, {"year": "yr", "week": "wk"}
DAY = {**MONTH, "day": "dy"}


@pytest.mark.parametrize(
    ("parts", "moment"),
    [
        (YEAR, "2020-01-01"),
        (MONTH, "2020-02-01"),
        (QUARTER, "2020-10-01"),
        # The last week of 2020 ends with the first days of 2021.
        (WEEK, "2020-12-28"),
        (DAY, "2020-02-29"),
        ({**DAY, "hour": "hr"}, "2020-02-29 05:00"),
    ],
)
def test_parts_name_the_start_of_their_time(make_problem, parts, moment):
    good, bad, _ = read_parts(make_problem, parts)
    assert bad.empty
    assert good["timestamp"].tolist() == [pd.Timestamp(moment)]
    assert good["timestamp"].dtype == "datetime64[us]"


@pytest.mark.parametrize(("year", "monday"), [(2021, "2021-01-04"), (2015, "2014-12-29")])
def test_a_first_week_begins_on_its_monday(make_problem, year, monday):
    good, _, _ = read_parts(make_problem, WEEK, yr=year, wk=1)
    assert good["timestamp"].tolist() == [pd.Timestamp(monday)]


@pytest.mark.parametrize(
    ("parts", "values", "reason"),
    [
        (MONTH, {"mo": 13}, "mo is not a month from 1 to 12"),
        (MONTH, {"mo": 0}, "mo is not a month from 1 to 12"),
        (QUARTER, {"qu": 5}, "qu is not a quarter from 1 to 4"),
        (YEAR, {"yr": 20}, "yr is not a year from 1678 to 2261"),
        (WEEK, {"wk": 54}, "wk is not a week from 1 to 53"),
        # 2021 has 52 weeks, and 29 days in February are too many.
        (WEEK, {"yr": 2021}, "timestamp cannot be made from the raw columns"),
        (DAY, {"yr": 2021}, "timestamp cannot be made from the raw columns"),
        ({**DAY, "hour": "hr"}, {"hr": 25}, "hr is not an hour from 0 to 24"),
        (MONTH, {"mo": 1.5}, "mo is not a whole number"),
        (MONTH, {"mo": None}, "mo is missing"),
    ],
)
def test_a_time_that_is_none_is_a_reason_of_its_row(make_problem, parts, values, reason):
    good, bad, moments = read_parts(make_problem, parts, **values)
    assert good.empty
    assert reason in bad["rejection_reason"].iloc[0]
    assert moments.dtype == "datetime64[us]"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"month": "mo"}, "give either 'date'"),
        ({"year": "yr", "date": "day"}, "give either 'date'"),
        ({"year": "yr", "month": "mo", "quarter": "qu"}, "make no time together; possible are"),
        ({"year": "yr", "hour": "hr"}, "make no time together"),
        ({**DAY, "time": "hr"}, "timestamp.time: column 'hr' must be of type datetime"),
        ({"year": "yr", "month": "cnt_"}, "timestamp.month: unknown column 'cnt_'"),
    ],
)
def test_parts_that_make_no_time_are_refused(make_problem, parts, message):
    with pytest.raises(ValidationError, match=message):
        read_parts(make_problem, parts)


def test_rows_at_no_fixed_distance_have_no_gaps(make_problem, raw):
    holes = raw.iloc[[0, 1, 5, 9]]
    regular, irregular = make_problem(), make_problem(irregular=True)
    observations = enforce_contract(holes, regular, LENIENT).observations
    assert find_gaps(observations, regular)["n_missing"].sum() > 0
    assert find_gaps(observations, irregular).empty
    assert list(find_gaps(observations, irregular)) == list(find_gaps(observations, regular))


def test_a_row_with_a_negative_or_no_weight_is_set_aside_by_name(raw, make_problem):
    weighted = make_problem(weight_column="load")
    table = raw.assign(load=[-1.5, np.nan, *raw["load"][2:]])

    result = enforce_contract(table, weighted, LENIENT)

    assert result.rejected["rejection_reason"].tolist() == [
        "load, the weight of the row, is negative",
        "load is missing",
    ]
    assert len(result.observations) == len(raw) - 2
    check_observations(result.observations, weighted)
    with pytest.raises(DataContractError, match="load, the weight of the row, is negative"):
        check_observations(result.observations.assign(load=-1.0), weighted)
    # A weight of 0 is one.
    assert enforce_contract(raw.assign(load=0.0), weighted, LENIENT).rejected.empty
