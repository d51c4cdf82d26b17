"""The configuration of drift, what it refuses, and the arithmetic of a verdict."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from pydantic import ValidationError

from regression_lifecycle.core.drift.parameters import (
    EXCLUDED_METHODS,
    METHODS,
    VERDICT_DTYPES,
    ColumnDrift,
    DriftParameters,
    MethodChoice,
    drifted_share,
    is_drifted,
    is_table_drifted,
    verdict_frame,
)
from regression_lifecycle.core.errors import ConfigurationError


def _verdict(*drifted: bool | None) -> pd.DataFrame:
    return verdict_frame(
        ColumnDrift(f"c{i}", "numerical", "feature", "ks", 0.5, 0.05, flag)
        for i, flag in enumerate(drifted)
    )


def test_a_threshold_left_out_is_the_default_of_its_method() -> None:
    parameters = DriftParameters.model_validate(
        {"numerical": {"method": "wasserstein"}, "per_column": {"hr": {"method": "anderson"}}}
    )

    assert parameters.numerical.threshold == METHODS["wasserstein"].default_threshold
    assert parameters.choice("hr", "numerical").threshold == METHODS["anderson"].default_threshold


def test_a_column_is_compared_by_its_own_choice_else_by_that_of_its_kind() -> None:
    parameters = DriftParameters.model_validate(
        {
            "numerical": {"method": "ks", "threshold": 0.01},
            "categorical": {"method": "psi"},
            "per_column": {"temp": {"method": "wasserstein", "threshold": 0.3}},
        }
    )

    assert parameters.choice("temp", "numerical") == MethodChoice(
        method="wasserstein", threshold=0.3
    )
    assert parameters.choice("hum", "numerical").threshold == 0.01
    assert parameters.choice("season", "categorical").method == "psi"


def test_a_misspelt_method_is_answered_by_the_allowed_ones() -> None:
    with pytest.raises(ValidationError, match="did you mean 'wasserstein'") as caught:
        MethodChoice.model_validate({"method": "waserstein"})

    assert all(name in str(caught.value) for name in METHODS)


@pytest.mark.parametrize("name", sorted(EXCLUDED_METHODS))
@pytest.mark.parametrize("threshold", [None, 0.05])
def test_a_method_that_is_not_sound_is_refused_with_the_reason(
    name: str, threshold: float | None
) -> None:
    with pytest.raises(ValidationError) as caught:
        MethodChoice.model_validate({"method": name, "threshold": threshold})

    assert EXCLUDED_METHODS[name] in str(caught.value)
    assert "Allowed: " in str(caught.value)


@pytest.mark.parametrize(
    ("section", "method"),
    [("numerical", "jensenshannon"), ("numerical", "z"), ("categorical", "ks")],
)
def test_a_method_for_the_other_kind_of_column_is_refused(section: str, method: str) -> None:
    with pytest.raises(ValidationError, match=f"{section}: drift method '{method}' is not"):
        DriftParameters.model_validate({section: {"method": method}})


def test_a_columns_own_method_must_fit_its_kind_too() -> None:
    parameters = DriftParameters.model_validate({"per_column": {"season": {"method": "ks"}}})

    with pytest.raises(ConfigurationError, match=r"per_column\.season: .*Allowed: z, jensen"):
        parameters.choice("season", "categorical")


def test_a_column_that_is_not_declared_is_refused_by_name() -> None:
    parameters = DriftParameters.model_validate({"per_column": {"temp": {"method": "ks"}}})

    parameters.refuse_unknown_columns(["temp", "hum"])
    with pytest.raises(ConfigurationError, match=r"unknown column 'temp'.*Allowed: tempo"):
        parameters.refuse_unknown_columns(["tempo"])


@pytest.mark.parametrize(
    ("method", "threshold"),
    [
        ("ks", 0.0),
        ("ks", 1.0),
        ("ks", math.nan),
        ("anderson", 0.001),  # the p-value never falls below it
        ("anderson", 0.3),  # nor rises above 0.25
        ("wasserstein", -0.1),
        ("jensenshannon", 0.9),  # the distance ends at 0.83
        ("hellinger", 1.1),
    ],
)
def test_a_threshold_that_is_never_or_always_crossed_is_refused(
    method: str, threshold: float
) -> None:
    with pytest.raises(ValidationError, match="always or never crossed"):
        MethodChoice(method=method, threshold=threshold)


@pytest.mark.parametrize(
    "change",
    [
        {"drifted_share": 0},
        {"drifted_share": 1.1},
        {"minimum_rows": 1},
        {"minimum_rows": 50, "maximum_rows": 40},
        {"numeric": {"method": "ks"}},
        {"numerical": {"method": "ks", "treshold": 0.1}},
        {"numerical": {"threshold": 0.1}},
    ],
)
def test_parameters_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DriftParameters.model_validate(change)


def test_a_small_p_value_and_a_large_distance_are_drift() -> None:
    assert is_drifted(0.01, 0.05, "ks") is True
    assert is_drifted(0.06, 0.05, "ks") is False
    assert is_drifted(0.2, 0.1, "wasserstein") is True
    assert is_drifted(0.1, 0.1, "wasserstein") is True
    assert is_drifted(0.05, 0.1, "wasserstein") is False
    assert is_drifted(math.nan, 0.1, "wasserstein") is None
    with pytest.raises(ConfigurationError, match="unknown drift method"):
        is_drifted(0.1, 0.1, "wasser")


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
