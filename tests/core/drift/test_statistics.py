"""The p-value of a Kolmogorov-Smirnov test equals SciPy's, exact and asymptotic."""

import numpy as np
import pytest
from scipy import stats

from regression_lifecycle.core.drift.statistics import ks_p_value


@pytest.mark.parametrize(
    ("n_reference", "n_current"), [(300, 200), (10_001, 700), (900, 30_000), (15_000, 8_000)]
)
@pytest.mark.parametrize("shift", [0.0, 0.04, 0.2, 1.0])
def test_a_p_value_is_that_of_scipy(n_reference: int, n_current: int, shift: float) -> None:
    random = np.random.default_rng(3)
    reference, current = random.normal(size=n_reference), random.normal(shift, size=n_current)
    expected = stats.ks_2samp(reference, current)
    below = np.sum(reference <= expected.statistic_location)
    below_current = np.sum(current <= expected.statistic_location)

    found = ks_p_value(int(below), int(below_current), n_reference, n_current)

    assert found == pytest.approx(expected.pvalue, rel=1e-9, abs=0)
