from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.durations import Duration


class Shift(StrictModel):
    length: Duration
    start: Moment = pd.Timestamp("2020-01-01")


def test_an_unknown_key_is_refused_with_the_probable_one():
    with pytest.raises(ValidationError, match=r"unknown key 'lenght'; did you mean 'length'\?"):
        Shift.model_validate({"lenght": "1 day"})


def test_a_model_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValidationError, match="frozen"):
        Shift(length="1 day").length = pd.Timedelta("2 days")


@pytest.mark.parametrize("value", ["tomorrow noon", 20120807, 1.5, "NaT", "now", "today", True])
def test_what_is_no_fixed_moment_is_refused(value):
    with pytest.raises(ValidationError, match="is not a moment"):
        Shift(length="1 day", start=value)


def test_a_moment_with_a_time_zone_is_refused_because_the_table_has_none():
    with pytest.raises(ValidationError, match="has a time zone"):
        Shift(length="1 day", start="2012-08-07T12:00+00:00")


def test_equal_content_has_an_equal_digest_however_it_was_written():
    assert Shift(length="7 days").digest() == Shift(length="168 hours").digest()
    assert Shift(length="7 days").digest() != Shift(length="8 days").digest()


def test_the_order_of_names_does_not_change_a_digest():
    class Parameters(StrictModel):
        values: dict[str, int]

    one, other = Parameters(values={"a": 1, "b": 2}), Parameters(values={"b": 2, "a": 1})
    assert one.digest() == other.digest()
    assert one.digest() != Parameters(values={"a": 2, "b": 1}).digest()


def test_a_model_comes_back_from_json_as_it_was():
    for length in ("36 hours", "1 quarter", "0.5 seconds"):
        shift = Shift(length=length, start="2012-08-07 12:00")
        assert Shift.model_validate_json(shift.model_dump_json()) == shift


def test_the_text_of_a_model_tells_two_contents_apart():
    assert str(Shift(length="7 days")) != str(Shift(length="8 days"))
    assert str(Shift(length="7 days")).startswith("Shift ")
