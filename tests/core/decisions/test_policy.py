from __future__ import annotations

import math

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.decisions.policy import PolicyParameters, decide
from regression_lifecycle.core.decisions.records import Reason
from regression_lifecycle.core.decisions.rules import PolicyRule, PolicyState
from regression_lifecycle.core.decisions.wording import evidence
from tests.shipped import parameters

START = pd.Timestamp("2021-03-01")
WEEK = pd.Timedelta("7 days")

BIAS = {"kind": "bias", "statistic": "window", "maximum": 0.1}
CUSUM = {**BIAS, "statistic": "cusum"}
PERFORMANCE = {"kind": "performance", "maximum": 0.8}
COVERAGE = {"kind": "coverage", "minimum": 0.75}
SCHEDULE = {"kind": "schedule", "maximum_age": "84 days"}
DRIFT = {"kind": "drift", "maximum_share": 0.5}
QUALITY = {"kind": "data_quality", "maximum_share": 0.2}
SKEW = {"kind": "skew", "maximum_share": 0.01}


def window(index=0, **changes):
    """A healthy window; the arguments say what is wrong with it."""
    return {
        "window": f"w{index}",
        "start": START + index * WEEK,
        "end": START + (index + 1) * WEEK,
        "status": "complete",
        "n": 100,
        "n_labelled": 100,
        "sum_weight": 100.0,
        "rmse": 4.0,
        "mae": 3.0,
        "baseline_rmse": 10.0,
        "baseline_mae": 8.0,
        "sum_target": 1000.0,
        "sum_absolute_target": 1000.0,
        "sum_prediction": 1000.0,
        "sum_raw_prediction": 1000.0,
        "coverage": 0.9,
        "drifted_share": 0.0,
        "n_missing_rows": 0,
        "n_rejected": 0,
        "missing_share": 0.0,
        "features_skew": 0.0,
        "predictions_skew": 0.0,
        "most_skewed_column": None,
        "most_skewed_share": math.nan,
        "most_skewed_served": math.nan,
        "most_skewed_observed": math.nan,
        **changes,
    }


def windows(*changes):
    return [window(index, **change) for index, change in enumerate(changes)]


def state(served, *, age="30 days", version="1", since=None):
    as_of = START + len(served) * WEEK
    return PolicyState(as_of, version, as_of - pd.Timedelta(age), served, since)


def ask(rule, served, **more):
    """What one rule finds."""
    (found,) = decide(state(served, **more), policy_of(rule)).rules
    return found


def policy_of(*rules, **more):
    """A policy whose rules are named by their kinds."""
    return PolicyParameters(rules={rule["kind"]: rule for rule in rules}, **more)


@pytest.fixture(scope="module")
def shipped():
    return PolicyParameters.model_validate(parameters()["policy"])


# --- each rule ----------------------------------------------------------------------------------

FIRING = [
    pytest.param(PERFORMANCE, {"rmse": 8.5}, 0.85, id="performance against the baseline"),
    pytest.param({**PERFORMANCE, "metric": "mae"}, {"mae": 7.2}, 0.9, id="mae"),
    pytest.param(
        {**PERFORMANCE, "relative_to": "target_mean"}, {"rmse": 9.0}, 0.9, id="target mean"
    ),
    pytest.param(BIAS, {"sum_raw_prediction": 1200.0}, 0.2, id="bias too high"),
    pytest.param(BIAS, {"sum_raw_prediction": 800.0}, 0.2, id="bias too low"),
    pytest.param(
        {**BIAS, "prediction": "served"}, {"sum_prediction": 1300.0}, 0.3, id="bias as served"
    ),
    pytest.param(COVERAGE, {"coverage": 0.7}, 0.3, id="coverage"),
    pytest.param(DRIFT, {"drifted_share": 0.6}, 0.6, id="drift"),
    pytest.param(
        {**SKEW, "violations": 2, "of": 3}, {"predictions_skew": 0.02}, 0.02, id="predictions"
    ),
    pytest.param(
        {**SKEW, "compare": "features", "violations": 2, "of": 3},
        {"features_skew": 0.4},
        0.4,
        id="features",
    ),
    pytest.param({**QUALITY, "violations": 2, "of": 3}, {"missing_share": 0.3}, 0.3, id="blanks"),
    pytest.param(
        {**QUALITY, "violations": 2, "of": 3}, {"n": 50, "n_missing_rows": 50}, 0.5, id="lost rows"
    ),
    pytest.param(
        {**QUALITY, "violations": 2, "of": 3}, {"n": 75, "n_rejected": 25}, 0.25, id="rejected"
    ),
]


@pytest.mark.parametrize(("rule", "trouble", "value"), FIRING)
def test_a_rule_fires_on_lasting_trouble_and_states_its_evidence(rule, trouble, value):
    found = ask(rule, windows({}, trouble, trouble))

    assert found.verdict == "fired"
    assert found.value == pytest.approx(value)
    assert found.figures["window"] == "w2"
    assert (found.figures["n_bad"], found.figures["n_windows"]) == (2, 3)
    assert "in window w2, " in evidence(found)
    assert "in 2 of the newest 3 windows" in evidence(found)


@pytest.mark.parametrize(("rule", "trouble", "value"), FIRING)
def test_a_single_bad_window_is_quiet(rule, trouble, value):
    # Whether it is the newest one or lies behind.
    for served in (windows({}, {}, trouble), windows({}, trouble, {}), windows(trouble)):
        assert ask(rule, served).verdict == "quiet"


@pytest.mark.parametrize(
    ("bad", "verdict"),
    [("xx-", "quiet"), ("x-x", "fired"), ("-xx", "fired"), ("xx--x", "quiet"), ("xxx", "fired")],
)
def test_the_newest_window_must_be_among_the_bad_ones(bad, verdict):
    served = windows(*({"sum_raw_prediction": 1300.0} if mark == "x" else {} for mark in bad))

    assert ask({**BIAS, "violations": 2, "of": 3}, served).verdict == verdict


def test_windows_that_wait_for_labels_are_passed_over():
    waiting = {
        "status": "pending labels",
        "sum_target": math.nan,
        "sum_absolute_target": math.nan,
        "rmse": math.nan,
    }
    bad = {"sum_raw_prediction": 1300.0}

    found = ask(BIAS, windows(bad, waiting, bad, waiting))

    assert found.verdict == "fired"
    assert found.figures["window"] == "w2"
    assert ask(BIAS, windows(waiting, waiting)).verdict == "not computed"


@pytest.mark.parametrize("status", ["partial", "underpopulated", "empty", "pending labels"])
@pytest.mark.parametrize("rule", [PERFORMANCE, BIAS, COVERAGE], ids=lambda rule: rule["kind"])
def test_only_complete_windows_say_how_good_a_model_is(rule, status):
    awful = {"rmse": 999.0, "sum_raw_prediction": 9999.0, "coverage": 0.0, "status": status}

    found = ask(rule, windows(awful, awful, awful))

    assert (found.verdict, found.value) == ("not computed", None)
    assert found.obstacle == Reason("no_labelled_window")


@pytest.mark.parametrize(
    ("rule", "undefined"),
    [
        (PERFORMANCE, {"baseline_rmse": 0.0}),
        (PERFORMANCE, {"rmse": math.nan}),
        (BIAS, {"sum_target": 0.0, "sum_absolute_target": 0.0}),
        (CUSUM, {"sum_target": 0.0, "sum_absolute_target": 0.0}),
        (COVERAGE, {"coverage": math.nan}),
        (DRIFT, {"drifted_share": math.nan}),
        (QUALITY, {"n_missing_rows": None, "n_rejected": math.nan, "missing_share": pd.NA}),
    ],
)
def test_a_figure_that_is_not_defined_is_neither_health_nor_illness(rule, undefined):
    found = ask(rule, windows(undefined, undefined, undefined))

    assert (found.verdict, found.value) == ("not computed", None)


def test_drift_and_quality_need_no_labels():
    waiting = {"status": "pending labels", "drifted_share": 0.9, "missing_share": 0.5}

    assert ask(DRIFT, windows(waiting, waiting)).verdict == "fired"
    assert ask(QUALITY, windows(waiting)).verdict == "fired"


def test_skew_needs_neither_labels_nor_a_whole_window_and_names_the_column():
    temp = {
        "status": "partial",
        "predictions_skew": 0.12,
        "most_skewed_column": "temp",
        "most_skewed_share": 0.12,
        "most_skewed_served": 21.3,
        "most_skewed_observed": 0.45,
    }
    found = ask(SKEW, windows({}, temp))

    assert (found.verdict, found.value, found.figures["window"]) == ("fired", 0.12, "w1")
    assert evidence(found) == (
        "share of served rows whose predictions differ from those made afterwards is 12.0% in "
        "window w1, above 1.0%; temp differs in 12% of the served rows (on average "
        "21.3 as served, 0.45 as observed)"
    )
    assert ask(SKEW, windows(temp, {})).verdict == "quiet"


def test_where_nobody_asks_the_service_no_word_is_lost_about_it():
    nobody = {"features_skew": math.nan, "predictions_skew": pd.NA}
    policy = policy_of(SKEW, BIAS)

    decision = decide(state(windows(nobody)), policy)

    assert decision.rules[0].obstacle == Reason("no_served_row")
    assert decision.reasons == (Reason("no_rule_fired", {"not_computed": []}),)
    assert decide(state([]), policy).reasons == (Reason("no_rule_computed"),)


def test_an_empty_window_is_a_matter_of_quality_and_one_that_is_not_over_is_not():
    empty = {"status": "empty", "n": 0, "n_missing_rows": 168, "missing_share": math.nan}

    assert ask(QUALITY, windows({}, empty)).value == 1.0
    assert ask(QUALITY, windows({}, {**empty, "status": "partial"})).verdict == "quiet"


@pytest.mark.parametrize("minimum", [0.7, 0.75, 0.8, 0.9])
def test_a_coverage_of_just_the_minimum_is_quiet(minimum):
    rule = {"kind": "coverage", "minimum": minimum, "violations": 1, "of": 1}

    assert ask(rule, windows({"coverage": minimum})).verdict == "quiet"
    assert ask(rule, windows({"coverage": minimum - 0.001})).verdict == "fired"


def test_an_error_can_be_measured_against_the_first_windows():
    rule = {
        "kind": "performance",
        "relative_to": "first_windows",
        "maximum": 1.5,
        "reference_windows": 2,
        "violations": 1,
        "of": 1,
    }
    first = [{"rmse": 3.0}, {"rmse": 5.0}]

    assert ask(rule, windows(*first, {"rmse": 5.9})).verdict == "quiet"
    found = ask(rule, windows(*first, {"rmse": 6.4}))
    assert (found.verdict, found.value) == ("fired", pytest.approx(1.6))
    assert found.figures["relative_to"] == "first_windows"
    assert ask(rule, windows({"rmse": 999.0})).verdict == "not computed"


def biased(*shares):
    """Windows whose biases are these shares."""
    return windows(*({"sum_raw_prediction": 1000 * (1 + share)} for share in shares))


def test_biases_beyond_the_allowance_add_up_since_the_training():
    # 0.05 of each is allowed, and 0.1 of what is left fires.
    found = ask(CUSUM, biased(0.08, 0.08, 0.08))
    assert (found.verdict, found.value) == ("quiet", pytest.approx(0.09))
    found = ask(CUSUM, biased(0.08, 0.08, 0.08, 0.08))
    assert (found.verdict, found.value) == ("fired", pytest.approx(0.12))
    assert ask(CUSUM, biased(-0.08, -0.08, -0.08, -0.08)).value == pytest.approx(-0.12)
    assert evidence(found) == (
        "bias of the model alone +8.0% in window w3; what exceeds 5.0% a window has added up to "
        "12.0% (too high) over 4 windows since the training. It fires at 10.0%, for which 2 "
        "windows are needed"
    )
    # What is below the allowance wears it off, and what is too low does not pay for too high.
    assert ask(CUSUM, biased(0.08, 0.08, 0.0)).value == pytest.approx(0.01)
    assert ask(CUSUM, biased(0.08, 0.08, -0.08)).value == pytest.approx(-0.03)
    assert ask(CUSUM, biased(0.04, 0.04, 0.04, 0.04)).value == 0


def test_one_odd_window_cannot_fire_what_adds_up():
    assert ask(CUSUM, biased(0, 0.9)).verdict == "quiet"
    assert ask(CUSUM, biased(0, 0.9, 0, 0)).verdict == "quiet"
    assert ask(CUSUM, biased(0.9, 0.9)).verdict == "fired"
    assert ask({**CUSUM, "violations": 1}, biased(0.9)).verdict == "fired"
    three = {**CUSUM, "violations": 3}
    assert [ask(three, biased(*[0.9] * n)).verdict for n in (2, 3)] == ["quiet", "fired"]


NOISY = {"sum_raw_prediction": 1300.0, "bias_standard_error": 0.16}


def test_a_bias_that_may_be_chance_counts_for_nothing():
    # 100 rows with heavy tails: 0.3 either way is what they give without any fault.
    rule = {**BIAS, "violations": 1, "of": 1}
    assert ask({**rule, "standard_errors": 0}, windows(NOISY)).verdict == "fired"

    found = ask(rule, windows(NOISY))

    assert (found.verdict, found.value) == ("quiet", pytest.approx(0.3))
    assert "10.0% and 2 standard errors (32.0%)" in evidence(found)
    known = {**NOISY, "bias_standard_error": 0.14}
    assert ask(rule, windows(known)).verdict == "fired"


def test_of_a_bias_that_adds_up_what_may_be_chance_is_forgiven():
    found = ask(CUSUM, windows(NOISY, NOISY))
    assert (found.verdict, found.value) == ("quiet", 0)
    assert "what exceeds 5.0% a window and 2 standard errors (32.0%)" in evidence(found)
    known = {**NOISY, "bias_standard_error": 0.1}
    assert ask(CUSUM, windows(known, known)).verdict == "fired"


@pytest.mark.parametrize("error", [{}, {"bias_standard_error": math.nan}])
def test_a_window_of_an_older_release_counts_as_it_is(error):
    old = {"sum_raw_prediction": 1300.0, **error}
    assert ask({**BIAS, "violations": 1}, windows(old)).verdict == "fired"


def test_age_is_counted_from_the_newest_training_row():
    assert ask(SCHEDULE, windows({}), age="83 days").verdict == "quiet"
    found = ask(SCHEDULE, windows({}), age="84 days")
    assert (found.verdict, found.value, found.threshold) == ("fired", 84.0, 84.0)
    assert evidence(found) == "the newest training row is 84.0 days old, 84 days are the limit"
    nobody = PolicyState(START, "", None, [])
    (found,) = decide(nobody, policy_of(SCHEDULE)).rules
    assert found.verdict == "not computed"


def test_an_age_is_told_in_what_the_table_counts():
    monthly = ask({**SCHEDULE, "maximum_age": "24 months"}, windows({}), age="1037 days")
    assert evidence(monthly) == (
        "the newest training row is 34.1 months old, 24 months are the limit"
    )
    rows = PolicyState(
        pd.Timestamp(4200, unit="s"), "1", pd.Timestamp(3039, unit="s"), [], counts_rows=True
    )
    (found,) = decide(rows, policy_of({**SCHEDULE, "maximum_age": "1000 seconds"})).rules
    assert evidence(found) == (
        "the newest training row lies 1,161 rows back, 1,000 rows are the limit"
    )


def test_a_window_of_rows_is_named_as_people_say_it():
    bad = window(0, window="rows=4800-4899", sum_raw_prediction=1200.0)
    assert "in window rows 4800 to 4899," in evidence(ask(BIAS, [bad]))


# --- the decision -------------------------------------------------------------------------------


def test_without_a_champion_a_first_one_is_asked_for():
    decision = decide(PolicyState(START, "", None, []), policy_of(BIAS))

    assert decision.decision == "retrain"
    assert decision.reasons == (Reason("no_champion"),)
    assert (decision.window, decision.as_of) == ("", "2021-03-01 00:00:00")


def test_rules_that_only_tell_never_retrain():
    rule = {**BIAS, "action": "alert"}
    bad = {"sum_raw_prediction": 1300.0}

    decision = decide(state(windows(bad, bad)), policy_of(rule))

    assert decision.decision == "alert"
    assert decision.alarms == "bias"
    assert decision.reasons == (decision.rules[0].reason,)


@pytest.mark.parametrize(
    ("since", "cooldown", "decision"),
    [(None, 3, "retrain"), (0, 1, "keep"), (1, 1, "retrain"), (2, 3, "keep"), (3, 3, "retrain")],
)
def test_after_an_attempt_the_policy_waits(since, cooldown, decision):
    bad = {"sum_raw_prediction": 1300.0}
    rules = policy_of(BIAS, cooldown_windows=cooldown)

    made = decide(state(windows(bad, bad), since=since), rules)

    assert made.decision == decision
    if decision == "keep":
        waiting = {"n_windows": since, "cooldown_windows": cooldown}
        assert made.reasons[0] == Reason("cooldown", waiting)
        assert made.alarms == "bias"


def test_who_has_to_wait_still_alerts():
    trouble = {"sum_raw_prediction": 1300.0, "coverage": 0.1}
    rules = policy_of(BIAS, COVERAGE, cooldown_windows=2)

    made = decide(state(windows(trouble, trouble), since=1), rules)

    assert made.decision == "alert"
    assert [reason.kind for reason in made.reasons] == ["cooldown", "bias", "coverage"]
    assert made.alarms == "bias,coverage"


def test_silence_says_what_it_rests_on():
    rules = policy_of(BIAS, SCHEDULE)
    undefined = {"sum_target": 0.0, "sum_absolute_target": 0.0}

    assert decide(state(windows({})), rules).reasons == (
        Reason("no_rule_fired", {"not_computed": []}),
    )
    assert decide(state(windows(undefined)), rules).reasons == (
        Reason("no_rule_fired", {"not_computed": ["bias"]}),
    )
    nothing = decide(state(windows(undefined)), policy_of(BIAS))
    assert nothing.reasons == (Reason("no_rule_computed"),)
    assert nothing.decision == "keep"


# --- what is shipped ----------------------------------------------------------------------------


def test_one_bad_window_never_retrains_under_the_shipped_policy(shipped):
    storm = {
        "rmse": 30.0,
        "sum_raw_prediction": 3000.0,
        "sum_prediction": 3000.0,
        "coverage": 0.0,
        "drifted_share": 1.0,
        "missing_share": 1.0,
    }
    for place in range(5):
        served = windows(*(storm if index == place else {} for index in range(5)))
        for seen in range(1, 6):
            decision = decide(state(served[:seen]), shipped).decision
            assert decision == ("alert" if seen == place + 1 else "keep"), (place, seen)


def test_two_bad_windows_retrain_under_the_shipped_policy(shipped):
    moved = {"sum_raw_prediction": 1300.0}

    assert decide(state(windows({}, moved, moved)), shipped).decision == "retrain"
    assert decide(state(windows({}, {}, {}), age="182 days"), shipped).decision == "retrain"
    assert decide(state(windows({}, {}, {})), shipped).decision == "keep"


# --- wrong configuration ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "at least 1 item"),
        ({"bias": None}, "at least 1 item"),
        (None, "valid dictionary"),
        ({"bias": {"maximum": 0.1}}, "'kind' is missing; allowed: performance, bias, coverage"),
        ({"bias": 0.1}, "write {kind: ..., ...}; kinds: performance, bias, coverage"),
        ({"bias": {**BIAS, "kind": "biass"}}, "unknown kind 'biass'; did you mean 'bias'?"),
        ({"bias": {**BIAS, "maximun": 0.1}}, "unknown key 'maximun'; did you mean 'maximum'"),
        ({"bias": {**BIAS, "statistic": "sum"}}, "'cusum' or 'window'"),
        ({"bias": {**BIAS, "action": "tell"}}, "'retrain' or 'alert'"),
        ({"bias": {**BIAS, "violations": 4}}, "violations 4 of 3 windows can never be met"),
        ({"age": {**SCHEDULE, "maximum_age": 84}}, "'84' has no unit"),
        ({"Too High": BIAS}, "match pattern"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(rules, message):
    with pytest.raises(ValidationError) as caught:
        PolicyParameters.model_validate({"rules": rules})

    assert message in str(caught.value)


def test_two_rules_of_one_kind_have_names_of_their_own():
    rules = {"bias": BIAS, "served_bias": {**BIAS, "prediction": "served"}}

    made = decide(state(windows({"sum_prediction": 1300.0}) * 2), PolicyParameters(rules=rules))

    assert made.alarms == "served_bias"


def test_null_removes_a_rule():
    rules = PolicyParameters(rules={"bias": None, "age": SCHEDULE})

    assert list(rules.rules) == ["age"]


@pytest.mark.parametrize(
    ("rule", "unit"),
    [(BIAS, "share"), (CUSUM, "share"), (PERFORMANCE, "share"), (SCHEDULE, "days")],
)
def test_a_finding_says_what_its_numbers_are(rule, unit):
    assert ask(rule, windows({}, {}, {})).unit == unit


def test_a_finding_counts_the_violations_on_the_way_to_fire():
    def states(rule, *shares):
        return [ask(rule, biased(*shares[: n + 1])).state for n in range(len(shares))]

    assert states(CUSUM, 0.02, 0.08, 0.08, 0.08, 0.08) == [
        *("quiet", "quiet", "1 of 2", "1 of 2", "fired"),
    ]
    # A window that is right is none, whatever the ones before it were.
    assert states(BIAS, 0.2, 0.0, 0.2) == ["1 of 2", "quiet", "fired"]
    assert ask(BIAS, windows()).state == "not computed"


def test_the_finding_about_the_bias_names_the_bias_that_it_is_about():
    row = {"sum_raw_prediction": 1470.0, "sum_prediction": 1010.0}
    model, served = (
        ask({**rule, "prediction": of}, windows(row))
        for rule, of in ((CUSUM, "model"), (BIAS, "served"))
    )
    assert (model.figures["bias"], served.figures["bias"]) == pytest.approx((0.47, 0.01))
    assert evidence(model).startswith("bias of the model alone +47.0% in window")
    assert evidence(served).startswith("bias as served is +1.0% in window")


def test_what_a_policy_was_can_be_read_again(shipped):
    assert PolicyParameters.model_validate(shipped.model_dump(mode="json")) == shipped


def test_a_kind_of_rule_without_words_cannot_be_used():
    class Cost(PolicyRule):
        kind: str = "cost"
        action: str = "alert"
        limit = property(lambda _: 1.0)

        def find(self, state):
            raise NotImplementedError

    with pytest.raises(TypeError, match=r"abstract method '?evidence"):
        Cost()


def test_every_kind_of_rule_is_tested_here():
    tested = {
        rule["kind"] for rule in (BIAS, PERFORMANCE, COVERAGE, SCHEDULE, DRIFT, QUALITY, SKEW)
    }

    assert tested == set(PolicyRule.kinds)
