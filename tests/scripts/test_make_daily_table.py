"""The table of days: what its hours add up to, and a problem that is only configuration."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd

from regression_lifecycle import settings
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.ingestion.gaps import find_gaps
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader
from tests.conftest import ROOT

RAW = ROOT / "data" / "01_raw"


def load_script() -> ModuleType:
    path = ROOT / "scripts" / "make_daily_table.py"
    spec = importlib.util.spec_from_file_location("make_daily_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def test_the_days_are_made_of_the_hours_beside_them(tmp_path: Path) -> None:
    made = tmp_path / "day.csv"

    assert script.main(["--output", made.as_posix()]) == 0

    assert made.read_bytes() == (RAW / "day.csv").read_bytes()


def test_a_day_is_sum_and_mean_of_its_hours() -> None:
    hours = pd.read_csv(RAW / "hour.csv")
    # Hours 1 to 23 of the first day of the hurricane are missing.
    hours = hours[hours["dteday"].isin(["2012-10-29", "2011-01-01"])].sample(frac=1, random_state=0)

    days = script.by_day(hours).set_index("dteday")

    assert list(days.index) == ["2011-01-01", "2012-10-29"]
    assert list(days["hours"]) == [24, 1]
    assert list(days["cnt"]) == [985, 22]
    assert (days["casual"] + days["registered"]).equals(days["cnt"])
    assert days.loc["2011-01-01", "temp"] == 0.344167
    assert list(days["weathersit"]) == [2, 3]


def test_the_days_keep_the_contract_of_their_environment() -> None:
    loader = LifecycleConfigLoader(
        str(ROOT / "conf"), env="bike_daily", **settings.CONFIG_LOADER_ARGS
    )
    problem = Problem.model_validate(loader["parameters"]["problem"])
    days = pd.read_csv(ROOT / loader["catalog"]["raw_observations"]["filepath"])

    observations, rejected = enforce_contract(days, problem, IngestionParameters())

    assert (problem.name, len(observations), len(rejected)) == ("bike_daily", 731, 0)
    assert observations["cnt"].sum() == 3_292_679
    assert find_gaps(observations, problem).empty
