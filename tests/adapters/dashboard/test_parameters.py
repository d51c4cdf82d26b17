"""The page's parameters are bounded, so that the page is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters

CONF = Path(__file__).parents[3] / "conf/base/parameters_dashboard.yml"


def test_the_base_environment_spells_out_the_defaults() -> None:
    content = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    assert set(content["dashboard"]) == set(DashboardParameters.model_fields)
    # That of a run is known once it runs.
    assert content["dashboard"].pop("environment") == "${environment:}"
    assert DashboardParameters.model_validate(content["dashboard"]) == DashboardParameters()


@pytest.mark.parametrize("key", ["maximum_windows", "maximum_columns", "maximum_policies"])
def test_no_bound_can_be_lifted(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        DashboardParameters.model_validate({key: 1_000_000})


def test_a_misspelt_key_is_named() -> None:
    with pytest.raises(ValidationError, match="did you mean 'maximum_windows'"):
        DashboardParameters.model_validate({"maximum_window": 10})
