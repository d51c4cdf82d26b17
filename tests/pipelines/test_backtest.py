"""The backtest's nodes: from observations to every policy's figures and the bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.backtest import summary as backtest_summary
from regression_lifecycle.core.backtest.parameters import BacktestParameters
from regression_lifecycle.core.data.tables import BACKTEST_HISTORY, BACKTEST_SUMMARY
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.baseline import BaselineParameters
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.pipelines.backtest import nodes
from regression_lifecycle.pipelines.backtest.drift import check_history
from tests.examples import tiny_problem

PROBLEM = tiny_problem(cnt={"minimum": 0, "maximum": 400})
PREPROCESSING = PreprocessingParameters.model_validate(
    {
        "features": [{"kind": "columns", "names": ["temp"]}],
        "split": {"kind": "share", "holdout_share": 0.2},
    }
)
BASELINE = BaselineParameters()
WINDOWS = WindowParameters.model_validate(
    {"kind": "length", "length": "1 day", "origin": "2021-03-01", "minimum_rows": 24}
)
POLICY = PolicyParameters.model_validate({"rules": {"bias": {"kind": "bias", "maximum": 0.1}}})
DRIFT = DriftParameters.model_validate({"columns": ["temp"], "reference": {"kind": "training"}})
# A gate that is open, so that the rules alone say when a model is replaced.
RETRAINING = RetrainingParameters.model_validate(
    {
        "minimum_training_rows": 24,
        "gate": {
            "minimum_rows": 24,
            "comparison": {
                **{"block": "2 hours", "minimum_blocks": 5},
                **{"observed_improvement": -0.9, "minimum_improvement": -0.9},
            },
        },
    }
)
PARAMETERS = BacktestParameters.model_validate(
    {
        "start": "2021-03-03",
        "policies": {"never": {"kind": "never"}, "always": {"kind": "every", "windows": 1}},
    }
)


def ridge(**compute: Any) -> TrainingParameters:
    model = {"estimator": {"class": "sklearn.linear_model.Ridge"}}
    return TrainingParameters.model_validate({"model": model, "compute": compute})


@pytest.fixture
def observations() -> pd.DataFrame:
    """Eight days of hours, rising from day to day."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    random = np.random.default_rng(0)
    temp = random.normal(20, 5, 192)
    level = 1 + np.arange(192) / 100
    return pd.DataFrame(
        {"timestamp": moments, "day": moments, "temp": temp, "cnt": 3 * temp * level}
    )


def cut(observations: pd.DataFrame, as_of: Any = None, **changes: Any) -> Any:
    parameters = PARAMETERS.model_validate({**PARAMETERS.model_dump(), **changes})
    known, windows = nodes.cut_windows(observations, as_of, PROBLEM, WINDOWS, parameters)
    return nodes.build_history(known, windows, PROBLEM, PREPROCESSING, BASELINE), windows


def play(
    observations: pd.DataFrame, policies: dict[str, Any] | None = None, *, oracle: bool = True
) -> Any:
    return nodes.summarise_policies(*replayed(observations, policies, oracle=oracle))


def replayed(
    observations: pd.DataFrame, policies: dict[str, Any] | None = None, *, oracle: bool = True
) -> Any:
    changed = {"oracle": oracle} | ({} if policies is None else {"policies": policies})
    parameters = PARAMETERS.model_validate({**PARAMETERS.model_dump(), **changed})
    rows, windows = cut(observations)
    drift = pd.DataFrame({"window": windows["window"], "drifted_share": 0.25})
    past = nodes.collect_past(rows, windows, drift, PROBLEM, WINDOWS)
    models = nodes.make_models(past, rows, PREPROCESSING, ridge(), RETRAINING)
    replays = nodes.replay_policies(models, AdjustmentParameters(), POLICY, RETRAINING, parameters)
    return replays, models, parameters


def test_what_lies_before_the_start_trains_and_is_not_served(observations: pd.DataFrame) -> None:
    rows, windows = cut(observations)

    assert windows["window"].tolist() == [f"2021-03-{day:02d}" for day in range(3, 9)]
    assert (rows["window_index"] == -1).sum() == 48
    first = rows[rows["window_index"] == -1]
    # Chosen once, by what lies before the start: a day ago repeats the day better than its mean.
    assert set(rows["baseline_source"].iloc[48:]) == {"last_value"}
    assert first["cnt"].mean() == pytest.approx(rows["baseline"].iloc[0])


def test_the_replay_ends_where_it_is_told_to(observations: pd.DataFrame) -> None:
    assert len(cut(observations, end="2021-03-06")[1]) == 3
    assert len(cut(observations, as_of="2021-03-05")[1]) == 2
    gap = observations[observations["timestamp"] != "2021-03-04 23:00"]
    assert cut(gap, as_of="2021-03-05")[1]["status"].tolist() == ["complete", "underpopulated"]


@pytest.mark.parametrize("start", ["2021-03-01", "2021-04-01"])
def test_a_start_with_nothing_before_or_after_it_is_refused(
    observations: pd.DataFrame, start: str
) -> None:
    with pytest.raises(DataContractError, match=r"change backtest\.start"):
        cut(observations, start=start)


def test_every_policy_has_its_windows_and_a_row_in_the_summary(observations: pd.DataFrame) -> None:
    history, summary = play(observations)

    assert list(history.columns) == list(BACKTEST_HISTORY.columns)
    assert list(summary.columns) == list(BACKTEST_SUMMARY.columns)
    assert history.groupby("policy", sort=False).size().to_dict() == {"never": 6, "always": 6}
    assert history["drifted_share"].unique().tolist() == [0.25]
    table = summary.set_index("policy")
    assert table["retrains"].to_dict() == {"never": 0, "always": 5, "oracle": 5}
    assert table.loc["always", "fit_cpu_seconds"] > table.loc["never", "fit_cpu_seconds"]
    assert table["n"].unique().tolist() == [144]


def test_a_calendar_is_averaged_over_its_phases(observations: pd.DataFrame) -> None:
    every = {"kind": "every", "windows": 2}
    replays, models, parameters = replayed(observations, {"every_2": every})

    history, summary = nodes.summarise_policies(replays, models, parameters)

    (made,) = replays
    versions = [[step["model_version"] for step in phase.steps] for phase in made.phases]
    assert versions == [list("011335"), list("002244")]
    row = summary.set_index("policy").loc["every_2"]
    errors = [backtest_summary.summarise(phase.steps, 0.0)["rmse"] for phase in made.phases]
    assert row["rmse"] == pytest.approx(np.mean(errors))
    assert [row["best_phase"], row["worst_phase"]] == pytest.approx(sorted(errors))
    assert (row["phases"], row["retrains"]) == (2, 2.5)
    # One phase stands for all in the history.
    assert history["model_version"].tolist() in versions


def test_a_policy_with_rules_is_held_against_a_calendar_of_its_cost(
    observations: pd.DataFrame,
) -> None:
    age = {"rules": {"age": {"kind": "schedule", "maximum_age": "2 days"}}}
    ruled = {"kind": "rules", "policy": age}
    policies = {"equal": {"kind": "equal_cost", "as_often_as": "old"}, "old": ruled}
    replays, models, parameters = replayed(observations, policies, oracle=False)

    _, summary = nodes.summarise_policies(replays, models, parameters)

    assert [made.name for made in replays] == ["equal", "old"]
    table = summary.set_index("policy")
    assert table.loc["old", "retrains"] == table.loc["equal", "retrains"] > 0
    assert table.loc["equal", "as_often_as"] == "old"
    errors = [backtest_summary.summarise(p.steps, 0.0)["rmse"] for p in replays[0].phases]
    beaten = sum(error > table.loc["old", "rmse"] for error in errors)
    assert table.loc["equal", "beaten_phases"] == beaten
    assert table["best_from"].notna().sum() == 1


def test_only_the_models_that_are_asked_for_are_fitted(observations: pd.DataFrame) -> None:
    _, models, _ = replayed(observations, {"never": {"kind": "never"}}, oracle=False)

    assert models.missing(range(6)) == [1, 2, 3, 4, 5]


def test_drift_is_that_of_each_window_against_what_lies_before_it(
    observations: pd.DataFrame,
) -> None:
    moved = observations.assign(
        temp=observations["temp"] + 30 * (observations["timestamp"] >= "2021-03-07")
    )
    parameters = DRIFT.model_copy(update={"minimum_rows": 20, "include_target": False})

    drift = check_history(*cut(moved), PROBLEM, parameters)

    shares = drift.set_index("window")["drifted_share"]
    assert shares["2021-03-07"] == 1.0
    assert shares["2021-03-03":"2021-03-06"].tolist() == [0.0] * 4


def test_what_is_tracked_has_no_gaps(observations: pd.DataFrame) -> None:
    _, summary = play(observations)

    figures = nodes.select_figures(summary)

    assert figures["oracle"]["rmse"] == summary.set_index("policy").loc["oracle", "rmse"]
    assert "coverage" not in figures["oracle"]
    assert "fit_cpu_seconds" not in figures["oracle"]
    # Nobody retrains less than never: its last price is infinite, which is no figure to plot.
    assert figures["never"]["best_from"] == 0.0
    assert "best_until" not in figures["never"]


def test_the_bound_is_served_inside_the_contract_as_everyone_is(
    observations: pd.DataFrame,
) -> None:
    # Trained on a steep line, every model says far more than the contract allows.
    steep = observations.assign(
        temp=np.where(observations.index < 48, observations.index, 1000.0),
        cnt=np.where(observations.index < 48, observations.index * 8.0, 400.0),
    )

    _, summary = play(steep)

    assert summary.set_index("policy").loc[["never", "oracle"], "rmse"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("minimum", "start"), [(24, "2021-03-03 09:00"), (100, "2021-03-05 04:00")]
)
def test_a_replay_begins_when_a_first_model_has_enough_to_learn_from(
    observations: pd.DataFrame, minimum: int, start: str
) -> None:
    anywhere = PARAMETERS.model_copy(update={"start": None})

    chosen = nodes.choose_start(observations, None, PROBLEM, anywhere, minimum)

    assert chosen.start == pd.Timestamp(start)
    assert nodes.choose_start(observations, None, PROBLEM, PARAMETERS, minimum) == PARAMETERS
