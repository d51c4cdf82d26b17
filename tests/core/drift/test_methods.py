"""The registry of drift methods: Evidently's figures, no fall-through, and a true table."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently.library import quiet
from regression_lifecycle.core.drift.counts import ValueCounts
from regression_lifecycle.core.drift.methods import (
    EXCLUDED_METHODS,
    METHODS,
    DriftMethod,
    Samples,
    find_method,
    methods_for,
)
from regression_lifecycle.core.errors import ConfigurationError
from tests.evidently_scores import column_type, evidently_test

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "configuration.md"
BOTH = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def _samples(method: DriftMethod, moved: float, n_values: int = 2) -> Samples:
    """Forty values each; a share of the current ones moved from the lower half to the upper."""
    reference = np.full(n_values, 40 // n_values)
    current = reference.copy()
    current[0] -= round(moved * reference[0])
    current[-1] += round(moved * reference[0])
    spread = 0.5 if method.kind == "numerical" else math.nan
    return Samples(np.arange(float(n_values)), reference[None], current[None], spread)


def _counts(method: DriftMethod, moved: float) -> list[ValueCounts]:
    """The same forty values on each side, counted."""
    samples = _samples(method, moved)
    sides = (samples.reference[0], samples.current[0])
    return [ValueCounts({"": (samples.values, counts)}) for counts in sides]


@BOTH
@quiet()
def test_a_method_is_the_one_evidently_has_under_this_name(method: DriftMethod) -> None:
    test = evidently_test(method.name)
    if test is None:
        pytest.skip(f"Evidently has no method {method.name}")
    assert test.default_threshold == method.default_threshold
    random = np.random.default_rng(5)
    if method.kind == "numerical":
        pair = (pd.Series(random.normal(size=200)), pd.Series(random.normal(0.25, 1, 90)))
    else:
        pair = (
            pd.Series(random.choice(["a", "b"], 200)),
            pd.Series(random.choice(["a", "b"], 90, p=[0.6, 0.4])),
        )
    kind = column_type(method.name)
    score = float(test(*pair, kind, None).drift_score)
    assert 0 < score < method.highest_threshold
    for threshold in (score * 0.99, score, score * 1.01):
        assert method.is_drifted(score, threshold) == bool(test(*pair, kind, threshold).drifted)


@BOTH
def test_a_statistic_grows_with_the_difference_and_is_one_of_many(method: DriftMethod) -> None:
    moved = [0.0, 0.3, 0.6, 0.9]
    alone = [float(method.statistic_within(_samples(method, share))) for share in moved]
    pairs = [_samples(method, share) for share in moved]
    together = method.statistic_within(
        Samples(
            pairs[0].values,
            np.array([pair.reference for pair in pairs]),
            np.array([pair.current for pair in pairs]),
            np.array([[pair.spread] for pair in pairs]),
        )
    )

    assert alone == sorted(alone)
    assert alone[0] < alone[1]
    np.testing.assert_allclose(together, alone)


@BOTH
def test_a_wider_difference_is_no_smaller_statistic(method: DriftMethod) -> None:
    statistic = float(method.statistic_within(_samples(method, 0.3)))

    assert method.widen(statistic, 1.0, 40, 40) == pytest.approx(statistic)
    assert method.widen(statistic, 1.5, 40, 40) > statistic


@BOTH
def test_a_score_moves_to_the_side_of_drift_and_equal_samples_are_none(method: DriftMethod) -> None:
    near, far = (method.score(*_counts(method, share)) for share in (0.1, 0.9))

    assert (far < near) == method.is_p_value
    assert method.is_drifted(far, method.default_threshold) is True
    assert method.is_drifted(method.identical_score, method.default_threshold) is False
    one = [ValueCounts({"": (np.array([3.0]), np.array([n]))}) for n in (9, 7)]
    assert method.score(*one) == method.identical_score


def test_a_small_p_value_and_a_large_distance_are_drift() -> None:
    ks, wasserstein = METHODS["ks"], METHODS["wasserstein"]

    assert ks.is_drifted(0.01, 0.05) is True
    assert ks.is_drifted(0.05, 0.05) is True
    assert ks.is_drifted(0.06, 0.05) is False
    assert wasserstein.is_drifted(0.2, 0.1) is True
    assert wasserstein.is_drifted(0.1, 0.1) is True
    assert wasserstein.is_drifted(0.05, 0.1) is False
    assert wasserstein.is_drifted(math.nan, 0.1) is None


@BOTH
def test_a_relative_score_is_above_one_where_the_column_drifted(method: DriftMethod) -> None:
    threshold = method.default_threshold
    scores = [threshold / 2, threshold * 2, 0.0]

    drifted = [method.is_drifted(score, threshold) for score in scores]

    assert [method.relative_score(score, threshold) > 1 for score in scores] == drifted
    assert method.relative_score(threshold, threshold) == 1
    assert math.isnan(method.relative_score(math.nan, threshold))


@pytest.mark.parametrize("name", ["wasser", "", *EXCLUDED_METHODS])
def test_an_unknown_name_is_an_error_and_never_another_method(name: str) -> None:
    with pytest.raises(ConfigurationError, match="Allowed: anderson, hellinger"):
        find_method(name)


def test_every_method_is_for_one_kind() -> None:
    assert [*methods_for("numerical"), *methods_for("categorical")] == list(METHODS.values())
    # The one that is named where a test cannot be calibrated.
    for kind in ("numerical", "categorical"):
        assert not all(method.is_p_value for method in methods_for(kind))  # type: ignore[arg-type]


def _row(method: DriftMethod) -> list[str]:
    limit = "" if method.maximum_values is None else f", at most {method.maximum_values} categories"
    sides = {True: ("at most", "below"), False: ("at least", "above")}[method.is_p_value]
    high = method.highest_threshold
    below_one = 1 - high < 1e-9 and high < 1
    until = ", below 1" if below_one else f", to {high:.4g}" if high < math.inf else ""
    return [
        f"`{method.name}`",
        f"{method.kind}{limit}",
        method.description,
        sides[not method.inclusive],
        f"{method.default_threshold:g}",
        f"above {method.lowest_threshold:g}{until}",
    ]


def test_the_table_of_methods_is_that_of_the_registry() -> None:
    lines = re.findall(r"^\| method \|.*\n.*\n((?:\|.*\n)+)", REFERENCE.read_text(), re.M)[0]
    written = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]

    assert written == [_row(method) for method in METHODS.values()]
