"""The retraining's nodes: what trains, what judges, and what was rolled back stays so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.parameters import EvaluationParameters
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel
from regression_lifecycle.core.monitoring.parameters import MonitoringParameters
from regression_lifecycle.pipelines.retraining.nodes import conclude, cut_data, judge

PROBLEM = Problem.model_validate(
    {
        "name": "tiny",
        "target": "cnt",
        "timestamp": {"date": "day"},
        "frequency": "1 hour",
        "horizon": "1 hour",
        "columns": {
            "day": {"type": "datetime", "known_in_advance": True},
            "temp": {"type": "float", "known_in_advance": True},
            "cnt": {"type": "float"},
        },
    }
)
FEATURES = [{"kind": "columns", "names": ["temp"]}]
PREPROCESSING = PreprocessingParameters.model_validate(
    {"features": FEATURES, "split": {"holdout_share": 0.2}}
)
EVALUATION = EvaluationParameters.model_validate(
    {"baseline": {"kind": "mean"}, "windows": {"length": "1 day"}}
)
PARAMETERS = RetrainingParameters.model_validate(
    {
        "minimum_training_rows": 24,
        "gate": {
            "minimum_rows": 24,
            "comparison": {"block": "6 hours", "minimum_blocks": 3, "resamples": 200},
        },
    }
)


def watching(label_delay: str | None = None) -> MonitoringParameters:
    return MonitoringParameters.model_validate(
        {
            "windows": {"length": "1 day", "origin": "2021-03-01", "minimum_rows": 6},
            "label_delay": label_delay,
            "reference": {"kind": "training"},
            "calibration": {},
            "policy": {"rules": [{"kind": "bias", "maximum": 0.1}]},
        }
    )


class Shifted:
    """Says the temperature and so much more."""

    def __init__(self, error: float) -> None:
        self.error = error

    def predict(self, features: pd.DataFrame) -> Any:
        return features["temp"].to_numpy() + self.error


def model(version: str, until: str, error: float) -> TrainedModel:
    metadata = ModelMetadata(
        problem="tiny",
        fingerprint=f"print-{version}",
        data_fingerprint="d",
        recipe=FeatureRecipe.model_validate({"features": FEATURES}),
        trained_from=pd.Timestamp("2021-01-01"),
        trained_until=pd.Timestamp(until),
        n_rows=10,
        target_mean=10.0,
    )
    return TrainedModel(Shifted(error), metadata, pd.DataFrame(), {"version": version})


@pytest.fixture
def observations() -> pd.DataFrame:
    """Six days of hours, whose target is the temperature."""
    moments = pd.date_range("2021-03-01", periods=144, freq="h")
    temp = np.random.default_rng(0).normal(50, 5, 144)
    return pd.DataFrame({"timestamp": moments, "day": moments, "temp": temp, "cnt": temp})


def cut(
    observations: pd.DataFrame,
    champion: TrainedModel | None,
    as_of: Any = None,
    label_delay: str | None = None,
    **changes: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return cut_data(
        observations,
        champion,
        as_of,
        PROBLEM,
        PREPROCESSING,
        EVALUATION,
        watching(label_delay),
        PARAMETERS.model_copy(update=changes),
    )


def days(rows: pd.DataFrame) -> list[int]:
    return sorted(set(rows["timestamp"].dt.day))


def test_the_newest_windows_judge_and_what_lies_before_them_trains(
    observations: pd.DataFrame,
) -> None:
    champion = model("1", "2021-03-02 23:00", 1.0)

    training, judging, everything = cut(observations, champion, "2021-03-06")

    assert (days(training), days(judging)) == ([1, 2, 3], [4, 5])
    assert days(everything) == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(judging["champion"], judging["temp"] + 1)
    # What the baseline falls back on is known before the judged rows.
    np.testing.assert_allclose(judging["baseline"], training["cnt"].mean())


def test_what_the_champion_was_trained_on_does_not_judge(observations: pd.DataFrame) -> None:
    training, judging, _ = cut(observations, model("1", "2021-03-05 12:00", 1.0))

    assert (days(training), days(judging)) == ([1, 2, 3, 4, 5], [6])


def test_a_day_whose_last_hour_never_came_may_judge(observations: pd.DataFrame) -> None:
    gap = observations[observations["timestamp"] != "2021-03-05 23:00"]

    _, judging, _ = cut(gap, model("1", "2021-03-02 23:00", 1.0), "2021-03-06")

    assert days(judging) == [4, 5]


def test_labels_that_are_not_known_yet_neither_train_nor_judge(observations: pd.DataFrame) -> None:
    champion = model("1", "2021-03-01 23:00", 1.0)

    training, judging, everything = cut(observations, champion, label_delay="2 days")

    assert (days(training), days(judging)) == ([1, 2], [3, 4])
    assert days(everything) == [1, 2, 3, 4]


def test_without_a_champion_there_is_nothing_beside_the_baseline(
    observations: pd.DataFrame,
) -> None:
    _, judging, _ = cut(observations, None)

    assert "champion" not in judging
    assert days(judging) == [5, 6]


def test_too_little_to_train_on_is_said_with_the_mend(observations: pd.DataFrame) -> None:
    with pytest.raises(DataContractError, match="24 labelled rows lie before 2021-03-02") as caught:
        cut(observations, None, "2021-03-04", minimum_training_rows=25)

    assert "lower it or retraining.measured_windows" in str(caught.value)


LEDGER = (
    *("problem", "kind", "decision", "candidate_version", "champion_version_before"),
    *("challenger_fingerprint", "judged_until"),
)


def answer(observations: pd.DataFrame, error: float, *moves: tuple[Any, ...]) -> dict[str, Any]:
    champion = model("1", "2021-03-02 23:00", 9.0)
    _, judging, _ = cut(observations, champion)
    ledger = pd.DataFrame(list(moves), columns=list(LEDGER), dtype="str")
    challenger = model("2", "2021-03-04 23:00", error)
    return judge(judging, challenger, champion, ledger, observations, None, PROBLEM, PARAMETERS)


def test_the_better_model_is_promoted_and_the_worse_one_refused(
    observations: pd.DataFrame,
) -> None:
    promoted = answer(observations, 3.0)

    assert promoted["decision"] == "promote"
    assert promoted["as_of"] == "2021-03-07 00:00:00"
    assert promoted["metrics"]["candidate"]["rmse"] == pytest.approx(3.0)
    assert promoted["metrics"]["champion"]["rmse"] == pytest.approx(9.0)
    assert answer(observations, 9.5)["decision"] == "refuse"


def test_what_was_promoted_on_this_evidence_and_rolled_back_is_refused(
    observations: pd.DataFrame,
) -> None:
    until = answer(observations, 3.0)["judged_until"]
    promotion = ("tiny", "promotion", "promote", "2", "1", "print-2", until)
    rollback = ("tiny", "rollback", "rollback", "1", "2", None, None)

    assert answer(observations, 3.0, promotion)["decision"] == "promote"
    refused = answer(observations, 3.0, promotion, rollback)
    assert refused["decision"] == "refuse"
    assert "version 2 was promoted on this very evidence and rolled back" in refused["reasons"][0]


def test_the_very_champion_is_neither_promoted_nor_refused(observations: pd.DataFrame) -> None:
    champion = model("1", "2021-03-02 23:00", 9.0)
    judged = answer(observations, 3.0)

    decision, _, _ = conclude(judged, champion, champion)

    assert decision["decision"] == "unchanged"
