from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.prediction.coverage import CoverageBin, coverage_by_prediction


def rows(prediction, target, width=1.0):
    prediction = np.asarray(prediction, dtype=float)
    return pd.DataFrame(
        {
            "target": np.asarray(target, dtype=float),
            "prediction": prediction,
            "lower": prediction - width,
            "upper": prediction + width,
        }
    )


def test_coverage_is_stated_by_fifth_of_the_prediction():
    said = np.arange(50.0)
    # The largest predictions miss by two.
    table = rows(said, said + np.where(said >= 40, 2, 0)).sample(frac=1, random_state=0)

    found = coverage_by_prediction(table)

    assert [part.coverage for part in found] == [1, 1, 1, 1, 0]
    assert [part.n for part in found] == [10] * 5
    assert found[0] == CoverageBin(0, 9, 10, 1.0, 2.0)
    assert (found[4].smallest, found[4].largest) == (40, 49)


def test_rows_without_label_or_interval_do_not_count():
    table = pd.concat([rows([1, 2], [1, 5]), rows([3], [math.nan]), rows([4], [4], math.nan)])

    (found,) = coverage_by_prediction(table, bins=1)

    assert (found.n, found.coverage) == (2, 0.5)
    assert coverage_by_prediction(table.iloc[2:]) == []


def test_equal_predictions_stay_together():
    table = rows([5] * 9 + [7], range(10))

    found = coverage_by_prediction(table)

    assert [(part.smallest, part.n) for part in found] == [(5, 9), (7, 1)]
    assert found[0].coverage == pytest.approx(3 / 9)
