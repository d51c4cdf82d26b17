from __future__ import annotations

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.errors import ConfigurationError


def columns(*names):
    return {"kind": "columns", "names": list(names)}


def day(column, name="made", **more):
    return {"kind": "day", "name": name, "column": column, **more}


def lag(column, *ages, name="made", **more):
    return {"kind": "lag", "name": name, "column": column, "ages": list(ages), **more}


# part_a is declared "known_in_advance: true" in the fixture, part_b is not.
@pytest.mark.parametrize("name", ["part_a", "part_b"])
@pytest.mark.parametrize(
    "spec", [columns, day, lambda name: lag(name, "1 day"), lambda name: lag(name, "365 days")]
)
def test_a_forbidden_column_is_refused_in_every_kind_with_the_reason(problem, recipe, spec, name):
    with pytest.raises(ConfigurationError, match=f"'{name}' is forbidden \\(.*part"):
        recipe(spec(name)).check(problem)


def test_a_forbidden_column_is_refused_beside_good_ones(problem, recipe):
    with pytest.raises(ConfigurationError, match="'part_a' is forbidden"):
        recipe(columns("temp", "part_a")).check(problem)


@pytest.mark.parametrize("name", ["casual", "registered"])
def test_the_parts_of_the_bike_target_are_refused(bike_problem, recipe, name):
    for spec in (columns(name), day(name), lag(name, "14 days")):
        with pytest.raises(ConfigurationError, match=f"'{name}' is forbidden"):
            recipe(spec).check(bike_problem)


@pytest.mark.parametrize("spec", [columns("cnt"), day("cnt"), day("cnt", offset_days=-2)])
def test_the_target_is_no_feature_of_its_own_row_or_day(problem, recipe, spec):
    with pytest.raises(ConfigurationError, match=r"use kind 'lag' with ages from 6 hours"):
        recipe(spec).check(problem)


@pytest.mark.parametrize("spec", [columns("load"), day("load"), day("load", offset_days=-2)])
def test_a_column_known_afterwards_is_no_feature_of_its_own_row_or_day(problem, recipe, spec):
    with pytest.raises(ConfigurationError, match=r"only known after the fact.*or use kind 'lag'"):
        recipe(spec).check(problem)


@pytest.mark.parametrize("name", ["cnt", "load"])
@pytest.mark.parametrize("ages", [["1 hour"], ["21599 seconds"], ["1 day", "5 hours", "2 days"]])
def test_history_younger_than_the_horizon_is_refused_with_the_mend(problem, recipe, name, ages):
    with pytest.raises(ConfigurationError, match=r"not known yet.*use ages from 6 hours on"):
        recipe(lag(name, *ages)).check(problem)


@pytest.mark.parametrize("name", ["cnt", "load"])
def test_history_as_old_as_the_horizon_is_allowed(problem, recipe, name):
    recipe(lag(name, "6 hours", "1 day")).check(problem)


@pytest.mark.parametrize("name", ["cnt", "load"])
def test_history_waits_for_its_labels_too(make_problem, recipe, name):
    late = make_problem(label_delay="1 day")

    recipe(lag(name, "30 hours")).check(late)
    with pytest.raises(
        ConfigurationError,
        match=r"label_delay of 1 day; use ages from 30 hours on",
    ):
        recipe(lag(name, "29 hours")).check(late)
    recipe(lag("temp", "1 hour")).check(late)


def test_a_column_known_ahead_may_be_read_at_any_age(problem, recipe):
    recipe(lag("temp", "1 hour"), day("temp", name="day_temp", offset_days=1)).check(problem)


@pytest.mark.parametrize("age", ["0 hours", "-1 hour", "6", 6])
def test_an_age_must_look_back_and_have_a_unit(recipe, age):
    with pytest.raises(ValidationError, match=r"must be a duration above zero|has no unit"):
        recipe(lag("temp", age))


@pytest.mark.parametrize("spec", [columns("tmep"), day("tmep"), lag("tmep", "1 day")])
def test_an_unknown_column_is_answered_with_the_probable_one(problem, recipe, spec):
    with pytest.raises(ConfigurationError, match=r"'tmep'; did you mean 'temp'\?"):
        recipe(spec).check(problem)


def test_a_feature_made_twice_is_refused(recipe):
    with pytest.raises(ValidationError, match=r"made twice: temp"):
        recipe(columns("temp"), lag("cnt", "1 day", name="temp"))


# A join keeps the table's own values under an equal name: the day mean of 'temp' under the
# name 'load' once was 'load' itself, which is not known yet.
@pytest.mark.parametrize("name", ["load", "temp", "cnt", "part_a", "timestamp"])
@pytest.mark.parametrize("kind", ["day", "lag", "annual_period", "time_index"])
def test_a_feature_may_not_take_the_name_of_a_column(problem, recipe, kind, name):
    spec = {
        "day": day("temp", name=name),
        "lag": lag("temp", "1 day", name=name),
        "annual_period": {"kind": kind, "name": name, "first": "12-24", "last": "12-26"},
        "time_index": {"kind": kind, "name": name, "origin": "2021-01-01", "unit": "1 day"},
    }[kind]
    with pytest.raises(ConfigurationError, match=f"already in use by the table: {name}; choose"):
        recipe(spec).check(problem)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (columns("day"), "is a date; use kind 'calendar' or 'time_index'"),
        (day("sky"), "'sky' is of type 'category', not a number"),
        (lag("sky", "1 day"), "'sky' is of type 'category', not a number"),
        (lag("day", "1 day"), "'day' is of type 'date', not a number"),
    ],
)
def test_a_column_of_an_unfit_type_is_refused_before_an_engine_fails_on_it(
    problem, recipe, spec, message
):
    with pytest.raises(ConfigurationError, match=message):
        recipe(spec).check(problem)


@pytest.mark.parametrize("value", ["02-30", "13-01", "00-10", "1-1", "12/24", "24 Dec", ""])
def test_a_period_is_bounded_by_days_of_the_year(recipe, value):
    with pytest.raises(ValidationError, match="is not a day of the year"):
        recipe({"kind": "annual_period", "name": "p", "first": value, "last": "12-31"})


def test_the_leap_day_is_a_day_of_the_year(recipe):
    recipe({"kind": "annual_period", "name": "p", "first": "02-29", "last": "02-29"})


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "column", "names": ["temp"]},
        {"names": ["temp"]},
        {"kind": "columns", "names": []},
        {"kind": "calendar", "parts": ["minute"]},
        {"kind": "lag", "name": "l", "column": "temp", "ages": []},
        {"kind": "day", "name": "d", "column": "temp", "statistic": "median"},
        {"kind": "cyclical", "part": "hour", "period": 0},
    ],
)
def test_a_feature_that_is_none_of_the_vocabulary_is_refused(recipe, spec):
    with pytest.raises(ValidationError):
        recipe(spec)


def test_a_recipe_without_features_is_refused(recipe):
    with pytest.raises(ValidationError):
        recipe()


def test_the_names_are_the_signature_in_the_order_of_the_recipe(recipe):
    made = recipe(
        columns("temp", "hour"),
        {"kind": "calendar", "parts": ["weekday", "month"]},
        {"kind": "cyclical", "part": "hour", "period": 24},
        lag("cnt", "1 day", name="yesterday"),
    )
    assert made.feature_names == (
        *("temp", "hour", "calendar_weekday", "calendar_month"),
        *("hour_sin", "hour_cos", "yesterday"),
    )
