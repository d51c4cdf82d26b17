"""Changes planted into the real table, and the answer that each one deserves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.runtime.tick import REFUSED
from tests.conftest import open_catalog
from tests.loop import champion_of, monitor, only_rules, plant, tick, windows_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("behaviour")]

# Only what people are told of; the level of a growing city asks for a retraining by itself.
NO_BIAS_RULE = only_rules(
    performance={
        "kind": "performance",
        "action": "retrain",
        "relative_to": "first_windows",
        "reference_windows": 1,
        "maximum": 1.7,
        "violations": 2,
        "of": 3,
    },
    drift={"kind": "drift", "action": "alert", "maximum_share": 0.2},
)


def test_a_shifted_sensor_is_called_drift_and_nothing_is_done(running_project):
    def shift(raw: pd.DataFrame) -> pd.DataFrame:
        late = raw["day"] >= "2011-03-05"
        # An uncorrelated column: the model hardly looks at it.
        return raw.assign(hum=np.where(late, np.minimum(raw["hum"] + 0.35, 1.0), raw["hum"]))

    plant(running_project, shift)
    decision = monitor(
        running_project, "2011-03-26", **NO_BIAS_RULE, drift={"reference": {"kind": "training"}}
    )
    drift = open_catalog(running_project).load("drift_history")

    assert decision.decision in ("alert", "keep")
    assert drift.loc[drift["column"] == "hum", "drifted"].all()


def test_swapped_labels_alarm_and_ask_for_a_retraining(running_project):
    def swap(raw: pd.DataFrame) -> pd.DataFrame:
        late = (raw["day"] >= "2011-03-12").to_numpy()
        counts = raw["cnt"].to_numpy().copy()
        counts[late] = np.random.default_rng(0).permutation(counts[late])
        return raw.assign(cnt=counts)

    plant(running_project, swap)
    assert monitor(running_project, "2011-03-12", **NO_BIAS_RULE).decision == "keep"
    decision = monitor(running_project, "2011-03-26", **NO_BIAS_RULE)

    assert decision.decision == "retrain"
    assert "performance" in decision.alarms.split(",")
    assert "performance" in windows_of(running_project).loc["2011-03-19", "alarms"]


def test_one_bad_week_between_normal_ones_is_no_reason_to_retrain(running_project):
    def lower(raw: pd.DataFrame) -> pd.DataFrame:
        bad = raw["day"].between("2011-03-12", "2011-03-18")
        return raw.assign(cnt=np.where(bad, raw["cnt"] // 3, raw["cnt"]))

    # The default's kinds of rules. The level correction carries a bad week into the next one, so
    # they look at the model's own bias, and at a baseline that carries it as well.
    rules = only_rules(
        bias={"kind": "bias", "maximum": 0.35, "prediction": "model", "violations": 2, "of": 3},
        performance={"kind": "performance", "maximum": 1.2, "relative_to": "baseline"},
    )
    plant(running_project, lower)
    for as_of in ("2011-03-19", "2011-03-26", "2011-04-02"):
        assert monitor(running_project, as_of, **rules).decision == "keep"

    windows = windows_of(running_project)
    own_bias = windows["sum_raw_prediction"] / windows["sum_target"] - 1
    assert list(own_bias.abs() > 0.35)[:3] == [False, True, False]


def test_a_season_drifts_and_retrains_nothing_by_itself(running_project):
    def warm(raw: pd.DataFrame) -> pd.DataFrame:
        # The weather of July and August, with the demand of March.
        late = raw["day"] >= "2011-03-05"
        rise = np.where(late, 0.4, 0.0)
        return raw.assign(temp=np.minimum(raw["temp"] + rise, 1.0))

    plant(running_project, warm)
    quiet = {
        "drift": {"reference": {"kind": "training"}},
        **only_rules(
            drift={"kind": "drift", "action": "alert", "maximum_share": 0.1},
            age={"kind": "schedule", "maximum_age": "84 days"},
        ),
    }
    assert monitor(running_project, "2011-04-02", **quiet).decision == "alert"


def test_labels_that_come_four_weeks_late_are_pending_and_then_filled(running_project):
    late = {**NO_BIAS_RULE, "problem": {"label_delay": "28 days"}}

    monitor(running_project, "2011-03-19", **late)
    catalog = open_catalog(running_project)
    pending = windows_of(catalog)
    assert list(pending["status"]) == ["pending labels"] * 2
    assert pending["rmse"].isna().all()
    served = catalog.load("predictions").set_index("row_key")["prediction"]

    monitor(running_project, "2011-04-09", **late)
    catalog = open_catalog(running_project)
    filled = windows_of(catalog)
    assert list(filled["status"][:2]) == ["complete", "pending labels"]
    assert filled.loc["2011-03-05", "rmse"] > 0
    assert filled.loc["2011-03-05", "revision"] == 0
    again = catalog.load("predictions").set_index("row_key")["prediction"]
    pd.testing.assert_series_equal(again.reindex(served.index), served)


def test_a_corrected_label_adds_a_revision_and_keeps_the_old_figures(running_project):
    monitor(running_project, "2011-03-12", **NO_BIAS_RULE)
    first = open_catalog(running_project).load("window_history")

    def correct(raw: pd.DataFrame) -> pd.DataFrame:
        hour = (raw["day"] == "2011-03-08") & (raw["hr"] == 8)
        return raw.assign(cnt=np.where(hour, raw["cnt"] + 100, raw["cnt"]))

    plant(running_project, correct)
    monitor(running_project, "2011-03-12", **NO_BIAS_RULE)
    rows = open_catalog(running_project).load("window_history")
    rows = rows[rows["window"] == "2011-03-05"].sort_values("revision")

    assert list(rows["revision"]) == [0, 1]
    old = first.loc[first["window"] == "2011-03-05", "rmse"].iloc[0]
    assert rows["rmse"].iloc[0] == old
    assert rows["rmse"].iloc[1] != old


def test_an_equal_or_worse_challenger_is_refused_and_changes_nothing(running_project):
    # A challenger that may learn from one tree stump alone.
    worse = {
        "training": {
            "model": {
                "estimator": {
                    "class": "sklearn.ensemble.HistGradientBoostingRegressor",
                    "params": {"loss": "poisson", "max_iter": 1, "random_state": 0},
                }
            }
        },
        **only_rules(age={"kind": "schedule", "maximum_age": "14 days"}),
    }
    before = champion_of(running_project)
    assert tick(running_project, "2011-03-26", **worse) == REFUSED

    catalog = open_catalog(running_project)
    assert catalog.load("retraining_decision").decision == "refuse"
    assert champion_of(catalog) == before
