from __future__ import annotations

import numpy as np
import pytest

from regression_lifecycle.core.decisions.variation import measure_variation


def remembering(random, n, memory):
    values = random.normal(size=n)
    for place in range(1, n):
        values[place] = memory * values[place - 1] + np.sqrt(1 - memory**2) * values[place]
    return values


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_spread_and_memory_are_those_of_the_windows(memory):
    random = np.random.default_rng(0)
    parts = [0.1 * remembering(random, 40, memory) for _ in range(60)]

    signed = measure_variation(parts, signed=True)
    other = measure_variation([part + 2 for part in parts], signed=False)

    for found, mean in ((signed, 0.0), (other, 2.0)):
        assert found.mean == pytest.approx(mean, abs=0.01)
        assert found.variance == pytest.approx(0.01, rel=0.1)
        assert found.memory == pytest.approx(memory, abs=0.05)
        assert found.n_windows == found.n_independent == 2400


def test_a_short_series_does_not_hide_its_memory():
    random = np.random.default_rng(1)
    found = [
        measure_variation([remembering(random, 16, 0.5)], signed=signed).memory
        for signed in (True, False)
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_what_ageing_adds_is_not_usual():
    random = np.random.default_rng(2)
    # A level that wanders off from 0 by 0.1 a window, seen with a noise of 0.1.
    wandering = [
        0.1 * random.normal(size=12) + 0.1 * np.cumsum(random.normal(size=12)) for _ in range(40)
    ]
    growing = [1 + 0.1 * np.arange(12) + 0.2 * random.normal(size=12) for _ in range(40)]

    signed = measure_variation(wandering, signed=True)
    other = measure_variation(growing, signed=False)

    assert np.var(np.concatenate(wandering)) > 0.06
    assert signed.variance == pytest.approx(0.02, rel=0.3)
    # The first step of the level is in the first two windows alike: half of their variance.
    assert signed.memory == pytest.approx(0.5, abs=0.1)
    assert (other.mean, other.variance) == pytest.approx((1, 0.04), rel=0.1)
    assert other.memory == pytest.approx(0, abs=0.1)
    # Fewer windows stand behind what is said of a new model.
    assert signed.n_independent < 240 > other.n_independent


@pytest.mark.parametrize("values", [[0.0] * 5, [0.3] * 5, [0.0, 0.0, 0.3]])
@pytest.mark.parametrize("signed", [True, False])
def test_values_that_do_not_vary_are_no_obstacle(values, signed):
    found = measure_variation([np.array(values)], signed=signed)
    assert np.isfinite([found.mean, found.variance, found.memory]).all()
