"""A tick with nothing to do ends before it runs anything, and any news makes it run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters.database import read_rows, upsert_rows
from regression_lifecycle.core.data.tables import COMPLETED_TICKS, SENT_ALERTS, SERVICE_PREDICTIONS
from regression_lifecycle.runtime import tick as tick_module
from regression_lifecycle.runtime.tick import NOTHING
from tests.conftest import copy_project
from tests.loop import plant, tick

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("loop")]

AS_OF = "2011-03-12"
PAGE = "data/test/08_reporting/index.html"


@pytest.fixture(scope="module")
def settled_once(running_project_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after a tick that kept the champion; shared, not to be changed."""
    copy = tmp_path_factory.mktemp("settled") / "project"
    copy_project(running_project_once, copy)
    with chdir(copy):
        assert tick(copy, AS_OF) == NOTHING
    return copy


Ran = Callable[..., list[str]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Puts decisions in the place of the pipelines, and returns which of them a tick has run."""

    def put(**decisions: str) -> list[str]:
        ran: list[str] = []

        def run(self: object, pipeline: str, result: str = "") -> Any:
            ran.append(pipeline)
            return SimpleNamespace(decision=decisions.get(pipeline, ""), as_of=AS_OF)

        monkeypatch.setattr(tick_module._Step, "run", run)
        return ran

    return put


@pytest.fixture
def ran(pretend: Ran) -> list[str]:
    """Pipelines that a tick would run; the monitoring's answer is to keep."""
    return pretend(monitoring="keep")


@pytest.fixture
def known(settled_once: Path, tmp_path: Path, in_folder, ran: list[str]) -> Path:
    """A settled project of one's own, which a tick has seen in the folder where it is now."""
    project = in_folder(copy_project(settled_once, tmp_path / "project"))
    tick(project, AS_OF)
    ran.clear()
    return project


def store(project: Path) -> str:
    return f"sqlite:///{(project / 'data/test/lifecycle.db').as_posix()}"


def test_a_tick_with_nothing_new_runs_nothing_and_says_how_the_model_is(
    known: Path, ran: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert tick(known, AS_OF) == NOTHING

    assert ran == []
    said = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert [said.count(label) for label in ("Health", "Next", "Page", "Look")] == [1, 1, 1, 1]
    (row,) = read_rows(store(known), COMPLETED_TICKS).to_dict("records")
    assert (row["as_of"], row["exit_code"]) == (pd.Timestamp(AS_OF), NOTHING)


def new_rows(project: Path) -> None:
    plant(project, lambda raw: raw.assign(hum=raw["hum"].where(raw.index != 5, 0.5)))


def an_answer(project: Path) -> None:
    row = {"problem": "bike_test", "request_id": "a", "row_number": 0}
    upsert_rows(store(project), SERVICE_PREDICTIONS, pd.DataFrame([row]))


def a_failed_alert(project: Path) -> None:
    key = {"alert_key": "a", "window": "w", "channel": "file", "problem": "bike_test"}
    row = {**key, "status": "failed", "attempts": 1}
    upsert_rows(store(project), SENT_ALERTS, pd.DataFrame([row]))


def no_page(project: Path) -> None:
    (project / PAGE).unlink()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (new_rows, ["monitoring"]),
        (an_answer, ["monitoring"]),
        (a_failed_alert, ["monitoring"]),
        (no_page, ["monitoring", "dashboard"]),
    ],
)
def test_any_news_makes_a_tick_run(known: Path, ran: list[str], change, expected) -> None:
    change(known)

    tick(known, AS_OF)

    # The page is drawn only if what it shows has changed.
    assert ran == expected


def test_another_moment_or_another_parameter_makes_a_tick_run(known: Path, ran: list[str]) -> None:
    tick(known, "2011-03-13")
    tick(known, AS_OF, monitoring={"segment_rows": 7})

    assert ran == ["monitoring", "dashboard"] * 2


def test_a_tick_that_did_not_come_to_its_end_is_no_reason_to_skip_the_next(
    known: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_rows(known)
    with monkeypatch.context() as patch:
        patch.setattr(tick_module._Step, "run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tick(known, AS_OF)

    tick(known, AS_OF)

    assert ran == ["monitoring"]


def test_a_tick_whose_policy_alerts_says_so_and_retrains_nothing(known: Path, pretend: Ran) -> None:
    new_rows(known)
    ran = pretend(monitoring="alert")

    assert tick(known, AS_OF) == tick_module.ALERTED
    assert ran == ["monitoring"]


def test_a_tick_that_asked_for_retraining_is_looked_at_again(known: Path, pretend: Ran) -> None:
    new_rows(known)
    pretend(monitoring="retrain", retraining="refuse")
    assert tick(known, AS_OF) == tick_module.REFUSED

    ran = pretend(monitoring="keep")
    tick(known, AS_OF)

    assert ran == ["monitoring"]


def test_a_champion_whose_rules_a_killed_run_left_uncalibrated_is_calibrated(
    known: Path, ran: list[str]
) -> None:
    new_rows(known)
    with sqlite3.connect(known / "data/test/lifecycle.db") as connection:
        assert connection.execute("DELETE FROM error_rates").rowcount

    tick(known, AS_OF)

    assert ran == ["monitoring", "calibration", "dashboard"]
