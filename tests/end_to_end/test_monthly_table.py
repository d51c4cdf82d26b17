"""A table of months by series, whose year and month stand in columns of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.conftest import open_catalog, run_project

pytestmark = pytest.mark.slow

PROBLEM = {
    "problem": {
        "target": "sold",
        "timestamp": {"year": "yr", "month": "mo"},
        "frequency": "1 month",
        "horizon": "1 month",
        "key": ["timestamp", "shop"],
        "columns": {
            "yr": {"type": "integer", "known_in_advance": True},
            "mo": {"type": "integer", "known_in_advance": True},
            "shop": {"type": "category", "known_in_advance": True},
            "price": {"type": "float", "known_in_advance": True},
            "sold": {"type": "float", "minimum": 0},
        },
    },
    "preprocessing": {
        "features": [
            {"kind": "columns", "names": ["price"]},
            {"kind": "calendar", "parts": ["month"]},
            {"kind": "lag", "name": "month_ago", "column": "sold", "ages": ["1 month"]},
            {"kind": "lag", "name": "year_ago", "column": "sold", "ages": ["1 year"]},
            {"kind": "time_index", "name": "quarter", "origin": "2000-01-01", "unit": "1 quarter"},
        ]
    },
    "evaluation": {"segments": ["shop"]},
    "training": {
        "model": {
            "estimator": {
                "class": "sklearn.ensemble.HistGradientBoostingRegressor",
                "params": {"max_iter": 60, "random_state": 0},
            }
        },
        "cross_validation": {"n_splits": 2},
    },
}


def sales() -> pd.DataFrame:
    """Twenty years of twelve shops, with a season, a price that matters, and a bad month."""
    random = np.random.default_rng(0)
    months = pd.date_range("2000-01-01", periods=240, freq="MS")
    table = pd.DataFrame(
        [(month.year, month.month, f"s{shop}") for month in months for shop in range(12)],
        columns=["yr", "mo", "shop"],
    )
    table["price"] = random.uniform(5, 15, len(table)).round(2)
    season = 40 * np.sin(table["mo"] / 12 * 2 * np.pi)
    table["sold"] = 300 + season - 15 * table["price"] + random.normal(0, 10, len(table))
    table.loc[17, "mo"] = 13
    return table.round(2)


@pytest.fixture
def described(project: Path) -> Path:
    """A project that knows the table of months and nothing else of it."""
    folder = project / "conf" / "sales"
    folder.mkdir()
    (folder / "parameters.yml").write_text(yaml.safe_dump(PROBLEM, sort_keys=False))
    sales().to_csv(project / "data" / "01_raw" / "sales.csv", index=False)
    return project


def test_a_table_of_months_becomes_a_monitored_champion(described: Path) -> None:
    run_project(described, env="sales,local")

    catalog = open_catalog(described, env="sales,local")
    (reason,) = catalog.load("rejected_observations")["rejection_reason"]
    assert "mo is not a month from 1 to 12" in reason
    # The row that is set aside, and no other, is missing.
    assert catalog.load("observation_gaps")["n_missing"].tolist() == [1]
    metrics, decision = catalog.load("holdout_metrics"), catalog.load("gate_decision")
    assert metrics["candidate"]["rmse"] < metrics["baseline"]["rmse"]
    assert metrics["baseline"]["fallback_share"] == 0
    assert decision.decision == "promote"
    # The price is drawn anew every month, so no past value says more than the level does.
    assert decision.baseline == "mean"

    run_project(described, env="sales,local", pipeline_names=["monitoring"])

    windows = open_catalog(described, env="sales,local").load("window_history")
    assert windows["window"].tolist() == [f"{year}-01-01" for year in range(2016, 2020)]
    assert set(windows["status"]) == {"complete"}
    assert windows["n"].tolist() == [144] * 4
    assert windows["baseline_rmse"].notna().all()
