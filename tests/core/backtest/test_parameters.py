from __future__ import annotations

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.backtest.parameters import BacktestParameters, BacktestPolicy
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from tests.shipped import parameters

NEVER = {"kind": "never"}
RULES = {"rules": {"bias": {"kind": "bias", "maximum": 0.1}}}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"kind": "every"}, "windows\n  Field required"),
        ({**NEVER, "windows": 3}, "unknown key 'windows'"),
        ({"kind": "rules"}, "policy\n  Field required"),
        ({"kind": "configured", "policy": RULES}, "unknown key 'policy'"),
        (
            {"kind": "always"},
            "unknown kind 'always'. Allowed: configured, equal_cost, every, never, rules",
        ),
        ({"kind": "every", "windows": 0}, "greater than or equal to 1"),
    ],
)
def test_a_policy_says_what_it_needs_and_nothing_else(policy, message):
    with pytest.raises(ValidationError, match=message):
        BacktestPolicy.model_validate(policy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policies": {}}, "at least 1 item"),
        ({"policies": {"never": None}}, "at least 1 item"),
        ({"policies": {"x y": NEVER}}, "match pattern"),
        ({"end": "2021-03-01"}, "end must lie after start"),
        ({"start": "now"}, "is not a moment"),
        (
            {"policies": {"own": {"kind": "configured"}, "as_often": {"kind": "equal_cost"}}},
            r"policies\.as_often\.as_often_as: unknown policy with rules 'configured'.* Allowed: "
            "own; or remove as_often by null",
        ),
        (
            {"policies": {"equal": {"kind": "equal_cost", "as_often_as": "equal"}}},
            "unknown policy with rules 'equal'",
        ),
    ],
)
def test_a_comparison_that_means_nothing_is_refused(changes, message):
    given = {"start": "2021-03-01", "policies": {"never": NEVER}, **changes}
    with pytest.raises(ValidationError, match=message):
        BacktestParameters.model_validate(given)


def test_a_policy_is_described_in_words():
    shipped = BacktestParameters.model_validate(parameters()["backtest"])

    assert {name: policy.description for name, policy in shipped.policies.items()} == {
        "never": "the first model for ever",
        "every_12": "retrained every 12 windows",
        "every_4": "retrained every 4 windows",
        "always": "retrained before every window",
        "configured": "the configured policy with its gate",
        "equal_cost": "retrained as often as configured, evenly spread",
    }
    bare = BacktestPolicy.model_validate({**NEVER, "level_correction": False})
    assert bare.description == "the first model for ever, no level correction"


def test_only_a_policy_that_wants_the_bare_model_goes_without_its_level():
    configured = AdjustmentParameters()
    plain = BacktestPolicy.model_validate({**NEVER, "level_correction": False})

    assert BacktestPolicy.model_validate(NEVER).adjustment_of(configured) is configured
    assert plain.adjustment_of(configured).level_correction.windows == 0
    assert plain.adjustment_of(configured).interval == configured.interval


@pytest.mark.parametrize(
    ("other", "oracle", "needed"),
    [
        ({"kind": "every", "windows": 3}, False, True),
        ({"kind": "configured"}, False, False),
        ({"kind": "configured"}, True, True),
    ],
)
def test_all_fits_are_made_at_once_only_where_all_are_needed(other, oracle, needed):
    parameters = BacktestParameters.model_validate(
        {"start": "2021-03-01", "policies": {"never": NEVER, "other": other}, "oracle": oracle}
    )

    assert parameters.every_fit_is_needed() is needed


def test_a_calendar_of_equal_cost_waits_for_the_policy_that_it_is_held_against():
    policies = {"fair": {"kind": "equal_cost"}, "configured": {"kind": "configured"}}
    asked = BacktestParameters.model_validate({"policies": policies})

    assert list(asked.in_order_of_replay()) == ["configured", "fair"]
    fair = asked.policies["fair"]
    assert fair.schedules(7, {"configured": 2}) == [{1, 4}, {2, 5}, {3, 6}]
    assert fair.schedules(7, {"configured": 0}) == [frozenset()]
