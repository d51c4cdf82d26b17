"""The monitoring's nodes: what is missing, what stays marked, and when a window is over."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.alerting.alerts import AlertParameters
from regression_lifecycle.core.data.tables import (
    DRIFT_HISTORY,
    ERROR_RATES,
    PREDICTIONS,
    SERVICE_PREDICTIONS,
    WINDOW_HISTORY,
)
from regression_lifecycle.core.decisions.ledger import promotion_row
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.waiting import PromotionParameters, ask_for_approval
from regression_lifecycle.core.decisions.wording import line
from regression_lifecycle.core.drift.parameters import ReferenceParameters
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.evaluation.baseline import BaselineParameters
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.ingestion.row_conflicts import REPETITION
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.pipelines.monitoring import create_pipeline, nodes
from tests.core.decisions.test_records import GATE, POLICY
from tests.examples import tiny_model, tiny_problem
from tests.readers import reader

PROBLEM = tiny_problem(temp={"missing": True})
PARAMETERS: dict[str, Any] = {
    "params:problem": PROBLEM,
    "params:windows": WindowParameters.model_validate(
        {"kind": "length", "length": "1 day", "origin": "2021-03-01", "minimum_rows": 6}
    ),
    "params:evaluation.baseline": BaselineParameters(),
    "params:evaluation.segments": (),
    "params:preprocessing": PreprocessingParameters.model_validate(
        {
            "split": {"kind": "share", "holdout_share": 0.2},
            "features": [
                {"kind": "columns", "names": ["temp"]},
                {"kind": "calendar", "parts": ["hour"]},
            ],
        }
    ),
    "params:adjustment": AdjustmentParameters(),
    "params:drift.columns": ("temp",),
    "params:drift.reference": ReferenceParameters(),
    "params:policy": PolicyParameters.model_validate(
        {"rules": {"bias": {"kind": "bias", "maximum": 0.1, "violations": 1, "of": 1}}}
    ),
    "params:monitoring.missing_predictions": "backfill",
    "params:monitoring.segment_rows": 5,
    "params:retraining.measured_windows": 2,
}
# Of other places, or of no matter here.
LEFT_OUT = {
    "finish_interrupted_promotion",
    "read_reference_predictions",
    "join_predictions",
    "find_references",
    "check_drift",
    "draw_reports",
    "build_alerts",
}
LEDGER = (
    *("decision_id", "problem", "kind", "decision", "champion_version_before"),
    *("candidate_version", "as_of", "judged_until", "reasons"),
)
REJECTED = pd.DataFrame(
    {
        "day": ["2021-03-02 05:00", "2021-03-09", "broken", "2021-03-01 03:00"],
        "rejection_reason": [*["temp is missing"] * 3, REPETITION],
    }
)


class Constant:
    """Says 10 for every row."""

    def predict(self, features: pd.DataFrame) -> Any:
        return np.full(len(features), 10.0)


def model(version: str, until: str) -> TrainedModel:
    return tiny_model(
        Constant(), version, until, fingerprint=version, target_mean=10.0, target_median=10.0
    )


FIRST = model("1", "2021-02-28 23:00")


@pytest.fixture
def observations() -> pd.DataFrame:
    """Four days of hours; the level is 10 on the first, 20 afterwards."""
    moments = pd.date_range("2021-03-01", periods=96, freq="h")
    level = np.where(np.arange(96) < 24, 10.0, 20.0)
    return pd.DataFrame({"timestamp": moments, "day": moments, "temp": 5.0, "cnt": level})


class Warmth:
    """Says twice the temperature."""

    def predict(self, features: pd.DataFrame) -> Any:
        return 2 * features["temp"].to_numpy()


def answers(observations: pd.DataFrame, **sent: Any) -> pd.DataFrame:
    """What the service keeps of hours that it was asked for with some temperature."""
    rows = observations.assign(**sent)
    texts = [json.dumps({"temp": temp}) for temp in rows["temp"]]
    said = 2 * rows["temp"]
    return SERVICE_PREDICTIONS.frame(
        pd.DataFrame(
            {
                "problem": PROBLEM.name,
                "request_id": "r",
                "row_number": range(len(rows)),
                "served_at": pd.Timestamp("2021-02-28"),
                "row_key": rows["timestamp"].astype("str"),
                "timestamp": rows["timestamp"],
                "model_version": "1",
                "raw_prediction": said,
                "prediction": said,
                "row": texts,
                "features": texts,
            }
        )
    )


class Loop:
    """Runs the nodes one after the other and keeps what they leave behind."""

    def __init__(self) -> None:
        self.windows = WINDOW_HISTORY.frame()
        self.predictions = PREDICTIONS.frame()
        self.answers = SERVICE_PREDICTIONS.frame()
        self.error_rates = ERROR_RATES.frame()
        self.ledger = pd.DataFrame(columns=list(LEDGER), dtype="str")

    def tick(
        self, observations: pd.DataFrame, as_of: str, champion: TrainedModel | None = FIRST
    ) -> pd.DataFrame:
        known = {
            **PARAMETERS,
            "params:as_of": as_of,
            "observations": observations,
            "rejected_observations": REJECTED,
            "current_champion": champion,
            "recorded_windows": self.windows,
            "recorded_predictions": reader(self.predictions),
            "service_predictions": reader(self.answers),
            "recorded_batches": [],
            "recorded_error_rates": self.error_rates,
            "recorded_decisions": self.ledger,
            "finished_moves": [],
            "drift_history": DRIFT_HISTORY.frame(),
            "drawn_windows": [],
        }
        for node in create_pipeline().nodes:
            if node.name.removeprefix("monitoring.") not in LEFT_OUT:
                known |= node.run({name: known[name] for name in node.inputs})
        self.found = known
        done: pd.DataFrame = known["window_history"]
        self.windows = _upsert(self.windows, done, WINDOW_HISTORY.key)
        self.predictions = _upsert(self.predictions, known["predictions"], PREDICTIONS.key)
        return done


def _upsert(old: pd.DataFrame, new: pd.DataFrame, key: tuple[str, ...]) -> pd.DataFrame:
    both = pd.concat([old, new], ignore_index=True)
    return both.drop_duplicates(list(key), keep="last").reset_index(drop=True)


def test_what_is_missing_blank_or_rejected_is_counted_by_window(observations: pd.DataFrame) -> None:
    lost = observations.drop(index=[25, 26, 29]).reset_index(drop=True)
    lost.loc[:5, "temp"] = math.nan

    done = Loop().tick(lost, "2021-03-03").set_index("window")

    quality = done[["n", "n_missing_rows", "n_rejected", "missing_share"]]
    assert quality.loc["2021-03-01"].tolist() == [24, 0, 0, 0.25]
    # Row 29 is the one that was rejected.
    assert quality.loc["2021-03-02"].tolist() == [21, 2, 1, 0.0]


def test_a_store_that_has_lost_its_memory_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decision = pd.DataFrame({"problem": [PROBLEM.name], "decision": ["wait"]})
    nothing = decision.head(0)

    nodes.finish_interrupted_promotion(decision, FIRST, PROBLEM)
    nodes.finish_interrupted_promotion(nothing, None, PROBLEM)
    assert not caplog.records

    nodes.finish_interrupted_promotion(nothing, FIRST, PROBLEM)
    (warning,) = caplog.records
    assert "Version 1 is champion" in warning.getMessage()


def test_a_champion_of_another_target_is_refused_with_and_without_a_new_window(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    loop.tick(observations, "2021-03-03")
    other = replace(FIRST, metadata=FIRST.metadata.model_copy(update={"target": "temp"}))

    for as_of in ("2021-03-03", "2021-03-04"):
        with pytest.raises(ConfigurationError, match="predicts temp"):
            loop.tick(observations, as_of, other)


def test_a_window_is_over_at_its_end_though_its_last_row_never_came(
    observations: pd.DataFrame,
) -> None:
    gap = observations[observations.index != 23]

    done = Loop().tick(gap, "2021-03-02")

    assert done[["window", "status", "n_missing_rows"]].to_numpy().tolist() == [
        ["2021-03-01", "complete", 1]
    ]


def test_nothing_is_missing_yet_of_a_window_that_is_not_over(observations: pd.DataFrame) -> None:
    done = Loop().tick(observations, "2021-03-02 12:00").set_index("window")

    assert done.loc["2021-03-02", ["status", "n", "n_missing_rows"]].tolist() == ["partial", 12, 0]


def test_a_new_champion_answers_for_what_the_former_one_left(observations: pd.DataFrame) -> None:
    loop = Loop()
    loop.tick(observations, "2021-03-02 12:00")

    done = loop.tick(observations, "2021-03-03", model("2", "2021-03-02 11:00"))

    shares = ["window", "model_version", "n", "n_labelled", "sum_target", "n_missing_rows"]
    assert sorted(done[shares].to_numpy().tolist()) == [
        ["2021-03-02", "1", 12, 12, 12 * 20, 0],
        ["2021-03-02", "2", 12, 12, 12 * 20, 0],
    ]
    assert loop.found["champion_windows"]["n"].tolist() == [12]
    # The next look finds nothing to do.
    assert loop.tick(observations, "2021-03-03", model("2", "2021-03-02 11:00")).empty


def test_a_row_that_a_champion_was_trained_on_is_predicted_by_nobody(
    observations: pd.DataFrame,
) -> None:
    loop, second = Loop(), model("2", "2021-03-02 11:00")
    loop.tick(observations.drop(index=26), "2021-03-02 12:00")

    done = loop.tick(observations, "2021-03-03", second)

    assert sorted(done[["model_version", "n"]].to_numpy().tolist()) == [["1", 11], ["2", 12]]
    assert len(loop.predictions) == 24 + 11 + 12


def test_marks_of_a_former_champion_stay_when_its_windows_change(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    first = loop.tick(observations, "2021-03-03")
    assert first["alarms"].tolist() == ["", "bias"]
    corrected = observations.assign(cnt=observations["cnt"] + (observations.index == 30))

    done = loop.tick(corrected, "2021-03-04", model("2", "2021-03-02 23:00"))

    assert done[["window", "model_version", "revision", "alarms"]].to_numpy().tolist() == [
        ["2021-03-02", "1", 1, "bias"],
        ["2021-03-03", "2", 0, "bias"],
    ]
    assert loop.found["champion_windows"]["window"].tolist() == ["2021-03-03"]


def test_the_limit_that_was_calibrated_for_the_champion_is_the_one_in_use(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    about = {"problem": PROBLEM.name, "subject": "rule", "name": "bias"}
    found = {"stated": 0.5, "measured": 0.5, "limit": 9.0, "memory": 0.0, "n_windows": 30}
    found["rule"] = PARAMETERS["params:policy"].rules["bias"].terms
    loop.error_rates = ERROR_RATES.frame([{**about, "model_version": "1", **found}])

    marked = loop.tick(observations, "2021-03-03")["alarms"].tolist()
    (rule,) = loop.found["policy_decision"].rules

    # Without it the second window fires.
    assert marked == ["", ""]
    assert (rule.verdict, rule.threshold, rule.figures["calibrated_windows"]) == ("quiet", 9, 30)
    # Another version has limits of its own, or the configured one.
    loop.tick(observations, "2021-03-04", model("2", "2021-03-02 23:00"))
    (rule,) = loop.found["policy_decision"].rules
    assert (rule.verdict, rule.threshold) == ("fired", 0.1)


def waiting_row(**changes: Any) -> dict[str, Any]:
    """The ledger's row of a version that waits, judged until the end of 1 March."""
    ask = PromotionParameters.model_validate({"kind": "ask", "deadline": "2 days"})
    passed = {"decision": "promote", "champion_version": "1", "as_of": "2021-03-02 00:00:00"}
    decision = replace(GATE, **{**passed, "judged_until": "2021-03-01 23:00:00", **changes})
    return promotion_row(ask_for_approval(decision, ask), PROBLEM.name, "2", "run")


def test_while_a_version_waits_the_policy_asks_for_no_other_on_the_same_rows(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    loop.ledger = pd.DataFrame([waiting_row()])

    # The rule fires, and of the two windows that would judge only one is new.
    loop.tick(observations, "2021-03-03")
    held_back = loop.found["policy_decision"]
    assert (held_back.decision, held_back.reasons[0].kind) == ("keep", "approval_pending")
    assert held_back.reasons[0].figures["n_windows"] == 1
    assert held_back.rules[0].verdict == "fired"

    # With the second one it may be superseded.
    loop.tick(observations, "2021-03-04")
    assert loop.found["policy_decision"].decision == "retrain"
    assert [row["kind"] for row in loop.found["policy_ledger"]] == ["policy"]


def test_the_same_windows_are_decided_upon_once_more_after_an_answer(
    observations: pd.DataFrame,
) -> None:
    loop, asked = Loop(), waiting_row()
    loop.ledger = pd.DataFrame([asked])
    loop.tick(observations, "2021-03-03")
    (held_back,) = loop.found["policy_ledger"]

    loop.ledger = pd.DataFrame([asked, {**asked, "kind": "approval", "decision": "refused"}])
    loop.tick(observations, "2021-03-03")
    (after,) = loop.found["policy_ledger"]

    assert (held_back["decision"], after["decision"]) == ("keep", "retrain")
    assert held_back["decision_id"] != after["decision_id"]


def test_a_version_that_waits_for_the_first_place_holds_back_too(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    loop.ledger = pd.DataFrame([waiting_row(champion_version="")])

    loop.tick(observations, "2021-03-03", None)

    decision = loop.found["policy_decision"]
    assert decision.decision == "keep"
    assert [reason.kind for reason in decision.reasons] == ["no_champion", "approval_pending"]


@pytest.mark.parametrize(
    ("as_of", "champion", "decision"),
    [
        ("2021-03-05", FIRST, "expired"),
        ("2021-03-03", model("7", "2021-02-28 23:00"), "superseded"),
    ],
)
def test_the_next_tick_records_that_a_version_waits_no_longer(
    observations: pd.DataFrame, as_of: str, champion: TrainedModel, decision: str
) -> None:
    loop, asked = Loop(), waiting_row()
    loop.ledger = pd.DataFrame([asked])

    loop.tick(observations, as_of, champion)

    closed, decided = loop.found["policy_ledger"]
    assert (closed["kind"], closed["decision"]) == ("approval", decision)
    assert closed["judged_until"] == asked["judged_until"]
    # The policy is free at once.
    assert decided["decision"] == "retrain"
    assert loop.found["closed_versions"] == loop.found["announced_decisions"]
    alerts = nodes.build_alerts(
        replace(POLICY, decision="keep"),
        loop.found["announced_decisions"],
        WINDOW_HISTORY.frame(),
        PROBLEM,
        AlertParameters(),
    )
    assert [alert.details["event"] for alert in alerts] == ["expired"] * (decision == "expired")


def test_a_promotion_that_a_killed_run_left_is_finished_and_told() -> None:
    promoted = replace(GATE, decision="promote", as_of="2021-03-20 00:00:00")
    ledger = pd.DataFrame([promotion_row(promoted, PROBLEM.name, "4", "run")])

    kept = replace(POLICY, decision="keep")

    version, moves = nodes.finish_interrupted_promotion(ledger, model("3", "2021-03-01"), PROBLEM)
    (alert,) = nodes.build_alerts(kept, moves, WINDOW_HISTORY.frame(), PROBLEM, AlertParameters())

    assert (version, alert.details["event"], alert.window) == ("4", "promote", promoted.as_of)
    done = nodes.finish_interrupted_promotion(ledger, model("4", "2021-03-01"), PROBLEM)
    assert done == ("", [])
    assert nodes.build_alerts(kept, [], WINDOW_HISTORY.frame(), PROBLEM, AlertParameters()) == []


def test_a_champion_that_is_gone_changes_nothing(observations: pd.DataFrame) -> None:
    loop = Loop()
    loop.tick(observations, "2021-03-03")

    assert loop.tick(observations, "2021-03-04", None).empty
    assert loop.found["champion_windows"].empty


def test_without_a_champion_the_first_one_is_asked_for_and_nothing_is_recorded(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    assert loop.tick(observations, "2021-03-03", None).empty

    assert loop.found["policy_decision"].decision == "retrain"
    assert loop.found["policy_ledger"] == []


def test_a_node_takes_at_most_five_things() -> None:
    assert {node.name for node in create_pipeline().nodes if len(node.inputs) > 5} == set()


def test_without_a_changed_window_neither_features_nor_predictions_are_made(
    observations: pd.DataFrame,
) -> None:
    loop = Loop()
    loop.tick(observations, "2021-03-03")

    assert loop.tick(observations, "2021-03-03").empty

    for name in ("changed_windows", "window_rows", "predictions", "segment_history"):
        assert loop.found[name].empty
    assert loop.found["champion_windows"]["window"].tolist() == ["2021-03-01", "2021-03-02"]
    assert len(loop.found["adjustments"]) == 1
    assert loop.found["policy_ledger"][0]["decision"] == "retrain"


@pytest.mark.parametrize(
    ("baseline", "errors"),
    # The level rises by 10 with the second day, whose first hour the hour before does not foresee.
    [({}, [0.0, 10.0, 10.0]), ({"baseline": "last_value"}, [0.0, 10 / 24**0.5, 0.0])],
)
def test_windows_hold_a_model_against_the_baseline_that_it_had_to_beat(
    observations: pd.DataFrame, baseline: dict[str, str], errors: list[float]
) -> None:
    champion = replace(FIRST, location={**FIRST.location, **baseline})

    rows = Loop().tick(observations, "2021-03-04", champion).sort_values("window")

    assert rows["baseline_rmse"].tolist() == pytest.approx(errors)


def test_a_caller_who_sends_another_unit_is_found_once_the_rows_are_observed(
    observations: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"kind": "skew", "maximum_share": 0.01}
    policy = PolicyParameters.model_validate({"rules": {"units": rule}})
    monkeypatch.setitem(PARAMETERS, "params:policy", policy)
    champion = replace(FIRST, estimator=Warmth())
    loop = Loop()

    loop.tick(observations, "2021-03-02", champion)
    nobody = loop.found["policy_decision"]
    # One of four rows of the second day came from the caller with the other unit.
    mixed = np.where(np.arange(24) % 4 == 0, 41.0, 5.0)
    loop.answers = answers(observations[24:48], temp=mixed)
    (second,) = loop.tick(observations, "2021-03-03", champion).to_dict("records")
    fired = loop.found["policy_decision"]
    loop.answers = pd.concat([loop.answers, answers(observations[48:72]).assign(request_id="s")])
    (third,) = loop.tick(observations, "2021-03-04", champion).to_dict("records")

    assert (nobody.decision, nobody.rules[0].verdict) == ("keep", "not computed")
    assert (second["n_skew_rows"], second["predictions_skew"], second["alarms"]) == (
        24,
        0.25,
        "units",
    )
    assert fired.decision == "alert"
    assert "temp differs in 25% of the served rows (on average 41 as served, 5 as observed)" in (
        line(fired.reasons)
    )
    assert (third["n_skew_rows"], third["predictions_skew"], third["alarms"]) == (24, 0, "")
    assert loop.found["policy_decision"].decision == "keep"
    assert loop.found["window_metrics_tracking"]["predictions_skew"].tolist()[1:] == [0.25, 0]


def test_a_segment_may_be_a_feature_that_the_champion_lacks(
    observations: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARAMETERS, "params:evaluation.segments", ("calendar_hour",))
    monkeypatch.setitem(PARAMETERS, "params:drift.columns", ("temp", "calendar_hour"))
    assert "calendar_hour" not in FIRST.metadata.recipe.feature_names
    loop = Loop()

    loop.tick(observations, "2021-03-02")

    segments = loop.found["segment_history"]
    assert set(segments["segment"]) == {"calendar_hour"}
    assert sorted(segments["value"].astype(int)) == list(range(24))
    assert loop.found["window_rows"]["calendar_hour"].notna().all()


def test_a_champion_whose_features_are_forbidden_now_is_named(observations: pd.DataFrame) -> None:
    lag = {"kind": "lag", "name": "before", "column": "cnt", "ages": ["6 hours"]}
    recipe = FeatureRecipe.model_validate({"features": [lag]})
    champion = replace(FIRST, metadata=FIRST.metadata.model_copy(update={"recipe": recipe}))
    late = PROBLEM.model_copy(update={"label_delay": pd.Timedelta("1 day")})
    windows = PARAMETERS["params:windows"]
    known, changed = nodes.cut_windows(observations, None, late, windows)
    names = ("params:drift.reference", "params:evaluation.baseline")
    with pytest.raises(ConfigurationError, match=r"champion version 1 needs .* 6 hours ago"):
        nodes.make_champion_rows(known, changed, champion, *(PARAMETERS[name] for name in names))


def test_windows_and_their_segments_are_measured_by_weight(
    observations: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = PROBLEM.model_dump()
    content["columns"]["w"] = {"type": "float"}
    weighted = type(PROBLEM).model_validate({**content, "weight_column": "w"})
    monkeypatch.setitem(PARAMETERS, "params:problem", weighted)
    monkeypatch.setitem(PARAMETERS, "params:evaluation.segments", ("calendar_hour",))
    morning = observations["timestamp"].dt.hour < 12
    table = observations.assign(cnt=np.where(morning, 20.0, 40.0), w=np.where(morning, 3.0, 1.0))
    loop = Loop()

    first = loop.tick(table, "2021-03-02").iloc[0]

    # Ten is said: 10 and 30 too low.
    assert first["rmse"] == pytest.approx(np.sqrt((3 * 100 + 900) / 4))
    assert first["bias"] == pytest.approx((3 * -10 - 30) / (3 * 20 + 40))
    assert (first["n"], first["sum_weight"]) == (24, 48)
    segments = loop.found["segment_history"].set_index("value")
    assert (segments.loc["3", "n"], segments.loc["3", "sum_weight"]) == (1, 3)
    # Other weights of old rows measure the window anew, and are no correction of a label.
    again = loop.tick(table.assign(w=1.0), "2021-03-02").iloc[0]
    assert again["rmse"] == pytest.approx(np.sqrt((100 + 900) / 2))
    assert again["revision"] == 0
