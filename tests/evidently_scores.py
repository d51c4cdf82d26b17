"""Drift scores by the tests that Evidently has registered, to hold ours against."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently.library import quiet
from regression_lifecycle.core.drift.columns import read_column, sample_rows
from regression_lifecycle.core.drift.methods import METHODS
from regression_lifecycle.core.drift.parameters import DriftParameters


@quiet()
def evidently_test(name: str) -> Any:
    """The registered test of a method, or None if Evidently has none of this name."""
    from evidently.legacy.calculations.stattests.registry import (
        StatTestNotFoundError,
        get_registered_stattest,
    )

    try:
        return get_registered_stattest(name, column_type(name))
    except StatTestNotFoundError:
        return None


def column_type(name: str) -> Any:
    """Evidently's word for the columns of a method."""
    from evidently.legacy.core import ColumnType

    numerical = METHODS[name].kind == "numerical"
    return ColumnType.Numerical if numerical else ColumnType.Categorical


def _unit(before: pd.Series, after: pd.Series) -> float:
    """A unit in which a spread is no smaller than 0.001, which Evidently takes for the smallest."""
    std = float(before.std(ddof=0))
    if before.nunique() > 1:
        return std if std < 0.001 else 1.0
    both = pd.concat([before, after])
    return float(both.max() - both.min())


def require_evidently_scores(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    verdict: pd.DataFrame,
    parameters: DriftParameters,
) -> None:
    """Assert that every computed score and flag of a verdict is Evidently's."""
    sides = [
        sample_rows(side, parameters.maximum_rows, parameters.seed) for side in (reference, current)
    ]
    for row in verdict[verdict["drifted"].notna()].itertuples():
        before, after = (
            pd.Series(read_column(side, row.column, row.kind)[0]).dropna() for side in sides
        )
        assert (row.n_reference, row.n_current) == (len(before), len(after))
        test = evidently_test(row.method)
        if test is None:
            continue
        if pd.concat([before, after]).nunique() == 1:
            # Several of Evidently's tests fail or alarm on one value throughout.
            assert (row.score, row.drifted) == (METHODS[row.method].identical_score, False)
            continue
        kind = column_type(row.method)
        if row.method == "wasserstein":
            unit = _unit(before, after)
            before, after = before / unit, after / unit
        with quiet():
            found = test(before, after, kind, row.threshold)
        # Hellinger's distance is the root of a difference from 1: certain to 1e-7 near 0.
        least = 1e-7 if row.method == "hellinger" else 1e-12
        assert row.score == pytest.approx(found.drift_score, rel=1e-9, abs=least), row
        if abs(row.score - row.threshold) > least:
            assert row.drifted == found.drifted, row
