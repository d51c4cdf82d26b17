"""The table of a verdict, and the share of drifted columns."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import (
    VERDICT_DTYPES,
    ColumnDrift,
    drifted_share,
    is_table_drifted,
    verdict_frame,
)


def _verdict(*drifted: bool | None) -> pd.DataFrame:
    return verdict_frame(
        ColumnDrift(f"c{i}", "numerical", "feature", "ks", 0.5, 0.05, flag)
        for i, flag in enumerate(drifted)
    )


def test_the_share_counts_only_columns_that_were_compared() -> None:
    verdict = _verdict(True, False, None, True)

    assert drifted_share(verdict) == pytest.approx(2 / 3)
    assert is_table_drifted(verdict, DriftParameters(drifted_share=0.6)) is True
    assert is_table_drifted(verdict, DriftParameters(drifted_share=0.7)) is False


def test_a_share_that_equals_the_limit_is_drift() -> None:
    assert is_table_drifted(_verdict(True, False), DriftParameters(drifted_share=0.5)) is True


@pytest.mark.parametrize("verdict", [_verdict(), _verdict(None, None)])
def test_without_a_compared_column_there_is_no_share_and_no_verdict(verdict: pd.DataFrame) -> None:
    assert math.isnan(drifted_share(verdict))
    assert is_table_drifted(verdict, DriftParameters()) is None


@pytest.mark.parametrize("verdict", [_verdict(), _verdict(None), _verdict(True, None, False)])
def test_a_verdict_has_the_same_dtypes_whatever_it_holds(verdict: pd.DataFrame) -> None:
    assert verdict.dtypes.astype(str).to_dict() == VERDICT_DTYPES
