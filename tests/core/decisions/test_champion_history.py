from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.decisions.champion_history import (
    Attempt,
    attempt_of,
    attempts,
    attempts_to_be_better,
    champion_moves,
    newest_move,
    unfinished_move,
)
from regression_lifecycle.core.decisions.ledger import promotion_row
from regression_lifecycle.core.decisions.records import Finding, GateDecision, Reason
from regression_lifecycle.core.decisions.rollback import plan_rollback, rolled_back_evidence
from regression_lifecycle.core.errors import StateError

COLUMNS = (
    *("decision_id", "problem", "kind", "decision", "candidate_version", "as_of"),
    *("champion_version_before", "challenger_fingerprint", "judged_until"),
    "candidate_fingerprint",
)


def ledger(*rows, problem="bikes"):
    """One text per decision, such as ``promote 1>2``: from version 1 to version 2."""
    table = []
    for place, row in enumerate(rows):
        decision, _, versions = row.partition(" ")
        before, _, after = versions.partition(">")
        kind = {"rollback": "rollback", "promote": "promotion", "refuse": "promotion"}
        kind |= {"waiting": "promotion", "approved": "approval", "refused": "approval"}
        table.append(
            {
                "decision_id": f"d{place}",
                "problem": problem,
                "kind": kind.get(decision, "policy"),
                "decision": decision,
                "candidate_version": after or None,
                "champion_version_before": before,
                "as_of": f"2021-03-{place + 1:02d} 00:00:00",
                "challenger_fingerprint": f"print-{after}",
                "judged_until": f"until-{after}",
            }
        )
    return pd.DataFrame(table, columns=list(COLUMNS), dtype="str")


HISTORY = ("promote >1", "keep 1>", "promote 1>2", "refuse 2>", "promote 2>3")


def test_only_promotions_and_rollbacks_of_the_problem_move_the_champion():
    both = pd.concat([ledger(*HISTORY), ledger("promote >9", problem="other")])

    assert champion_moves(both, "bikes")["candidate_version"].tolist() == ["1", "2", "3"]
    assert newest_move(both, "bikes") == "promote"
    assert newest_move(ledger("keep >"), "bikes") == ""


# --- a run that was killed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "champion", "wanted"),
    [
        pytest.param((), "", "", id="nothing ever happened"),
        pytest.param(HISTORY, "3", "", id="all is done"),
        pytest.param(HISTORY, "2", "3", id="killed before the alias moved"),
        pytest.param(("promote >1",), "", "1", id="killed at the first champion"),
        pytest.param((*HISTORY, "keep 3>"), "2", "3", id="decisions that move nothing"),
        pytest.param((*HISTORY, "rollback 3>2"), "3", "2", id="killed rollback"),
        pytest.param((*HISTORY, "rollback 3>2"), "2", "", id="rollback is done"),
        pytest.param((*HISTORY, "waiting 3>4"), "3", "", id="what waits moves nothing"),
        pytest.param((*HISTORY, "waiting 3>4", "refused 3>4"), "3", "", id="nor does a refusal"),
        pytest.param((*HISTORY, "waiting 3>4", "approved 3>4"), "3", "4", id="killed approval"),
        pytest.param(("waiting >1", "approved >1"), "", "1", id="killed at the first approval"),
        pytest.param(("promote >1", "promote 1>1"), "1", "", id="nothing to move"),
        pytest.param(HISTORY, "1", "", id="moved by hand to an older one"),
        pytest.param(HISTORY, "7", "", id="moved by hand to an unknown one"),
        pytest.param(HISTORY, "", "", id="taken away by hand"),
    ],
)
def test_a_move_that_was_recorded_and_not_made_is_found(rows, champion, wanted):
    assert unfinished_move(ledger(*rows), "bikes", champion) == wanted
    assert unfinished_move(ledger(*rows), "other", champion) == ""


# --- back to an earlier one ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "champion", "wanted", "plan"),
    [
        pytest.param(HISTORY, "3", None, ("2", "d4"), id="the one before"),
        pytest.param(HISTORY, "3", "1", ("1", "d4"), id="a named one"),
        pytest.param(
            (*HISTORY, "rollback 3>2"), "2", None, ("1", "d5"), id="twice: the one before that"
        ),
        pytest.param(
            (*HISTORY, "rollback 3>2"), "2", "3", ("3", "d5"), id="back to what was taken back"
        ),
        pytest.param(
            (*HISTORY, "rollback 3>2", "promote 2>4"), "4", None, ("2", "d6"), id="after a rollback"
        ),
        pytest.param(
            (*HISTORY, "waiting 3>4", "approved 3>4"), "4", None, ("3", "d6"), id="an approved one"
        ),
        pytest.param(
            (*HISTORY, "rollback 3>2", "rollback 2>3"), "3", None, ("2", "d6"), id="there and back"
        ),
    ],
)
def test_a_rollback_finds_its_version_and_the_decision_it_undoes(rows, champion, wanted, plan):
    assert plan_rollback(ledger(*rows), "bikes", champion, wanted) == plan


@pytest.mark.parametrize(
    ("rows", "champion", "wanted", "message"),
    [
        (HISTORY, "", None, "there is no champion, so there is nothing to roll back"),
        (HISTORY, "1", None, "version 1 is the first champion.*Name another by --version: 2, 3"),
        (("promote >1",), "1", None, "first champion: there is none before it$"),
        (HISTORY, "7", None, "version 7 was never promoted as far as the ledger knows.*1, 2, 3"),
        (HISTORY, "3", "9", "rollback.version '9' is not a former champion.*Allowed: 1, 2$"),
        (HISTORY, "3", "3", "other than version 3, which is in use"),
    ],
)
def test_where_there_is_nothing_to_go_back_to_the_error_names_the_choices(
    rows, champion, wanted, message
):
    with pytest.raises(StateError, match=message):
        plan_rollback(ledger(*rows), "bikes", champion, wanted)


def test_evidence_that_led_to_a_rollback_is_known_again():
    undone = ledger(*HISTORY, "rollback 3>2", "keep 2>")

    known = {"until-3": Reason("rolled_back", {"version": "3"})}
    assert rolled_back_evidence(undone, "bikes", "print-3") == known
    # Of a first cycle the candidate itself was compared, and not a challenger before its refit.
    cycle = undone.assign(challenger_fingerprint=None, candidate_fingerprint="print-3")
    assert rolled_back_evidence(cycle, "bikes", "print-3") == known
    # Another configuration, another problem, or a promotion that stands.
    assert rolled_back_evidence(undone, "bikes", "print-4") == {}
    assert rolled_back_evidence(undone, "other", "print-3") == {}
    assert rolled_back_evidence(undone, "bikes", "print-2") == {}
    assert rolled_back_evidence(ledger(*HISTORY), "bikes", "print-3") == {}


# --- attempts -----------------------------------------------------------------------------------


def test_an_attempt_is_a_challenge_of_this_champion_or_its_return():
    rows = ledger(*HISTORY, "rollback 3>2", "keep 2>", "refuse 2>")

    def days(version):
        return [moment.day for moment in attempts(rows, "bikes", version)]

    assert days("1") == [3]
    # Challenged on the 4th and 5th, put back on the 6th, challenged on the 8th.
    assert days("2") == [4, 5, 6, 8]
    asked = ledger("promote >1", "waiting 1>2", "approved 1>2")
    assert [moment.day for moment in attempts(asked, "bikes", "1")] == [2]
    assert attempts(asked, "bikes", "2") == []
    # Leaving is no attempt of its own.
    assert days("3") == []
    assert attempts(rows.assign(as_of=None), "bikes", "2") == []
    assert attempts(ledger(), "bikes", "1") == []


# --- who claimed to be better -------------------------------------------------------------------


def judged(fingerprint, asked=0.0, opponent="champion", champion="3", **more):
    """A refusal on March 2021 by one comparison that asked for so much."""
    check = Finding(
        kind="proven_improvement",
        verdict="fail",
        value=-0.1,
        threshold=asked,
        figures={"opponent": opponent},
    )
    span = {"judged_from": "2021-03-01 00:00:00", "judged_until": "2021-03-31 23:00:00"}
    return GateDecision(
        decision="refuse", reasons=(), checks=(check,), metrics={}, opponent="champion",
        baseline="", champion_version=champion, candidate_fingerprint=fingerprint,
        data_fingerprint="", n_rows=1, **{**span, **more},
    )  # fmt: skip


def test_claims_to_be_better_than_a_champion_are_read_from_the_ledger():
    decisions = [
        judged("a"),
        judged("other champion", champion="2"),
        judged("may be worse", asked=-0.2),
        judged("baseline", opponent="baseline"),
        judged("no row", judged_from="", judged_until=""),
        judged("refitted", challenger_fingerprint="b"),
    ]
    rows = [promotion_row(decision, "bikes", "", "") for decision in decisions]
    rows.append({**promotion_row(judged("c"), "other", "", ""), "decision_id": "other"})
    table = pd.DataFrame(rows, dtype="str")

    march = pd.Timestamp("2021-03-01"), pd.Timestamp("2021-03-31 23:00")
    assert attempts_to_be_better(table, "bikes", "3") == (
        Attempt("a", *march),
        Attempt("b", *march),
    )
    assert attempts_to_be_better(table, "bikes", "4") == ()
    assert attempts_to_be_better(table[:0], "bikes", "3") == ()
    assert attempt_of(decisions[0]) == Attempt("a", *march)
    assert attempt_of(decisions[2]) is None
