"""What a declared column makes of the values that readers hand in: each row is one sentence."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.data.problem import ColumnSpec
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.data.raw_columns import typed_column

BIG = 2**53 + 1  # the first whole number that a float does not know
NOTHING = None


def text(*values):
    """Values as a CSV file holds them."""
    return pd.Series(values, dtype="str")


def mixed(*values):
    """Values as a query hands them in."""
    return pd.Series(values, dtype="object")


def read(values, **spec):
    """The values that were read, and the reasons against each row."""
    reasons = Reasons(len(values))
    typed = typed_column(pd.Series(values), "x", ColumnSpec(**spec), reasons)
    plain = [None if pd.isna(value) else value for value in typed]
    rejected = reasons.set_aside(pd.DataFrame({"x": values}))
    return plain, dict(zip(rejected["raw_row"], rejected["rejection_reason"], strict=True))


CATEGORY = {"type": "category", "missing": True}
FLOAT = {"type": "float", "missing": True}
INTEGER = {"type": "integer", "missing": True}
BOOLEAN = {"type": "boolean", "missing": True}
DATETIME = {"type": "datetime", "missing": True}
BERLIN = {**DATETIME, "zone": "Europe/Berlin"}


def at(*moments):
    return [None if moment is None else pd.Timestamp(moment) for moment in moments]


@pytest.mark.parametrize(
    ("spec", "values", "expected"),
    [
        # Labels stay as they are written; only the empty one is missing.
        (CATEGORY, text("001", "1", "1.0", "true"), ["001", "1", "1.0", "true"]),
        (CATEGORY, text("NA", "None", "null", "nan"), ["NA", "None", "null", "nan"]),
        (CATEGORY, text(" north ", "", "  "), ["north", NOTHING, NOTHING]),
        (CATEGORY | {"missing_values": ["?", "NA"]}, text("?", "NA", "na"), [None, None, "na"]),
        # What a reader took for a number or a truth value is written as one would write it.
        (CATEGORY, pd.Series([1, 2]), ["1", "2"]),
        (CATEGORY, pd.Series([1.0, np.nan, 2.5]), ["1", NOTHING, "2.5"]),
        (CATEGORY, pd.Series([1, None], dtype="Int64"), ["1", NOTHING]),
        (CATEGORY, pd.Series([True, False]), ["true", "false"]),
        (CATEGORY, mixed(True, None, np.int64(7), np.str_("a")), ["true", NOTHING, "7", "a"]),
        (CATEGORY, mixed(Decimal("2.00"), Decimal("1.50"), Decimal("1E+2")), ["2", "1.50", "100"]),
        (CATEGORY, pd.Series(["a", None, "b"], dtype="category"), ["a", NOTHING, "b"]),
        (CATEGORY, pd.Series([3, 1, 3], dtype="category"), ["3", "1", "3"]),
        (CATEGORY | {"missing_values": [-999]}, pd.Series([-999, 5]), [NOTHING, "5"]),
        # Numbers: the usual spellings of a missing one, and what stands for one.
        (FLOAT, text("1.5", " 2 ", "+3", "1e3", ".5"), [1.5, 2.0, 3.0, 1000.0, 0.5]),
        (FLOAT, text("", "NA", "n/a", "NaN", "null", "None"), [NOTHING] * 6),
        (FLOAT | {"missing_values": ["?", -999]}, text("?", "-999.0", "5"), [None, None, 5.0]),
        (FLOAT | {"missing_values": [-999]}, pd.Series([-999, 5]), [NOTHING, 5.0]),
        (INTEGER | {"missing_values": [-999]}, pd.Series([-999, 5]), [NOTHING, 5]),
        (FLOAT, mixed(Decimal("1.25"), None, 2), [1.25, NOTHING, 2.0]),
        (FLOAT, pd.Series([Decimal("1.25"), None], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
         [1.25, NOTHING]),
        (FLOAT, pd.Series([True, False]), [1.0, 0.0]),
        # Numbers in a declared format.
        (FLOAT | {"format": "1,234.5"}, text("1,234.5", "-1,234,567", "12.25"),
         [1234.5, -1234567.0, 12.25]),
        (FLOAT | {"format": "1.234,5"}, text("1.234,5", "12,25", ",5"), [1234.5, 12.25, 0.5]),
        (FLOAT | {"format": "1 234,5"}, text("1 234,5", "1\u00a0234", "1\u202f234,5"),
         [1234.5, 1234.0, 1234.5]),
        (FLOAT | {"format": "1'234.5"}, text("1'234.5", "1\u2019234"), [1234.5, 1234.0]),
        (FLOAT | {"format": "12,5"}, text("12,5", "\u22123,25"), [12.5, -3.25]),
        (FLOAT | {"format": "12 %"}, text("12 %", "12.5%", "NA"), [0.12, 0.125, NOTHING]),
        (FLOAT | {"format": "12,5 %"}, text("12,5 %", "0,1\u00a0%"), [0.125, 0.001]),
        # With a unit, which a number may also do without.
        (FLOAT | {"format": "1.234,5 €"}, text("1.234,5 €", "-12€", "7,25", "NA"),
         [1234.5, -12.0, 7.25, NOTHING]),
        (FLOAT | {"format": "$1,234.5"}, text("$1,234.5", "-$12", "$-7.25", "$ 3"),
         [1234.5, -12.0, -7.25, 3.0]),
        # A minus as bookkeepers write it.
        (FLOAT | {"format": "1,234.5"}, text("(1,234.50)", "12.5-", "-3"), [-1234.5, -12.5, -3.0]),
        (FLOAT | {"format": "1.234,5 €"}, text("(1.234,50 €)", "12,5 €-"), [-1234.5, -12.5]),
        (FLOAT | {"format": "12 %"}, text("(12 %)", "7%-"), [-0.12, -0.07]),
        (INTEGER | {"format": "12 kg"}, text("12 kg", "7kg"), [12, 7]),
        (FLOAT | {"format": "1.234,5"}, mixed("1.234,5", 1.5), [1234.5, 1.5]),
        (INTEGER | {"format": "1.234,5"}, text("1.234", "7"), [1234, 7]),
        # Whole numbers keep their digits.
        ({"type": "integer"}, text(str(BIG), f"{BIG}.0", "-9223372036854775808"),
         [BIG, BIG, -(2**63)]),
        ({"type": "integer"}, pd.Series([BIG, BIG - 1]), [BIG, BIG - 1]),
        ({"type": "integer"}, mixed(Decimal(BIG), np.int64(BIG), str(BIG)), [BIG] * 3),
        (INTEGER, mixed(True, None, 3.0), [1, NOTHING, 3]),
        # Truth values in the usual words, and in declared ones.
        (BOOLEAN, text("yes", "No", "TRUE", "f", "Y", "0", "", "NA"),
         [1, 0, 1, 0, 1, 0, None, None]),
        (BOOLEAN | {"true_values": ["ja"], "false_values": ["nein"]}, text("Ja", "NEIN", "y"),
         [1, 0, 1]),
        (BOOLEAN, mixed(True, None, 0, "t"), [1, NOTHING, 0, 1]),
        (BOOLEAN, pd.Series([True, None], dtype="boolean"), [1, NOTHING]),
        # Moments.
        (DATETIME, text("2021-03-01", "2021-03-01T05:30", "NaT", ""),
         at("2021-03-01", "2021-03-01 05:30", None, None)),
        (DATETIME, text("9999-12-31", "0001-01-01", "9999-12-31 23:59:59.999999999"),
         at("9999-12-31", "0001-01-01", "9999-12-31 23:59:59.999999")),
        (DATETIME, mixed(dt.date(2021, 3, 1), dt.datetime(9999, 12, 31), None),
         at("2021-03-01", "9999-12-31", None)),
        (DATETIME, pd.Series([20210301]), at("2021-03-01")),
        (DATETIME | {"format": "%d.%m.%Y"}, mixed("01.03.2021", dt.date(2021, 3, 2)),
         at("2021-03-01", "2021-03-02")),
        # A week is its Monday, unless it names the day.
        (DATETIME | {"format": "%G-W%V"}, text("2023-W05", "2020-W53", "2024-W01"),
         at("2023-01-30", "2020-12-28", "2024-01-01")),
        (DATETIME | {"format": "%G-W%V-%u"}, text("2023-W05-3"), at("2023-02-01")),
        # Months in other languages than English, whatever the machine's.
        (DATETIME | {"format": "%d. %B %Y"}, text("3. März 2021", "1. mai 2021", "2. June 2021"),
         at("2021-03-03", "2021-05-01", "2021-06-02")),
        (DATETIME | {"format": "%b %Y"}, text("Okt. 2021", "Mai 2021", "DEZ 2021", "Jan 2022"),
         at("2021-10-01", "2021-05-01", "2021-12-01", "2022-01-01")),
        # Moments with a zone become local, summer and winter; those without one are local already.
        # Counts from 1970 are of UTC, and may be brought to a place.
        (DATETIME | {"format": "unix s"}, text("1585443600", "1585443600.5", "NA"),
         at("2020-03-29 01:00", "2020-03-29 01:00:00.5", NOTHING)),
        (BERLIN | {"format": "unix ms"}, pd.Series([1585443599999, 1585443600000]),
         at("2020-03-29 01:59:59.999", "2020-03-29 03:00")),
        (DATETIME | {"format": "unix ns"}, pd.Series([1585443600123456789]),
         at("2020-03-29 01:00:00.123457")),
        # A spreadsheet's days are those of its place, to the second.
        (DATETIME | {"format": "excel"}, text("44927", "44927.416666666664", ""),
         at("2023-01-01", "2023-01-01 10:00", NOTHING)),
        (DATETIME | {"format": "Q%q/%y"}, text("Q1/20", "q4/68"), at("2020-01-01", "2068-10-01")),
        (DATETIME | {"format": "%G-W%V"}, text("2020-W53"), at("2020-12-28")),
        (BERLIN, text("2021-07-01T10:00Z", "2021-12-01T10:00+00:00", "2021-12-01 11:00"),
         at("2021-07-01 12:00", "2021-12-01 11:00", "2021-12-01 11:00")),
        (BERLIN, pd.Series(pd.date_range("2021-03-28", periods=3, freq="h", tz="UTC")),
         at("2021-03-28 01:00", "2021-03-28 03:00", "2021-03-28 04:00")),
        (BERLIN, mixed(dt.datetime(2021, 1, 1, tzinfo=dt.UTC), None), at("2021-01-01 01:00", None)),
        (BERLIN | {"format": "%d.%m.%Y %H:%M %z"}, text("01.02.2021 05:00 +0200"),
         at("2021-02-01 04:00")),
        (DATETIME | {"zone": "UTC"}, text("2021-10-31T02:00+02:00", "2021-10-31T02:00+01:00"),
         at("2021-10-31 00:00", "2021-10-31 01:00")),
    ],
)  # fmt: skip
def test_a_value_is_read_as_declared(spec, values, expected):
    assert read(values, **spec) == (expected, {})


@pytest.mark.parametrize(
    ("spec", "value", "reason"),
    [
        ({"type": "category"}, "", "x is missing"),
        ({"type": "category", "missing_values": ["?"]}, "?", "x is missing"),
        (CATEGORY, [1, 2], "x is not a label"),
        (CATEGORY, pd.Timedelta("1 day"), "x is not a label"),
        (FLOAT, "1,5", "x is not a number; say by 'format' how numbers are written"),
        (FLOAT, "1 234", "x is not a number; say by 'format' how numbers are written"),
        (FLOAT, "12 %", "x is not a number; say by 'format' how numbers are written"),
        (FLOAT, "0x10", "x is not a number"),
        (FLOAT, "1_000", "x is not a number"),
        (FLOAT, "true", "x is not a number"),
        (FLOAT, "-inf", "x is infinite"),
        (FLOAT, pd.Timestamp("2021-03-01"), "x is not a number"),
        (FLOAT, pd.Timedelta("1 day"), "x is not a number"),
        (FLOAT | {"format": "1.234,5"}, "1,234.5", "x is not a number like 1.234,5"),
        (FLOAT | {"format": "1.234,5"}, "12.34,5", "x is not a number like 1.234,5"),
        (FLOAT | {"format": "12 %"}, "12", "x is not a number like 12 %"),
        ({"type": "integer"}, 2**63, "x has more digits than a whole number can have"),
        ({"type": "integer"}, "1e30", "x has more digits than a whole number can have"),
        (INTEGER, BIG, "x has more digits than a column with missing values keeps"),
        (INTEGER, "1.5", "x is not a whole number"),
        (BOOLEAN, "ja", "x is neither true nor false"),
        (BOOLEAN, "2", "x is neither 0 nor 1"),
        (DATETIME, "2021-02-30", "x is not a datetime"),
        (DATETIME, 1614556800, "x is not a datetime; say by 'format' how it is written"),
        (DATETIME, "31.12.2020", "x is not a datetime; say by 'format' how it is written"),
        (DATETIME | {"format": "%d.%m.%Y"}, "2020-12-31", "x is not a datetime like %d.%m.%Y"),
        (DATETIME | {"format": "unix s"}, "soon", "x is not a datetime like unix s"),
        (DATETIME | {"format": "unix s"}, 1e15, "x is not a datetime like unix s"),
        (DATETIME | {"format": "%B %Y"}, "Brumaire 2020", "x is not a datetime like %B %Y"),
        (DATETIME | {"format": "%YQ%q"}, "2020Q5", "x is not a datetime like %YQ%q"),
        (DATETIME, pd.Timedelta("1 day"), "x is not a datetime"),
        (DATETIME, "2021-03-01T05:00Z", "x has a time zone"),
        (DATETIME, pd.Timestamp("2021-03-01", tz="UTC"), "x has a time zone"),
        (DATETIME | {"maximum": "2030-01-01"}, "9999-12-31", "x is above 2030-01-01"),
        (DATETIME | {"minimum": "2000-01-01"}, "1900-01-01", "x is below 2000-01-01"),
    ],
)
@pytest.mark.parametrize("others", [0, 2])
def test_what_cannot_be_read_is_named(spec, value, reason, others):
    good = {"category": "a", "datetime": "2021-03-01"}.get(spec["type"], "1")
    written = {
        "12 %": "1 %",
        "%d.%m.%Y": "01.02.2020",
        "unix s": "1.5e9",
        "%YQ%q": "2020q1",
        "%B %Y": "Mai 2020",
    }
    good = written.get(spec.get("format"), good)
    typed, reasons = read([value, *[good] * others], **spec)
    assert set(reasons) == {1}
    assert reasons[1].startswith(reason)
    assert None not in typed[1:]


def test_a_whole_number_that_lost_its_digits_before_it_came_here_is_named():
    _, reasons = read(pd.Series([float(BIG), 3.0]), type="integer")
    assert reasons == {1: "x has more digits than a whole number can have"}


def test_the_repeated_hour_of_autumn_is_one_local_hour_and_two_in_utc():
    moments = text("2021-10-31T00:30Z", "2021-10-31T01:30Z")
    assert read(moments, **BERLIN)[0] == at("2021-10-31 02:30", "2021-10-31 02:30")
    assert len(set(read(moments, **DATETIME, zone="UTC")[0])) == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "float", "format": "1,234"}, "'1,234' is no format of numbers; allowed: "),
        ({"type": "float", "format": "1,234,5"}, "is no format of numbers"),
        ({"type": "integer", "format": "%d"}, '"1,234.5", "1 234.5"'),
        ({"type": "category", "format": "1,5"}, "type 'category' has no format"),
        (
            {"type": "category", "allowed": [True, "b"]},
            "reads this entry as True; put it in quotes",
        ),
        ({"type": "category", "missing_values": [None]}, "reads this entry as None; put it in"),
        ({"type": "float", "true_values": ["ja"]}, "for columns of type boolean"),
        ({"type": "boolean", "true_values": ["J"], "false_values": ["j"]}, "as true and as false"),
        ({"type": "float", "zone": "UTC"}, "zone is for columns of type date or datetime"),
        ({"type": "datetime", "zone": "Europe/Berln"}, "did you mean 'Europe/Berlin'"),
        ({"type": "date", "minimum": 2020}, "cannot bound a column of type 'date'"),
        ({"type": "float", "maximum": "2020-01-01"}, "cannot bound a column of type 'float'"),
        ({"type": "date", "minimum": "2021-01-01", "maximum": "2020-01-01"}, "is above maximum"),
    ],
)
def test_a_declaration_that_means_nothing_is_refused(spec, message):
    with pytest.raises(ValidationError) as caught:
        ColumnSpec(**spec)
    assert message in str(caught.value)


def test_a_declaration_survives_being_written_down():
    spec = ColumnSpec(type="date", minimum="2020-01-01", maximum=dt.date(2030, 1, 1))
    assert ColumnSpec.model_validate(spec.model_dump(mode="json")) == spec
