"""What a column holds, read as a CSV file spells it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.profiling.columns import judge_use, read_columns


def column(values, name="x"):
    return read_columns(pd.DataFrame({name: values}))[name]


@pytest.mark.parametrize(
    ("values", "spec"),
    [
        (["1", "-2", "3"], {"type": "integer"}),
        (["1.5", "2", "1e3"], {"type": "float"}),
        (["1,5", "2,25", "1234,5"], {"type": "float", "format": "1.234,5"}),
        (["1.234,5", "12,0", "7"], {"type": "float", "format": "1.234,5"}),
        (["1,234.5", "12.0", "7"], {"type": "float", "format": "1,234.5"}),
        (["1 234,5", "12,0", "7"], {"type": "float", "format": "1 234,5"}),
        (["12 %", "7 %", "99.5 %"], {"type": "float", "format": "12 %"}),
        (["12,5 %", "7 %", "99,5 %"], {"type": "float", "format": "12,5 %"}),
        (["1.200,50 €", "-12,00 €", "7 €"], {"type": "float", "format": "1.234,5 €"}),
        (["$1,200.50", "-$3.20", "$12"], {"type": "float", "format": "$1,234.5"}),
        (["EUR 1200.5", "EUR 3.2", "EUR 7"], {"type": "float", "format": "EUR 1234.5"}),
        (["1.234 €", "12 €", "2.000 €"], {"type": "float", "format": "1.234,5 €"}),
        (["12 kg", "7.5 kg", "9 kg"], {"type": "float", "format": "1234.5 kg"}),
        (["21°C", "-6.5°C", "7°C"], {"type": "float", "format": "1234.5°C"}),
        (["(720.50)", "3,915.00", "12.00"], {"type": "float", "format": "1,234.5"}),
        (["(720.50)", "915.00", "12.00"], {"type": "float", "format": "1,234.5"}),
        (["1.200,50-", "12,00", "7,25-"], {"type": "float", "format": "1.234,5"}),
        (["($720.50)", "$3,915.00", "$12"], {"type": "float", "format": "$1,234.5"}),
        (["(north)", "south (2)", "2-"], {"type": "category"}),
        (["S001", "S002", "S003"], {"type": "category"}),
        (["12 kg", "7 lb", "9 kg"], {"type": "category"}),
        (["0", "1", "1"], {"type": "boolean"}),
        (["Yes", "no", "YES"], {"type": "boolean"}),
        (["true", "false", ""], {"type": "boolean", "missing": True}),
        (["ja", "nein", "ja"], {"type": "boolean", "true_values": ["ja"],
                                "false_values": ["nein"]}),
        (["01067", "99734", "80331"], {"type": "category"}),
        (["1", "2", "NA", "", "null"], {"type": "integer", "missing": True}),
        (["1.5", "2.5", "3.5", "?", "?"], {"type": "float", "missing_values": ["?"],
                                            "missing": True}),
        (["a", "b", "none"], {"type": "category"}),
        (["a", "b", "?"], {"type": "category", "missing_values": ["?"], "missing": True}),
        (["DE", "NA", "FR"], {"type": "category"}),
        (["north", "NA", "south"], {"type": "category", "missing_values": ["NA"],
                                    "missing": True}),
        (["2024-01-31", "2024-02-01", "2024-03-05"], {"type": "date"}),
        (["2024-01-31 10:00", "2024-02-01 11:30", "2024-03-05 00:00"], {"type": "datetime"}),
        (["31.01.2024", "01.02.2024", "05.03.2024"], {"type": "date", "format": "%d.%m.%Y"}),
        (["01/31/2024", "02/01/2024", "03/05/2024"], {"type": "date", "format": "%m/%d/%Y"}),
        (["31 Jan 2024", "1 Feb 2024", "5 Mar 2024"], {"type": "date", "format": "%d %b %Y"}),
        (["2023-W05", "2023-W52", "2020-W53"], {"type": "date", "format": "%G-W%V"}),
        (["2023W05", "2023W52", "2020W53"], {"type": "date", "format": "%GW%V"}),
        (["2023-05", "2023-52", "2020-53"], {"type": "date", "format": "%G-%V"}),
        (["2023-W05-3", "2023-W52-1", "2020-W53-7"], {"type": "date", "format": "%G-W%V-%u"}),
        (["2024-01-31T10:00:00Z", "2024-02-01T11:30:00+01:00", "2024-03-05T00:00:00Z"],
         {"type": "datetime", "zone": "UTC"}),
        (["12345678901234567890", "2", "3"], {"type": "category"}),
    ],
)  # fmt: skip
def test_text_is_read_as_what_it_spells(values, spec):
    assert column(values).profile.spec == spec


@pytest.mark.parametrize(
    ("values", "spec"),
    [
        (pd.Series([1, 2, 3]), {"type": "integer"}),
        (pd.Series([1.0, 2.0, None]), {"type": "float", "missing": True}),
        (pd.Series([True, False, True]), {"type": "boolean"}),
        (pd.Series([True, None, False], dtype="object"), {"type": "boolean", "missing": True}),
        (pd.Series(["a", "b", "a"], dtype="category"), {"type": "category"}),
        (pd.Series([Decimal("1.5"), Decimal("2"), None]), {"type": "float", "missing": True}),
        (pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", None])),
         {"type": "date", "missing": True}),
        (pd.Series(pd.to_datetime(["2024-01-01 01:00", "2024-01-02"], format="ISO8601", utc=True)),
         {"type": "datetime", "zone": "UTC"}),
    ],
)  # fmt: skip
def test_typed_columns_keep_their_type(values, spec):
    assert column(values).profile.spec == spec


def test_the_values_are_those_that_the_contract_will_read():
    assert column(["1.234,5", "-2,5", ""]).values.tolist()[:2] == [1234.5, -2.5]
    assert column(["12,5 %", "50 %", "7 %"]).values.tolist() == [0.125, 0.5, 0.07]
    assert column(["1.234 €", "-12 €", "2.000 €"]).values.tolist() == [1234, -12, 2000]
    assert column(["(720.50)", "3,915.00", "12"]).values.tolist() == [-720.5, 3915, 12]
    assert column(["1.200,50-", "12,00", "-7,25"]).values.tolist() == [-1200.5, 12, -7.25]
    assert column(["2023-W05", "2020-W53", "2023-W52"]).values.tolist() == [
        pd.Timestamp("2023-01-30"),
        pd.Timestamp("2020-12-28"),
        pd.Timestamp("2023-12-25"),
    ]
    assert column(["31.01.2024", "01.02.2024", "13.02.2024"]).values[0] == pd.Timestamp(
        "2024-01-31"
    )


def test_one_column_of_a_file_tells_how_the_others_write_decimals():
    table = pd.DataFrame({"price": ["1,5", "22,75", "3,0"], "count": ["1.234", "950", "1.000"]})

    columns = read_columns(table)

    assert columns["count"].profile.format == "1.234,5"
    assert columns["count"].values.tolist() == [1234, 950, 1000]


def test_slips_among_numbers_are_counted_and_do_not_make_labels_of_them():
    profile, values = column([str(k) for k in range(98)] + ["twelve", "13o"])

    assert (profile.type, profile.n_unreadable, values.isna().sum()) == ("integer", 2, 2)


def test_day_and_month_that_could_be_either_are_told():
    profile = column([f"{d:02d}/{m:02d}/2024" for m in (1, 2, 3) for d in range(1, 13)]).profile

    assert {profile.format, profile.other_format} == {"%d/%m/%Y", "%m/%d/%Y"}
    assert profile.format == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("values", "minimum"),
    [([0, 0, 0, 5, 7, 9], 0), ([-1, 0, 0, 0, 5, 9], None), ([3, 5, 7, 9, 11, 13], None)],
)
def test_a_bound_needs_zeros_and_nothing_below(values, minimum):
    assert column(pd.Series(values)).profile.minimum == minimum


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([""] * 30, "missing"),
        (["k"] * 30, "'k'"),
        ([f"words number {k} of many" for k in range(60)], "free text"),
        ([f"{k:06d}" for k in range(60)], "identifier"),
        ([f"city {k % 150}" for k in range(900)], "150 labels"),
        ([str(k) for k in range(5, 40)], "numbers the rows"),
        ([str(10 * k) for k in range(40, 5, -1)], "numbers the rows"),
        (pd.Series([2**53 + 1 + 7 * k * k for k in range(60)]), "identifier: 60 different"),
    ],
    ids=["empty", "constant", "text", "identifiers", "many labels", "row number", "tens", "large"],
)
def test_what_is_of_no_use_is_left_out_with_the_reason(values, reason):
    profile, read = column(values)

    assert reason in judge_use(profile, read).left_out


@pytest.mark.parametrize("name", ["id", "OrderId", "customer_no", "Kunden-Nr."])
def test_numbers_that_are_called_so_and_that_no_rows_share_are_identifiers(name):
    numbers = [str(k * k % 1009) for k in range(1, 400)]

    assert "identifier" in judge_use(*column(numbers[::3], name)).left_out
    # Rows that share one tell something of each other, and quantities have other names.
    assert judge_use(*column(numbers * 2, name)).left_out == ""
    assert judge_use(*column(numbers[::3], "mileage")).left_out == ""


def test_labels_are_a_closed_list_if_the_older_rows_know_them_all():
    random = np.random.default_rng(0)
    closed = column(random.choice(["a", "b", "c"], 300))
    growing = column(["a"] * 200 + ["b"] * 100)

    assert judge_use(*closed).allowed == ("a", "b", "c")
    assert judge_use(*growing).allowed is None


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint64"])
def test_numbers_with_more_digits_than_a_float_keeps_are_labels(dtype):
    ids = pd.Series([2**60 + number % 3 for number in range(30)], dtype=dtype)

    profile, values = column(ids)

    assert (profile.type, profile.n_unique) == ("category", 3)
    assert set(values) == {str(2**60 + number) for number in range(3)}


def test_nanoseconds_since_1970_are_numbers_though_they_have_many_digits():
    stamps = pd.date_range("2024-01-01", periods=30, freq="h").as_unit("ns").astype("int64")
    assert column(stamps).profile.type == "integer"


@pytest.mark.parametrize("values", [[1.5, np.inf, -np.inf, 2.5], ["1.5", "inf", "-inf", "2.5"]])
def test_what_is_infinite_is_unreadable_as_the_contract_has_it(values):
    profile, read = column(values * 5)

    assert (profile.type, profile.n_unreadable, profile.n_missing) == ("float", 10, 0)
    assert sorted(read.dropna().unique()) == [1.5, 2.5]


def test_lengths_of_time_are_left_out_with_the_reason():
    profile, values = column(pd.to_timedelta(range(30), unit="min"))
    assert "lengths of time" in judge_use(profile, values).left_out
