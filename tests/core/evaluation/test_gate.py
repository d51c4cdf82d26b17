from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from regression_lifecycle.core.evaluation.gate import (
    CheckResult,
    Comparison,
    GateParameters,
    PairedComparison,
    absolute_checks,
    compare_paired,
    comparison_check,
    comparison_checks,
    decide,
    without_nan,
)

WEEKS = 20
PER_WEEK = 28


def holdout(seed=0, weeks=WEEKS):
    """Moments and targets, four a day."""
    random = np.random.default_rng(seed)
    moments = pd.Series(pd.date_range("2021-03-04", periods=weeks * PER_WEEK, freq="6h"))
    return moments, pd.Series(random.uniform(50, 150, len(moments)))


def errors(seed, spread=10.0, weeks=WEEKS):
    """Errors of one model: each week has a level of its own, so neighbours are alike."""
    random = np.random.default_rng(seed)
    level = np.repeat(random.normal(0, spread, weeks), PER_WEEK)
    return level + random.normal(0, spread / 4, weeks * PER_WEEK)


def compare(candidate, other, *, weeks=WEEKS, **parameters):
    moments, target = holdout(weeks=weeks)
    settings = Comparison(resamples=500, **parameters)
    result = compare_paired(moments, target, target + candidate, target + other, settings)
    return result, comparison_check(result, "champion", settings)


# --- the paired comparison ----------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_a_clearly_better_model_passes(metric):
    noise = errors(1)
    result, check = compare(0.7 * noise, noise, metric=metric)
    assert check.verdict == "pass"
    assert result.improvement == pytest.approx(0.3)
    assert result.lower == pytest.approx(0.3)
    assert f"{metric} is 30.0% lower than the champion's" in check.detail


def test_the_improvement_is_that_of_the_metric_on_all_rows():
    candidate, other = errors(1), errors(2)
    squared, _ = compare(candidate, other, metric="rmse")
    absolute, _ = compare(candidate, other, metric="mae")
    assert squared.improvement == pytest.approx(
        1 - math.sqrt((candidate**2).mean() / (other**2).mean())
    )
    assert absolute.improvement == pytest.approx(
        1 - np.abs(candidate).mean() / np.abs(other).mean()
    )
    assert squared.lower < squared.improvement


def test_a_model_that_is_better_within_the_noise_fails():
    noise = errors(1)
    # Much better in every other week and much worse between: on the whole 5 % better.
    week = np.arange(WEEKS * PER_WEEK) // PER_WEEK
    uneven = np.where(week % 2, 0.5, 1.5) * noise
    uneven *= 0.95 * math.sqrt((noise**2).mean() / (uneven**2).mean())
    result, check = compare(uneven, noise)
    assert result.improvement == pytest.approx(0.05)
    assert result.lower < 0
    assert check.verdict == "fail"


def test_a_worse_model_fails_and_the_sentence_says_higher():
    noise = errors(1)
    _, check = compare(1.2 * noise, noise)
    assert check.verdict == "fail"
    assert "rmse is 20.0% higher than the champion's" in check.detail


@settings(deadline=None, derandomize=True, database=None, max_examples=20)
@given(seed=st.integers(0, 10_000), metric=st.sampled_from(["rmse", "mae"]))
def test_equal_models_never_pass_where_nothing_is_tolerated(seed, metric):
    noise = errors(seed)
    result, check = compare(noise, noise, metric=metric, seed=seed)
    assert result.improvement == 0
    assert check.verdict == "fail"


def test_equal_models_pass_where_a_little_loss_is_tolerated():
    noise = errors(1)
    assert compare(noise, noise, minimum_improvement=-0.02)[1].verdict == "pass"
    assert compare(1.01 * noise, noise, minimum_improvement=-0.02)[1].verdict == "pass"
    assert compare(1.03 * noise, noise, minimum_improvement=-0.02)[1].verdict == "fail"


def test_an_improvement_that_is_asked_for_must_be_surpassed():
    noise = errors(1)
    assert compare(0.9 * noise, noise, minimum_improvement=0.05)[1].verdict == "pass"
    assert compare(0.9 * noise, noise, minimum_improvement=0.15)[1].verdict == "fail"


def test_equal_skill_is_promoted_about_as_seldom_as_the_confidence_says():
    """200 pairs of equally good models with independent errors, alike within a week.

    At 95 % about one in twenty may pass. Blocks shorter than what makes errors alike let many
    more through, which is what the blocks are for.
    """
    moments, target = holdout()

    def promoted(block, pairs):
        parameters = Comparison(confidence=0.95, block=block, resamples=200)
        results = (
            compare_paired(
                moments, target, target + errors(2 * i), target + errors(2 * i + 1), parameters
            )
            for i in range(pairs)
        )
        return sum(result.lower > 0 for result in results) / pairs

    assert 0.01 <= promoted("7 days", 200) <= 0.11
    assert promoted("1 day", 50) > 0.2


def test_the_same_rows_and_seed_give_the_same_bound_in_any_order_of_rows():
    moments, target = holdout()
    table = pd.DataFrame({"at": moments, "y": target, "a": errors(1), "b": errors(2)})

    def bound(rows, **parameters):
        return compare_paired(
            rows["at"], rows["y"], rows["y"] + rows["a"], rows["y"] + rows["b"],
            Comparison(resamples=300, **parameters),
        ).lower  # fmt: skip

    assert bound(table) == bound(table)
    assert bound(table.sample(frac=1, random_state=1)) == pytest.approx(bound(table))
    assert bound(table, seed=1) != bound(table)


def test_more_confidence_asks_for_more():
    candidate, other = errors(1), errors(2)
    bounds = [compare(candidate, other, confidence=c)[0].lower for c in (0.6, 0.9, 0.99)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == 3


def test_too_few_blocks_refuse():
    noise = errors(1, weeks=3)
    result, check = compare(0.1 * noise, noise, weeks=3)
    assert math.isnan(result.lower)
    assert check.verdict == "not computed"
    assert check.value is None
    assert "3 block(s) of 7 days, at least 8 are needed" in check.detail


# A sum leaves NaN out: a model without an answer once looked perfect on those rows.
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 500), slice(7, 8)])
@pytest.mark.parametrize("side", ["candidate", "other"])
def test_a_missing_forecast_refuses(side, rows, value):
    forecasts = {"candidate": 0.5 * errors(1), "other": errors(1)}
    forecasts[side][rows] = value
    result, check = compare(**forecasts)
    assert math.isnan(result.lower)
    assert check.verdict == "not computed"
    assert "of 560 row(s) lack a forecast" in check.detail
    assert decide([check], unchanged=False)["decision"] == "refuse"


def test_a_row_without_a_target_is_left_out_for_both():
    moments, target = holdout()
    candidate, other = target + 0.5 * errors(1), target + errors(1)
    known = target.index % 10 != 0
    settings = Comparison(resamples=200)
    expected = compare_paired(
        moments[known], target[known], candidate[known], other[known], settings
    )
    assert compare_paired(moments, target.where(known), candidate, other, settings) == expected


def test_nothing_can_be_a_share_of_no_error():
    _, check = compare(errors(1), np.zeros(WEEKS * PER_WEEK))
    assert check.verdict == "not computed"
    assert "error is zero" in check.detail


def test_a_comparison_that_was_not_possible_refuses_with_its_reason():
    check = comparison_check(None, "champion", Comparison(), "the champion knows these rows")
    assert check.verdict == "not computed"
    assert "the champion knows these rows" in check.detail


# --- what was observed, beside its bound --------------------------------------------------------


def both(improvement, lower, reason="", **asked):
    found = PairedComparison(improvement, lower, 20, reason)
    return comparison_checks(found, "champion", Comparison(minimum_improvement=-0.2, **asked))


def test_without_being_asked_for_the_observed_improvement_is_no_check():
    checks = both(-0.1, -0.15)
    assert [check.verdict for check in checks] == ["pass"]


@pytest.mark.parametrize(
    ("improvement", "asked", "verdict"),
    [(0.05, 0.0, "pass"), (0.0, 0.0, "fail"), (-0.01, 0.0, "fail"), (0.05, 0.05, "fail"),
     (0.06, 0.05, "pass"), (-0.05, -0.1, "pass"), (-0.1, -0.1, "fail")],
)  # fmt: skip
def test_equal_is_never_enough_on_the_judged_rows(improvement, asked, verdict):
    observed, bound = both(improvement, -0.15, observed_improvement=asked)
    assert (observed.verdict, observed.value, observed.threshold) == (verdict, improvement, asked)
    # The bound alone would let all of them through.
    assert bound.verdict == "pass"
    assert decide([observed, bound], unchanged=False)["decision"] == (
        "promote" if verdict == "pass" else "refuse"
    )


def test_an_observed_gain_does_not_replace_the_bound():
    observed, bound = both(0.3, -0.5, observed_improvement=0.0)
    assert (observed.verdict, bound.verdict) == ("pass", "fail")


@pytest.mark.parametrize("improvement", [math.nan, -math.inf])
def test_an_improvement_that_is_not_defined_refuses(improvement):
    observed, bound = both(improvement, math.nan, "3 of 9 row(s) lack a forecast",
                           observed_improvement=0.0)  # fmt: skip
    assert (observed.verdict, observed.value, bound.verdict) == (
        "not computed",
        None,
        "not computed",
    )
    assert observed.detail == "not computed: 3 of 9 row(s) lack a forecast"


def test_the_sentence_says_what_was_observed():
    observed, _ = both(-0.05, -0.15, observed_improvement=0.0)
    assert observed.check == "rmse observed against the champion's"
    assert observed.detail == (
        "rmse is 5.0% higher than the champion's; more than 0.0% lower is asked for"
    )
    tolerant, _ = both(-0.05, -0.15, observed_improvement=-0.1)
    assert tolerant.detail.endswith("; less than 10.0% higher is asked for")


def test_metrics_that_are_not_defined_are_none_in_a_document():
    metrics = {"candidate": {"rmse": 3.0, "r2": math.nan}, "baseline": {"bias": math.inf}}
    assert without_nan(metrics) == {
        "candidate": {"rmse": 3.0, "r2": None},
        "baseline": {"bias": None},
    }
    assert math.isnan(metrics["candidate"]["r2"])


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


@pytest.mark.parametrize("error", [0.0, math.nan])
def test_a_share_of_a_baseline_without_error_cannot_be_computed(error):
    metrics = {**METRICS, "baseline": {**METRICS["baseline"], "rmse": error}}
    check = {"rmse": {"maximum": 0.8, "of_baseline": True}}
    assert verdicts(check, metrics=metrics) == ["not computed"]


def test_too_few_rows_fail_before_any_metric():
    results = absolute_checks(METRICS, GateParameters(minimum_rows=1001))
    assert results[0].verdict == "fail"
    assert results[0].detail == "1000 rows were judged, at least 1001 are needed"
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
        ({"bias": {"maximum": 1, "of_baseline": True}}, "of_baseline is for rmse, mae"),
    ],
)
def test_a_check_that_means_nothing_is_refused(check, message):
    with pytest.raises(ValidationError, match=message):
        GateParameters(checks=check)


def test_null_removes_a_check():
    parameters = GateParameters(checks={"rmse": None, "r2": {"minimum": 0.5}})
    assert list(parameters.checks) == ["r2"]


# --- the decision -------------------------------------------------------------------------------


def result(verdict, detail="why"):
    return CheckResult("check", 1.0, 1.0, verdict, detail)


def test_only_a_candidate_that_passes_every_check_is_promoted():
    checks = [result("pass"), result("pass", "12 % better")]
    decision = decide(checks, unchanged=False)
    assert decision["decision"] == "promote"
    assert decision["reasons"] == ["12 % better"]
    assert [check["verdict"] for check in decision["checks"]] == ["pass", "pass"]


@pytest.mark.parametrize("verdict", ["fail", "not computed"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_open_check_refuses_with_its_reason(verdict, position):
    checks = [result("pass") for _ in range(3)]
    checks[position] = result(verdict, "too bad")
    decision = decide(checks, unchanged=False)
    assert decision["decision"] == "refuse"
    assert decision["reasons"] == ["too bad"]
    assert len(decision["checks"]) == 3


def test_all_open_checks_are_named():
    checks = [result("fail", "a"), result("pass", "b"), result("not computed", "c")]
    assert decide(checks, unchanged=False)["reasons"] == ["a", "c"]


def test_without_a_check_nobody_is_promoted():
    decision = decide([], unchanged=False)
    assert decision["decision"] == "refuse"
    assert decision["reasons"] == ["no check was made"]


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_the_champion_itself_is_neither_promoted_nor_refused(verdict):
    decision = decide([result(verdict)], unchanged=True, unchanged_reason="the same again")
    assert decision["decision"] == "unchanged"
    assert decision["reasons"] == ["the same again"]


@pytest.mark.parametrize(
    ("result", "asked", "sentence"),
    [
        ((0.3, 0.2), 0.0, "rmse is 30.0% lower than the champion's, with 95% confidence at least "
         "20.0% lower; more than 0.0% lower is asked for"),
        ((-0.3, -0.5), 0.0, "rmse is 30.0% higher than the champion's, with 95% confidence up to "
         "50.0% higher; more than 0.0% lower is asked for"),
        ((0.01, -0.02), -0.05, "rmse is 1.0% lower than the champion's, with 95% confidence up to "
         "2.0% higher; at most 5.0% higher is asked for"),
    ],
)  # fmt: skip
def test_the_sentence_says_the_worst_that_the_rows_allow(result, asked, sentence):
    parameters = Comparison(minimum_improvement=asked)
    check = comparison_check(PairedComparison(*result, n_blocks=20), "champion", parameters)
    assert check.detail == sentence
