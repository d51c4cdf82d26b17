"""The paired comparison and what the gate makes of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from regression_lifecycle.core.decisions.records import Reason
from regression_lifecycle.core.evaluation.comparison import (
    Comparison,
    PairedComparison,
    compare_paired,
    fewest_blocks,
    paired_losses,
)
from regression_lifecycle.core.evaluation.gate import decide, improvement_checks

CHAMPION = {"opponent": "champion", "champion_version": "3"}
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


def compare_forecasts(moments, target, candidate, other, settings, quantile=None, weight=None):
    columns = moments, target, candidate, other
    return compare_paired(paired_losses(*columns, settings, quantile, weight), settings)


def compare(candidate, other, *, weeks=WEEKS, **parameters):
    moments, target = holdout(weeks=weeks)
    settings = Comparison(**parameters)
    result = compare_forecasts(moments, target, target + candidate, target + other, settings)
    return result, improvement_checks(result, CHAMPION, settings)[-1]


# --- the paired comparison ----------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_a_clearly_better_model_passes(metric):
    noise = errors(1)
    result, check = compare(0.7 * noise, noise, metric=metric)
    assert check.verdict == "pass"
    assert result.improvement == pytest.approx(0.3)
    assert result.lower == pytest.approx(0.3)
    assert check.figures["metric"] == metric
    assert check.figures["improvement"] == pytest.approx(0.3)


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


def test_a_worse_model_fails_with_a_negative_improvement():
    noise = errors(1)
    _, check = compare(1.2 * noise, noise)
    assert check.verdict == "fail"
    assert check.figures["improvement"] == pytest.approx(-0.2)


@settings(deadline=None, derandomize=True, database=None, max_examples=20)
@given(seed=st.integers(0, 10_000), metric=st.sampled_from(["rmse", "mae"]))
def test_equal_models_never_pass_where_nothing_is_tolerated(seed, metric):
    noise = errors(seed)
    result, check = compare(noise, noise, metric=metric)
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


@pytest.mark.slow
def test_equal_skill_is_promoted_about_as_seldom_as_the_confidence_says():
    """100 pairs of equally good models with independent errors, alike within a week.

    At 95 % about one in twenty may pass, also of blocks shorter than what makes errors alike.
    """
    moments, target = holdout()

    def promoted(block, pairs):
        parameters = Comparison(confidence=0.95, block=block)
        results = (
            compare_forecasts(
                moments, target, target + errors(2 * i), target + errors(2 * i + 1), parameters
            )
            for i in range(pairs)
        )
        return sum(result.lower > 0 for result in results) / pairs

    assert 0.01 <= promoted("7 days", 100) <= 0.11
    assert promoted("1 day", 100) <= 0.11


def test_the_same_rows_give_the_same_bound_in_any_order():
    moments, target = holdout()
    table = pd.DataFrame({"at": moments, "y": target, "a": errors(1), "b": errors(2)})

    def bound(rows):
        forecasts = rows["y"] + rows["a"], rows["y"] + rows["b"]
        return compare_forecasts(rows["at"], rows["y"], *forecasts, Comparison()).lower

    assert bound(table) == bound(table)
    assert bound(table.sample(frac=1, random_state=1)) == pytest.approx(bound(table))


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
    assert check.obstacle == Reason(
        "too_few_blocks", {"n_blocks": 3, "block": "7 days", "minimum_blocks": 8}
    )


# Of two equal models one is better in all of n blocks once in 2^n, and no block contradicts.
@pytest.mark.parametrize(
    ("confidence", "fewest"), [(0.51, 2), (0.75, 3), (0.9, 4), (0.9375, 5), (0.95, 5), (0.99, 7)]
)
def test_no_comparison_is_surer_than_its_blocks_allow(confidence, fewest):
    assert fewest_blocks(confidence) == fewest
    assert Comparison(confidence=confidence, minimum_blocks=fewest).minimum_blocks == fewest
    if fewest > 2:
        with pytest.raises(
            ValidationError, match=f"minimum_blocks {fewest - 1} is .* least {fewest} "
        ):
            Comparison(confidence=confidence, minimum_blocks=fewest - 1)


def test_equal_models_pass_in_as_few_cases_as_stated_with_the_fewest_blocks():
    passed = 0
    for seed in range(200):
        weeks = fewest_blocks(0.95)
        candidate, other = errors(2 * seed, weeks=weeks), errors(2 * seed + 1, weeks=weeks)
        result, _ = compare(candidate, other, weeks=weeks, minimum_blocks=weeks)
        passed += result.lower > 0
    # Two blocks passed in 25 % of such cases.
    assert passed / 200 < 0.08


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
    assert (check.obstacle.kind, check.obstacle.figures["n_rows"]) == ("missing_forecasts", 560)
    assert decide([check])[0] == "refuse"


def test_a_row_without_a_target_is_left_out_for_both():
    moments, target = holdout()
    candidate, other = target + 0.5 * errors(1), target + errors(1)
    known = target.index % 10 != 0
    settings = Comparison()
    expected = compare_forecasts(
        moments[known], target[known], candidate[known], other[known], settings
    )
    assert compare_forecasts(moments, target.where(known), candidate, other, settings) == expected


def test_nothing_can_be_a_share_of_no_error():
    in_one_block = np.where(np.arange(WEEKS * PER_WEEK) < PER_WEEK, 1.0, 0.0)
    for other in (0 * in_one_block, in_one_block):
        _, check = compare(errors(1), other)
        assert check.verdict == "not computed"
        assert check.obstacle == Reason("opponent_without_error")
    # A candidate whose error lies in one block has one in many samples.
    _, check = compare(in_one_block, errors(1))
    assert check.verdict == "pass"


def test_blocks_that_are_all_alike_say_next_to_nothing():
    # The candidate becomes worse from week to week, so that neighbours tell the same.
    trend = np.repeat(np.linspace(1, 100, 8), PER_WEEK) ** 2
    result, check = compare(trend, errors(1, weeks=8), weeks=8)
    assert result.memory > 0.5
    assert result.n_effective < 4
    assert math.isfinite(result.lower)
    assert check.verdict == "fail"


def test_a_candidate_without_error_is_better():
    result, check = compare(np.zeros(WEEKS * PER_WEEK), errors(1))
    assert (result.improvement, result.lower, check.verdict) == (1, 1, "pass")


def test_the_finding_says_how_much_the_blocks_remember():
    level = np.repeat(np.cumsum(np.random.default_rng(3).normal(0, 5, WEEKS)), PER_WEEK)
    result, check = compare(level + errors(1, spread=1), errors(2))

    assert result.memory > 0.4
    assert result.n_effective < 0.6 * WEEKS
    assert check.figures["memory"] == result.memory
    assert (check.figures["n_blocks"], check.figures["n_effective"]) == (20, result.n_effective)


def test_a_comparison_that_was_not_possible_refuses_with_its_reason():
    why = Reason("no_new_rows", {"trained_until": "2021-04-01 00:00:00"})
    (check,) = improvement_checks(why, CHAMPION, Comparison(observed_improvement=0.0))
    assert (check.verdict, check.value, check.reason) == ("not computed", None, why)


# --- what was observed, beside its bound --------------------------------------------------------


def both(improvement, lower, obstacle=None, **asked):
    found = PairedComparison(improvement, lower, 20, obstacle=obstacle)
    return improvement_checks(found, CHAMPION, Comparison(minimum_improvement=-0.2, **asked))


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
    assert decide([observed, bound])[0] == ("promote" if verdict == "pass" else "refuse")


def test_an_observed_gain_does_not_replace_the_bound():
    observed, bound = both(0.3, -0.5, observed_improvement=0.0)
    assert (observed.verdict, bound.verdict) == ("pass", "fail")


@pytest.mark.parametrize("improvement", [math.nan, -math.inf])
def test_an_improvement_that_is_not_defined_refuses(improvement):
    lacking = Reason("missing_forecasts", {"n_missing": 3, "n_rows": 9})
    observed, bound = both(improvement, math.nan, lacking, observed_improvement=0.0)
    assert (observed.verdict, observed.value, bound.verdict) == (
        "not computed",
        None,
        "not computed",
    )
    assert observed.reason == bound.reason == lacking


def test_weights_count_rows_in_the_comparison_and_0_leaves_them_out():
    moments, target = holdout()
    candidate, other = target + errors(1), target + errors(2)
    settings = Comparison()
    half = np.arange(len(target)) < len(target) / 2

    def compared(weight, rows=slice(None)):
        columns = (moments, target, candidate, other)
        parts = [column[rows] for column in columns]
        return compare_forecasts(*parts, settings, None, weight)

    five_times = compared(pd.Series(half * 5.0))
    assert five_times.lower == pytest.approx(compared(None, half).lower)
    # Nobody asks for a forecast of a row that counts nothing.
    candidate = candidate.where(half)
    assert compared(pd.Series(half * 1.0)) == compared(None, half)
    assert compared(pd.Series(1.0, index=target.index)).obstacle.kind == "missing_forecasts"
    weight = np.where(half, 3.0, 1.0)
    candidate = target + errors(1)
    losses = [np.average((f - target) ** 2, weights=weight) for f in (candidate, other)]
    found = compared(pd.Series(weight))
    assert found.improvement == pytest.approx(1 - np.sqrt(losses[0] / losses[1]))
