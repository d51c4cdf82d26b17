"""The verdict on a model, from the ledger and the windows."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from regression_lifecycle.core.decisions.health import Subject, assess_health, read_health
from regression_lifecycle.core.decisions.records import Reason, RuleFinding, to_cell, to_json
from regression_lifecycle.core.errors import LifecycleError

SUBJECT = Subject(problem="bikes", champion_version="3", metric="rmse")
NO_MODEL = replace(SUBJECT, champion_version="")
WEEKS = pd.date_range("2011-04-02", periods=4, freq="7D")
NOISE = Reason("improvement_undefined")


def rule(name="bias", kind=None, verdict="quiet", n_bad=0, action="retrain"):
    figures = {"n_bad": n_bad, "is_newest_bad": n_bad > 0, "violations": 2, "window": "2011-04-16"}
    return RuleFinding(
        name=name,
        kind=kind or name,
        action=action,
        verdict=verdict,
        value=None if verdict == "not computed" else 0.1,
        threshold=0.2,
        figures=figures,
    )


def policy(decision="keep", *rules, as_of="2011-04-23", champion="3", reasons=None):
    reasons = reasons or [Reason("no_rule_fired", {"not_computed": []})]
    return {
        "kind": "policy",
        "decision": decision,
        "as_of": as_of,
        "window": "2011-04-16",
        "champion_version_before": champion,
        "reasons": to_cell(reasons),
        "policy": to_cell(rules or [rule()]),
    }


def attempt(decision, as_of="2011-04-23", champion="3", version="", kind="promotion"):
    return {
        "kind": kind,
        "decision": decision,
        "as_of": as_of,
        "champion_version_before": champion,
        "candidate_version": version,
        "reasons": to_cell([NOISE]),
    }


def ledger(*rows):
    names = [
        *("problem", "recorded_at", "kind", "decision", "as_of", "window", "reasons", "policy"),
        *("champion_version_before", "candidate_version", "judged_until"),
    ]
    return pd.DataFrame([{"problem": "bikes", **row} for row in rows], columns=names)


def windows(*errors):
    errors = errors or (50.0, 50.0, 60.0, 66.0)
    starts = WEEKS[: len(errors)]
    return pd.DataFrame(
        {
            "window": starts.strftime("%Y-%m-%d"),
            "end": starts + pd.Timedelta("7D"),
            "status": "complete",
            "error": errors,
            "baseline_error": 100.0,
            "n_drift_columns": 9,
            "drifted_columns": "",
        }
    )


def assess(*rows, of=None, subject=SUBJECT):
    return assess_health(ledger(*rows), windows() if of is None else of, subject)


def kinds(reasons):
    return [reason.kind for reason in reasons]


def steps(health):
    return [(action.reason.kind, action.command) for action in health.actions]


def test_a_model_whose_rules_are_quiet_is_healthy():
    health = assess(policy())

    assert health.verdict == "healthy"
    assert kinds(health.reasons) == ["no_rule_fired", "newest_error"]
    assert health.reasons[-1].figures == {
        **{"metric": "rmse", "value": 66.0, "window": "2011-04-23"},
        "improvement": pytest.approx(0.34),
    }
    assert steps(health) == [("next_nothing", "")]
    assert health.rules[0].state == "quiet"


def test_a_rule_on_its_way_to_fire_is_watched_and_drift_alone_is_not():
    health = assess(policy("keep", rule(n_bad=1), rule("drift", n_bad=1)))

    assert health.verdict == "watch"
    assert health.reasons[0].kind == "rule_state"
    assert (health.reasons[0].figures["rule"], health.reasons[0].figures["state"]) == (
        *("bias", "1 of 2"),
    )
    assert steps(health) == [("next_wait", "kedro tick")]
    assert assess(policy("keep", rule("drift", n_bad=1))).verdict == "healthy"
    assert assess(policy("alert", rule("drift", verdict="fired", action="alert"))).verdict == (
        "watch"
    )


def test_what_drifted_is_named_where_something_is_wrong():
    of = windows().assign(drifted_columns=["", "", "", "temp,hum"])

    health = assess(policy("keep", rule(n_bad=1)), of=of)

    drift = next(reason for reason in health.reasons if reason.kind == "newest_drift")
    assert drift.figures == {
        **{"columns": ["temp", "hum"], "n_columns": 9, "window": "2011-04-23"},
    }
    assert "newest_drift" not in kinds(assess(policy(), of=of).reasons)


def test_after_a_refusal_the_outcome_is_the_refusal_and_not_what_the_policy_asked_for():
    health = assess(policy("retrain", rule(verdict="fired")), attempt("refuse"))

    assert health.verdict == "watch"
    assert (health.outcome.kind, health.outcome.decision) == ("promotion", "refuse")
    assert kinds(health.reasons)[:3] == ["rule_state", "candidate_refused", NOISE.kind]


def test_a_model_that_lost_its_lead_and_has_no_better_challenger_needs_a_person():
    lost = policy("retrain", rule("performance", verdict="fired"))

    health = assess(lost, attempt("refuse"))

    assert health.verdict == "act"
    assert steps(health) == [("next_mend_performance", "kedro run")]


def test_a_retraining_that_nobody_tried_is_due():
    due = policy("retrain", rule(verdict="fired"))
    # One that was tried before the decision is none.
    old = attempt("refuse", as_of="2011-04-16")

    for health in (assess(due), assess(old, due)):
        assert health.verdict == "act"
        assert steps(health) == [("next_retrain", "kedro run --pipelines=retraining")]


def test_a_retraining_that_the_cooldown_holds_back_is_watched():
    held = policy("keep", rule(verdict="fired"), reasons=[Reason("cooldown", {})])

    assert assess(held).verdict == "watch"


def test_a_new_champion_is_watched_until_a_window_of_it_is_judged():
    before = policy("retrain", rule(verdict="fired"), champion="2")

    health = assess(before, attempt("promote", champion="2", version="3"))

    assert health.verdict == "watch"
    assert health.reasons[0] == Reason("unproven_champion", {"version": "3"})
    assert health.outcome.decision == "promote"
    assert health.rules_version == "2"
    assert assess().verdict == "watch"


@pytest.mark.parametrize("kind", ["data_quality", "coverage", "skew", "custom"])
def test_an_alert_says_what_a_person_has_to_mend(kind):
    fired = rule("late", kind=kind, verdict="fired", action="alert")

    health = assess(policy("alert", fired))

    assert health.verdict == "act"
    expected = "next_mend_alert" if kind == "custom" else f"next_mend_{kind}"
    assert steps(health) == [(expected, "kedro tick")]


def test_a_candidate_that_waits_is_the_outcome_until_somebody_decides():
    waits = attempt("waiting", version="4")

    health = assess(policy("retrain", rule()), waits, policy(as_of="2011-04-30"))

    assert health.verdict == "act"
    assert health.outcome.decision == "waiting"
    assert steps(health)[0] == ("next_approve", 'kedro approve --version 4 --reason "..."')
    for decision in ("approved", "refused", "expired"):
        told = attempt(decision, version="4", kind="approval")
        assert assess(policy(), waits, told).verdict == "healthy"
    back = attempt("rollback", version="2", kind="rollback")
    after = replace(SUBJECT, champion_version="2")
    assert assess(policy(), waits, back, subject=after).outcome.decision == "rollback"
    # The newer one waits, whichever order the two were recorded in.
    newer, old = (
        attempt("waiting", version="5"),
        attempt("superseded", version="4", kind="approval"),
    )
    for order in ((waits, newer, old), (waits, old, newer)):
        assert assess(policy(), *order).outcome.version == "5"
    first = assess(attempt("waiting", champion="", version="1"), subject=NO_MODEL)
    assert (first.verdict, first.reasons[0].kind) == ("act", "candidate_waits")


def test_without_a_champion_there_is_no_model_and_the_refusal_is_told():
    assert assess(subject=NO_MODEL, of=windows().iloc[:0]).verdict == "no model yet"
    assert steps(assess(subject=NO_MODEL)) == [("next_first_model", "kedro run")]

    refused = assess(attempt("refuse", as_of="", champion=""), subject=NO_MODEL)

    assert refused.verdict == "no model yet"
    assert kinds(refused.reasons) == ["no_champion", "candidate_refused", NOISE.kind]
    assert steps(refused) == [("next_first_model_refused", "kedro run")]


def test_a_command_names_the_environment_that_it_needs():
    subject = replace(SUBJECT, environment="bike_daily,local")

    health = assess(policy("retrain", rule(verdict="fired")), subject=subject)

    assert steps(health)[0][1] == "kedro run --pipelines=retraining --env=bike_daily,local"
    assert assess(policy(), subject=subject).actions[0].command == ""


def test_what_changed_is_told_since_the_tick_before():
    before = policy(as_of="2011-04-23")
    rolled = attempt("rollback", as_of="2011-04-23", champion="4", version="3", kind="rollback")
    now = policy("keep", rule(n_bad=1), as_of="2011-04-30")

    # What the earlier tick itself brought is no news.
    health = assess(before, attempt("refuse"), rolled, now)

    assert health.changed_since == "2011-04-23"
    assert health.changes == (
        Reason("windows_judged", {"windows": ["2011-04-23"]}),
        Reason("error_moved", {"value": 66.0, "before": 60.0, "metric": "rmse"}),
        Reason("rule_changed", {"rule": "bias", "before": "quiet", "now": "1 of 2"}),
        Reason("moved", {"decision": "rollback", "version": "3", "champion_version": "4"}),
    )
    assert assess(before).changes == ()
    assert assess(before, now, attempt("refuse", as_of="2011-04-30")).changes[-1].kind == (
        "candidate_refused"
    )


def test_decisions_of_other_problems_say_nothing():
    other = ledger(policy("alert", rule(verdict="fired", action="alert"))).assign(problem="other")

    health = assess_health(other, windows(), SUBJECT)

    assert (health.verdict, health.outcome) == ("watch", None)


def test_the_verdict_can_be_read_again():
    health = assess(policy("keep", rule(n_bad=1)), attempt("refuse"))

    assert read_health(json.loads(json.dumps(to_json(health)))) == health
    with pytest.raises(LifecycleError):
        read_health({"verdict": "well"})
