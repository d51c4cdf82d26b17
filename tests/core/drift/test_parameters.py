"""The configuration of drift, and what it refuses."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.drift.methods import EXCLUDED_METHODS, METHODS
from regression_lifecycle.core.drift.parameters import DriftParameters, MethodChoice
from regression_lifecycle.core.errors import ConfigurationError


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
    with pytest.raises(ValidationError, match=r"always or never crossed|finite number"):
        MethodChoice(method=method, threshold=threshold)


def test_all_rows_can_be_looked_at_and_a_report_stays_bounded() -> None:
    parameters = DriftParameters.model_validate({"maximum_rows": None, "minimum_rows": 50_000})

    assert parameters.maximum_rows is None
    assert parameters.report_rows == 20_000
    assert DriftParameters(maximum_rows=400).report_rows == 400


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
