"""Parameters in variants: read by their kind, registered once, and listed from the register."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.variants import Overridable, Variant


class Shape(Variant):
    colour: str = "red"


class Circle(Shape):
    kind: Literal["circle"]
    radius: float = Field(gt=0)


class Square(Shape):
    kind: Literal["square"]
    side: float = 1.0


class Drawing(StrictModel):
    shapes: Overridable[dict[str, Shape]]
    frame: Shape | None = None


def drawing(**shapes: object) -> Drawing:
    return Drawing.model_validate({"shapes": shapes})


def test_a_mapping_becomes_the_class_of_its_kind() -> None:
    made = drawing(sun={"kind": "circle", "radius": 2}, house={"kind": "square", "colour": "white"})

    assert made.shapes == {
        "sun": Circle(kind="circle", radius=2),
        "house": Square(kind="square", colour="white"),
    }
    assert Shape.model_validate({"kind": "square"}) == Square(kind="square")
    assert drawing(sun=made.shapes["sun"]).shapes["sun"] is made.shapes["sun"]


def test_what_was_read_is_written_with_the_keys_of_its_kind() -> None:
    made = drawing(sun={"kind": "circle", "radius": 2})

    assert made.model_dump(mode="json")["shapes"]["sun"] == {
        "kind": "circle",
        "colour": "red",
        "radius": 2.0,
    }
    assert Drawing.model_validate(made.model_dump(mode="json")) == made
    assert made.digest() != drawing(sun={"kind": "circle", "radius": 3}).digest()


def test_null_removes_an_entry() -> None:
    assert list(drawing(sun=None, house={"kind": "square"}).shapes) == ["house"]


@pytest.mark.parametrize(
    ("value", "place", "message"),
    [
        ({}, ("shapes", "sun"), "'kind' is missing; allowed: circle, square"),
        ("circle", ("shapes", "sun"), "write {kind: ..., ...}; kinds: circle, square"),
        ({"kind": "cirle"}, ("shapes", "sun"), "unknown kind 'cirle'; did you mean 'circle'?"),
        ({"kind": ["circle"]}, ("shapes", "sun"), "unknown kind"),
        ({"kind": "square", "radius": 1}, ("shapes", "sun"), "unknown key 'radius'"),
        ({"kind": "circle", "radius": 0}, ("shapes", "sun", "radius"), "greater than 0"),
        ({"kind": "circle"}, ("shapes", "sun", "radius"), "Field required"),
    ],
)
def test_a_mistake_is_told_at_its_place(
    value: object, place: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        drawing(sun=value)

    (mistake,) = caught.value.errors()
    assert mistake["loc"] == place
    assert message in mistake["msg"]


def test_the_schema_lists_every_kind() -> None:
    kinds = Drawing.model_json_schema()["$defs"]["Shape"]["oneOf"]

    assert [kind["properties"]["kind"]["const"] for kind in kinds] == ["circle", "square"]
    assert "radius" in kinds[0]["required"]


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(TypeError, match="Circle and Disc are both of kind 'circle'"):

        class Disc(Shape):
            kind: Literal["circle"]

    assert Shape.kinds == {"circle": Circle, "square": Square}
