from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.decisions.records import Finding, Reason
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.gate import (
    Contestant,
    GateParameters,
    absolute_checks,
    decide,
    evaluate_gate,
    without_nan,
)
from tests.shipped import parameters

# --- the absolute checks ------------------------------------------------------------------------

METRICS = {
    "candidate": {"n": 1000.0, "rmse": 80.0, "r2": 0.6, "bias": 0.05, "rmsle": math.nan},
    "baseline": {"n": 1000.0, "rmse": 100.0, "r2": 0.4, "bias": 0.0, "rmsle": 0.5},
}


def verdicts(checks, metrics=METRICS, minimum_rows=1):
    parameters = GateParameters(checks=checks, minimum_rows=minimum_rows)
    return [result.verdict for result in absolute_checks(metrics, parameters)][1:]


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ({"rmse": {"maximum": 80}}, "pass"),
        ({"rmse": {"maximum": 79.9}}, "fail"),
        ({"r2": {"minimum": 0.6}}, "pass"),
        ({"r2": {"minimum": 0.61}}, "fail"),
        ({"bias": {"minimum": 0.06}}, "fail"),
        ({"rmse": {"maximum": 0.8, "of_baseline": True}}, "pass"),
        ({"rmse": {"maximum": 0.79, "of_baseline": True}}, "fail"),
        ({"rmsle": {"maximum": 99}}, "not computed"),
        ({"rmsle": {"maximum": 99, "of_baseline": True}}, "not computed"),
    ],
)
def test_a_metric_is_held_against_its_bound(check, verdict):
    assert verdicts(check) == [verdict]


def test_each_bound_is_a_check_of_its_own():
    assert verdicts({"bias": {"minimum": -0.1, "maximum": 0.1}}) == ["pass", "pass"]
    assert verdicts({"bias": {"minimum": -0.1, "maximum": 0.01}}) == ["pass", "fail"]
    assert verdicts({"bias": {"minimum": 0.1, "maximum": 0.2}}) == ["fail", "pass"]


def test_a_bound_knows_its_metric_and_side_and_why_it_was_not_computed():
    checks = {"rmse": {"maximum": 0.7, "of_baseline": True}, "rmsle": {"minimum": 0}}
    failed, undefined = absolute_checks(METRICS, GateParameters(checks=checks))[1:]
    about = {"metric": "rmse", "of_baseline": True, "bound": "maximum"}
    assert failed.reason == Reason("metric", {"value": 0.8, "threshold": 0.7, **about})
    assert undefined.reason == Reason("metric_undefined", {"metric": "rmsle", "of_baseline": False})


@pytest.mark.parametrize("error", [0.0, math.nan])
def test_a_share_of_a_baseline_without_error_cannot_be_computed(error):
    metrics = {**METRICS, "baseline": {**METRICS["baseline"], "rmse": error}}
    check = {"rmse": {"maximum": 0.8, "of_baseline": True}}
    assert verdicts(check, metrics=metrics) == ["not computed"]


def test_too_few_rows_fail_before_any_metric():
    results = absolute_checks(METRICS, GateParameters(minimum_rows=1001))
    assert results[0].verdict == "fail"
    assert results[0].reason == Reason("rows", {"value": 1000.0, "threshold": 1001})
    assert absolute_checks(METRICS, GateParameters(minimum_rows=1000))[0].verdict == "pass"


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"rmse": {}}, "needs a minimum or a maximum"),
        ({"rmse": {"minimum": 2, "maximum": 1}}, "can never pass"),
        ({"mape": {"maximum": 1}}, "unknown metric 'mape'; did you mean 'mae'"),
        ({"rmse": {"metric": "rmse", "maximum": 1}}, "unknown key 'metric'"),
        # A share of a negative value turns the bound around.
        ({"r2": {"minimum": 1.1, "of_baseline": True}}, "checks.r2: of_baseline is for"),
        ({"bias": {"maximum": 1, "of_baseline": True}}, "of_baseline is for .*rmse, mae"),
    ],
)
def test_a_check_that_means_nothing_is_refused(check, message):
    with pytest.raises(ValidationError, match=message):
        GateParameters(checks=check)


def test_null_removes_a_check():
    parameters = GateParameters(checks={"rmse": None, "r2": {"minimum": 0.5}})
    assert list(parameters.checks) == ["r2"]


def test_metrics_that_are_not_defined_are_none_in_a_document():
    metrics = {"candidate": {"rmse": 3.0, "r2": math.nan}, "baseline": {"bias": math.inf}}
    assert without_nan(metrics) == {
        "candidate": {"rmse": 3.0, "r2": None},
        "baseline": {"bias": None},
    }
    assert math.isnan(metrics["candidate"]["r2"])


# --- the decision -------------------------------------------------------------------------------


def result(verdict, n=0):
    obstacle = Reason(f"why {n}") if verdict == "not computed" else None
    return Finding(kind=f"why {n}", verdict=verdict, value=1.0, threshold=1.0, obstacle=obstacle)


def kinds(checks):
    decision, reasons = decide(checks)
    return decision, [reason.kind for reason in reasons]


def test_only_a_candidate_that_passes_every_check_is_promoted():
    assert kinds([result("pass", 1), result("pass", 2)]) == ("promote", ["why 2"])


@pytest.mark.parametrize("verdict", ["fail", "not computed"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_open_check_refuses_with_its_reason(verdict, position):
    checks = [result("pass") for _ in range(3)]
    checks[position] = result(verdict, 7)
    assert kinds(checks) == ("refuse", ["why 7"])


def test_all_open_checks_are_named():
    checks = [result("fail", 1), result("pass", 2), result("not computed", 3)]
    assert kinds(checks) == ("refuse", ["why 1", "why 3"])


def test_without_a_check_nobody_is_promoted():
    assert kinds([]) == ("refuse", ["no_check"])


# --- the gate as a whole ------------------------------------------------------------------------

START = pd.Timestamp("2021-03-01")


@pytest.fixture(scope="module")
def gate():
    return RetrainingParameters.model_validate(parameters()["retraining"]).gate


def rows(candidate, champion=None, weeks=2):
    """Two weeks; the numbers are the size of each model's errors."""
    random = np.random.default_rng(0)
    moments = pd.date_range(START, periods=weeks * 168, freq="h")
    target = random.uniform(50, 150, len(moments))
    noise = random.normal(0, 1, len(moments))
    table = pd.DataFrame(
        {
            "timestamp": moments,
            "cnt": target,
            "baseline": target + 60 * noise,
            "candidate": target + candidate * noise,
        }
    )
    return table if champion is None else table.assign(champion=target + champion * noise)


@pytest.fixture
def ask(problem, gate):
    def decided(table, version="3", **champion):
        opponent = Contestant(version=version, **champion) if version else None
        candidate = Contestant(fingerprint="new", data_fingerprint="data")
        return evaluate_gate(table, candidate, opponent, problem, gate)

    return decided


def test_a_better_candidate_is_promoted_with_its_evidence(ask):
    answer = ask(rows(20, 30))

    assert (answer.decision, answer.opponent, answer.champion_version) == (
        "promote",
        "champion",
        "3",
    )
    assert (answer.judged_from, answer.judged_until, answer.n_rows) == (
        "2021-03-01 00:00:00",
        "2021-03-14 23:00:00",
        336,
    )
    assert (answer.candidate_fingerprint, answer.data_fingerprint) == ("new", "data")
    assert set(answer.metrics) == {"candidate", "champion", "baseline"}
    assert {check.verdict for check in answer.checks} == {"pass"}


@pytest.mark.parametrize(("candidate", "improvement"), [(30, 0.0), (31, 1 - 31 / 30)])
def test_an_equal_or_worse_candidate_is_refused(ask, candidate, improvement):
    answer = ask(rows(candidate, 30))

    assert answer.decision == "refuse"
    assert answer.reasons[0].kind == "observed_improvement"
    assert answer.reasons[0].figures["value"] == pytest.approx(improvement)
    assert answer.reasons[0].figures["champion_version"] == "3"


def test_without_a_champion_the_baseline_is_the_opponent(ask):
    answer = ask(rows(20), version="")

    assert (answer.decision, answer.opponent, answer.champion_version) == (
        "promote",
        "baseline",
        "",
    )
    assert ask(rows(70), version="").decision == "refuse"


def test_rows_without_a_label_are_not_counted(ask):
    table = rows(20, 30)
    table.loc[:99, "cnt"] = np.nan

    assert ask(table).n_rows == 236


@pytest.mark.parametrize("version", ["3", ""])
def test_where_nothing_can_judge_the_candidate_is_refused(ask, version):
    answer = ask(rows(20, 30 if version else None).iloc[:0], version)

    assert answer.decision == "refuse"
    assert answer.reasons == (Reason("nothing_to_judge", {"champion_version": version}),)
    assert (answer.n_rows, answer.judged_until, answer.metrics) == (0, "", {})


def test_too_few_days_refuse(ask):
    answer = ask(rows(20, 30).iloc[:72])

    assert answer.decision == "refuse"
    assert "too_few_blocks" in [reason.kind for reason in answer.reasons]


def test_the_champion_is_not_compared_on_what_it_was_trained_on(ask):
    known = START + pd.Timedelta("4 days 23h")
    table = rows(28, 30)
    # On what it knows it is perfect.
    table.loc[table["timestamp"] <= known, "champion"] = table["cnt"]

    by_memory = ask(table, trained_until=START - pd.Timedelta("1h"))
    fair = ask(table, trained_until=known)

    assert (by_memory.decision, fair.decision) == ("refuse", "promote")
    # The candidate's own figures are those of all rows.
    assert fair.n_rows == by_memory.n_rows == 336
    nothing_new = ask(table, trained_until=table["timestamp"].max())
    assert nothing_new.decision == "refuse"
    assert nothing_new.reasons == (Reason("no_new_rows", {"trained_until": "2021-03-14 23:00:00"}),)


@pytest.mark.parametrize("errors_of_candidate", [20, 40])
def test_the_champion_itself_is_neither_promoted_nor_refused(ask, errors_of_candidate):
    answer = ask(rows(errors_of_candidate, 30), fingerprint="new")

    assert answer.decision == "unchanged"
    assert answer.reasons == (Reason("same_model", {"champion_version": "3"}),)
    assert answer.checks


def test_models_without_a_fingerprint_are_not_taken_for_the_same(problem, gate):
    answer = evaluate_gate(rows(20, 30), Contestant(), Contestant(version="3"), problem, gate)

    assert answer.decision == "promote"
