"""Which decisions become alerts, and what they say."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.alerting.alerts import AlertParameters, make_alerts
from regression_lifecycle.core.decisions.records import (
    ApprovalDecision,
    GateDecision,
    PolicyDecision,
    Reason,
    RollbackDecision,
    RuleFinding,
)
from regression_lifecycle.core.decisions.waiting import waiting_version
from regression_lifecycle.core.decisions.wording import sentence


def rule(name="rmse_high", action="retrain", verdict="fired", **values):
    figures = {
        **{"statistic": "cusum", "n_windows": 2, "allowance": 0.1, "violations": 2},
        **{"prediction": "model", "bias": 0.4, "window": "2012-02-27"},
    }
    found = {"kind": "bias", "value": 0.31, "threshold": 0.22, "figures": figures, **values}
    return RuleFinding(name=name, action=action, verdict=verdict, **found)


def policy(decision="retrain", rules=None, version="3"):
    return PolicyDecision(
        decision=decision,
        as_of="2012-03-05 00:00:00",
        window="2012-02-27",
        champion_version=version,
        reasons=(Reason("no_champion"),),
        rules=(rule(),) if rules is None else tuple(rules),
    )


LACKING = Reason("missing_forecasts", {"n_missing": 2, "n_rows": 9})


def gate(decision, reasons=(LACKING,)):
    return GateDecision(
        decision=decision,
        reasons=tuple(reasons),
        checks=(),
        metrics={},
        opponent="champion",
        baseline="seasonal",
        champion_version="3",
        candidate_fingerprint="new",
        data_fingerprint="data",
        judged_from="2012-02-20 00:00:00",
        judged_until="2012-03-04 23:00:00",
        n_rows=672,
    )


ROLLBACK = RollbackDecision(
    version="2", champion_version="3", as_of="2012-03-05", actor="ada", note="too high"
)


def made(policy_decision, gate_decision, problem, **parameters):
    return make_alerts(
        policy_decision, gate_decision, problem, AlertParameters.model_validate(parameters)
    )


def test_a_rule_that_fired_is_one_alert_with_its_evidence(problem):
    quiet = rule("bias", verdict="quiet")
    open_rule = rule("drift", verdict="not computed")

    (alert,) = made(policy(rules=[rule(), quiet, open_rule]), None, problem)

    assert alert.key == f"{problem.name}/rmse_high/3"
    assert alert.level == "warning"
    assert "rmse_high asks for a retraining" in alert.title
    assert "has added up to 31.0% (too high) over 2 windows" in alert.text
    assert "2012-02-27" in alert.text
    assert (alert.details["value"], alert.details["threshold"]) == (0.31, 0.22)


def test_an_alert_says_what_moved_the_predictions(problem):
    decision = policy()
    plain = made(decision, None, problem)
    told = make_alerts(decision, None, problem, AlertParameters(), "its predictions lie 3 above")

    lines = [alert[0].text.split("\n") for alert in (plain, told)]
    assert lines[1] == [lines[0][0], "In this window its predictions lie 3 above", *lines[0][1:]]


def test_a_new_champion_makes_the_same_rule_another_alert(problem):
    keys = {made(policy(version=v), None, problem)[0].key for v in ("3", "4")}

    assert len(keys) == 2


def test_what_the_policy_holds_back_is_not_told(problem):
    fired = [rule(), rule("missing_values", action="alert")]

    assert made(policy("keep", fired[:1]), None, problem) == []
    assert [a.details["rule"] for a in made(policy("alert", fired), None, problem)] == [
        "missing_values"
    ]


def test_the_first_training_is_no_trouble(problem):
    (alert,) = made(policy(version="", rules=[]), None, problem)

    assert alert.level == "info"
    assert "there is no champion yet" in alert.text


@pytest.mark.parametrize(
    ("policy_decision", "decision", "level"),
    [
        (None, gate("promote"), "info"),
        (None, gate("refuse"), "warning"),
        (policy("keep", []), gate("refuse"), "warning"),
        (policy(), gate("refuse"), "critical"),
        (None, ROLLBACK, "critical"),
    ],
)
def test_the_gates_answer_is_as_serious_as_what_it_leaves(
    problem, policy_decision, decision, level
):
    alert = made(policy_decision, decision, problem)[-1]

    assert alert.details["event"] == decision.decision
    assert alert.level == level
    assert sentence(decision.reasons[0]) in alert.text


def answered(decision):
    reason = Reason("superseded", {"version": "4", "newer": "5"})
    return ApprovalDecision(
        decision=decision, reasons=(reason,), version="4", champion_version="3", as_of="2012-03-05"
    )


def test_a_version_that_waits_is_told_with_the_commands_that_answer_it(problem):
    about = {"decision_id": "a", "problem": problem.name, "kind": "promotion"}
    about |= {"decision": "waiting", "reasons": None, "as_of": "2012-03-05"}
    row = {**about, "candidate_version": "4", "champion_version_before": "3", "judged_until": ""}
    waiting = waiting_version(pd.DataFrame([row]), problem.name)

    def told(env):
        parameters = AlertParameters(env=env)
        (alert,) = make_alerts(None, gate("waiting"), problem, parameters, waiting=waiting)
        return alert

    alert = told("")
    assert (alert.level, alert.details["version"]) == ("warning", "4")
    assert alert.text.splitlines()[1:3] == [
        'kedro approve --version 4 --reason "..."',
        'kedro refuse --version 4 --reason "..."',
    ]
    assert "kedro approve --env=bikes,lab --version 4" in told("bikes,lab").text
    # Each version is another question.
    assert alert.key.endswith("/waiting 4/3")


@pytest.mark.parametrize(
    ("decision", "level"),
    [("approved", "info"), ("refused", "info"), ("expired", "warning"), ("superseded", None)],
)
def test_an_answer_is_told_and_a_newer_question_tells_itself(problem, decision, level):
    alerts = made(None, answered(decision), problem)

    assert [alert.level for alert in alerts] == ([level] if level else [])


def test_an_unchanged_candidate_is_no_news(problem):
    assert made(policy("keep", []), gate("unchanged"), problem) == []
    assert made(None, None, problem) == []


def test_only_wanted_events_and_levels_are_told(problem):
    both = policy(), gate("refuse")

    assert [a.level for a in made(*both, problem, minimum_level="critical")] == ["critical"]
    assert [a.details["event"] for a in made(*both, problem, events=["retrain"])] == ["retrain"]


def test_no_value_of_the_data_breaks_a_line_or_a_document(problem):
    nasty = rule("hr", obstacle=Reason("hr=8\r\nBcc: x@y.example\x00"), value=math.nan)

    (alert,) = made(policy(rules=[nasty]), None, problem)

    assert "\n" not in alert.title
    assert "not computed: hr=8 Bcc: x@y.example" in alert.text.splitlines()
    assert json.loads(json.dumps(alert.document(), allow_nan=False))["details"]["value"] is None


def test_a_long_list_of_reasons_is_cut_with_its_count(problem):
    many = gate("refuse", [Reason(f"reason {i} {'x' * 900}") for i in range(40)])

    (alert,) = made(None, many, problem)

    assert "and 28 more" in alert.text
    assert len(alert.text) < 7000


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({"kind": "webhook"}, "needs url or url_env"),
        ({"kind": "webhook", "url": "https://h.example", "url_env": "HOOK"}, "and not both"),
        ({"kind": "webhook", "url": "file:///etc/passwd"}, "must begin with https"),
        ({"kind": "webhook", "url": "https://me:pw@h.example"}, "use url_env"),
        ({"kind": "webhook", "url": "https://h.example/\r\nX: y"}, "letters that a url may not"),
        ({"kind": "webhook", "url_env": "https://h.example"}, "pattern"),
        ({"kind": "webhook", "url_env": "A", "headers_env": {"X\r\nY": "B"}}, "pattern"),
        ({"kind": "email", "host": "h", "sender": "a@b", "recipients": []}, "at least 1"),
        ({"kind": "email", "host": "h", "sender": "a@b\r\nBcc: c@d", "recipients": ["a@b"]}, "sen"),
        (
            {"kind": "email", "host": "h", "sender": "a@b", "recipients": ["a@b"], "user_env": "U"},
            "both user_env and password_env",
        ),
        (
            {
                "kind": "email",
                "host": "h",
                "sender": "a@b",
                "recipients": ["a@b"],
                "user_env": "U",
                "password_env": "P",
                "tls": "none",
            },
            "never sent in the clear",
        ),
        ({"kind": "webhook", "url_env": "A", "password": "geheim"}, "unknown key 'password'"),
        ({"kind": "pager"}, "file"),
    ],
)
def test_a_sink_that_cannot_work_is_refused(channel, words):
    with pytest.raises(ValidationError, match=words):
        AlertParameters.model_validate({"channels": [channel]})


def test_sinks_of_one_name_are_refused():
    channel = {"kind": "file", "path": "a.jsonl"}

    with pytest.raises(ValidationError, match="channels of one name: file"):
        AlertParameters.model_validate({"channels": [channel, channel]})
    assert AlertParameters.model_validate({"channels": [channel, {**channel, "name": "second"}]})
