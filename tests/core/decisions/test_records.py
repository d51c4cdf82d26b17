"""Decisions as data: what is written is what is read, and nothing else is read."""

from __future__ import annotations

import json
import math

import pytest

from regression_lifecycle.core.decisions.records import (
    Finding,
    GateDecision,
    PolicyDecision,
    Reason,
    RollbackDecision,
    RuleFinding,
    finite,
    from_cell,
    from_json,
    to_cell,
    to_json,
)
from regression_lifecycle.core.errors import LifecycleError

CHECK = Finding(
    kind="metric",
    verdict="fail",
    value=0.31,
    threshold=0.5,
    figures={"metric": "r2", "of_baseline": False, "bound": "minimum"},
)
OPEN = Finding(
    kind="proven_improvement",
    verdict="not computed",
    value=None,
    threshold=0.0,
    figures={"metric": "rmse", "opponent": "champion", "champion_version": "3"},
    obstacle=Reason("too_few_blocks", {"n_blocks": 3, "block": "7 days", "minimum_blocks": 8}),
)
RULE = RuleFinding(
    name="level",
    kind="bias",
    action="retrain",
    verdict="fired",
    value=0.14,
    threshold=0.1,
    figures={
        **{"statistic": "window", "prediction": "model", "bias": -0.12},
        **{"window": "2011-04-16", "n_bad": 2, "is_newest_bad": True, "n_windows": 3},
    },
)
GATE = GateDecision(
    decision="refuse",
    reasons=(CHECK.reason, OPEN.reason),
    checks=(CHECK, OPEN),
    metrics={"candidate": {"rmse": 3.0, "r2": None}},
    opponent="champion",
    baseline="seasonal",
    champion_version="3",
    candidate_fingerprint="new",
    data_fingerprint="data",
    judged_from="2021-03-01 00:00:00",
    judged_until="2021-03-14 23:00:00",
    n_rows=336,
)
POLICY = PolicyDecision(
    decision="retrain",
    reasons=(RULE.reason,),
    as_of="2011-04-30 00:00:00",
    window="2011-04-16",
    champion_version="3",
    rules=(RULE,),
)
ROLLBACK = RollbackDecision(
    version="1", champion_version="2", as_of="2011-04-30 00:00:00", actor="ada", note="too; high"
)


@pytest.mark.parametrize("decision", [GATE, POLICY, ROLLBACK], ids=lambda decision: decision.kind)
def test_a_decision_is_read_as_it_was_written(decision):
    document = json.loads(json.dumps(to_json(decision), allow_nan=False))

    assert from_json(document) == decision


def test_a_document_holds_kinds_and_figures_and_no_sentence():
    document = to_json(GATE)

    assert document["decision"] == "refuse"
    assert document["reasons"][0] == {
        "kind": "metric",
        "figures": {
            "value": 0.31,
            "threshold": 0.5,
            "metric": "r2",
            "of_baseline": False,
            "bound": "minimum",
        },
    }
    assert document["checks"][1]["obstacle"]["kind"] == "too_few_blocks"


@pytest.mark.parametrize(
    ("parts", "kind"),
    [(GATE.reasons, Reason), (GATE.checks, Finding), (POLICY.rules, RuleFinding)],
)
def test_a_column_of_the_ledger_is_read_as_it_was_written(parts, kind):
    assert from_cell(to_cell(parts), kind) == parts


@pytest.mark.parametrize("cell", [None, "", math.nan])
def test_an_empty_cell_holds_nothing(cell):
    assert from_cell(cell, Reason) == ()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("rmse is too high; so it was refused", "'rmse is too high; so it was refused' is no JSON"),
        ('[{"why": 3}]', "a decision cannot be read: 0.kind: Field required"),
    ],
)
def test_a_cell_with_something_else_is_an_error_that_names_it(cell, message):
    with pytest.raises(LifecycleError, match=message):
        from_cell(cell, Reason)


def test_a_document_that_is_no_decision_is_refused():
    with pytest.raises(LifecycleError, match=r"a decision cannot be read.*run the pipeline that"):
        from_json({"decision": "promote", "reasons": ["better"]})


def test_a_finding_gives_its_figures_or_its_obstacle_as_reason():
    assert CHECK.reason.figures["value"] == 0.31
    assert OPEN.reason.kind == "too_few_blocks"


@pytest.mark.parametrize(
    ("value", "written"), [(1, 1.0), (math.nan, None), (math.inf, None), (-math.inf, None)]
)
def test_what_is_not_defined_is_none(value, written):
    assert finite(value) == written
