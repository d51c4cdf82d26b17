"""The rollback's nodes: who goes back to what, and what a killed run leaves to be done."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import (
    ApprovalDecision,
    Reason,
    RollbackDecision,
    from_cell,
)
from regression_lifecycle.core.decisions.rollback import RollbackParameters
from regression_lifecycle.core.errors import ModelError, StateError
from regression_lifecycle.pipelines.rollback.nodes import (
    choose_version,
    decide_rollback,
    read_moment,
    record_answer,
)

OBSERVATIONS = pd.DataFrame({"timestamp": pd.date_range("2021-03-01", periods=48, freq="h")})
COLUMNS = (
    *("decision_id", "problem", "kind", "decision", "candidate_version"),
    *("champion_version_before", "as_of", "judged_until", "reasons"),
)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem.model_validate(
        {
            "name": "tiny",
            "target": "cnt",
            "timestamp": {"date": "day"},
            "frequency": "1 hour",
            "horizon": "1 hour",
            "columns": {"day": {"type": "datetime"}, "cnt": {"type": "float"}},
        }
    )


def ledger(*moves: tuple[str, str, str]) -> pd.DataFrame:
    rows = [
        {
            "decision_id": f"d{place}",
            "problem": "tiny",
            "kind": "rollback" if decision == "rollback" else "promotion",
            "decision": decision,
            "champion_version_before": before,
            "candidate_version": after,
        }
        for place, (decision, before, after) in enumerate(moves)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")


TWO = (("promote", "", "1"), ("promote", "1", "2"))


def go_back(
    problem: Problem, decisions: pd.DataFrame, current: str, as_of: Any = None, **parameters: Any
) -> tuple[list[dict[str, Any]], RollbackDecision]:
    given = RollbackParameters.model_validate({"actor": "ada", "reason": "too high", **parameters})
    moment = read_moment(OBSERVATIONS, as_of, problem)
    rows, closed, plan = decide_rollback(decisions, current, moment, problem, given)
    assert [one.version for one in closed] == [row["candidate_version"] for row in rows[:-1]]
    return rows, plan


def test_a_rollback_is_a_decision_with_who_when_and_why(problem: Problem) -> None:
    ((row,), plan) = go_back(problem, ledger(*TWO), "2", as_of="2021-03-02")

    assert (row["kind"], row["decision"]) == ("rollback", "rollback")
    assert (row["champion_version_before"], row["candidate_version"]) == ("2", "1")
    assert (row["actor"], row["note"]) == ("ada", "too high")
    assert row["as_of"] == "2021-03-02 00:00:00"
    reason = {"champion_version": "2", "version": "1", "reason": "too high"}
    assert from_cell(row["reasons"], Reason) == plan.reasons == (Reason("rollback", reason),)
    after = pd.concat([ledger(*TWO), pd.DataFrame([row])], ignore_index=True)
    assert choose_version(after, plan, problem) == "1"


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_it_is_refused(problem: Problem, reason: str) -> None:
    with pytest.raises(StateError, match=r"--params=rollback\.reason="):
        go_back(problem, ledger(*TWO), "2", reason=reason)


def test_a_version_from_the_command_line_may_be_a_number(problem: Problem) -> None:
    ((row,), _) = go_back(problem, ledger(*TWO), "2", version=1, reason=42)

    assert (row["candidate_version"], row["note"]) == ("1", "42")


def test_the_same_rollback_is_the_same_decision_and_a_later_one_is_not(problem: Problem) -> None:
    ((first,), _) = go_back(problem, ledger(*TWO), "2", as_of="2021-03-02", reason="a")
    ((again,), _) = go_back(problem, ledger(*TWO), "2", reason="b")
    there = ledger(*TWO, ("rollback", "2", "1"), ("rollback", "1", "2"))
    ((later,), _) = go_back(problem, there, "2")

    assert first["decision_id"] == again["decision_id"] != later["decision_id"]


def test_a_killed_rollback_is_completed_without_another_row(problem: Problem) -> None:
    killed = ledger(*TWO, ("rollback", "2", "1"))

    rows, plan = go_back(problem, killed, "2", reason="")

    assert rows == []
    assert choose_version(killed, plan, problem) == "1"


def test_a_killed_rollback_does_not_stand_in_the_way_of_another_version(problem: Problem) -> None:
    killed = ledger(*TWO, ("promote", "2", "3"), ("rollback", "3", "2"))

    ((row,), plan) = go_back(problem, killed, "3", version=1)

    assert (row["champion_version_before"], row["candidate_version"]) == ("2", "1")
    after = pd.concat([killed, pd.DataFrame([row])], ignore_index=True)
    assert choose_version(after, plan, problem) == "1"


def test_a_killed_promotion_is_taken_back_and_not_completed(problem: Problem) -> None:
    # Version 2 was promoted, the alias never moved; who rolls back does not want it.
    ((row,), plan) = go_back(problem, ledger(*TWO), "1")

    assert (row["champion_version_before"], row["candidate_version"]) == ("2", "1")
    after = pd.concat([ledger(*TWO), pd.DataFrame([row])], ignore_index=True)
    assert choose_version(after, plan, problem) == "1"


def test_what_waited_for_the_place_of_the_champion_that_goes_waits_no_longer(
    problem: Problem,
) -> None:
    waiting = ledger(*TWO, ("waiting", "2", "3")).assign(judged_until="2021-03-01", reasons="")

    ((closed, row), _) = go_back(problem, waiting, "2")

    assert (closed["decision"], closed["candidate_version"]) == ("superseded", "3")
    assert (row["decision"], row["candidate_version"]) == ("rollback", "1")


def test_the_champion_moves_only_if_the_ledger_says_so(problem: Problem) -> None:
    _, plan = go_back(problem, ledger(*TWO), "2")

    with pytest.raises(StateError, match="not the newest decision of the ledger"):
        choose_version(ledger(*TWO), plan, problem)


def test_without_a_champion_there_is_nothing_to_roll_back(problem: Problem) -> None:
    with pytest.raises(StateError, match="there is no champion"):
        go_back(problem, ledger(), "")


def test_nothing_is_recorded_of_a_version_that_cannot_be_read(problem: Problem) -> None:
    rows, plan = go_back(problem, ledger(*TWO), "2")
    asked = []

    def read(version: str) -> Any:
        asked.append(version)
        raise ModelError("its files are gone")

    with pytest.raises(ModelError, match="its files are gone"):
        record_answer(rows, [], plan, read)
    assert asked == ["1"]
    refused = ApprovalDecision(
        decision="refused", reasons=(), version="2", champion_version="1", as_of="2021-03-02"
    )
    assert record_answer([], [refused], refused, read) == ([], [refused], refused)
