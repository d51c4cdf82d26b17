from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from regression_lifecycle.core.metrics import (
    ERROR_METRICS,
    HEADLINE_METRICS,
    METRICS,
    QUANTILE_METRICS,
    WINDOW_METRICS,
    compute_metrics,
    headline_metrics,
    mean_or_quantile,
    row_losses,
)

_values = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))
_pairs = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=_values), arrays(np.float64, n, elements=_values)
    )
)
OF_THE_MIDDLE = {name for name, metric in METRICS.items() if metric.asks != "quantile"}
REPEATABLE = settings(deadline=None, derandomize=True, database=None, max_examples=60)


@REPEATABLE
@given(pair=_pairs)
def test_errors_are_those_of_scikit_learn(pair):
    target, prediction = pair
    assume(np.ptp(target) > 0.1)
    found = compute_metrics(target, prediction)
    assert found["n"] == len(target)
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(target, prediction))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(target, prediction))
    assert found["r2"] == pytest.approx(reference.r2_score(target, prediction), rel=1e-6, abs=1e-9)
    assert found["wape"] == pytest.approx(
        reference.mean_absolute_error(target, prediction) / np.abs(target).mean()
    )
    assert found["mean_error"] == pytest.approx((prediction - target).mean(), abs=1e-9)


@REPEATABLE
@given(pair=_pairs)
def test_the_logarithmic_error_is_that_of_scikit_learn(pair):
    target, prediction = np.abs(pair[0]), np.abs(pair[1])
    expected = reference.root_mean_squared_log_error(target, prediction)
    assert compute_metrics(target, prediction)["rmsle"] == pytest.approx(expected, abs=1e-12)


@REPEATABLE
@given(pair=_pairs)
def test_bias_is_positive_exactly_when_predictions_sum_to_too_much(pair):
    target, prediction = np.abs(pair[0]) + 1, pair[1]
    found = compute_metrics(target, prediction)["bias"]
    assert found == pytest.approx(prediction.sum() / target.sum() - 1)
    assume(abs(prediction.sum() - target.sum()) > 1e-3)
    assert (found > 0) == (prediction.sum() > target.sum())


def test_a_forecast_that_is_a_tenth_too_high_has_a_bias_of_a_tenth():
    target = np.array([10.0, 20.0, 30.0])
    found = compute_metrics(target, target * 1.1)
    assert found["bias"] == pytest.approx(0.1)
    assert found["mean_error"] == pytest.approx(2.0)
    assert compute_metrics(target, target * 0.9)["bias"] == pytest.approx(-0.1)


@pytest.mark.parametrize("target", [[-10.0, 10.0], [-30.0, -10.0], [-5.0, 15.0]])
def test_bias_of_signed_targets_is_the_error_over_their_size(target):
    size = np.abs(target).sum()

    found = compute_metrics(target, np.array(target) + 1)

    assert found["bias"] == pytest.approx(2 / size)
    assert compute_metrics(target, np.array(target) - 1)["bias"] == pytest.approx(-2 / size)


@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_the_standard_error_of_a_bias_is_how_far_it_varies_from_draw_to_draw(unit):
    random = np.random.default_rng(3)
    target = random.pareto(3, (2000, 80)) + 1
    weight = unit * random.choice([0.5, 1.0, 2.0, 5.0], target.shape)
    found = [
        compute_metrics(y, np.full(80, 1.5), weight=w) for y, w in zip(target, weight, strict=True)
    ]

    spread = np.std([figures["bias"] for figures in found])

    errors = [figures["bias_standard_error"] for figures in found]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread, rel=0.25)


def test_a_perfect_forecast_has_the_best_value_of_each_metric():
    target = np.array([1.0, 5.0, 2.0])
    found = compute_metrics(target, target)
    worse = compute_metrics(target, target + 1)
    for name, metric in METRICS.items():
        if metric.asks == "quantile":
            assert name not in found
            continue
        assert found[name] == metric.best
        assert (worse[name] < found[name]) == (metric.better == "higher"), name


def test_lists_of_metrics_are_read_from_the_register():
    assert METRICS["r2"].meaning.startswith("Share of the variance")
    assert {"rmse", "mae", "wape", "rmsle"} <= set(ERROR_METRICS)
    assert {"r2", "bias", "mean_error"}.isdisjoint(ERROR_METRICS)
    assert set(QUANTILE_METRICS) == {"pinball", "quantile_coverage", "coverage_error"}
    assert set(HEADLINE_METRICS) <= set(WINDOW_METRICS) <= set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_all_that_others_must_know(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.meaning
    assert metric.undefined
    # A share of the baseline's value needs a value that never changes its sign.
    assert metric.better != "lower" or metric.best == 0


def test_the_mean_of_the_rows_explains_nothing():
    target = np.array([1.0, 5.0, 3.0])
    assert compute_metrics(target, np.full(3, 3.0))["r2"] == 0


@pytest.mark.parametrize(
    ("target", "prediction", "undefined"),
    [
        ([], [], OF_THE_MIDDLE),
        ([np.nan], [1.0], OF_THE_MIDDLE),
        ([3.0], [4.0], {"r2", "bias_standard_error"}),
        ([3.0, 3.0], [3.0, 4.0], {"r2"}),
        ([0.0, 0.0], [0.0, 1.0], {"r2", "wape", "bias", "bias_standard_error"}),
        ([0.1, 0.1, 0.1], [0.1, 0.1, 0.2], {"r2"}),  # whose mean is not 0.1
        ([0.3, 0.1 + 0.2, 0.3], [0.1, 0.1, 0.2], {"r2"}),
        ([1e-11, 2e-11], [1e-11, 1e-11], set()),
        ([1e9, 1e9 + 0.01], [1e9, 1e9], set()),
        ([-1.0, 4.0], [1.0, 4.0], {"rmsle"}),
        ([-4.0, 1.0], [1.0, 4.0], {"rmsle"}),
        ([1.0, -1.0], [1.0, 4.0], {"rmsle"}),
        ([1.0, 4.0], [-3.0, 4.0], set()),  # a negative prediction counts as 0 in rmsle
    ],
)
def test_what_is_undefined_is_nan_and_the_rest_is_not(target, prediction, undefined):
    found = compute_metrics(target, prediction)
    assert {name for name in found if math.isnan(found[name])} == undefined


def test_a_negative_prediction_counts_as_zero_in_the_logarithmic_error():
    assert (
        compute_metrics([1.0, 4.0], [-8.0, 4.0])["rmsle"]
        == compute_metrics([1.0, 4.0], [0.0, 4.0])["rmsle"]
    )


def test_rows_where_one_side_is_unknown_do_not_count():
    found = compute_metrics([1, 2, np.nan, 4, 9], [1, np.nan, 3, 6, np.inf])
    assert found["n"] == 2
    assert found["mae"] == 1


def quantile_error(below: float, until: float, quantile: float) -> float:
    """How far a quantile is from the stretch of shares that its prediction stands for."""
    return float(np.clip(quantile, below, until) - quantile)


@REPEATABLE
@given(pair=_pairs, quantile=st.floats(0.01, 0.99))
def test_a_quantile_is_judged_by_the_pinball_loss_of_scikit_learn(pair, quantile):
    target, prediction = pair

    found = compute_metrics(target, prediction, quantile)

    expected = reference.mean_pinball_loss(target, prediction, alpha=quantile)
    assert found["pinball"] == pytest.approx(expected)
    assert row_losses(target, prediction, "pinball", quantile).mean() == pytest.approx(expected)
    until, below = found["quantile_coverage"], np.mean(np.less(target, prediction))
    assert found["coverage_error"] == pytest.approx(quantile_error(below, until, quantile))
    # It is above or below the target by design.
    assert {"bias", "mean_error", "r2", "rmsle"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("prediction", "error"), [(0.0, 0.0), (0.5, 0.2), (-0.5, -0.5), (1.0, 0.2), (3.0, 0.5)]
)
def test_a_quantile_among_equal_targets_is_right_where_they_are(prediction, error):
    # Seven of ten are 0, so 0 is the median.
    target = np.array([0.0] * 7 + [1.0, 2.0, 2.5])

    found = compute_metrics(target, np.full(10, prediction), 0.5)

    assert found["coverage_error"] == pytest.approx(error)
    twice = compute_metrics(target[6:], np.full(4, prediction), 0.5, weight=[7.0, 1.0, 1.0, 1.0])
    assert twice["coverage_error"] == pytest.approx(error)


def test_coverage_of_a_quantile_is_the_share_at_or_below_it():
    found = compute_metrics([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 4.0, 9.0], 0.9)
    assert found["quantile_coverage"] == 0.75
    assert found["coverage_error"] == pytest.approx(-0.15)


def test_what_no_model_has_is_said_once():
    signed = compute_metrics([-1.0, 1.0, 3.0], [0.0, 1.0, 2.0])
    names, missing = headline_metrics({"candidate": signed, "baseline": signed})
    assert "rmsle" not in names
    assert "bias" in names
    assert [sentence.split()[0] for sentence in missing] == ["rmsle"]

    names, missing = headline_metrics({"candidate": compute_metrics([1.0], [2.0], 0.9)})
    assert {"pinball", "quantile_coverage"} <= set(names)
    assert missing == []


@pytest.mark.parametrize("quantile", [None, 0.8])
def test_a_weight_of_0_leaves_a_row_out_and_a_whole_one_repeats_it(quantile):
    random = np.random.default_rng(7)
    target, prediction = random.uniform(1, 9, 40), random.uniform(1, 9, 40)
    weight = np.arange(40) % 4

    weighted = compute_metrics(target, prediction, quantile, weight)
    repeated = compute_metrics(np.repeat(target, weight), np.repeat(prediction, weight), quantile)

    # The rows that count, whatever they weigh.
    assert weighted.pop("n") == 30
    repeated.pop("n")
    # But for chance: a row that stands there twice was drawn once.
    error = weighted.pop("bias_standard_error", 0.0)
    assert error >= repeated.pop("bias_standard_error", 0.0)
    assert weighted == pytest.approx(repeated)
    assert all(np.isfinite(value) for value in weighted.values())


def test_the_unit_of_weights_does_not_matter():
    target, prediction, weight = [1.0, 5.0, 2.0], [2.0, 4.0, 6.0], np.array([1.0, 2.0, 5.0])

    found = compute_metrics(target, prediction, None, 1e-3 * weight)

    assert found == pytest.approx(compute_metrics(target, prediction, None, weight))
    assert compute_metrics(target, prediction, None, [7.0] * 3) == pytest.approx(
        compute_metrics(target, prediction)
    )


def test_without_a_row_that_counts_nothing_is_defined():
    found = compute_metrics([1.0, 2.0], [1.0, 2.0], None, [0.0, 0.0])

    assert found.pop("n") == 0
    assert all(math.isnan(value) for value in found.values())


def test_a_weighted_level_is_that_of_repeated_values():
    values, weight = [4.0, 1.0, 9.0, 2.0], [2, 3, 1, 3]

    assert mean_or_quantile(values, None, weight) == np.repeat(values, weight).mean()
    assert mean_or_quantile(values, 0.5, weight) == 2
    assert mean_or_quantile(values, 0.9, weight) == 9
    assert mean_or_quantile(values, 0.5) == np.median(values)
    assert mean_or_quantile(values, None) == 4


def test_the_headline_of_a_quantile_begins_with_its_loss():
    names, _ = headline_metrics({"candidate": compute_metrics([1.0, 3.0], [2.0, 2.0], 0.9)})

    assert names == ["pinball", "quantile_coverage", "mae"]
