"""A person's answer: what it says, and when it is not taken."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.decisions.approval import ApprovalParameters, decide_approval
from regression_lifecycle.core.decisions.ledger import approval_row
from regression_lifecycle.core.errors import StateError
from tests.core.decisions.test_waiting import asked, closed, ledger

NOW = "2021-03-20 00:00:00"


def answer(decisions: pd.DataFrame, champion: str = "3", as_of: str = NOW, **given: Any) -> Any:
    parameters = ApprovalParameters.model_validate({"reason": "seen", "actor": "ada", **given})
    return decide_approval(decisions, "bikes", champion, as_of, parameters)


@pytest.mark.parametrize("version", [None, 4, "4"])
@pytest.mark.parametrize(("word", "decision"), [("approve", "approved"), ("refuse", "refused")])
def test_an_answer_says_who_when_and_why(version, word, decision):
    found = answer(ledger(asked()), answer=word, version=version).decision

    assert (found.decision, found.version, found.champion_version) == (decision, "4", "3")
    assert (found.actor, found.note, found.as_of) == ("ada", "seen", NOW)
    assert found.reasons[0].figures["reason"] == "seen"


@pytest.mark.parametrize("word", ["approve", "refuse"])
def test_without_a_reason_there_is_no_answer(word):
    with pytest.raises(StateError, match=f"kedro {word} --reason"):
        answer(ledger(asked()), answer=word, reason=" ")


def test_a_reason_has_a_length():
    assert ApprovalParameters(reason="x" * 2000, actor="ada").reason == "x" * 2000
    with pytest.raises(ValidationError, match=r"2,001 characters, and at most 2,000 are kept"):
        ApprovalParameters(reason="x" * 2001, actor="ada")


@pytest.mark.parametrize("name", ["reason", "actor"])
def test_what_would_act_on_a_terminal_is_no_reason(name):
    said = {"reason": "seen:\n\tbetter — 好", "actor": "ada"}
    assert ApprovalParameters(**said).reason == said["reason"]
    with pytest.raises(
        ValidationError, match=r"the control characters '\\x07', '\\x1b'; write text"
    ):
        ApprovalParameters(**{**said, name: "\x1b[2Jfine\x07"})


@pytest.mark.parametrize(
    ("rows", "champion", "version", "message"),
    [
        ((), "3", None, "no version waits.*version 3 is champion.*answered before: none"),
        ((), "", "4", "version '4' does not wait.*none does, there is no champion"),
        ((asked("4"),), "3", "5", "version '5' does not wait for approval \\(version 4 does"),
        (
            (asked("4"), closed(asked("4"), "3", NOW, "5"), asked("5", judged_until="x-2021")),
            "3",
            "4",
            "version 4 was superseded already",
        ),
    ],
)
def test_where_nothing_is_to_be_answered_the_error_says_what_is_there(
    rows, champion, version, message
):
    table = ledger(*rows) if rows else ledger(asked()).iloc[:0]
    with pytest.raises(StateError, match=message):
        answer(table.replace("x-2021", "2021-03-21"), champion, version=version)


def test_approving_twice_is_answered_in_one_sentence():
    row = asked()
    approved = approval_row(answer(ledger(row)))

    with pytest.raises(StateError, match="version 4 was approved by ada already, as of 2021-03-20"):
        answer(ledger(row, approved), "4", version="4")
    with pytest.raises(StateError, match=r"answered before: version 4 was approved$"):
        answer(ledger(row, approved), "4")


def test_an_approval_that_was_killed_is_completed_and_not_asked_for_again():
    row = asked()
    killed = ledger(row, approval_row(answer(ledger(row))))

    assert answer(killed, "3", reason="") is None
    assert answer(killed, "3", version="4") is None
    # It was approved, so it cannot be refused any more.
    with pytest.raises(StateError, match="version 4 was approved by ada already"):
        answer(killed, "3", version="4", answer="refuse")


def test_after_the_deadline_it_may_be_refused_and_not_approved():
    late = ledger(asked(deadline="3 days"))

    with pytest.raises(StateError, match=r"could be approved until 2021-03-18.*the next tick"):
        answer(late)
    assert answer(late, as_of="2021-03-18 00:00:00").decision.decision == "approved"
    assert answer(late, answer="refuse").decision.decision == "refused"


@pytest.mark.parametrize("champion", ["2", "9", ""])
def test_what_was_compared_with_another_champion_is_not_approved(champion):
    with pytest.raises(StateError, match=r"compared with champion version 3.*pipelines=retraining"):
        answer(ledger(asked()), champion)
    assert answer(ledger(asked()), champion, answer="refuse").decision.decision == "refused"


def test_a_champion_that_a_killed_run_left_to_be_put_in_place_counts_as_champion():
    promoted = {
        **asked("9", champion_version="3"),
        "decision_id": "d",
        "decision": "promote",
    }

    with pytest.raises(StateError, match="now there is champion version 9"):
        answer(ledger(asked(), promoted), "3")


@pytest.mark.parametrize("word", ["approve", "refuse"])
def test_an_answer_from_before_the_question_is_refused(word):
    with pytest.raises(StateError, match=r"stand at 2021-03-01.*stands at 2021-03-15"):
        answer(ledger(asked()), answer=word, as_of="2021-03-01 00:00:00")
