"""What waits for approval: how a candidate comes to wait, and why it waits no longer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.decisions.ledger import (
    approval_row,
    last_champion_move,
    promotion_row,
)
from regression_lifecycle.core.decisions.records import Reason
from regression_lifecycle.core.decisions.waiting import (
    OpenQuestion,
    PromotionParameters,
    answered_evidence,
    ask_for_approval,
    close_waiting,
    waiting_version,
    waiting_versions,
)
from regression_lifecycle.core.errors import LifecycleError
from tests.core.decisions.test_records import GATE

PASSED = replace(GATE, decision="promote", as_of="2021-03-15 00:00:00", challenger_fingerprint="c")


def promotion(**given: Any) -> PromotionParameters:
    return PromotionParameters.model_validate({"kind": "ask", **given})


def asked(version: str = "4", deadline: str | None = None, **changes: Any) -> dict[str, Any]:
    """The ledger's row of a version that waits."""
    decision = ask_for_approval(replace(PASSED, **changes), promotion(deadline=deadline))
    return promotion_row(decision, "bikes", version, "run")


def ledger(*rows: dict[str, Any]) -> pd.DataFrame:
    names = dict.fromkeys(("actor", "note", "as_of"))
    return pd.DataFrame([{**names, **row} for row in rows])


def closed(row: dict[str, Any], *close: str) -> dict[str, Any]:
    """The row of what became of it."""
    waiting = waiting_version(ledger(row), "bikes")
    assert waiting is not None
    answer = close_waiting(waiting, *close)
    assert answer is not None
    return approval_row(answer)


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["automatic", "ask"])
def test_the_name_of_a_kind_stands_for_all_its_defaults(name):
    read = PromotionParameters.model_validate(name)

    assert read == PromotionParameters.model_validate({"kind": name})
    assert read.model_dump() == {"kind": name, "deadline": None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("aks", "unknown kind 'aks'; did you mean 'ask'. Allowed: ask, automatic"),
        ({"kind": "ask", "deadlin": "1 day"}, "unknown key 'deadlin'; did you mean 'deadline'"),
        ({"kind": "ask", "deadline": "soon"}, "'soon' is not a duration"),
        (True, "true is no way to promote; write automatic, ask, or {kind: ask"),
        (None, "null is no way to promote; write automatic, ask, or {kind: ask"),
        (["ask"], "write {kind: ..., ...}"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(given, message):
    with pytest.raises(ValidationError, match=message.replace("{", r"\{")):
        PromotionParameters.model_validate(given)


# --- to wait ------------------------------------------------------------------------------------


def test_what_passes_is_champion_at_once_or_waits_with_the_same_evidence():
    automatic = PromotionParameters.model_validate("automatic")

    assert ask_for_approval(PASSED, automatic) == PASSED
    waits = ask_for_approval(PASSED, promotion(deadline="1 month"))
    assert waits.decision == "waiting"
    assert waits.reasons == (*PASSED.reasons, Reason("asks", {"deadline": "1 month"}))
    assert replace(waits, decision="promote", reasons=PASSED.reasons) == PASSED


@pytest.mark.parametrize("decision", ["refuse", "unchanged"])
def test_nobody_is_asked_about_what_did_not_pass(decision):
    other = replace(PASSED, decision=decision)

    assert ask_for_approval(other, promotion()) == other


def test_what_the_gate_wants_to_be_asked_about_waits_without_being_configured():
    automatic = PromotionParameters.model_validate({"kind": "automatic", "deadline": "7 days"})

    waits = ask_for_approval(replace(PASSED, decision="waiting"), automatic)

    assert (waits.decision, waits.reasons[-1]) == (
        "waiting",
        Reason("asks", {"deadline": "7 days"}),
    )


def test_the_newest_version_waits_until_it_is_answered():
    first, second = asked("4"), asked("5", judged_until="2021-03-21")

    assert waiting_version(ledger(first), "other") is None
    found = waiting_version(ledger(first), "bikes")
    assert (found.version, found.champion_version) == ("4", "3")
    assert found.asked_at == pd.Timestamp("2021-03-15")
    assert found.expires_at is None
    answered = closed(first, "3", "2021-03-22", "5")
    assert [v.version for v in waiting_versions(ledger(first, second), "bikes")] == ["4", "5"]
    assert [v.version for v in waiting_versions(ledger(first, answered, second), "bikes")] == ["5"]
    # The same version may be asked about again, in comparison with another champion.
    again = asked("4", champion_version="7")
    assert waiting_version(ledger(first, answered, again), "bikes").champion_version == "7"


@pytest.mark.parametrize("deadline", ["14 dyas", 3, "-1 day"])
def test_a_deadline_that_was_edited_by_hand_is_an_error_that_names_the_version(deadline):
    row = asked("4", deadline="14 days")
    row["reasons"] = row["reasons"].replace('"14 days"', json.dumps(deadline))

    with pytest.raises(LifecycleError, match="decision about version 4 cannot be read"):
        waiting_version(ledger(row), "bikes")


def test_a_first_cycle_was_asked_about_at_its_newest_row():
    row = asked(as_of="", deadline="1 month", judged_until="2021-01-31 23:00:00")

    found = waiting_version(ledger(row), "bikes")

    assert found.asked_at == pd.Timestamp("2021-01-31 23:00")
    assert found.expires_at == pd.Timestamp("2021-02-28 23:00")


# --- to wait no longer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("close", "decision", "reason"),
    [
        (("3", "2021-03-29 00:00:00"), None, None),
        (("3", "2021-03-29 01:00:00"), "expired", "expired"),
        (("2", "2021-03-16"), "superseded", "champion_changed"),
        (("", "2021-03-16"), "superseded", "champion_changed"),
        (("3", "2021-03-16", "5"), "superseded", "superseded"),
        (("3", ""), None, None),
    ],
)
def test_time_another_champion_or_a_newer_version_end_the_waiting(close, decision, reason):
    waiting = waiting_version(ledger(asked(deadline="14 days")), "bikes")

    answer = close_waiting(waiting, *close)

    assert (answer and answer.decision.decision) == decision
    assert (answer and answer.decision.reasons[0].kind) == reason


def test_the_deadline_that_was_told_is_the_one_that_holds():
    waiting = waiting_version(ledger(asked(deadline=None)), "bikes")

    assert close_waiting(waiting, "3", "2031-03-16") is None


def test_an_answer_is_one_row_that_repeats_the_evidence():
    row = asked(deadline="14 days")

    expired, superseded = closed(row, "3", "2021-04-01"), closed(row, "3", "2021-03-16", "5")

    assert (expired["kind"], expired["decision"]) == ("approval", "expired")
    same = ("challenger_fingerprint", "candidate_version", "judged_until", "checks", "metrics")
    assert {name: expired[name] for name in same} == {name: row[name] for name in same}
    # A question has one answer.
    assert expired["decision_id"] == superseded["decision_id"] != row["decision_id"]


def test_an_approval_is_read_as_it_was_written():
    row = {**closed(asked(), "2", "2021-03-16"), "decision": "approved"}

    found = last_champion_move(ledger(row), "bikes")

    assert (found.kind, found.decision, found.version) == ("approval", "approved", "4")
    assert (found.champion_version, found.reasons[0].kind) == ("3", "champion_changed")


def test_evidence_that_was_answered_is_known_again():
    expired = ledger(closed(asked(deadline="14 days"), "3", "2021-04-01"))
    until, why = GATE.judged_until, Reason("asked_before", {"version": "4", "answer": "expired"})

    assert answered_evidence(expired, "bikes", "3", "c") == {until: why}
    # With another champion it is another comparison; another model, another problem.
    assert answered_evidence(expired, "bikes", "2", "c") == {}
    assert answered_evidence(expired, "bikes", "3", "new") == {}
    assert answered_evidence(expired, "other", "3", "c") == {}
    # What a person refused stays refused.
    refused = expired.assign(decision="refused")
    assert list(answered_evidence(refused, "bikes", "2", "c")) == [until]
    assert answered_evidence(expired.assign(decision="approved"), "bikes", "3", "c") == {}


@pytest.mark.parametrize(
    ("question", "holds_back"),
    [
        (OpenQuestion(), False),
        (OpenQuestion("4", 1, 2), True),
        (OpenQuestion("4", 2, 2), False),
    ],
)
def test_a_version_that_waits_holds_back_until_new_rows_judge(question, holds_back):
    assert question.holds_back is holds_back
