from __future__ import annotations

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.tables import ERROR_RATES, WINDOW_HISTORY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.evaluation.baseline import BaselineParameters
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.pipelines.calibration import create_pipeline
from regression_lifecycle.pipelines.calibration.nodes import add_champion_baseline
from tests.examples import tiny_model, tiny_problem

PROBLEM = tiny_problem()
BASELINE = BaselineParameters(season=pd.Timedelta("7 days"))
POLICY = PolicyParameters.model_validate(
    {
        "rules": {
            "level": {"kind": "bias", "maximum": 0.1, "false_alarms_per_year": 2},
            "error": {"kind": "performance", "maximum": 0.8, "false_alarms_per_year": 2},
        }
    }
)


def table(days: int = 40) -> pd.DataFrame:
    """Days whose level varies by a tenth, and what the models of two folds said of the later."""
    moments = pd.date_range("2021-03-01", periods=24 * days, freq="h")
    level = np.repeat(1 + 0.1 * np.random.default_rng(0).normal(size=days), 24)
    return pd.DataFrame({"timestamp": moments, "day": moments, "temp": 5.0, "cnt": 50 * level})


def predicted(rows: pd.DataFrame) -> pd.DataFrame:
    later = rows.iloc[10 * 24 :].assign(prediction=50.0)
    return later.assign(fold=np.repeat([1, 2], len(later) // 2))


def test_training_rows_alone_give_a_new_champion_its_limits() -> None:
    rows = table()
    champion = tiny_model(None, "3", rows["timestamp"].max())
    known = {
        "recorded_out_of_fold_predictions": predicted(rows),
        "champion_version": champion,
        "observations": rows,
        "recorded_windows": WINDOW_HISTORY.frame(),
        "params:as_of": None,
        "params:problem": PROBLEM,
        "params:policy": POLICY,
        "params:evaluation.baseline": BASELINE,
        "params:adjustment": AdjustmentParameters(),
        "params:adjustment.interval": AdjustmentParameters().interval,
        "params:retraining": RetrainingParameters(),
        "params:windows": WindowParameters.model_validate({"kind": "length", "length": "1 day"}),
    }
    for node in create_pipeline().nodes:
        known |= node.run({name: known[name] for name in node.inputs})
    rates = known["error_rates"]

    assert rates[["subject", "name"]].to_numpy().tolist()[0] == ["rule", "level"]
    assert set(rates["model_version"]) == {"3"}
    assert list(rates.columns) == list(ERROR_RATES.columns)
    level = rates.set_index("name").loc["level"]
    assert level["n_windows"] == 30
    assert level["stated"] == 2
    assert 0.1 < level["limit"] < 1.5
    assert rates.set_index("name").loc["rmse", "subject"] == "losses"


def test_without_a_training_of_this_release_or_a_champion_there_are_no_rows() -> None:
    rows, champion = table(), tiny_model(None, "3", "2021-03-20")

    def found(predictions: pd.DataFrame, model: object = champion) -> pd.DataFrame:
        return add_champion_baseline(predictions, model, rows, PROBLEM, BASELINE)

    assert found(pd.DataFrame()).empty
    assert found(predicted(rows).drop(columns="fold")).empty
    assert found(predicted(rows), None).empty
    assert "baseline" in found(predicted(rows))
