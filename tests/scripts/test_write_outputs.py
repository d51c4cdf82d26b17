"""The commands of README and tutorial print what these pages show."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, open_catalog

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "write_outputs.py"))
commands_of, differences, renewed = (
    SCRIPT[name] for name in ("commands_of", "differences", "renewed")
)


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which both pages are run, README first."""
    project: Path = SCRIPT["make_project"](tmp_path_factory.mktemp("documented") / "project")
    return project


@pytest.fixture(scope="module")
def run_once(documented: Path) -> Callable[[str, str], str]:
    """Runs a command of a page, unless another page has run it: both begin with the same ones."""
    run = SCRIPT["runner"](documented)
    printed: dict[str, tuple[str, str]] = {}

    def run_command(page: str, command: str) -> str:
        before, text = printed.get(command, ("", ""))
        if not before or before == page:
            text = run(command)
            printed[command] = (page, text)
        return text

    return run_command


@pytest.mark.slow
@pytest.mark.xdist_group("documented")
@pytest.mark.parametrize("page", SCRIPT["PAGES"])
def test_commands_print_what_the_page_shows(page: str, run_once: Any) -> None:
    commands = [
        command
        for command in commands_of((ROOT / page).read_text(encoding="utf-8"))
        if not command.is_slow
    ]
    assert commands

    for command in commands:
        found = differences(command.output, run_once(page, command.text))
        assert not found, "\n".join([command.text, *found, "run: make outputs"])


@pytest.mark.slow
@pytest.mark.xdist_group("documented")
def test_the_first_weeks_of_the_demo_have_an_alarm_a_refusal_and_a_retraining(
    documented: Path, run_once: Any
) -> None:
    """The tutorial replays them, with the commands of `make demo` up to its last moment."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "tick --env=bike_hourly,demo --from=2011-01-29 " in makefile
    catalog = open_catalog(documented, env="bike_hourly,demo")

    ledger, windows = catalog.load("ledger"), catalog.load("window_history")
    weeks = ledger[ledger["as_of"] <= "2011-02-20"]
    answers = weeks[weeks["kind"] == "promotion"]
    assert set(windows.loc[windows["end"] <= "2011-02-19", "alarms"].dropna()) >= {"bias"}
    assert list(answers["decision"]) == ["promote", "refuse", "promote"]
    assert list(answers["opponent"]) == ["baseline", "champion", "champion"]


# The comparison -----------------------------------------------------------------------------------
def test_a_block_is_taken_apart_into_commands_and_what_they_print() -> None:
    blocks = ("console\n$ a b\none\n\n$ c\n", "bash\ne\n", "console\n$ d\n")
    page = "<!-- slow -->\n".join(f"```{block}```\n" for block in blocks)

    assert [(c.text, c.output, c.is_slow) for c in commands_of(page)] == [
        ("a b", ("one",), False),
        ("c", (), False),
        ("d", (), True),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        (["one", "two"], "one\ntwo  \n\n", True),
        (["one", "two"], "one\n2\n", False),
        ([], "one\n", False),
        (["..."], "", True),
        (["...", "two", "..."], "one\ntwo\nthree\n", True),
        (["...", "two"], "one\ntwo\nthree\n", False),
        (["rmse is 5 ..."], "rmse is 5 and more\n", True),
        (["rmse is 5 ..."], "rmse is 6 and more\n", False),
    ],
)
def test_three_dots_stand_for_what_is_left_out(shown: list[str], printed: str, agree: bool) -> None:
    assert (differences(tuple(shown), printed) == []) == agree


def test_a_renewed_output_leaves_out_what_was_left_out() -> None:
    shown = ("...", "Holdout 10 rows", "│ a │ 1.0 │", "...", "Gate promote: rmse is 5% lower ...")
    printed = (
        "Log\nHoldout 12 rows\n│ a │ 1.5 │\n│ b │ 2.5 │\nGate promote: rmse is 6% lower by now\n"
    )

    assert renewed(shown, printed) == [
        "...",
        "Holdout 12 rows",
        "│ a │ 1.5 │",
        "...",
        "Gate promote: rmse is 6% lower ...",
    ]
