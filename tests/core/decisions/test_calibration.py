from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.decisions.calibration import (
    MINIMUM_WINDOWS,
    calibrate_limit,
    calibrate_rules,
    count_windows_per_year,
    with_limits,
)
from regression_lifecycle.core.decisions.policy import PolicyParameters, decide
from regression_lifecycle.core.decisions.rules import PolicyRule, PolicyState
from regression_lifecycle.core.decisions.wording import evidence
from tests.core.decisions.test_policy import CUSUM, START, WEEK, window

RATE = {"false_alarms_per_year": 0.5}
WINDOW_BIAS = {"kind": "bias", "statistic": "window", "maximum": 0.1, **RATE}
ADDED_UP = {**CUSUM, **RATE}
BASELINE = {"kind": "performance", "maximum": 0.8, **RATE}
FIRST_WINDOWS = {**BASELINE, "relative_to": "first_windows", "reference_windows": 3}
COVERAGE = {"kind": "coverage", "minimum": 0.75, **RATE}
EVERY = [WINDOW_BIAS, ADDED_UP, BASELINE, FIRST_WINDOWS, COVERAGE]
NAMES = ["bias", "cusum", "performance", "first windows", "coverage"]


def rule_of(content):
    return PolicyRule.model_validate(content)


def remembering(random, shape, memory=0.0):
    news = random.normal(size=shape)
    values = news.copy()
    for place in range(1, shape[1]):
        values[:, place] = memory * values[:, place - 1]
        values[:, place] += np.sqrt(1 - memory**2) * news[:, place]
    return values


def served(noise, size=0.06):
    """Windows of a right model with this noise: bias, error and share outside go by it."""
    return [
        window(
            index,
            sum_raw_prediction=1000 * (1 + size * value),
            rmse=5 * (1 + size * value),
            coverage=0.9 - 0.2 * size * value,
        )
        for index, value in enumerate(noise)
    ]


def quantities(rule, noise):
    return np.array([[rule.quantity(row) for row in served(part)] for part in noise])


def begins(fired):
    return (fired[:, 0].sum() + (fired[:, 1:] & ~fired[:, :-1]).sum()) / len(fired)


@pytest.mark.parametrize("content", EVERY, ids=NAMES)
def test_the_simulated_rule_is_the_one_that_decides(content):
    rule = rule_of(content)
    noise = remembering(np.random.default_rng(1), (6, 20), 0.5)
    limit = {"performance": 0.52, "coverage": 0.105}.get(rule.kind, 0.06)
    if content is FIRST_WINDOWS:
        limit = 1.03
    policy = PolicyParameters(
        rules={"it": {**content, "standard_errors": 0} if rule.kind == "bias" else content}
    )
    key = "minimum" if rule.kind == "coverage" else "maximum"
    fires = policy.rules["it"].model_copy(update={key: 1 - limit if key == "minimum" else limit})
    simulated = fires.fires(quantities(fires, noise), fires.configured_limit)

    one_by_one = [
        [
            fires.find(PolicyState(START, "1", START, rows[: last + 1])).verdict == "fired"
            for last in range(len(rows))
        ]
        for rows in map(served, noise)
    ]

    assert simulated.tolist() == one_by_one
    assert 0 < simulated.sum() < simulated.size


@pytest.mark.parametrize("memory", [0.0, 0.5])
@pytest.mark.parametrize("content", EVERY, ids=NAMES)
def test_a_model_that_does_not_change_fires_as_rarely_as_the_rule_says(content, memory):
    random = np.random.default_rng(2)
    rule = rule_of(content)
    years = quantities(rule, remembering(random, (150, 52), memory))
    rates = [
        begins(rule.fires(years, calibrate_limit(rule, [served(past)], 52).value))
        for past in remembering(random, (12, 60), memory)
    ]

    assert 0.25 < np.mean(rates) < 0.9


def test_a_higher_rate_gives_a_lower_limit_and_more_windows_a_surer_one():
    past = remembering(np.random.default_rng(3), (1, 80))[0]

    def limit(rate, windows=80):
        rule = rule_of({**WINDOW_BIAS, "false_alarms_per_year": rate})
        return calibrate_limit(rule, [served(past[:windows])], 52)

    assert limit(0.25).value > limit(1).value > limit(4).value
    assert limit(0.5, 12).value > limit(0.5).value
    assert limit(0.5).n_windows == 80
    assert limit(0.5).simulated == pytest.approx(0.5, rel=0.1)
    # Windows of four weeks: the same rate a year is one in fewer windows.
    monthly = calibrate_limit(rule_of(WINDOW_BIAS), [served(past)], 13)
    assert monthly.value < limit(0.5).value


@pytest.mark.parametrize("content", [BASELINE, COVERAGE], ids=["performance", "coverage"])
def test_windows_that_remember_long_do_not_drive_a_limit_to_nothing(content):
    # Models of unlike skill, each by itself for four windows: neighbours are alike throughout.
    unlike = np.repeat([2.0, 0.7, -0.6, -0.1, -2.0], 4)
    past = unlike + 0.2 * np.random.default_rng(7).normal(size=20)
    rule = rule_of({**content, "false_alarms_per_year": 1})

    limit = calibrate_limit(rule, [served(past, 0.2)], 13)

    assert limit.memory > 0.85
    assert limit.simulated < 1
    usual = [rule.quantity(row) for row in served(past, 0.2)]
    assert np.quantile(usual, 0.15) < limit.value < max(usual)


def test_too_few_windows_no_rate_or_no_value_leave_the_configured_limit():
    past = served(remembering(np.random.default_rng(4), (1, MINIMUM_WINDOWS))[0])
    policy = PolicyParameters(
        rules={"a": WINDOW_BIAS, "b": {**BASELINE, "false_alarms_per_year": None}, "c": COVERAGE}
    )
    unframed = [{**row, "coverage": np.nan} for row in past]
    waiting = [{**row, "status": "pending labels"} for row in past]

    assert set(calibrate_rules(policy, [unframed], 52)) == {"a"}
    assert calibrate_rules(policy, [past[1:], waiting], 52) == {}


def test_the_limit_in_use_is_the_one_that_is_told():
    past = served(remembering(np.random.default_rng(5), (1, 40))[0])
    policy = PolicyParameters(rules={"level": WINDOW_BIAS, "error": BASELINE})
    limits = calibrate_rules(policy, [past], 52)
    state = PolicyState(START + 40 * WEEK, "1", START, past)

    before, after = decide(state, policy).rules, decide(state, with_limits(policy, limits)).rules

    assert [found.threshold for found in before] == [0.1, 0.8]
    assert [found.threshold for found in after] == [limits[n].value for n in ("level", "error")]
    assert after[0].figures["false_alarms_per_year"] == 0.5
    told = f"beyond {limits['level'].value:.1%} (0.5 false alarms a year, from 40 windows) in"
    assert told in evidence(after[0])
    assert "configured; 0.5 false alarms a year once it is calibrated" in evidence(before[0])
    # With nothing calibrated any more the configured limit is back.
    assert with_limits(with_limits(policy, limits), {}).rules["level"].limit == 0.1


@pytest.mark.parametrize(
    "changed",
    [
        {"false_alarms_per_year": 2},
        {"false_alarms_per_year": None},
        {"relative_to": "target_mean"},
        {"metric": "mae"},
        {"violations": 1},
        {"maximum": 0.9},
    ],
)
def test_a_rule_that_was_configured_anew_does_not_keep_the_limit_of_the_old_one(changed):
    past = served(remembering(np.random.default_rng(5), (1, 40))[0])
    limits = calibrate_rules(PolicyParameters(rules={"error": BASELINE}), [past], 52)
    other = PolicyParameters(rules={"error": {**BASELINE, **changed}})
    told = PolicyParameters(rules={"error": {**BASELINE, "action": "alert"}})

    rule = with_limits(other, limits).rules["error"]

    assert not rule.is_calibrated
    assert rule.limit == changed.get("maximum", 0.8)
    assert with_limits(told, limits).rules["error"].limit == limits["error"].value


def test_a_calibrated_limit_has_seen_the_noise_of_few_rows():
    noisy = {"bias_standard_error": 5.0}
    past = [{**row, **noisy} for row in served(remembering(np.random.default_rng(6), (1, 40))[0])]
    policy = PolicyParameters(rules={"level": WINDOW_BIAS})
    moved = [window(index, sum_raw_prediction=1400.0, **noisy) for index in range(3)]
    state = PolicyState(START, "1", START, moved)

    assert decide(state, policy).rules[0].verdict == "quiet"
    calibrated = with_limits(policy, calibrate_rules(policy, [past], 52))
    assert decide(state, calibrated).rules[0].verdict == "fired"


def test_a_year_has_as_many_windows_as_fit_into_it():
    weeks = pd.Series(pd.date_range("2021-01-02", periods=9, freq="7D"))
    months = pd.Series(pd.date_range("2021-01-01", periods=24, freq="MS"))

    assert count_windows_per_year(weeks) == pytest.approx(52.18, abs=0.01)
    # A gap is no longer window, and two versions may have served one.
    assert count_windows_per_year(weeks.drop(5).repeat(2)) == pytest.approx(52.18, abs=0.01)
    assert count_windows_per_year(months) == pytest.approx(11.8, abs=0.1)
    assert count_windows_per_year(weeks[:1]) == 52
    assert count_windows_per_year(weeks, counts_rows=True) == 52


def errors_of(errors, **figures):
    return [window(index, rmse=error, **figures) for index, error in enumerate(errors)]


@pytest.mark.parametrize("figure", [0.0, 0.3])
@pytest.mark.parametrize("content", EVERY, ids=NAMES)
def test_windows_that_all_are_alike_say_no_limit(content, figure):
    alike = served(np.full(30, figure))

    assert calibrate_limit(rule_of(content), [alike], 52) is None


@pytest.mark.parametrize("windows_per_year", [1, 52, 35_000])
def test_first_windows_without_an_error_are_no_measure(windows_per_year):
    rule = rule_of(FIRST_WINDOWS)
    past = errors_of(np.where(np.arange(40) % 10, 0.0, 100.0))

    found = calibrate_limit(rule, [past], windows_per_year)

    assert found is None or np.isfinite(found.value)
    free = np.array([[0.0, 0.0, 0.0, 5.0, 5.0, 5.0]])
    assert not rule.fires(free, 0.5).any()


@pytest.mark.parametrize("changed", [{"reference_windows": 30}, {"violations": 30, "of": 30}])
def test_a_rule_that_looks_further_back_than_years_are_simulated_has_no_limit(changed):
    past = served(remembering(np.random.default_rng(5), (1, 60))[0])

    assert calibrate_limit(rule_of({**FIRST_WINDOWS, **changed}), [past], 4) is None


@pytest.mark.parametrize("content", EVERY, ids=NAMES)
def test_figures_beyond_all_reason_say_no_limit(content):
    huge = errors_of(
        1e220 * np.arange(1, 31), baseline_rmse=1.0, sum_raw_prediction=1e220, coverage=np.nan
    )

    assert calibrate_limit(rule_of(content), [huge], 52) is None


def test_no_more_than_all_rows_are_outside_of_an_interval():
    rows = [window(index, coverage=float(index % 2)) for index in range(40)]

    assert calibrate_limit(rule_of(COVERAGE), [rows], 52).value <= 1
