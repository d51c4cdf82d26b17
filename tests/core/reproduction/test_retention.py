"""Which snapshots go, and which ones stay whatever the rule says."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.reproduction.retention import (
    SnapshotParameters,
    needed_versions,
    versions_to_prune,
)

VERSIONS = ("1", "2", "3", "9", "10", "11")


def keep(**rule):
    return SnapshotParameters.model_validate({"keep": rule}).keep


def ledger(*moves: tuple[str, str, str]) -> pd.DataFrame:
    """Decisions with the version that they are about and the champion before it."""
    names = ["decision", "candidate_version", "champion_version_before"]
    table = pd.DataFrame(moves, columns=names)
    about = {
        "problem": "tiny",
        "kind": "promotion",
        "as_of": "2021-01-01",
        "judged_until": "2021-01-01",
    }
    return table.assign(**about, reasons="[]", decision_id=[f"d{n}" for n in range(len(table))])


def test_the_newest_stay_by_their_number():
    assert versions_to_prune(VERSIONS, keep(kind="newest", versions=2), ()) == ("1", "2", "3", "9")


def test_a_version_that_is_needed_stays():
    rule = keep(kind="newest", versions=1)

    assert versions_to_prune(VERSIONS, rule, {"2", "10"}) == ("1", "3", "9")


@pytest.mark.parametrize("kind", ["all", "none"])
def test_other_rules_remove_nothing(kind):
    assert versions_to_prune(VERSIONS, keep(kind=kind), ()) == ()


def test_champion_and_the_one_before_it_are_needed():
    decisions = ledger(("promote", "1", ""), ("promote", "2", "1"), ("promote", "3", "2"))

    assert needed_versions(decisions, "tiny", "3") == {"3", "2"}
    assert needed_versions(decisions, "another", "") == frozenset()


def test_after_a_rollback_the_one_that_the_next_would_return_to_is_needed():
    decisions = ledger(
        ("promote", "1", ""), ("promote", "2", "1"), ("promote", "3", "2"), ("rollback", "2", "3")
    )

    assert needed_versions(decisions, "tiny", "2") == {"2", "1"}


def test_a_version_that_waits_is_needed():
    decisions = ledger(("promote", "1", ""), ("waiting", "2", "1"), ("refuse", "3", "1"))

    assert needed_versions(decisions, "tiny", "1") == {"1", "2", "3"}


def test_only_none_takes_no_snapshots():
    taken = {
        kind: SnapshotParameters.model_validate({"keep": {"kind": kind}}).are_taken
        for kind in ("all", "none")
    }

    assert taken == {"all": True, "none": False}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "newst"}, "did you mean 'newest'"),
        ({"kind": "newest", "versions": 0}, "greater than or equal to 1"),
        ({"kind": "all", "versions": 3}, "it goes with kind newest"),
        ("all", r"write \{kind: ..., ...\}"),
    ],
)
def test_a_mistyped_rule_is_answered(rule, said):
    with pytest.raises(ValidationError, match=said):
        SnapshotParameters.model_validate({"keep": rule})
