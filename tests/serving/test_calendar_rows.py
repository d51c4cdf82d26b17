"""A row whose columns say another day than its time is refused, sent at once or ahead."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters.mlflow.registry import RegisteredVersion
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.row_history import RowHistory
from regression_lifecycle.serving.active_model import LoadedModel
from regression_lifecycle.serving.errors import RefusedError
from tests.serving.conftest import CONTENT, NUMBERS, train

WEEKDAY = {"type": "integer", "minimum": 0, "maximum": 6, "known_in_advance": True}
SUNDAY = "2021-03-14T07:00:00"


@pytest.fixture(scope="module")
def described() -> Problem:
    columns = {**CONTENT["columns"], "weekday": WEEKDAY}
    return Problem.model_validate({**CONTENT, "columns": columns})


def load(described: Problem, *, enforce_bounds: bool) -> LoadedModel:
    """A model whose example rows have a column that counts the days of a week from Sunday on."""
    made = train(Problem.model_validate(CONTENT), *NUMBERS[:2])
    stamps = pd.Series(pd.date_range("2021-03-01", periods=64, freq="13h"))
    example = pd.DataFrame({"timestamp": stamps, "weekday": (stamps.dt.weekday + 1) % 7})
    return LoadedModel(
        dataclasses.replace(
            made, example=pd.concat([made.example.assign(weekday=0).head(0), example])
        ),
        RegisteredVersion("1"),
        described,
        enforce_bounds=enforce_bounds,
        maximum_rows=10,
    )


def body(**values: Any) -> bytes:
    row = {"timestamp": SUNDAY, "temp": 12.5, "holiday": 0, **values}
    return json.dumps({"rows": [row]}).encode()


def test_the_right_day_or_none_is_taken_and_another_one_named(described: Problem) -> None:
    model = load(described, enforce_bounds=True)

    for row in (body(weekday=0), body(), body(timestamp=None, day="2021-03-14", hr=7, weekday=0)):
        assert len(model.reader.read(row)[1]) == 1
    for row in (body(weekday=3), body(timestamp=None, day="2021-03-14", hr=7, weekday=3)):
        with pytest.raises(RefusedError) as refused:
            model.reader.read(row)
        (mistake,) = refused.value.mistakes
        assert (refused.value.status, mistake.row) == (422, 0)
        assert (
            "weekday is 3, but the weekday of 2021-03-14 07:00:00 always has 0" in mistake.message
        )


def test_who_does_not_want_bounds_gets_none(described: Problem) -> None:
    model = load(described, enforce_bounds=False)

    assert len(model.reader.read(body(weekday=3, temp=1e30))[1]) == 1
    # But no number that models could not hold.
    for value in (1e308, -1e39):
        with pytest.raises(RefusedError):
            model.reader.read(body(temp=value))


def test_a_row_that_was_sent_ahead_is_held_to_the_same(described: Problem) -> None:
    model = load(described, enforce_bounds=True)
    stamp = pd.Timestamp(SUNDAY).to_pydatetime()
    key = {"timestamp": stamp, "day": pd.Timestamp("2021-03-14"), "hr": 7.0}
    sent = {**key, "temp": 1.0, "holiday": 0.0, "weekday": 3.0}
    history = RowHistory(described, {"temp", "holiday", "weekday"})
    history.add(model.inputs.row_names.of(sent), "", stamp, sent)

    with pytest.raises(RefusedError, match="weekday is 3"):
        model.rows_of([key], history, knows_sent_rows=True)
