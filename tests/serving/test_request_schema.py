"""Values of a request: what is taken, as what, and what is said of the rest."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.row_moments import RowMoments
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.serving.errors import RefusedError
from regression_lifecycle.serving.model_inputs import RowNames
from regression_lifecycle.serving.request_schema import label_fields, row_fields
from regression_lifecycle.serving.request_validation import BodyReader

AHEAD = {"known_in_advance": True}
PROBLEM = Problem.model_validate(
    {
        "name": "shops",
        "target": "units",
        "key": ["id"],
        "timestamp": {"date": "day"},
        "frequency": "1 day",
        "horizon": "1 day",
        "columns": {
            "day": {"type": "date", **AHEAD},
            "id": {"type": "integer"},
            "zone": {"type": "category", "missing": True, "missing_values": ["?"], **AHEAD},
            "shop": {"type": "category", "allowed": ["01", "1"], **AHEAD},
            "open": {"type": "boolean", **AHEAD},
            "price": {"type": "float", "missing": True, "missing_values": [-999], **AHEAD},
            "units": {"type": "integer"},
        },
    }
)
FEATURES = ["zone", "shop", "open", "price"]
RECIPE = FeatureRecipe.model_validate({"features": [{"kind": "columns", "names": FEATURES}]})


def reader_of(recipe: FeatureRecipe, problem: Problem) -> BodyReader:
    fields = row_fields(recipe, problem, enforce_bounds=True)
    finish = RowMoments(problem, needed=recipe.needs_moment).complete
    return BodyReader({"rows": fields}, 10, finish=finish)


READER = reader_of(RECIPE, PROBLEM)
ROW: dict[str, Any] = {"zone": "001", "shop": "01", "open": True, "price": 1.5}


def read(**changes: Any) -> dict[str, Any]:
    body = json.dumps({"rows": [ROW | changes]}).encode()
    return READER.read(body)[1][0]


@pytest.mark.parametrize(
    ("column", "sent", "taken"),
    [
        ("zone", "001", "001"),
        ("zone", "NA", "NA"),
        ("zone", " north ", "north"),
        ("zone", "", None),
        ("zone", "?", None),
        ("zone", None, None),
        ("shop", "1 ", "1"),
        ("open", True, 1.0),
        ("open", False, 0.0),
        ("open", 1, 1.0),
        ("open", "yes", 1.0),
        ("open", "0", 0.0),
        ("open", " False", 0.0),
        ("price", -999, None),
        ("price", None, None),
        ("id", 2**53 + 1, 2**53 + 1),
        ("id", 7.0, 7),
    ],
)
def test_a_value_is_taken_as_its_column_is_declared(column: str, sent: Any, taken: Any) -> None:
    assert read(**{column: sent})[column] == taken


@pytest.mark.parametrize(
    ("column", "sent", "message"),
    [
        ("zone", 1, "must be text: in quotes"),
        ("zone", True, "must be text: in quotes"),
        ("shop", "001", "'01' or '1'"),
        ("shop", " ", "is missing"),
        ("open", "perhaps", "'perhaps' is none of 0, 1, f, false, n, no, t, true, y, yes"),
        ("timestamp", "2023-12-31T08:00Z", "like 2023-12-31T08:00:00: local time without a zone"),
        ("timestamp", 20231231, "valid string"),
        ("zone", "a\0b", "should not hold the character 0"),
        ("open", 2, "allowed: 0, 1"),
        ("price", True, "valid number"),
        ("price", "1,5", "valid number"),
        ("id", 2**63, "less than or equal to"),
        ("id", 1.5, "multiple of 1"),
    ],
)
def test_what_is_not_taken_is_named(column: str, sent: Any, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(**{column: sent})
    (mistake,) = caught.value.mistakes
    assert (mistake.row, mistake.column) == (0, column)
    assert message in mistake.message


def test_rows_whose_keys_differ_in_the_last_digit_have_two_names() -> None:
    names = {RowNames(PROBLEM).of(read(id=2**53 + step)) for step in range(3)}
    assert names == {"9007199254740992", "9007199254740993", "9007199254740994"}


def test_the_page_says_what_is_taken() -> None:
    row = READER.json_schema["properties"]["rows"]["items"]["properties"]
    assert row["open"]["type"] == ["number", "boolean"]
    assert [part["type"] for part in row["zone"]["anyOf"]] == ["string", "null"]
    assert list(label_fields(PROBLEM)) == ["timestamp", "id", "day", "units"]


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("unix s", 1704009600),
        ("unix s", 1704009600.0),
        ("unix s", "1704009600"),
        ("%Y%m%d%H", 2023123108),
        ("%d.%m.%Y %H:%M", "31.12.2023 08:00"),
        ("%d.%m.%Y %H:%M", "2023-12-31T08:00:00"),
    ],
)
def test_a_moment_is_sent_as_its_table_holds_it(form: str, sent: Any) -> None:
    at = {"at": {"type": "datetime", "format": form, **AHEAD}}
    content = {**PROBLEM.model_dump(mode="json", exclude_unset=True), "timestamp": {"date": "at"}}
    content["columns"] = at | {k: v for k, v in content["columns"].items() if k != "day"}
    problem = Problem.model_validate(content)
    reader = reader_of(RECIPE, problem)

    def moment(value: Any) -> Any:
        return reader.read(json.dumps({"rows": [ROW | {"at": value}]}).encode())[1][0]["at"]

    assert moment(sent) == datetime(2023, 12, 31, 8)
    for wrong in (True, 0.5, "soon", [1]):
        with pytest.raises(RefusedError):
            moment(wrong)
    row = reader.json_schema["properties"]["rows"]["items"]["properties"]
    assert "integer" in row["at"]["anyOf"][0]["type"]


def test_without_a_time_a_row_is_named_by_its_number() -> None:
    columns = {"x": {"type": "float", **AHEAD}, "y": {"type": "float"}}
    problem = Problem.model_validate(
        {"name": "parts", "target": "y", "timestamp": {"rows": True}, "columns": columns}
    )
    recipe = FeatureRecipe.model_validate({"features": [{"kind": "columns", "names": ["x"]}]})
    reader = reader_of(recipe, problem)

    def moment(sent: Any) -> Any:
        body = json.dumps({"rows": [{"x": 1.0, "timestamp": sent}]}).encode()
        return reader.read(body)[1][0]["timestamp"]

    assert moment(90) == moment("90") == moment("1970-01-01 00:01:30")
    assert moment(90) == datetime(1970, 1, 1, 0, 1, 30)
    assert moment(None) is None
    for sent in (-1, 1.5, True, 10**11):
        with pytest.raises(RefusedError) as caught:
            moment(sent)
        assert [mistake.column for mistake in caught.value.mistakes] == ["timestamp"]
    row = reader.json_schema["properties"]["rows"]["items"]["properties"]
    assert row["timestamp"]["anyOf"][0]["type"] == ["string", "integer"]
