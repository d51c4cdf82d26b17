"""Rows of the ledger: what they keep of a decision, and when two are the same."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from regression_lifecycle.core.decisions.ledger import (
    last_champion_move,
    last_policy_decision,
    policy_row,
    promotion_row,
    rollback_row,
)
from regression_lifecycle.core.decisions.records import Finding, Reason, RuleFinding, from_cell
from regression_lifecycle.core.errors import LifecycleError
from tests.core.decisions.test_records import GATE, POLICY, ROLLBACK


@pytest.fixture
def windows():
    return pd.DataFrame(
        {
            "start": pd.to_datetime(["2011-04-09", "2011-04-16"]),
            "end": pd.to_datetime(["2011-04-16", "2011-04-23"]),
            "status": ["complete", "complete"],
            "labels_fingerprint": ["a", "b"],
            "features_fingerprint": ["c", "d"],
        }
    )


def test_a_promotion_is_kept_with_its_evidence():
    row = promotion_row(GATE, "bikes", "4", "run")

    assert (row["kind"], row["decision"], row["problem"]) == ("promotion", "refuse", "bikes")
    assert (row["champion_version_before"], row["candidate_version"]) == ("3", "4")
    assert from_cell(row["reasons"], Reason) == GATE.reasons
    assert from_cell(row["checks"], Finding) == GATE.checks
    # Outside of a retraining there is neither.
    assert not {"as_of", "challenger_fingerprint"} & set(row)


def test_the_same_promotion_is_the_same_row_whenever_and_by_whichever_run():
    row = promotion_row(GATE, "bikes", "4", "run")
    again = promotion_row(replace(GATE, as_of="2011-05-01"), "bikes", "5", "another")
    other = promotion_row(replace(GATE, judged_until="2021-03-15"), "bikes", "4", "run")

    assert row["decision_id"] == again["decision_id"] != other["decision_id"]
    assert again["as_of"] == "2011-05-01"


@pytest.mark.parametrize("as_of", ["", "2011-05-01 00:00:00"])
def test_the_last_move_is_read_as_it_was_written(as_of):
    promoted = replace(
        GATE, decision="promote", as_of=as_of, challenger_fingerprint="c" if as_of else ""
    )
    rows = [promotion_row(promoted, "bikes", "4", "run"), promotion_row(GATE, "bikes", "5", "run")]

    found = last_champion_move(pd.DataFrame(rows), "bikes")

    assert found == replace(promoted, baseline="", n_rows=0)
    rolled = [*rows, rollback_row(ROLLBACK, "bikes", "id")]
    assert last_champion_move(pd.DataFrame(rolled), "bikes") == ROLLBACK


def test_the_policys_decision_is_read_as_it_was_written(windows):
    rows = [policy_row(POLICY, name, windows, "digest") for name in ("bikes", "other")]
    ledger = pd.DataFrame([*rows, promotion_row(GATE, "bikes", "4", "run")])

    assert last_policy_decision(ledger, "bikes") == POLICY
    assert last_policy_decision(ledger, "third") is None
    assert from_cell(rows[0]["policy"], RuleFinding) == POLICY.rules


@pytest.mark.parametrize(
    "changes",
    [{"labels_fingerprint": ["a", "x"]}, {"status": ["complete", "partial"]}],
)
def test_other_figures_are_another_decision_of_the_policy(windows, changes):
    row = policy_row(POLICY, "bikes", windows, "digest")

    assert row["decision_id"] == policy_row(POLICY, "bikes", windows, "digest")["decision_id"]
    changed = policy_row(POLICY, "bikes", windows.assign(**changes), "digest")
    assert row["decision_id"] != changed["decision_id"]
    assert row["decision_id"] != policy_row(POLICY, "bikes", windows, "rules")["decision_id"]


def test_a_rollback_is_known_by_what_it_undoes_and_not_by_its_words():
    row = rollback_row(ROLLBACK, "bikes", "d4")
    reworded = rollback_row(replace(ROLLBACK, note="too low"), "bikes", "d4")

    assert (row["note"], row["actor"]) == ("too; high", "ada")
    assert row["decision_id"] == reworded["decision_id"]
    assert row["decision_id"] != rollback_row(ROLLBACK, "bikes", "d5")["decision_id"]


def test_a_row_with_prose_is_an_error_that_names_it(windows):
    row = policy_row(POLICY, "bikes", windows, "digest") | {"reasons": "bias is 0.2; too high"}

    with pytest.raises(LifecycleError, match=r"'bias is 0\.2; too high' is no JSON"):
        last_policy_decision(pd.DataFrame([row]), "bikes")
