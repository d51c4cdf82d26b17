"""Attempts on the same rows, and how sure the next one has to be."""

from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.decisions.champion_history import Attempt
from regression_lifecycle.core.evaluation.attempts import (
    earlier_attempts,
    number_of_attempt,
    surer,
)
from regression_lifecycle.core.evaluation.comparison import Comparison


def days(first: str, last: str) -> pd.Series:
    return pd.Series(pd.date_range(first, last))


def attempt(fingerprint: str, first: str, last: str) -> Attempt:
    return Attempt(fingerprint, pd.Timestamp(first), pd.Timestamp(last))


ROWS = days("2021-03-01", "2021-03-20")
SAME = attempt("a", "2021-03-01", "2021-03-20")


def test_attempts_count_where_they_share_rows() -> None:
    before = attempt("b", "2021-01-01", "2021-02-28")
    first_day = attempt("c", "2021-01-01", "2021-03-01")

    assert number_of_attempt((), ROWS) == 1
    assert number_of_attempt((before,), ROWS) == 1
    assert number_of_attempt((before, first_day, SAME, SAME), ROWS) == 4
    # The attempt spans rows that are not among these.
    assert number_of_attempt((SAME,), ROWS[[0, 19]][:0]) == 1


def test_the_same_candidate_on_the_same_rows_is_no_further_attempt() -> None:
    other, later = (
        attempt("b", "2021-03-01", "2021-03-20"),
        attempt("c", "2021-03-01", "2021-03-20"),
    )
    known = (other, SAME, later)

    # What came after it is not held against a repeated run, which so gives the same answer.
    assert earlier_attempts(known, "a", ROWS) == (other,)
    assert earlier_attempts(known, "new", ROWS) == known
    assert earlier_attempts(known, "a", ROWS[1:]) == known
    # Without a fingerprint nobody knows whether it is the same.
    assert earlier_attempts((attempt("", "2021-03-01", "2021-03-20"),), "", ROWS) != ()


@pytest.mark.parametrize(
    ("number", "confidence", "blocks"),
    [(1, 0.95, 8), (2, 0.9875, 8), (3, 1 - 0.05 / 9, 8), (4, 0.996875, 9), (20, 0.999875, 13)],
)
def test_the_probability_of_error_falls_with_the_square(
    number: int, confidence: float, blocks: int
) -> None:
    asked = surer(Comparison(), number)

    assert asked.confidence == pytest.approx(confidence)
    # 8 blocks cannot be surer than 1 - 2^-8.
    assert asked.minimum_blocks == blocks
    assert asked.model_dump(exclude={"confidence", "minimum_blocks"}) == Comparison().model_dump(
        exclude={"confidence", "minimum_blocks"}
    )
