"""The tables of the further problems are what their scripts make, and keep their contracts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.ingestion.gaps import find_gaps
from tests.conftest import ROOT
from tests.shipped import open_loader

RAW = ROOT / "data" / "01_raw"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("script", "file"),
    [("make_shop_table", "shops.csv"), ("make_diabetes_table", "diabetes.csv")],
)
def test_the_script_makes_the_table_that_is_shipped(script: str, file: str, tmp_path: Path) -> None:
    made = tmp_path / file

    assert load_script(script).main(["--output", made.as_posix()]) == 0

    assert made.read_bytes() == (RAW / file).read_bytes()


@pytest.mark.parametrize(("env", "n_rows"), [("shop_sales", 4774), ("diabetes", 442)])
def test_the_table_keeps_the_contract_of_its_environment(env: str, n_rows: int) -> None:
    loader = open_loader(env)
    problem = Problem.model_validate(loader["parameters"]["problem"])
    entry = loader["catalog"]["raw_observations"]
    raw = pd.read_csv(ROOT / entry["filepath"], dtype="str", keep_default_na=False)

    observations, rejected = enforce_contract(raw, problem, IngestionParameters())

    assert (problem.name, len(observations), len(rejected)) == (env, n_rows, 0)
    gaps = find_gaps(observations, problem)["kind"].value_counts().to_dict()
    expected = {"gap": 18, "begins later": 4, "ended": 4} if env == "shop_sales" else {}
    assert gaps == expected


def test_as_many_shops_are_made_as_asked_for() -> None:
    table = load_script("make_shop_table").make_sales(n_shops=7, n_months=40, seed=3)

    assert table["shop"].nunique() == 7
    assert table["month"].nunique() == 40
    assert not table.duplicated(["month", "shop"]).any()
