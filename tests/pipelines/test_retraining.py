"""The retraining's nodes: what trains, what judges, and what was rolled back stays so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pandas.testing import assert_frame_equal

from regression_lifecycle.core.data.tables import ERROR_RATES
from regression_lifecycle.core.decisions.ledger import promotion_row
from regression_lifecycle.core.decisions.records import GateDecision, Reason
from regression_lifecycle.core.decisions.waiting import PromotionParameters
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.baseline import BaselineParameters
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.pipelines.calibration.nodes import choose_rated_folds, keep_rates
from regression_lifecycle.pipelines.evaluation import nodes as evaluation
from regression_lifecycle.pipelines.retraining import create_pipeline, nodes
from tests.core.decisions.test_records import GATE
from tests.examples import tiny_model, tiny_problem

PROBLEM = tiny_problem()
FEATURES = [{"kind": "columns", "names": ["temp"]}]
PREPROCESSING = PreprocessingParameters.model_validate(
    {"features": FEATURES, "split": {"kind": "share", "holdout_share": 0.2}}
)
WINDOWS = WindowParameters.model_validate(
    {"kind": "length", "length": "1 day", "origin": "2021-03-01", "minimum_rows": 6}
)
PARAMETERS = RetrainingParameters.model_validate(
    {
        "minimum_training_rows": 24,
        "gate": {
            "minimum_rows": 24,
            "comparison": {"block": "6 hours", "minimum_blocks": 5},
        },
    }
)


class Shifted:
    """Says the temperature and so much more."""

    def __init__(self, error: float) -> None:
        self.error = error

    def predict(self, features: pd.DataFrame) -> Any:
        return features["temp"].to_numpy() + self.error


def model(version: str, until: str, error: float) -> TrainedModel:
    return tiny_model(
        Shifted(error), version, until, fingerprint=f"print-{version}", target_mean=10.0
    )


CHALLENGER = model("2", "2021-03-04 23:00", 3.0)
PASSED = replace(GATE, decision="promote")
SEVENTH = nodes.KnownWindows(pd.Timestamp("2021-03-07"), ())


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
    preprocessing: PreprocessingParameters = PREPROCESSING,
    **changes: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    delay = None if label_delay is None else pd.Timedelta(label_delay)
    problem = PROBLEM.model_copy(update={"label_delay": delay})
    parameters = PARAMETERS.model_copy(update=changes)
    known, windows = nodes.cut_known_observations(observations, as_of, problem, WINDOWS)
    chosen = nodes.choose_comparison_windows(windows, champion, parameters.measured_windows)
    judging = nodes.make_comparison_rows(known, chosen, problem, WINDOWS, preprocessing)
    training = nodes.make_training_rows(known, chosen, problem, parameters, preprocessing)
    plan = nodes.plan_refit(CHALLENGER, PASSED, chosen, {}, parameters)
    refit = nodes.make_fitted_rows(plan, training, known, problem, preprocessing)
    return training, judging, refit


def days(rows: pd.DataFrame) -> list[int]:
    return sorted(set(rows["timestamp"].dt.day))


def test_the_newest_windows_judge_and_what_lies_before_them_trains(
    observations: pd.DataFrame,
) -> None:
    champion = model("1", "2021-03-02 23:00", 1.0)

    training, judging, everything = cut(observations, champion, "2021-03-06")

    assert (days(training), days(judging)) == ([1, 2, 3], [4, 5])
    assert days(everything) == [1, 2, 3, 4, 5]


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


def test_without_a_champion_the_newest_windows_compare(observations: pd.DataFrame) -> None:
    _, judging, _ = cut(observations, None)

    assert days(judging) == [5, 6]


@pytest.mark.parametrize("maximum", [40, 110, 144])
def test_on_an_engine_the_same_rows_with_the_same_features_train_and_judge(
    observations: pd.DataFrame, maximum: int
) -> None:
    """Of 96 rows before the windows and 144 until ``as_of`` both, one or none are drawn."""
    lag = {"kind": "lag", "name": "before", "column": "cnt", "ages": ["30 hours"]}
    everything = PreprocessingParameters.model_validate(
        {**PREPROCESSING.model_dump(), "features": [*FEATURES, lag]}
    )
    preprocessing = everything.model_copy(update={"maximum_training_rows": maximum})
    engine = nw.from_native(observations).lazy("duckdb").to_native()

    in_memory = cut(observations, None, preprocessing=preprocessing)
    on_engine = cut(engine, None, preprocessing=preprocessing)
    undrawn = cut(observations, None, preprocessing=everything)

    for found, expected, whole in zip(on_engine, in_memory, undrawn, strict=True):
        assert_frame_equal(found, expected)
        assert_frame_equal(found, whole.merge(found[["timestamp"]]))
    assert [len(rows) for rows in on_engine] == [min(maximum, 96), 48, min(maximum, 144)]


def test_too_little_to_train_on_is_said_with_the_mend(observations: pd.DataFrame) -> None:
    with pytest.raises(DataContractError, match="24 labelled rows lie before 2021-03-02") as caught:
        cut(observations, None, "2021-03-04", minimum_training_rows=25)

    assert "lower it or retraining.measured_windows" in str(caught.value)


AUTOMATIC = PromotionParameters.model_validate("automatic")
LEDGER = (
    *("decision_id", "problem", "kind", "decision", "candidate_version", "champion_version_before"),
    *("challenger_fingerprint", "judged_until", "judged_from", "candidate_fingerprint", "checks"),
)


def decide(
    observations: pd.DataFrame,
    error: float,
    *moves: tuple[Any, ...],
    promotion: PromotionParameters = AUTOMATIC,
) -> GateDecision:
    """Run the part of the pipeline between the fit and the refit."""
    entries: dict[str, Any] = {
        "observations": observations,
        "champion_model": model("1", "2021-03-02 23:00", 9.0),
        "challenger_model": model("2", "2021-03-04 23:00", error),
        "recorded_decisions": pd.DataFrame(list(moves), columns=list(LEDGER), dtype="str"),
        "params:as_of": "2021-03-07",
        "params:problem": PROBLEM,
        "params:windows": WINDOWS,
        "params:preprocessing": PREPROCESSING,
        "params:evaluation.baseline": BaselineParameters(),
        "params:retraining": PARAMETERS,
        "params:retraining.measured_windows": PARAMETERS.measured_windows,
        "params:retraining.gate": PARAMETERS.gate,
        "params:promotion": promotion,
        "params:retraining.gate.comparison.metric": PARAMETERS.gate.comparison.metric,
    }
    part = create_pipeline().from_inputs("observations").to_outputs("challenger_decision")
    fit = [node.name for node in part.nodes if node.name in FIT]
    part = part - part.only_nodes(*fit)
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in entries.items()})
    return SequentialRunner().run(part, catalog)["challenger_decision"].load()


FIT = {f"retraining.{name}" for name in ("search_parameters", "train_candidate", "attach_history")}


def test_the_better_model_is_promoted_and_the_worse_one_refused(
    observations: pd.DataFrame,
) -> None:
    promoted = decide(observations, 3.0)

    assert promoted.decision == "promote"
    assert promoted.as_of == "2021-03-07 00:00:00"
    assert promoted.challenger_fingerprint == "print-2"
    assert promoted.metrics["candidate"]["rmse"] == pytest.approx(3.0)
    assert promoted.metrics["champion"]["rmse"] == pytest.approx(9.0)
    # A value of a while ago is nearer than the models' mean of 10.
    assert promoted.baseline == "last_value"
    assert promoted.metrics["baseline"]["rmse"] < 10
    # Worse than the champion, and better than it but no better than the naive forecast.
    assert decide(observations, 8.5).decision == "refuse"
    assert decide(observations, 9.5).decision == "refuse"


def test_the_gate_knows_who_met_this_champion_before(observations: pd.DataFrame) -> None:
    claim = PARAMETERS.gate.comparison.model_copy(update={"minimum_improvement": 0.0})
    gate = PARAMETERS.gate.model_copy(update={"comparison": claim})
    champion, first, second = (model(version, "2021-03-02 23:00", 3.0) for version in "123")
    rows = observations.assign(champion=observations["cnt"] + 9, baseline=0.0)
    rows = rows.assign(baseline_source="mean", candidate=observations["cnt"] + 3)[72:]
    ledger = pd.DataFrame(columns=list(LEDGER), dtype="str")

    def attempt(candidate: TrainedModel) -> Any:
        contestants = evaluation.describe_contestants(candidate, champion, ledger, PROBLEM)
        decision = evaluation.evaluate_gate(rows, contestants, PROBLEM, gate, AUTOMATIC)
        return decision, decision.checks[-1].figures.get("attempt", 1)

    refused, number = attempt(first)
    ledger = pd.DataFrame([promotion_row(refused, PROBLEM.name, "", "")], dtype="str")
    ledger["challenger_fingerprint"] = None

    assert (number, attempt(second)[1]) == (1, 2)
    assert attempt(first)[0] == refused
    alone, nobody = evaluation.describe_contestants(first, None, ledger, PROBLEM)
    assert (alone.fingerprint, nobody) == ("print-2", None)


def test_what_was_promoted_on_this_evidence_and_rolled_back_is_refused(
    observations: pd.DataFrame,
) -> None:
    until = decide(observations, 3.0).judged_until
    nothing = (None, None, None)
    promotion = ("a", "tiny", "promotion", "promote", "2", "1", "print-2", until, *nothing)
    rollback = ("b", "tiny", "rollback", "rollback", "1", "2", None, None, *nothing)

    assert decide(observations, 3.0, promotion).decision == "promote"
    refused = decide(observations, 3.0, promotion, rollback)
    assert refused.decision == "refuse"
    assert refused.reasons == (Reason("rolled_back", {"version": "2"}),)


def test_a_challenger_that_passes_waits_where_a_person_decides(observations: pd.DataFrame) -> None:
    ask = PromotionParameters.model_validate({"kind": "ask", "deadline": "14 days"})

    waiting = decide(observations, 3.0, promotion=ask)
    assert waiting.decision == "waiting"
    assert waiting.reasons[-1] == Reason("asks", {"deadline": "14 days"})
    assert waiting.checks == decide(observations, 3.0).checks
    assert decide(observations, 8.5, promotion=ask).decision == "refuse"

    # The model that would be approved knows the newest rows too.
    plan = nodes.plan_refit(CHALLENGER, waiting, SEVENTH, {}, PARAMETERS)
    assert plan.moment == SEVENTH.as_of


@pytest.mark.parametrize(
    ("answer", "champion_before", "decision"),
    [
        ("refused", "1", "refuse"),
        ("expired", "1", "refuse"),
        ("superseded", "1", "refuse"),
        # In comparison with another champion it was refused by a person, or not at all.
        ("refused", "7", "refuse"),
        ("expired", "7", "waiting"),
        ("approved", "1", "waiting"),
    ],
)
def test_what_a_person_was_asked_about_is_not_asked_about_again_on_the_same_evidence(
    observations: pd.DataFrame, answer: str, champion_before: str, decision: str
) -> None:
    ask = PromotionParameters.model_validate("ask")
    until = decide(observations, 3.0).judged_until
    fingerprints = ("print-2", until, None, None, None)
    row = ("a", "tiny", "approval", answer, "2", champion_before, *fingerprints)

    answered = decide(observations, 3.0, row, promotion=ask)
    assert answered.decision == decision
    if decision == "refuse":
        assert answered.reasons == (Reason("asked_before", {"version": "2", "answer": answer}),)


@pytest.mark.parametrize(("wanted", "error"), [(True, 9.5), (False, 3.0)])
def test_a_refused_challenger_or_one_without_a_refit_stays_as_it_is(
    observations: pd.DataFrame, wanted: bool, error: float
) -> None:
    challenger, asked = model("2", "2021-03-04 23:00", error), {"refit": wanted}
    parameters = PARAMETERS.model_copy(update=asked)
    plan = nodes.plan_refit(challenger, decide(observations, error), SEVENTH, {}, parameters)

    # Nothing is looked at that would be needed.
    nothing: Any = None
    rows = nodes.make_fitted_rows(plan, observations, nothing, PROBLEM, PREPROCESSING)
    assert rows is observations
    assert nodes.refit_challenger(plan, rows, PROBLEM, PREPROCESSING, nothing) is challenger


def test_a_promoted_challenger_is_fitted_on_everything(observations: pd.DataFrame) -> None:
    history = observations.tail(1)
    challenger = replace(model("2", "2021-03-04 23:00", 3.0), history=history)
    plan = nodes.plan_refit(challenger, decide(observations, 3.0), SEVENTH, {}, PARAMETERS)
    everything = nodes.make_fitted_rows(
        plan, observations.head(24), observations, PROBLEM, PREPROCESSING
    )
    training = TrainingParameters.model_validate(
        {
            "model": {"estimator": {"class": "sklearn.linear_model.LinearRegression"}},
            "cross_validation": {"n_splits": 2, "gap": None},
        }
    )

    refitted = nodes.refit_challenger(plan, everything, PROBLEM, PREPROCESSING, training)

    assert refitted.metadata.trained_until == pd.Timestamp("2021-03-06 23:00")
    assert refitted.history is history


def test_the_very_champion_is_neither_promoted_nor_refused(observations: pd.DataFrame) -> None:
    champion = model("1", "2021-03-02 23:00", 9.0)

    decision, metrics = nodes.finalize_decision(decide(observations, 3.0), champion, champion)

    assert decision.decision == "unchanged"
    assert decision.candidate_fingerprint == "print-1"
    assert decision.reasons == (Reason("same_model", {"champion_version": "1"}),)
    assert metrics == decision.metrics


def test_limits_are_stored_for_a_new_champion_alone() -> None:
    found = ERROR_RATES.frame([{"model_version": "2", "subject": "rule", "name": "bias"}])

    kept = {
        answer: len(keep_rates(replace(GATE, decision=answer), found))
        for answer in ("promote", "refuse", "unchanged")
    }

    assert kept == {"promote": 1, "refuse": 0, "unchanged": 0}


def test_folds_are_looked_at_for_a_new_champion_alone() -> None:
    folds = pd.DataFrame({"prediction": [1.0], "fold": [1]})

    looked_at = {
        answer: len(choose_rated_folds(replace(GATE, decision=answer), folds))
        for answer in ("promote", "approved", "refuse", "waiting")
    }

    assert looked_at == {"promote": 1, "approved": 1, "refuse": 0, "waiting": 0}
