"""The replay of the loop, on a small series with a model of no cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.backtest.model_cache import ModelCache
from regression_lifecycle.core.backtest.parameters import BacktestPolicy
from regression_lifecycle.core.backtest.replay import History, replay
from regression_lifecycle.core.backtest.summary import oracle_schedule, summarise, window_losses
from regression_lifecycle.core.data.tables import BACKTEST_HISTORY, BACKTEST_SUMMARY
from regression_lifecycle.core.decisions import calibration
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.records import Reason, from_cell
from regression_lifecycle.core.decisions.wording import sentence
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.models.training import Compute, ModelSpec
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.core.windows.windows import list_windows, window_of_rows

START = pd.Timestamp("2021-03-01")
N_WINDOWS = 10
MODEL = ModelSpec.model_validate({"estimator": {"class": "sklearn.linear_model.Ridge"}})
PARAMETERS = WindowParameters.model_validate(
    {"kind": "length", "length": "2 days", "origin": "2021-03-01", "minimum_rows": 24}
)
RULES = PolicyParameters.model_validate(
    {"rules": {"bias": {"kind": "bias", "maximum": 0.15, "violations": 2, "of": 2}}}
)
DEPLOYMENT = AdjustmentParameters.model_validate({"interval": {"windows": 3, "minimum_rows": 20}})
RETRAINING = RetrainingParameters.model_validate(
    {
        "measured_windows": 2,
        "minimum_training_rows": 24,
        "gate": {
            "minimum_rows": 24,
            "comparison": {
                **{"block": "6 hours", "minimum_blocks": 5},
                **{"observed_improvement": 0.0, "minimum_improvement": -0.5},
            },
        },
    }
)
KINDS = {
    "never": BacktestPolicy.model_validate({"kind": "never"}),
    "always": BacktestPolicy.model_validate({"kind": "every", "windows": 1}),
    "every_4": BacktestPolicy.model_validate({"kind": "every", "windows": 4}),
    "configured": BacktestPolicy.model_validate({"kind": "configured"}),
    # Tries before every window, so that the gate is asked at every moment.
    "eager": BacktestPolicy.model_validate(
        {
            "kind": "rules",
            "policy": {"rules": {"age": {"kind": "schedule", "maximum_age": "1 hour"}}},
        }
    ),
}
SCHEDULES = {"always": range(1, N_WINDOWS), "every_4": (4, 8)}


def series(seed=0, jump=4):
    """Four days before the first window; the level jumps by half with window ``jump``."""
    moments = pd.date_range(START - pd.Timedelta("4 days"), periods=(N_WINDOWS + 2) * 48, freq="h")
    random = np.random.default_rng(seed)
    wave = np.sin(np.arange(len(moments)) / 24 * 2 * np.pi)
    level = np.where(moments < START + jump * pd.Timedelta("2 days"), 1.0, 1.5)
    target = level * (100 + 40 * wave) + random.normal(0, 5, len(moments))
    return pd.DataFrame(
        {
            "timestamp": moments,
            "wave": wave,
            "cnt": target,
            "baseline": target.mean(),
            "baseline_source": "mean",
        }
    )


class Replay:
    """A past, the models fitted for it, and how often one was fitted."""

    def __init__(self, problem, table, *, label_delay=None, retraining=RETRAINING, **compute):
        begun = table[table["timestamp"] >= START].reset_index(drop=True)
        windows = list_windows(begun, problem, PARAMETERS)
        bounds = [0, *np.cumsum([window.n for window in windows]).tolist()]
        delay = None if label_delay is None else pd.Timedelta(label_delay)
        assert window_of_rows(begun, windows, problem, PARAMETERS).is_monotonic_increasing
        self.history = History(problem, windows, begun, bounds, delay)
        self.bank = ModelCache(
            history=self.history,
            table=table,
            features=["wave"],
            model=MODEL,
            compute=Compute(**compute),
            training_length=retraining.training_length,
            minimum_training_rows=retraining.minimum_training_rows,
        )
        self.retraining = retraining
        self.asked = []

    def model_of(self, place):
        self.asked.append(place)
        return self.bank(place)

    def run(self, candidate, schedule=()):
        if isinstance(candidate, str):
            candidate, schedule = KINDS[candidate], SCHEDULES.get(candidate, ())
        return list(
            replay(
                self.history,
                self.model_of,
                candidate,
                RULES,
                DEPLOYMENT,
                self.retraining,
                frozenset(schedule),
            )
        )


@pytest.fixture
def make(problem):
    return lambda table=None, **more: Replay(problem, series() if table is None else table, **more)


def column(steps, name):
    return [step[name] for step in steps]


# --- policies -----------------------------------------------------------------------------------


def test_never_keeps_the_first_model(make):
    past = make()
    steps = past.run("never")

    assert column(steps, "model_version") == ["0"] * N_WINDOWS
    assert column(steps, "model_age_windows") == list(range(N_WINDOWS))
    assert column(steps, "decision") == ["retrain", *["keep"] * (N_WINDOWS - 1)]
    assert set(past.asked) == {0}
    row = summarise(steps, 0.0)
    assert row["retrains"] == 0
    # Nothing was replaced.
    assert np.isnan(row["churn"])


def test_a_calendar_serves_a_new_model_on_its_days_without_a_gate(make):
    steps = make().run("every_4")

    assert column(steps, "model_version") == [*"0000", *"4444", *"88"]
    assert column(steps, "gate") == [""] * N_WINDOWS
    assert column(make().run("always"), "model_version") == [str(i) for i in range(N_WINDOWS)]


def test_the_configured_policy_retrains_when_the_level_moved_and_passes_the_gate(make):
    steps = make().run("configured")

    # The level jumps with window 4; 4 and 5 must be bad before anything is done, 4 and 5 judge,
    # and a challenger that saw nothing of the new level is no better. Then one comes that did.
    assert column(steps, "decision")[:6] == ["retrain", *["keep"] * 5]
    assert column(steps, "decision")[6] == "retrain"
    assert steps[6]["gate"] == "refuse"
    reasons = [reason.kind for reason in from_cell(steps[6]["reasons"], Reason)]
    assert reasons[0] == "bias"
    assert {"observed_improvement", "proven_improvement"} & set(reasons)
    assert steps[6]["alarms"] == "bias"
    assert steps[6]["model_version"] == "0"
    promoted = [place for place, step in enumerate(steps) if step["gate"] == "promote"]
    assert promoted
    assert steps[promoted[0]]["model_version"] == str(promoted[0])
    row = summarise(steps, 1.0)
    assert (row["retrains"], row["refused"]) == (
        len(promoted),
        column(steps, "gate").count("refuse"),
    )


def test_limits_come_from_the_windows_that_were_known_at_the_promotion(make, monkeypatch):
    monkeypatch.setattr(calibration, "MINIMUM_WINDOWS", 4)
    bias = {"kind": "bias", "maximum": 0.15, "false_alarms_per_year": 0.5}
    rules = {"bias": bias, "age": {"kind": "schedule", "maximum_age": "10 days"}}
    candidate = BacktestPolicy.model_validate({"kind": "rules", "policy": {"rules": rules}})
    seen = []

    def remember(parameters, stretches, per_year):
        found = calibration.calibrate_rules(parameters, stretches, per_year)
        seen.append(([len(part) for part in stretches], per_year, found))
        return found

    monkeypatch.setattr("regression_lifecycle.core.backtest.replay.calibrate_rules", remember)
    steps = make(label_delay="3 days").run(candidate)

    promoted = [place for place, step in enumerate(steps) if step["gate"] == "promote"]
    lengths, per_year, limits = seen[0]
    assert lengths == [promoted[0]]
    assert per_year == pytest.approx(365.25 / 2)
    # Labels of three days ago: the newest two windows say nothing yet.
    assert limits["bias"].n_windows == promoted[0] - 2
    assert len(seen) == len(promoted)
    # The level had not moved yet, so little was usual.
    assert 0 < limits["bias"].value < 0.1


def test_without_a_refit_the_challenger_itself_is_deployed(make):
    plain = make(retraining=RETRAINING.model_copy(update={"refit": False}))
    steps = plain.run("configured")

    place = column(steps, "gate").index("promote")
    # Two windows judged, so it was fitted two windows earlier.
    assert steps[place]["model_version"] == str(place - 2)
    assert steps[place]["model_age_windows"] == 2
    assert steps[place]["level_factor"] == 1.0


def test_rules_of_their_own_and_a_bare_model(make):
    late = {"kind": "schedule", "maximum_age": "6 days"}
    candidate = BacktestPolicy.model_validate(
        {"kind": "rules", "policy": {"rules": {"age": late}}, "level_correction": False}
    )
    steps = make().run(candidate)

    assert column(steps, "decision")[:4] == ["retrain", "keep", "keep", "retrain"]
    assert column(steps, "level_factor") == [1.0] * N_WINDOWS
    assert make().run("never")[8]["level_factor"] > 1.2


def test_without_a_time_reasons_count_rows(problem):
    of_rows = problem.timestamp.model_copy(update={"rows": True})
    past = Replay(problem.model_copy(update={"timestamp": of_rows}), series())

    (reason, *_) = from_cell(past.run("eager")[3]["reasons"], Reason)

    assert sentence(reason) == (
        "the newest training row lies 522,000 rows back, 3,600 rows are the limit"
    )


def test_a_refused_challenger_is_not_tried_again_before_the_cooldown(make):
    age = {"kind": "schedule", "maximum_age": "2 days"}
    waiting = {"rules": {"age": age}, "cooldown_windows": 3}
    candidate = BacktestPolicy.model_validate({"kind": "rules", "policy": waiting})
    closed = RETRAINING.gate.model_copy(update={"minimum_rows": 10_000})
    past = make(retraining=RETRAINING.model_copy(update={"gate": closed}))

    tried = [place for place, step in enumerate(past.run(candidate)) if step["gate"] == "refuse"]

    assert tried == [1, 4, 7]


def test_a_window_that_says_nothing_between_two_that_judge_is_left_out(make, problem):
    table = series(jump=99)
    gap = (table["timestamp"] >= START + pd.Timedelta("2 days")) & (
        table["timestamp"] < START + pd.Timedelta("3 days 12h")
    )
    tried = {"rules": {"age": {"kind": "schedule", "maximum_age": "6 days"}}}
    candidate = BacktestPolicy.model_validate({"kind": "rules", "policy": tried})
    judged = RETRAINING.gate.model_copy(update={"minimum_rows": 97})
    past = make(table[~gap], retraining=RETRAINING.model_copy(update={"gate": judged}))
    assert past.history.windows[1].status == "underpopulated"

    steps = past.run(candidate)

    # Windows 0 and 2 judge: 96 rows without the 12 of window 1 between them.
    judged = Reason("rows", {"value": 96.0, "threshold": 97})
    assert judged in from_cell(steps[3]["reasons"], Reason)


def test_attempts_at_the_same_champion_pay_for_each_other_as_in_the_pipelines(make):
    comparison = RETRAINING.gate.comparison.model_copy(update={"minimum_improvement": 0.3})
    gate = RETRAINING.gate.model_copy(update={"comparison": comparison})
    past = make(series(jump=99), retraining=RETRAINING.model_copy(update={"gate": gate}))

    steps = past.run("eager")

    asked = {}
    for place, step in enumerate(steps):
        for reason in from_cell(step["reasons"], Reason):
            if reason.kind in ("proven_improvement", "rows_used_up"):
                asked[place] = reason.figures.get("attempt", 1)
    # Two windows judge, so an attempt shares rows with the one before it and no other.
    assert asked[1] == 1
    assert [asked[place] for place in range(3, N_WINDOWS)] == [2] * (N_WINDOWS - 3)
    assert column(steps, "gate")[3:] == ["refuse"] * (N_WINDOWS - 3)


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("label_delay", [None, "3 days"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_comes_later_changes_nothing_before(make, kind, label_delay):
    place, day = 7, pd.Timedelta("1 day")
    table = series()
    delay = pd.Timedelta(label_delay or 0)
    unknown = table["timestamp"] + pd.Timedelta("1 hour") + delay > START + 2 * place * day
    changed = table.assign(cnt=table["cnt"].where(~unknown, 7 * table["cnt"] + 1000))
    untouched = place - int(np.ceil(delay / (2 * day)))

    before = make(table, label_delay=label_delay).run(kind)
    after = make(changed, label_delay=label_delay).run(kind)

    frames = [BACKTEST_HISTORY.frame(steps[:untouched]) for steps in (before, after)]
    pd.testing.assert_frame_equal(*frames)
    # What was known later is judged otherwise, but decided upon and served the same.
    names = ["decision", "gate", "reasons", "model_version", "level_factor", "sum_prediction"]
    for earlier, later in zip(before[: place + 1], after[: place + 1], strict=True):
        assert [earlier[name] for name in names] == [later[name] for name in names]
    assert before[place]["rmse"] != after[place]["rmse"]


def test_labels_that_are_late_make_the_policy_late(make):
    def first_try(delay):
        return column(make(label_delay=delay).run("configured"), "decision")[1:].index("retrain")

    assert first_try("2 days") == first_try(None) + 1


def test_a_model_is_trained_on_what_was_known_before_its_window(make):
    assert make().bank(3).trained_until == START + pd.Timedelta("5 days 23h")
    late = make(label_delay="1 day").bank(3)
    assert late.trained_until == START + pd.Timedelta("4 days 23h")
    assert np.isnan(late.predictions[: 3 * 48]).all()
    assert np.isfinite(late.predictions[3 * 48 :]).all()


# --- fits ---------------------------------------------------------------------------------------


def test_policies_share_their_fits(make, monkeypatch):
    from regression_lifecycle.core.backtest import model_cache as model_cache

    fits = []
    fit = model_cache.fit
    monkeypatch.setattr(
        model_cache, "fit", lambda *given: (fits.append(len(given[1])), fit(*given))[1]
    )
    past = make()

    for kind in KINDS:
        past.run(kind)

    # One model per window, though every policy asked for some; each with its own rows.
    assert fits.count(96) == 1
    assert len(fits) == len(set(fits)) == N_WINDOWS
    assert past.bank.cpu_seconds([0, 0, 1]) == past.bank.cpu_seconds([0, 1]) > 0


@pytest.mark.parametrize("backend", ["sequential", pytest.param("loky", marks=pytest.mark.slow)])
def test_models_may_be_fitted_at_once_and_give_the_same(make, backend):
    past, told = make(backend=backend, n_jobs=2), []

    past.bank.prepare([0, 3], told.append)

    assert told == [0, 3]
    for place in told:
        expected = make().bank(place)
        np.testing.assert_array_equal(past.bank(place).predictions, expected.predictions)
        assert past.bank(place).trained_until == expected.trained_until
    past.bank.prepare([0, 3], lambda place: pytest.fail(f"model {place} was fitted again"))


def test_too_little_before_the_first_window_is_said(make):
    strict = RETRAINING.model_copy(update={"minimum_training_rows": 100})

    with pytest.raises(DataContractError, match="96 labelled rows lie before window 2021-03-01"):
        make(retraining=strict).run("never")


# --- figures ------------------------------------------------------------------------------------


def test_the_summary_pools_rows_and_not_windows(make):
    table = series()
    table = table[(table["timestamp"] < START + pd.Timedelta("19 days"))]
    past = make(table)
    steps = past.run("never")

    row = summarise(steps, 1.5)

    said = np.concatenate([past.bank(0).predictions[past.history.span(i)] for i in range(10)])
    factors = np.repeat(column(steps, "level_factor"), np.diff(past.history.bounds))
    error = said * factors - past.history.rows["cnt"].to_numpy()
    assert row["n"] == len(error) == 456
    assert row["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert row["mae"] == pytest.approx(np.abs(error).mean())
    assert row["bias"] == pytest.approx((said * factors).sum() / past.history.rows["cnt"].sum() - 1)
    framed = steps[1:]
    held = sum(step["coverage"] * step["n"] for step in framed) / sum(column(framed, "n"))
    assert row["coverage"] == pytest.approx(held)
    assert np.isnan(steps[0]["coverage"])
    assert list(BACKTEST_SUMMARY.frame([row])["fit_cpu_seconds"]) == [1.5]


@pytest.mark.parametrize("level_correction", [True, False])
def test_churn_is_what_a_new_version_changes_in_its_first_window(make, level_correction):
    past = make()
    kept = KINDS["never"].model_copy(update={"level_correction": level_correction})
    before = past.run(kept)
    steps = past.run(kept, (8,))

    # The first model would have gone on with the level that it had reached.
    rows = past.history.span(8)
    old = past.bank(0).predictions[rows] * before[8]["level_factor"]
    new = past.bank(8).predictions[rows]
    assert steps[8]["level_factor"] == 1.0
    target = past.history.rows["cnt"].to_numpy()[rows]
    expected = np.abs(new - old).mean() / target.mean()
    assert summarise(steps, 0.0)["churn"] == pytest.approx(expected)
    assert (before[8]["level_factor"] > 1) == level_correction
    assert np.isnan(column(steps[:8] + steps[9:], "changes")).all()


def test_the_oracle_is_a_bound_for_every_policy_without_level_correction(make):
    past = make()
    past.bank.prepare(range(N_WINDOWS), lambda _: None)
    predictions = [past.bank(place).predictions for place in range(N_WINDOWS)]
    history = past.history
    errors = window_losses(predictions, history.rows, history.problem, history.bounds)

    for name in KINDS:
        bare = KINDS[name].model_copy(update={"level_correction": False})
        steps = past.run(bare, SCHEDULES.get(name, ()))
        retrains = summarise(steps, 0.0)["retrains"]
        schedule, total = oracle_schedule(errors, retrains)
        assert total <= sum(column(steps, "squares")) * (1 + 1e-12)
        assert len(set(schedule)) - 1 <= retrains


def test_a_window_whose_labels_never_come_counts_after_the_deadline(problem):
    waiting = problem.model_copy(update={"label_deadline": pd.Timedelta("4 days")})
    rows = series()
    rows.loc[::5, "cnt"] = np.nan
    windows = [w for w in list_windows(rows, waiting, PARAMETERS) if w.start >= START]
    past = History(waiting, windows, rows, [], parameters=PARAMETERS)
    end = windows[0].end
    assert [past.is_final(0, end + pd.Timedelta(days=days)) for days in (0, 3, 4)] == [
        False,
        False,
        True,
    ]
