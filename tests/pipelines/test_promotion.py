"""What the promotion writes down: the decision, and what waits no longer because of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regression_lifecycle.core.alerting.alerts import AlertParameters
from regression_lifecycle.core.decisions.ledger import promotion_row
from regression_lifecycle.core.decisions.waiting import (
    PromotionParameters,
    ask_for_approval,
    waiting_versions,
)
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.pipelines.promotion import nodes
from tests.core.decisions.test_waiting import PASSED, ledger
from tests.examples import tiny_problem

PROBLEM = tiny_problem()
ASK = PromotionParameters.model_validate({"kind": "ask", "deadline": "14 days"})
FIRST = ask_for_approval(PASSED, ASK)
NEWER = replace(FIRST, judged_until="2021-03-21 23:00:00", as_of="2021-03-22 00:00:00")


FIRST_ROW = promotion_row(FIRST, PROBLEM.name, "4", "run")


def write(decision: Any, version: str, *before: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    registration = {"version": version, "run_id": "run"}
    known = ledger(*before) if before else ledger(FIRST_ROW).iloc[:0]
    return nodes.write_ledger(registration, decision, known, PROBLEM, ())


def test_what_waits_is_in_the_ledger_and_champion_of_nothing() -> None:
    rows, closed = write(FIRST, "4")

    assert [row["decision"] for row in rows] == ["waiting"]
    assert closed == []
    assert nodes.choose_champion(ledger(*rows), {"version": "4"}, FIRST, PROBLEM) == ""


def test_a_repeated_run_writes_the_same_row_and_supersedes_nothing() -> None:
    rows, closed = write(FIRST, "4", FIRST_ROW)

    assert [row["decision_id"] for row in rows] == [FIRST_ROW["decision_id"]]
    assert closed == []
    # Not even after another version came to wait.
    newer, _ = write(NEWER, "5", FIRST_ROW)
    assert write(FIRST, "4", FIRST_ROW, *newer)[1] == []


@pytest.mark.parametrize("decision", ["waiting", "promote"])
def test_a_newer_version_supersedes_the_one_that_waits(decision: str) -> None:
    rows, (closed,) = write(replace(NEWER, decision=decision), "5", FIRST_ROW)

    assert [row["decision"] for row in rows] == ["superseded", decision]
    assert (closed.version, closed.reasons[0].figures["newer"]) == ("4", "5")
    waiting = waiting_versions(ledger(FIRST_ROW, *rows), PROBLEM.name)
    assert [one.version for one in waiting] == ["5"] * (decision == "waiting")


@pytest.mark.parametrize(
    ("decision", "as_of", "written"),
    [
        ("refuse", "2021-03-22", ["refuse"]),
        ("refuse", "2021-04-22", ["expired", "refuse"]),
        ("unchanged", "2021-04-22", []),
    ],
)
def test_a_challenger_that_did_not_pass_leaves_the_waiting_one_until_its_deadline(
    decision: str, as_of: str, written: list[str]
) -> None:
    rows, _ = write(replace(NEWER, decision=decision, as_of=as_of), "", FIRST_ROW)

    assert [row["decision"] for row in rows] == written


def test_the_alert_of_a_first_cycle_holds_the_command() -> None:
    parameters = AlertParameters(env="bikes,lab")

    (alert,) = nodes.build_alerts(FIRST, ledger(FIRST_ROW), PROBLEM, parameters)

    assert 'kedro approve --env=bikes,lab --version 4 --reason "..."' in alert.text
    assert (alert.level, alert.details["version"]) == ("warning", "4")
    assert nodes.build_alerts(PASSED, ledger(FIRST_ROW), PROBLEM, parameters) == []


def test_a_promotion_that_is_run_again_puts_nobody_back_in_place() -> None:
    promoted = promotion_row(PASSED, PROBLEM.name, "4", "run")
    newer = {**promoted, "candidate_version": "5", "candidate_fingerprint": "newer"}
    registration = {"version": "4"}

    assert nodes.choose_champion(ledger(promoted), registration, PASSED, PROBLEM) == "4"
    with pytest.raises(StateError, match="version 5 has been put in its place since"):
        nodes.choose_champion(ledger(promoted, newer), registration, PASSED, PROBLEM)
