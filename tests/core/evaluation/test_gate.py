from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.decisions.champion_history import Attempt, attempt_of
from regression_lifecycle.core.decisions.records import Finding, Reason
from regression_lifecycle.core.decisions.wording import evidence
from regression_lifecycle.core.evaluation.baseline import (
    BaselineParameters,
    add_baseline,
    choose_baseline,
    naive_forecasts,
)
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


@pytest.mark.parametrize(
    ("bias", "error", "verdict"),
    [(0.23, 0.12, "pass"), (-0.23, 0.12, "pass"), (0.25, 0.12, "fail"), (0.2, math.nan, "fail")],
)
def test_a_bias_that_may_be_chance_refuses_nobody(bias, error, verdict):
    candidate = {**METRICS["candidate"], "bias": bias, "bias_standard_error": error}
    checks = {"bias": {"minimum": -0.15, "maximum": 0.15, "standard_errors": 2}}

    found = absolute_checks({**METRICS, "candidate": candidate}, GateParameters(checks=checks))[1:]

    assert {check.verdict for check in found} == {"pass", verdict}
    chance = "2 standard errors (24.0%) from zero may be chance" in evidence(found[0])
    assert chance == math.isfinite(error)


def test_standard_errors_are_those_of_a_bias():
    checks = {"rmse": {"maximum": 80, "standard_errors": 2}}
    with pytest.raises(ValidationError, match=r"checks\.rmse: standard_errors is for bias alone"):
        GateParameters(checks=checks)


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
            "baseline_source": "seasonal",
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


@pytest.mark.parametrize("champion", [None, Contestant(version="3")])
@pytest.mark.parametrize(
    ("known", "n_known"), [(START, 1), (START + pd.Timedelta("1 day"), 25), (pd.NaT, 336)]
)
def test_a_candidate_that_was_trained_on_judged_rows_is_refused(
    problem, gate, champion, known, n_known
):
    # On what it knows it is perfect, and a good one on the rest.
    table = rows(0.1, 30 if champion else None)

    def decided(trained_until):
        candidate = Contestant(fingerprint="new", trained_until=trained_until)
        return evaluate_gate(table, candidate, champion, problem, gate)

    assert decided(START - pd.Timedelta("1h")).decision == "promote"
    refused = decided(known)
    assert refused.decision == "refuse"
    (reason,) = refused.reasons
    assert (reason.kind, reason.figures["value"]) == ("training_overlap", n_known)


@pytest.mark.parametrize("errors_of_candidate", [20, 40])
def test_the_champion_itself_is_neither_promoted_nor_refused(ask, errors_of_candidate):
    answer = ask(rows(errors_of_candidate, 30), fingerprint="new")

    assert answer.decision == "unchanged"
    assert answer.reasons == (Reason("same_model", {"champion_version": "3"}),)
    assert answer.checks


def test_a_segment_that_became_worse_refuses_a_better_candidate(problem, gate):
    asked = gate.model_copy(update={"segments": ("hr",)})
    better = rows(20, 30).assign(hr=lambda table: table["timestamp"].dt.hour)
    worse = better["candidate"].where(better["hr"] != 8, better["cnt"] + 70)
    mixed = better.assign(candidate=worse)

    def decide_on(table, parameters, version="3"):
        champion = Contestant(version=version) if version else None
        return evaluate_gate(table, Contestant(), champion, problem, parameters)

    assert decide_on(better, asked).decision == "promote"
    assert decide_on(mixed, gate).decision == "promote"
    # Without a model in use there is none that a segment could be worse than.
    assert decide_on(mixed, asked, "").decision == "promote"
    answer = decide_on(mixed, asked)
    assert answer.decision == "refuse"
    (reason,) = answer.reasons
    assert (reason.kind, reason.figures["segment"]) == ("segment", "hr=8")
    assert reason.figures["increase"] > 0.9


def test_a_worse_segment_alone_may_be_asked_about(problem, gate):
    asks = gate.model_copy(update={"segments": ("hr",), "on_worse_segment": "ask"})
    better = rows(20, 30).assign(hr=lambda table: table["timestamp"].dt.hour)
    worse = better["candidate"].where(better["hr"] != 8, better["cnt"] + 70)
    mixed = better.assign(candidate=worse)
    champion = Contestant(version="3")

    waits = evaluate_gate(mixed, Contestant(), champion, problem, asks)
    assert waits.decision == "waiting"
    assert [reason.kind for reason in waits.reasons] == ["segment", "proven_improvement"]
    assert evaluate_gate(better, Contestant(), champion, problem, asks).decision == "promote"
    # Whoever fails elsewhere too is refused, and so is what cannot be computed.
    strict = asks.model_copy(update={"minimum_rows": 10**6})
    assert evaluate_gate(mixed, Contestant(), champion, problem, strict).decision == "refuse"
    few = mixed.assign(hr=mixed["timestamp"].astype(str))
    assert evaluate_gate(few, Contestant(), champion, problem, asks).decision == "refuse"


def test_evidence_that_was_turned_down_does_not_pass_again(problem, gate):
    table, why = rows(20, 30), Reason("rolled_back", {"version": "4"})
    champion = Contestant(version="3", fingerprint="print-3")

    def decide_on(until, fingerprint="new"):
        candidate = Contestant("", fingerprint, turned_down={str(until): why})
        return evaluate_gate(table, candidate, champion, problem, gate)

    refused = decide_on(table["timestamp"].max())
    assert (refused.decision, refused.reasons) == ("refuse", (why,))
    assert decide_on(table["timestamp"].min()).decision == "promote"
    assert decide_on(table["timestamp"].max(), "print-3").decision == "unchanged"


def test_segments_of_few_blocks_are_not_computed(problem, gate):
    table = rows(20, 30).assign(hr=lambda table: table["timestamp"].astype(str))
    asked = gate.model_copy(update={"segments": ("hr",)})
    answer = evaluate_gate(table, Contestant(), Contestant(version="3"), problem, asked)
    assert answer.decision == "refuse"
    assert [(reason.kind, reason.figures["n_blocks"]) for reason in answer.reasons] == [
        ("too_few_blocks", 1)
    ]


def test_models_without_a_fingerprint_are_not_taken_for_the_same(problem, gate):
    answer = evaluate_gate(rows(20, 30), Contestant(), Contestant(version="3"), problem, gate)

    assert answer.decision == "promote"


# --- attempts on the same rows ------------------------------------------------------------------


def claims(gate, **asked):
    """The gate, if it asks for candidates that are better, by days."""
    asked = {"minimum_improvement": 0.0, "confidence": 0.95, "minimum_blocks": 5, **asked}
    return gate.model_copy(update={"comparison": gate.comparison.model_copy(update=asked)})


def attempts_of(*fingerprints, until="2021-03-14 23:00:00"):
    return tuple(Attempt(name, START, pd.Timestamp(until)) for name in fingerprints)


def against_champion(answer):
    return next(
        c for c in answer.checks
        if c.kind == "proven_improvement" and c.figures["opponent"] == "champion"
    )  # fmt: skip


def test_each_attempt_on_the_same_rows_must_be_surer(problem, gate):
    table = rows(20, 30)
    table["candidate"] += np.random.default_rng(1).normal(0, 18, len(table))
    bounds = []
    for before in ((), attempts_of("a"), attempts_of("a", "b")):
        champion = Contestant(version="3", attempts=before)
        answer = evaluate_gate(table, Contestant("", "new"), champion, problem, claims(gate))
        check = against_champion(answer)
        assert check.figures["confidence"] == pytest.approx(1 - 0.05 / (len(before) + 1) ** 2)
        assert check.figures.get("attempt", 1) == len(before) + 1
        bounds.append(check.value)
    assert bounds[0] > bounds[1] > bounds[2]


def test_a_repeated_run_asks_for_the_same_as_the_first(problem, gate):
    table, candidate = rows(20, 30), Contestant("", "new")
    first = evaluate_gate(table, candidate, Contestant(version="3"), problem, claims(gate))
    known = (attempt_of(first), *attempts_of("later"))
    again = Contestant(version="3", attempts=known)

    assert evaluate_gate(table, candidate, again, problem, claims(gate)) == first


def test_rows_that_judged_too_often_refuse_until_there_are_newer_ones(problem, gate):
    few, candidate = claims(gate, minimum_blocks=14), Contestant("", "new")
    # 14 days can be as sure as 1 - 2^-14, which the 29th attempt no longer can.
    often = Contestant(version="3", attempts=attempts_of(*map(str, range(28))))
    answer = evaluate_gate(rows(20, 30), candidate, often, problem, few)

    assert answer.decision == "refuse"
    (reason,) = answer.reasons
    assert reason.kind == "rows_used_up"
    assert (reason.figures["n_blocks"], reason.figures["minimum_blocks"]) == (14, 15)
    assert "wait for new rows" in evidence(against_champion(answer))
    old = attempts_of(*map(str, range(28)), until="2021-03-01 12:00:00")
    fresh = rows(20, 30, weeks=3).iloc[168:]
    newer = Contestant(version="3", attempts=old)
    assert evaluate_gate(fresh, candidate, newer, problem, few).decision == "promote"


def test_who_may_be_a_little_worse_does_not_pay_for_earlier_attempts(ask):
    assert ask(rows(20, 30), attempts=attempts_of(*"abcdefghij")) == ask(rows(20, 30))


# --- the baseline -------------------------------------------------------------------------------


def against_baseline(answer):
    return next(c for c in answer.checks if c.figures.get("opponent") == "baseline")


def test_a_champion_does_not_spare_a_candidate_the_baseline(ask):
    # Much better than a bad champion, and worse than the naive forecast.
    answer = ask(rows(70, 200))

    assert answer.decision == "refuse"
    assert against_baseline(answer).verdict == "fail"
    assert answer.checks[-1].figures["opponent"] == "champion"
    assert answer.checks[-1].verdict == "pass"


@pytest.mark.parametrize("champion", [None, 200])
def test_no_configuration_lets_the_baseline_win(problem, champion):
    lax = GateParameters(
        minimum_rows=1,
        comparison={
            "minimum_improvement": -0.9,
            "confidence": 0.51,
            "block": "1 day",
            "minimum_blocks": 2,
        },
    )
    opponent = None if champion is None else Contestant(version="3")
    for error, verdict in ((59.9, "fail"), (60, "fail"), (61, "fail"), (50, "pass")):
        answer = evaluate_gate(rows(error, champion), Contestant(), opponent, problem, lax)
        check = against_baseline(answer)
        assert check.verdict == verdict
        assert (check.threshold, check.figures["confidence"]) == (0.01, 0.95)
        assert (answer.decision == "promote") == (verdict == "pass")


def test_a_lax_comparison_does_not_let_the_baseline_be_beaten_by_luck(problem):
    comparison = {"confidence": 0.51, "block": "30 days", "minimum_blocks": 2}
    lax = GateParameters(minimum_rows=1, comparison=comparison)
    check = against_baseline(evaluate_gate(rows(1), Contestant(), None, problem, lax))

    assert check.verdict == "not computed"
    assert check.obstacle.kind == "too_few_blocks"
    assert check.obstacle.figures["minimum_blocks"] == lax.minimum_blocks == 5


def test_more_may_be_asked_against_the_baseline(problem):
    strict = GateParameters(
        minimum_rows=1,
        comparison={"minimum_improvement": 0.5, "confidence": 0.99, "block": "1 day"},
    )
    check = against_baseline(evaluate_gate(rows(40), Contestant(), None, problem, strict))
    assert (check.threshold, check.figures["confidence"], check.verdict) == (0.5, 0.99, "fail")


def test_the_decision_names_the_baseline_and_how_often_it_fell_back(problem, gate):
    table = rows(20)
    table.loc[:32, "baseline_source"] = "mean"

    answer = evaluate_gate(table, Contestant(), None, problem, gate)

    assert answer.baseline == "seasonal"
    assert answer.metrics["baseline"]["fallback_share"] == pytest.approx(33 / 336)
    (check,) = (c for c in answer.checks if c.kind == "baseline_fallback")
    assert (check.verdict, check.figures["baseline"]) == ("pass", "seasonal")


def test_a_baseline_that_is_mostly_missing_is_no_yardstick(problem, gate):
    table = rows(20)
    table.loc[:99, "baseline_source"] = "mean"
    answer = evaluate_gate(table, Contestant(), None, problem, gate)
    assert [reason.kind for reason in answer.reasons] == ["baseline_fallback"]

    tolerant = gate.model_copy(update={"maximum_fallback_share": 0.5})
    assert evaluate_gate(table, Contestant(), None, problem, tolerant).decision == "promote"
    # The mean itself is never missing.
    naive = evaluate_gate(table.assign(baseline_source="mean"), Contestant(), None, problem, gate)
    assert (naive.baseline, naive.decision) == ("mean", "promote")


# --- noise --------------------------------------------------------------------------------------

TARGETS = {
    "normal": lambda random, n: random.normal(50, 10, n),
    "around zero": lambda random, n: random.normal(0, 1, n),
    "poisson": lambda random, n: random.poisson(3, n).astype(float),
    "heavy": lambda random, n: random.standard_t(2.2, n),
    "skewed": lambda random, n: random.lognormal(0, 1.2, n),
}
TABLES = {
    "1 month": ("MS", 300, {"timestamp": {"date": "day"}, "horizon": "1 month"}),
    "1 day": ("D", 730, {"timestamp": {"date": "day"}, "horizon": "7 days"}),
    "1 second": ("s", 1000, {"timestamp": {"rows": True}, "horizon": "1 second"}),
}


@pytest.mark.parametrize("metric", ["rmse", "mae"])
@pytest.mark.parametrize("shape", TARGETS)
@pytest.mark.parametrize("frequency", TABLES)
def test_noise_is_never_promoted_whatever_checks_are_removed(
    make_problem, frequency, shape, metric
):
    anchor, n, changes = TABLES[frequency]
    described = make_problem(frequency=frequency, **changes)
    derived = derive_defaults(described)
    stamps = pd.date_range("1970-01-01", periods=n, freq=anchor).as_unit("us")
    cut = n * 4 // 5
    promoted = []
    for seed in range(2):
        random = np.random.default_rng(seed)
        target = TARGETS[shape](random, n)
        table = pd.DataFrame({"timestamp": stamps, "cnt": target})
        past, judged = target[:cut], table.iloc[cut:]
        slope, level = np.polyfit(np.arange(cut), past, 1)
        features = random.normal(size=(n, 3))
        weights = np.linalg.lstsq(features[:cut], past - past.mean(), rcond=None)[0]
        candidates = {
            "mean": np.full(n - cut, past.mean() + 1e-12),
            "median": np.full(n - cut, np.median(past)),
            "recent mean": np.full(n - cut, past[-50:].mean()),
            "trend": level + slope * np.arange(cut, n),
            "regression": past.mean() + features[cut:] @ weights,
            "shrunk": past.mean() + 0.3 * features[cut:] @ weights,
        }
        forecasts = naive_forecasts(
            table,
            judged,
            {"mean": past.mean(), "median": np.median(past)},
            described,
            BaselineParameters(season=derived["season"]),
        )
        best = choose_baseline(forecasts, judged["cnt"], metric)
        judged = add_baseline(judged, forecasts, best)
        lax = GateParameters(
            minimum_rows=1,
            checks={"rmse": None, "r2": None, "bias": None},
            comparison={
                "metric": metric,
                "minimum_improvement": -0.9,
                "confidence": 0.51,
                "block": derived["short_block"],
                "minimum_blocks": 2,
            },
        )
        # A bad champion makes no candidate good.
        champion = Contestant(version="1") if seed % 2 else None
        for name, forecast in candidates.items():
            asked = judged.assign(candidate=forecast, champion=judged["cnt"] + 100)
            answer = evaluate_gate(asked, Contestant(), champion, described, lax)
            if answer.decision == "promote":
                promoted.append((seed, name))
    assert promoted == []


def test_a_model_that_is_as_good_as_the_last_value_is_refused_where_a_year_ago_is_weak(
    make_problem,
):
    # Five prices that wander: last month says nearly all, a year ago little.
    described = make_problem(
        frequency="1 month", horizon="1 month", key=["timestamp", "sky"], timestamp={"date": "day"}
    )
    stamps = pd.date_range("2000-01-01", periods=240, freq="ME").as_unit("us")
    random = np.random.default_rng(0)
    table = pd.concat(
        [
            pd.DataFrame(
                {"timestamp": stamps, "sky": name, "cnt": 100 + random.normal(0, 5, 240).cumsum()}
            )
            for name in "abcde"
        ]
    ).sort_values(["timestamp", "sky"], ignore_index=True)
    past = table["timestamp"] < "2016-01-01"
    judged, mean = table[~past], table.loc[past, "cnt"].mean()
    forecasts = naive_forecasts(
        table, judged, {"mean": mean}, described, BaselineParameters(season="1 year")
    )
    best = choose_baseline(forecasts, judged["cnt"], "rmse")
    judged = add_baseline(judged, forecasts, best)
    judged["candidate"] = judged["baseline"] + 0.01

    gate = GateParameters(minimum_rows=48, comparison={"block": "1 quarter"})
    answer = evaluate_gate(judged, Contestant(), None, described, gate)

    assert answer.baseline == "last_value"
    assert answer.metrics["baseline"]["fallback_share"] == 0
    assert answer.decision == "refuse"
    # Before, the value a year ago was the only opponent.
    weak = evaluate_gate(
        add_baseline(judged, forecasts, "seasonal"), Contestant(), None, described, gate
    )
    assert weak.decision == "promote"


def test_many_series_of_a_time_count_once_and_share_its_block(problem, make_problem, gate):
    """Forty copies of a row say no more than the row."""
    columns = {**problem.model_dump()["columns"], "shop": {"type": "category"}}
    of_shops = make_problem(columns=columns, key=["timestamp", "shop"])
    one = rows(20, 30)
    shops = pd.DataFrame({"shop": [f"s{k}" for k in range(40)]})
    asked = gate.model_copy(update={"minimum_rows": len(one) + 1})
    opponent = Contestant(version="3")

    alone = evaluate_gate(one, Contestant(), opponent, problem, asked)
    many = evaluate_gate(one.merge(shops, how="cross"), Contestant(), opponent, of_shops, asked)

    first = many.checks[0]
    assert (first.kind, first.value, first.verdict) == ("times", len(one), "fail")
    for one_check, same in zip(alone.checks[1:], many.checks[1:], strict=True):
        assert (same.kind, same.verdict) == (one_check.kind, one_check.verdict)
        assert same.value == pytest.approx(one_check.value)


def test_a_quantile_is_bounded_by_its_own_metrics_and_a_mean_by_the_others():
    checks = {
        "rmse": {"maximum": 0.1},
        "bias": {"maximum": 0.1},
        "pinball": {"maximum": 0.9, "of_baseline": True},
        "coverage_error": {"minimum": -0.1, "maximum": 0.1},
    }
    figures = {"n": 100.0, "rmse": 9.0, "bias": 0.5}
    quantile = {"n": 100.0, "rmse": 9.0, "pinball": 2.0, "coverage_error": 0.02}
    parameters = GateParameters(minimum_rows=1, checks=checks)

    of_mean = absolute_checks({"candidate": figures, "baseline": figures}, parameters)
    of_quantile = absolute_checks(
        {"candidate": quantile, "baseline": {**quantile, "pinball": 4.0}}, parameters, quantile=0.9
    )

    assert [check.verdict for check in of_mean] == ["pass", "fail", "fail"]
    assert [check.verdict for check in of_quantile] == ["pass"] * 4
    assert of_quantile[1].value == 0.5


def test_the_gate_judges_by_weight_and_passes_over_rows_of_weight_0(make_problem, gate):
    weighted = make_problem(weight_column="load")
    candidate, champion = Contestant(), Contestant(version="3")
    table = rows(20, 30)
    # Where nothing counts the candidate is hopeless.
    counts = np.arange(len(table)) % 2 == 0
    table["candidate"] = table["candidate"].where(counts, 1e6)
    table = table.assign(load=np.where(counts, 2.0, 0.0))

    answer = evaluate_gate(table, candidate, champion, weighted, gate)

    expected = evaluate_gate(table[counts], candidate, champion, make_problem(), gate)
    assert answer.decision == "promote"
    assert answer.n_rows == counts.sum()
    assert answer.metrics == expected.metrics
    found = [check.value for check in answer.checks]
    assert found == pytest.approx([check.value for check in expected.checks])
    assert evaluate_gate(table, candidate, champion, make_problem(), gate).decision == "refuse"
