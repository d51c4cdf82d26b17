"""``kedro config``: what a run reads, and where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.shown_config import show_config


@pytest.fixture
def shown(project: Path):
    bootstrap_project(project)
    return lambda key, env="test": show_config(project, env, None, key)


def test_a_section_is_listed_with_the_files_that_say_it(shown) -> None:
    lines = shown("parameters.windows").split("\n")

    assert "windows.minimum_rows: 24  # conf/bike_hourly/parameters.yml" in lines
    assert "windows.labelled_share: 0.95  # conf/base/parameters_windows.yml" in lines
    season = shown("parameters.evaluation.baseline").split("\n")
    assert "evaluation.baseline.season: 7 days  # derived from the table" in season


def test_a_single_value_is_bare_so_that_a_script_can_use_it(shown) -> None:
    assert shown("globals.workspace") == "data/test"
    assert shown("globals.store") == ""
    assert shown("catalog.evidently_workspace.path").startswith("data/test/")


def test_an_unknown_key_is_answered_with_the_nearest(shown) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown key 'evaluaton'; did you mean 'eval"):
        shown("parameters.evaluaton.gate")
    with pytest.raises(ConfigurationError, match=r"unknown configuration 'parameter'; did"):
        shown("parameter")
    with pytest.raises(ConfigurationError, match=r"'trainin'; did you mean 'training'"):
        shown("trainin.model")


def test_a_section_of_the_parameters_needs_no_prefix(shown) -> None:
    assert shown("training.model") == shown("parameters.training.model")
    assert shown("windows.minimum_rows") == "24"


def test_properties_of_spark_are_asked_for_by_their_own_names(shown) -> None:
    assert shown("spark.driver.memory", "test,spark") == "2g"
    assert "spark.sql.session.timeZone: UTC" in shown("spark", "test,spark").split("\n")
    with pytest.raises(ConfigurationError, match=r"'spark\.driver\.memori'; did you mean"):
        shown("spark.driver.memori", "test,spark")
    with pytest.raises(ConfigurationError, match=r"spark: no environment has a spark\.yml"):
        shown("spark.driver.memory")
