from __future__ import annotations

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.backtest.parameters import BacktestParameters, BacktestPolicy
from regression_lifecycle.core.prediction.adjustment import AdjustmentParameters
from tests.shipped import parameters

NEVER = {"name": "never", "kind": "never"}
RULES = {"rules": [{"kind": "bias", "maximum": 0.1}]}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"name": "x", "kind": "every"}, "'windows' belongs to kind 'every'"),
        ({**NEVER, "windows": 3}, "'windows' belongs to kind 'every'"),
        ({"name": "x", "kind": "rules"}, "'policy' belongs to kind 'rules'"),
        ({"name": "x", "kind": "configured", "policy": RULES}, "'policy' belongs to kind 'rules'"),
        ({"name": "x", "kind": "always"}, "'never', 'every', 'configured' or 'rules'"),
        ({"name": "x", "kind": "every", "windows": 0}, "greater than or equal to 1"),
        ({"name": "x y", "kind": "never"}, "match pattern"),
    ],
)
def test_a_policy_says_what_it_needs_and_nothing_else(policy, message):
    with pytest.raises(ValidationError, match=message):
        BacktestPolicy.model_validate(policy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policies": []}, "at least 1 item"),
        ({"policies": [NEVER, NEVER]}, "policies of one name: never"),
        ({"end": "2021-03-01"}, "end must lie after start"),
        ({"start": "now"}, "is not a moment"),
    ],
)
def test_a_comparison_that_means_nothing_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        BacktestParameters.model_validate({"start": "2021-03-01", "policies": [NEVER], **changes})


def test_a_policy_is_described_in_words():
    shipped = BacktestParameters.model_validate(parameters()["backtest"])

    assert {policy.name: policy.description for policy in shipped.policies} == {
        "never": "the first model for ever",
        "every_12": "retrained every 12 windows",
        "every_4": "retrained every 4 windows",
        "always": "retrained before every window",
        "configured": "the configured policy with its gate",
    }
    bare = BacktestPolicy(name="x", kind="never", level_correction=False)
    assert bare.description == "the first model for ever, no level correction"


def test_only_a_policy_that_wants_the_bare_model_goes_without_its_level():
    configured = AdjustmentParameters()
    plain = BacktestPolicy(name="x", kind="never", level_correction=False)

    assert BacktestPolicy.model_validate(NEVER).deployment_of(configured) is configured
    assert plain.deployment_of(configured).level_correction.windows == 0
    assert plain.deployment_of(configured).interval == configured.interval


@pytest.mark.parametrize(
    ("windows", "oracle", "needed"), [(1, False, True), (2, False, False), (2, True, True)]
)
def test_all_fits_are_made_at_once_only_where_all_are_needed(windows, oracle, needed):
    every = {"name": "every", "kind": "every", "windows": windows}
    parameters = BacktestParameters.model_validate(
        {"start": "2021-03-01", "policies": [NEVER, every], "oracle": oracle}
    )

    assert parameters.every_fit_is_needed() is needed
