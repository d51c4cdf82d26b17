"""Figures with as many digits as a reader needs."""

from __future__ import annotations

import numpy as np
import pytest

from regression_lifecycle.core.models.rounding import round_to_largest


@pytest.mark.parametrize("size", [1e-250, 1e-11, 1.0, 1e11])
def test_the_largest_keeps_its_digits_in_any_unit(size: float) -> None:
    values = size * np.array([[1.23456789, -0.000012345], [0.5, np.nan]])
    expected = size * np.array([[1.235, 0.0], [0.5, np.nan]])
    np.testing.assert_allclose(round_to_largest(values, 4), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan], [np.inf, np.nan]])
def test_what_has_no_digits_stays(values: list[float]) -> None:
    np.testing.assert_array_equal(round_to_largest(values), values)
