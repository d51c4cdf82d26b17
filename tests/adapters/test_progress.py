"""The bar of a long loop: lines in a log file, a bar on a terminal."""

from __future__ import annotations

import logging

import pytest
import rich.console

from regression_lifecycle.adapters.progress import progress


def test_away_from_a_terminal_the_lines_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    with progress("models", 3) as shown:
        shown("the first")
        shown("")
        shown("the last")

    assert [record.getMessage() for record in caplog.records] == [
        "models: the first",
        "models: the last",
    ]


def test_on_a_terminal_there_is_a_bar_with_the_newest_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    assert rich.console.Console(stderr=True).is_terminal

    with progress("models", 3) as shown:
        shown("the first")
        shown("")
        shown("the last")

    said = capsys.readouterr().err
    assert "models" in said
    assert "3/3" in said
    assert "the last" in said


def test_an_error_inside_the_loop_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError), progress("models", 2):
        raise KeyError("broken")
