"""What windows are compared with: never themselves, never what cannot be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.drift.methods import METHODS
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import compare_tables
from regression_lifecycle.core.drift.verdict import drifted_share, is_table_drifted

COLUMNS: list[Any] = [("temp", "numerical", "feature"), ("sky", "categorical", "feature")]


def parameters_of(name: str) -> DriftParameters:
    kind = METHODS[name].kind
    return DriftParameters.model_validate({kind: {"method": name}, "minimum_rows": 30})


def rows(n: int, *, shift: float = 0.0, scale: float = 1.0, sunny: float = 0.5) -> pd.DataFrame:
    random = np.random.default_rng(4)
    drawn = random.normal(size=n)
    sky = np.where(random.random(n) < sunny, "sunny", "grey")
    return pd.DataFrame({"temp": shift + scale * drawn, "sky": sky})


@pytest.mark.parametrize("name", METHODS)
def test_a_window_that_is_its_reference_has_not_drifted_by_any_method(name: str) -> None:
    verdict = compare_tables(rows(300), rows(300), COLUMNS, parameters_of(name))

    assert verdict["drifted"].tolist() == [False, False]
    assert drifted_share(verdict) == 0


@pytest.mark.parametrize("side", ["reference", "window"])
@pytest.mark.parametrize("name", METHODS)
def test_fewer_rows_than_the_minimum_judge_nothing(name: str, side: str) -> None:
    few, enough = rows(29), rows(300, shift=9)
    tables = (few, enough) if side == "reference" else (enough, few)

    verdict = compare_tables(*tables, COLUMNS, parameters_of(name))

    assert verdict["drifted"].isna().all()
    assert verdict["reason"].str.contains("minimum_rows is 30").all()
    assert is_table_drifted(verdict, parameters_of(name)) is None


@pytest.mark.parametrize(
    ("changed", "column"),
    [({"shift": 1.0}, "temp"), ({"scale": 3.0}, "temp"), ({"sunny": 0.9}, "sky")],
    ids=["shift", "scale", "shares"],
)
@pytest.mark.parametrize("name", METHODS)
def test_a_planted_change_is_drift_of_its_column_alone(
    name: str, changed: dict[str, float], column: str
) -> None:
    verdict = compare_tables(rows(300), rows(300, **changed), COLUMNS, parameters_of(name))

    assert verdict.loc[verdict["drifted"].astype("bool"), "column"].tolist() == [column]


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].kind == "categorical"])
@pytest.mark.parametrize("now", [["sunny", "grey", "acid"], ["sunny"] * 3], ids=["new", "gone"])
def test_a_category_that_nobody_knew_or_that_is_gone_is_drift_or_a_reason(
    name: str, now: list[str]
) -> None:
    reference, window = (
        rows(300).assign(sky=sky * 100) for sky in (["sunny", "grey", "grey"], now)
    )

    verdict = compare_tables(reference, window, COLUMNS, parameters_of(name)).set_index("column")

    # One method compares two categories, and says so of three.
    assert verdict.at["sky", "reason"] or verdict.at["sky", "drifted"]
