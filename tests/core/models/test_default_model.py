"""The default model on tables of every shape: what has signal passes the gate, noise does not."""

from __future__ import annotations

import pytest

from tests.judging import judge
from tests.shapes import SHAPES

# Seconds of CPU and more.
LARGE = {"series_500"}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in SHAPES]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_table_with_signal_passes_the_gate(name: str, seed: int) -> None:
    decision = judge(SHAPES[name].table(seed), "sold")

    assert [check for check in decision.checks if check.verdict != "pass"] == []
    assert decision.decision == "promote"


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_refused_and_hardly_predicted_worse_than_by_a_constant(name: str) -> None:
    decision = judge(SHAPES[name].table(1, noise=True), "sold")

    assert decision.decision == "refuse"
    errors = {model: metrics["rmse"] for model, metrics in decision.metrics.items()}
    assert errors["candidate"] < 1.1 * errors["baseline"]
