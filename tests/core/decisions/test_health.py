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
METRICS = json.dumps({"candidate": {"rmse": 48.5}, "baseline": {"rmse": 120.25}})
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


def answer(decision, version="4", as_of="2011-04-30", champion="3"):
    kind = "rollback" if decision == "rollback" else "approval"
    said = {"actor": "ann", "note": "looks right"}
    return {**attempt(decision, as_of, champion, version, kind), **said}


def recorded(hour):
    return f"2011-05-01T{hour:02d}:00:00.000000+00:00"


def ledger(*rows):
    """Every row is recorded an hour after the one before, the first at 1:00."""
    names = [
        *("problem", "recorded_at", "kind", "decision", "as_of", "window", "reasons", "policy"),
        *("champion_version_before", "candidate_version", "judged_until", "judged_from"),
        *("actor", "note", "metrics"),
    ]
    given = [
        {"problem": "bikes", "recorded_at": recorded(hour), **row}
        for hour, row in enumerate(rows, start=1)
    ]
    return pd.DataFrame(given, columns=names)


def windows(*errors):
    errors = errors or (50.0, 50.0, 60.0, 66.0)
    starts = WEEKS[: len(errors)]
    return pd.DataFrame(
        {
            "window": starts.strftime("%Y-%m-%d"),
            "model_version": "3",
            "recorded_at": recorded(0),
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
        **{"metric": "rmse", "value": 66.0, "window": "2011-04-23", "version": "3"},
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
    former = of.assign(model_version="2")
    assert "newest_drift" not in kinds(assess(policy("keep", rule(n_bad=1)), of=former).reasons)


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
    assert health.reasons[0] == Reason(
        "unproven_champion", {"version": "3", "metric": "rmse", "value": None}
    )
    # What is known of it is what its gate measured, after a person's approval too.
    asked = {**answer("approved", "3", "2011-04-23", "2"), "metrics": METRICS}
    assert assess(before, asked).reasons[0].figures["value"] == 48.5
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
    assert health.actions[0].alternative == 'kedro refuse --version 4 --reason "..."'
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

    asked = attempt("waiting", version="1", champion="")
    turned_down = assess(asked, answer("refused", "1", champion=""), subject=NO_MODEL)
    assert kinds(turned_down.reasons) == ["no_champion", "answered"]
    assert steps(turned_down) == [("next_first_model_refused", "kedro run")]


def test_while_a_first_version_waits_its_approval_is_the_one_next_step():
    health = assess(attempt("waiting", version="1", champion=""), subject=NO_MODEL)

    assert health.verdict == "act"
    assert steps(health) == [("next_approve", 'kedro approve --version 1 --reason "..."')]


def test_a_command_names_the_environment_that_it_needs():
    subject = replace(SUBJECT, environment="bike_daily,local")

    health = assess(policy("retrain", rule(verdict="fired")), subject=subject)

    assert steps(health)[0][1] == "kedro run --pipelines=retraining --env=bike_daily,local"
    assert assess(policy(), subject=subject).actions[0].command == ""


def test_in_a_replay_commands_stand_at_a_moment_too():
    subject = replace(SUBJECT, as_of="2011-04-30")

    watched = assess(policy("keep", rule(n_bad=1)), subject=subject)
    waiting = assess(attempt("waiting", version="4"), subject=subject)

    # Without a moment a tick would run on to the end of the data.
    assert steps(watched) == [("next_wait", "")]
    assert waiting.actions[0].command.startswith("kedro approve --as-of 2011-04-30 --version 4")


def test_a_look_back_in_time_counts_from_a_decision_that_does_not_stand_later():
    trained = attempt("promote", as_of="2012-12-31 23:00:00", version="3", champion="2")

    first = assess(trained, policy(as_of="2011-04-23"))
    second = assess(policy(as_of="2011-04-16"), trained, policy(as_of="2011-04-23"))

    assert (first.changed_since, first.changes) == ("", ())
    assert second.changed_since == "2011-04-16"


def test_windows_of_the_second_of_the_decision_before_are_not_new():
    before, now = policy(as_of="2011-04-23"), policy(as_of="2011-04-30")
    known = recorded(1).replace(".000000", ".283000")
    of = windows().assign(recorded_at=[known] * 3 + ["2011-05-01T03:30:00+00:00"])

    assert assess(before, now, of=of).changes[0].figures == {"windows": ["2011-04-23"]}


def test_what_changed_is_told_since_the_decision_before():
    before = policy(as_of="2011-04-23")
    rolled = answer("rollback", "3", "2011-04-23", "4")
    now = policy("keep", rule(n_bad=1), as_of="2011-04-30")
    # The newest window was recorded by the newest tick, the others before.
    of = windows().assign(recorded_at=[recorded(0)] * 3 + ["2011-05-01T03:30:00+00:00"])

    health = assess(before, attempt("refuse"), rolled, now, of=of)

    assert health.changed_since == "2011-04-23"
    assert health.changed_since_recorded == recorded(3)
    versions = {"version": "3", "version_before": "3"}
    assert health.changes == (
        Reason("windows_judged", {"windows": ["2011-04-23"]}),
        Reason("error_moved", {"value": 66.0, "before": 60.0, "metric": "rmse", **versions}),
        Reason("rule_changed", {"rule": "bias", "before": "quiet", "now": "1 of 2"}),
    )
    assert assess(before).changes == ()
    # The gate's answer to a tick is part of that tick.
    refused = assess(before, now, attempt("refuse", as_of="2011-04-30"))
    assert (kinds(refused.changes), refused.changed_since) == (
        *(["rule_changed", "candidate_refused"], "2011-04-23"),
    )


def test_ticks_at_one_moment_are_told_apart():
    health = assess(policy(), policy("keep", rule(n_bad=1)))

    assert health.changed_since == "2011-04-23"
    assert health.changed_since_recorded == recorded(1)
    assert kinds(health.changes) == ["rule_changed"]
    assert health.changes[0].figures["now"] == "1 of 2"
    assert kinds(assess(policy(), policy()).changes) == ["windows_judged"]


@pytest.mark.parametrize(
    ("decision", "champion", "version"),
    [("approved", "3", "4"), ("refused", "3", "4"), ("rollback", "4", "3")],
)
def test_a_persons_answer_is_what_changed(decision, champion, version):
    asked = attempt("waiting", version="4", as_of="2011-04-30")
    # What a rollback leaves behind is recorded with it.
    closed = [attempt("superseded", "2011-04-30", version="5", kind="approval")]
    said = answer(decision, version, champion=champion)
    rows = [policy(as_of="2011-04-30"), asked, *(closed if decision == "rollback" else ()), said]

    health = assess(*rows)

    assert health.changed_since == "2011-04-30"
    assert health.changed_since_recorded == recorded(2)
    assert health.changes[-1] == Reason(
        "answered",
        {
            **{"answer": decision, "version": version, "champion_version": champion},
            **{"actor": "ann", "note": "looks right"},
        },
    )
    assert kinds(health.changes[:-1]) == ([NOISE.kind] if decision == "rollback" else [])


def test_a_former_champion_is_not_called_new():
    health = assess(policy(champion="4"), answer("rollback", "3", "2011-04-23", "4"))

    assert (health.verdict, health.reasons[0].kind) == ("watch", "restored_champion")


def test_windows_without_labels_are_named():
    of = windows().assign(status=["complete"] * 3 + ["pending labels"])
    of.loc[3, ["error", "baseline_error"]] = None

    health = assess(policy(), of=of)

    assert health.verdict == "healthy"
    assert kinds(health.reasons) == ["no_rule_fired", "newest_error", "labels_pending"]
    assert health.reasons[-1].figures == {"windows": ["2011-04-23"]}


def test_decisions_of_other_problems_say_nothing():
    other = ledger(policy("alert", rule(verdict="fired", action="alert"))).assign(problem="other")

    health = assess_health(other, windows(), SUBJECT)

    assert (health.verdict, health.outcome) == ("watch", None)


def test_the_verdict_can_be_read_again():
    health = assess(policy("keep", rule(n_bad=1)), attempt("refuse"))

    assert read_health(json.loads(json.dumps(to_json(health)))) == health
    with pytest.raises(LifecycleError):
        read_health({"verdict": "well"})
