"""A number and its noun agree."""

from __future__ import annotations

import pytest

from regression_lifecycle.core.plurals import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "no rows"), (1, "1 row"), (2, "2 rows"), (1024, "1,024 rows")]
)
def test_a_noun_follows_its_number(number: int, said: str) -> None:
    assert counted(number, "row") == said


def test_a_plural_of_its_own_is_given() -> None:
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
