"""What pydantic finds wrong, in words; the messages as a whole are in tests/test_mistakes.py."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field, PositiveInt, ValidationError

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.mistakes import in_words


class Knobs(StrictModel):
    count: int = Field(1, ge=1, le=1_000_000)
    share: float = Field(0.1, ge=0, lt=1)
    name: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    kind: Literal["red", "green"] = "red"
    on: bool = True
    waves: tuple[PositiveInt, ...] = Field((1,), min_length=1)
    pairs: tuple[str, ...] = Field(("a", "b"), min_length=2)
    limits: dict[str, float] = {}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("count", "many", "a whole number is needed, not 'many'"),
        ("count", 2.5, "a whole number is needed, not 2.5"),
        ("count", None, "a whole number is needed, not null"),
        ("count", 0, "0 is below 1, the smallest value allowed"),
        ("count", 2_000_000, "2000000 is above 1000000, the largest value allowed"),
        ("share", "5 %", "a number is needed, not '5 %'; write 0.05"),
        ("share", 20, "20 is not below 1; write 0.2 for 20 %"),
        ("share", 1, "1 is not below 1"),
        ("name", 5, "text is needed, not 5; put it in quotes: '5'"),
        ("name", "A", "'A' is not written as ^[a-z]+$ asks for"),
        ("kind", "gren", "unknown value 'gren'; did you mean 'green'? Allowed: green, red"),
        ("on", "perhaps", "true or false is needed, not 'perhaps'"),
        ("waves", 3, "a list is needed, not 3; write [3]"),
        ("waves", {"a": 1}, "a list is needed, not keys and values"),
        ("waves", [], "at least 1 entry is needed"),
        ("pairs", ["a"], "at least 2 entries are needed"),
        ("limits", ["a"], "keys and values are needed, not a list"),
    ],
)
def test_the_value_is_named_with_what_is_allowed(key: str, value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Knobs.model_validate({key: value})

    assert [in_words(mistake) for mistake in caught.value.errors()] == [words]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"count": True}, ("count",)),
        ({"waves": [1, True]}, ("waves", 1)),
        ({"limits": {"low": 1, "high": False}}, ("limits", "high")),
    ],
)
def test_a_truth_value_is_no_number_wherever_it_stands(
    content: dict[str, object], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Knobs.model_validate(content)

    (mistake,) = caught.value.errors()
    assert mistake["loc"] == place
    assert in_words(mistake).startswith("a number is needed, not ")
