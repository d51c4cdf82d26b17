"""A loop that takes its time says how far it is."""

from __future__ import annotations

import logging

import pytest

from regression_lifecycle.core.progress import Progress, logged


def test_every_step_is_logged_where_the_last_line_is_old_enough(
    caplog: pytest.LogCaptureFixture,
) -> None:
    folds, rows = Progress("fold", 2, seconds=0), Progress("row", seconds=0)
    with caplog.at_level(logging.INFO):
        folds.step()
        folds.step()
        rows.step(1)
        rows.step(1199)

    said = [message.strip() for message in caplog.messages]
    assert said == ["fold 1 of 2", "fold 2 of 2", "1 row", "1,200 rows"]


def test_a_short_loop_says_nothing_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert list(logged(iter("abc"), "letter", 3)) == ["a", "b", "c"]

    assert caplog.messages == []
