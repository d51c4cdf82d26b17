"""A whole table: what is told from it, and what is assumed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.errors import ConfigurationError, DataContractError
from regression_lifecycle.core.profiling.profile import cannot_be_negative, profile_table

DAYS = pd.date_range("2023-01-01", periods=300)


def sales() -> pd.DataFrame:
    random = np.random.default_rng(0)
    units = random.poisson(120, len(DAYS)) + 0
    return pd.DataFrame(
        {
            "sold_at": DAYS.strftime("%Y-%m-%d"),
            "promotion": random.choice(["none", "radio"], len(DAYS)),
            "price": random.uniform(4, 5, len(DAYS)).round(2).astype(str),
            "copied": units.astype(str),
            "units": units.astype(str),
        }
    )


def test_time_frequency_types_and_leaks_are_found():
    profile = profile_table(sales(), "units")

    assert profile.time.parts == {"date": "sold_at"}
    assert (profile.frequency.text, profile.horizon) == ("1 day", "7 days")
    assert profile.key == ()
    assert profile.known_in_advance == ("promotion", "price")
    assert [leak.column for leak in profile.leaks] == ["copied"]
    assert profile.assumed == ("known_in_advance", "horizon", "label_delay")


def test_what_a_person_says_is_no_assumption():
    profile = profile_table(
        sales(), "units", horizon="1 day", known_in_advance=["price"], label_delay="2 days"
    )

    assert profile.assumed == ()
    assert (profile.horizon, profile.label_delay) == ("1 day", "2 days")
    assert profile.known_in_advance == ("price",)


def test_a_suspected_column_that_a_person_vouches_for_is_taken():
    profile = profile_table(sales(), "units", known_in_advance=["copied"])

    assert profile.leaks == ()
    assert profile.known_in_advance == ("copied",)


def test_a_table_without_a_time_has_neither_frequency_nor_horizon():
    for profile in (
        profile_table(sales().drop(columns="sold_at"), "units"),
        profile_table(sales(), "units", time=[]),
    ):
        assert not profile.time.has_time
        assert (profile.frequency, profile.horizon) == (None, None)
        assert "horizon" not in profile.assumed


def test_series_are_told_apart_by_their_key():
    table = pd.concat([sales().assign(shop=shop) for shop in ("a", "b", "c")])

    profile = profile_table(table, "units")

    assert (profile.key, profile.n_series, profile.n_times) == (("shop",), 3, 300)
    assert "shop" not in profile.known_in_advance


def test_repeated_rows_are_counted():
    table = pd.concat([sales(), sales().head(40)])

    profile = profile_table(table, "units")

    assert profile.key == ()
    assert profile.n_rejected == 40


def test_a_column_called_timestamp_gives_way():
    profile = profile_table(sales().rename(columns={"sold_at": "timestamp"}), "units")

    assert profile.time.parts == {"date": "timestamp"}
    assert profile.time_name == "time"


@pytest.mark.parametrize("name", ["prediction", "window", "error", "time_index"])
def test_names_that_are_taken_are_left_out_with_the_reason(name):
    profile = profile_table(sales().rename(columns={"price": name}), "units")

    assert "taken" in profile.left_out[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "unit"}, "--target: unknown column 'unit'; did you mean 'units'"),
        ({"target": "promotion"}, "--target: 'promotion' holds no numbers but"),
        ({"target": "units", "time": ["price"]}, "--time: price make no time"),
        ({"target": "units", "known_in_advance": ["units"]}, "--known-in-advance: 'units' is the"),
        ({"target": "units", "key": ["shops"]}, "--key: unknown column 'shops'"),
    ],
)
def test_what_cannot_be_is_answered_by_its_option(arguments, message):
    with pytest.raises(ConfigurationError) as error:
        profile_table(sales(), **arguments)

    assert str(error.value).startswith(message)


def test_a_target_named_as_a_column_of_ours_is_refused():
    with pytest.raises(
        ConfigurationError, match="--target: 'prediction' is a column of the tables"
    ):
        profile_table(sales().rename(columns={"units": "prediction"}), "prediction")


def test_too_little_to_learn_from_is_refused():
    with pytest.raises(DataContractError, match=r"too few rows .*: 20,"):
        profile_table(sales().head(20), "units")
    with pytest.raises(DataContractError, match="is 7 in every row"):
        profile_table(sales().assign(units="7"), "units")


@pytest.mark.parametrize(
    ("values", "evidence"),
    [
        (np.random.default_rng(0).normal(0, 1, 500), False),
        (np.random.default_rng(0).normal(100, 5, 500), False),
        (np.random.default_rng(0).gamma(1, 5, 500), True),
        (np.random.default_rng(0).poisson(0.5, 500), True),
        (np.maximum(np.random.default_rng(0).normal(0, 1, 500), 0), True),
        (np.random.default_rng(0).uniform(3, 30, 500), False),
    ],
    ids=["signed", "far from zero", "lopsided", "counts", "zeros", "degrees"],
)
def test_a_target_ends_at_zero_only_by_evidence(values, evidence):
    assert cannot_be_negative(pd.Series(values)) == evidence


def test_a_row_of_totals_is_no_value_of_the_target():
    random = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=400).strftime("%Y-%m-%d")
    units = random.normal(20, 3, 400).round(2)
    table = pd.DataFrame({"day": [*days, "Total"], "y": [*units, units.sum()]}).astype("str")

    profile = profile_table(table, "y")

    assert not profile.nonnegative
    assert profile.n_rejected == 1


@pytest.mark.parametrize("far", ["9999-12-31", "1900-01-01"])
def test_a_date_far_from_all_others_is_told_and_counts_for_nothing_else(far):
    table = sales()
    table.loc[7, "sold_at"] = far

    profile = profile_table(table, "units")

    assert profile.rejected == {"a time far from all others": 1}
    assert (profile.n_times, profile.frequency.missing < 0.02) == (299, True)
    assert profile.time.moments.max() <= DAYS.max()


def test_an_infinite_value_keeps_no_leak_from_being_found():
    table = sales()
    numbers = ["price", "copied", "units"]
    table = table.astype(dict.fromkeys(numbers, "float64"))
    table.loc[7, ["price", "copied"]] = np.inf

    profile = profile_table(table, "units")

    assert [leak.column for leak in profile.leaks] == ["copied"]
    assert profile.rejected == {"no float in 'price'": 1, "no float in 'copied'": 1}
