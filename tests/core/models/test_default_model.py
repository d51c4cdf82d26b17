"""The default model on tables of every shape: what has signal passes the gate, noise does not."""

from __future__ import annotations

import pytest

from tests.judging import judge, judge_by
from tests.shapes import SHAPES

# Seconds of CPU and more.
LARGE = {"series_500"}
# Without a check, whatever stands in for the baseline, and however much worse than a champion.
BARE_GATE = {
    "checks": {"bias": None, "coverage_error": None},
    "maximum_fallback_share": 1.0,
    "comparison": {"minimum_improvement": -0.9},
}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in SHAPES]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_with_signal_passes_the_gate(name: str) -> None:
    decision = judge(SHAPES[name].table(1), "sold")

    assert [check for check in decision.checks if check.verdict != "pass"] == []
    assert decision.decision == "promote"


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_refused_and_hardly_predicted_worse_than_by_a_constant(name: str) -> None:
    decision, bare = judge_by([{}, BARE_GATE], SHAPES[name].table(1, noise=True), "sold")

    assert decision.decision == "refuse"
    assert bare.decision == "refuse"
    errors = {model: metrics["rmse"] for model, metrics in decision.metrics.items()}
    assert errors["candidate"] < 1.1 * errors["baseline"]
