"""What was really served is judged: over windows, versions, and however late it arrives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import PREDICTIONS, SERVICE_PREDICTIONS
from regression_lifecycle.core.monitoring.logged_predictions import (
    LoggedPredictions,
    merge_logged_predictions,
)
from regression_lifecycle.core.prediction.batch_predictions import BatchPredictions
from regression_lifecycle.core.prediction.level_and_interval import (
    adjustment_of,
    apply_adjustment,
)
from tests.core.monitoring.look import Settings, Store, look, model
from tests.readers import reader

IGNORE = Settings(backfill=False)


@pytest.fixture
def table():
    """Eight days of hours, with the value 100 + its position: four windows of two days."""
    moments = pd.date_range("2021-03-01", periods=192, freq="h")
    return pd.DataFrame({"timestamp": moments, "temp": 20.0, "cnt": np.arange(100, 292)})


def asked(first, n, *, prediction=55.0, version="1", served_at="2021-04-01", request="r", **more):
    """Predictions that a service gave for n hours."""
    moments = pd.date_range(first, periods=n, freq="h")
    return SERVICE_PREDICTIONS.frame(
        pd.DataFrame(
            {
                "problem": "tiny",
                "request_id": request,
                "row_number": range(n),
                "source": "service",
                "served_at": pd.Timestamp(served_at),
                "row_key": moments.astype("str"),
                "timestamp": moments,
                "model_version": version,
                "trained_until": pd.Timestamp("2021-02-28 23:00"),
                "raw_prediction": prediction,
                "level_factor": 1.0,
                "prediction": prediction,
                **more,
            }
        )
    )


def windows_of(store):
    return store.windows.sort_values(["window_index", "model_version"]).reset_index(drop=True)


def test_what_was_served_is_judged_and_the_rest_is_simulated(table, problem):
    served = look(table, problem, "2021-03-09", asked_for=asked("2021-03-01 06:00", 12))

    assert len(served) == 192
    said = served[served["prediction"] == 55]
    moments = pd.date_range("2021-03-01 06:00", periods=12, freq="h")
    assert said["timestamp"].tolist() == moments.tolist()
    # Its label and its baseline are the table's.
    assert said["target"].tolist() == table["cnt"].iloc[6:18].tolist()
    assert (said["baseline"] == 1).all()
    assert said["window_index"].unique().tolist() == [0]


def test_what_nobody_asked_for_can_be_left_out(table, problem):
    store = Store()

    served = look(
        table,
        problem,
        "2021-03-09",
        settings=IGNORE,
        asked_for=asked("2021-03-01 06:00", 40),
        store=store,
    )

    assert len(served) == 40
    windows = windows_of(store)
    assert windows["n"].tolist() == [40]
    assert windows["window_index"].tolist() == [0]


def test_the_newest_prediction_of_a_row_counts_and_a_judged_one_stays(table, problem):
    first = asked("2021-03-01", 4, prediction=1.0, served_at="2021-04-01")
    second = asked("2021-03-01", 2, prediction=2.0, served_at="2021-04-02", request="s")

    served = look(table, problem, "2021-03-09", asked_for=pd.concat([second, first]))
    assert served["prediction"].iloc[:4].tolist() == [2, 2, 1, 1]

    known = PREDICTIONS.frame(served)
    rows = table.assign(
        window_index=0, baseline=1.0, row_key=table["timestamp"].astype("str").to_numpy()
    )
    windows = pd.DataFrame({"window": ["2021-03-01"], "window_index": [0]})
    third = asked("2021-03-01", 4, prediction=3.0, served_at="2021-04-03", request="t")
    logged = LoggedPredictions(reader(known), reader(third), [], problem)
    again = merge_logged_predictions(logged, windows, rows)
    assert not again["is_new"].any()
    assert again["prediction"].iloc[:4].tolist() == [2, 2, 1, 1]


def test_a_prediction_of_a_row_that_the_model_was_trained_on_judges_nothing(table, problem):
    trained = asked("2021-03-01", 24, trained_until=pd.Timestamp("2021-03-01 11:00"))

    served = look(table, problem, "2021-03-09", settings=IGNORE, asked_for=trained)

    assert served["timestamp"].min() == pd.Timestamp("2021-03-01 12:00")
    assert len(served) == 12


def test_what_names_no_known_row_is_left_aside(table, problem):
    nameless = asked("2021-03-01", 3).assign(row_key=None)
    unknown = asked("2031-03-01", 3, request="u")
    other = asked("2021-03-01", 3, request="o").assign(problem="huge")

    served = look(
        table,
        problem,
        "2021-03-09",
        settings=IGNORE,
        asked_for=pd.concat([nameless, unknown, other]),
    )

    assert served.empty


def test_two_versions_share_a_window_and_each_answers_for_its_own_rows(table, problem):
    store = Store()
    both = pd.concat(
        [
            asked("2021-03-01", 24, prediction=10.0, version="1"),
            asked("2021-03-02", 24, prediction=20.0, version="2", request="s"),
        ]
    )

    served = look(table, problem, "2021-03-03", champions=[model("2")], asked_for=both, store=store)

    assert served.groupby("model_version")["prediction"].unique().map(list).to_dict() == {
        "1": [10.0],
        "2": [20.0],
    }
    windows = windows_of(store)
    assert windows["model_version"].tolist() == ["1", "2"]
    assert windows["n"].tolist() == [24, 24]


def test_what_arrives_after_its_window_was_judged_is_added(table, problem):
    # The service kept it in its spool while the store was away.
    store = Store()
    late = asked("2021-03-01", 12)
    first = look(table, problem, "2021-03-03", settings=IGNORE, store=store)
    assert first.empty

    served = look(
        table, problem, "2021-03-03", "2021-03-05", settings=IGNORE, asked_for=late, store=store
    )

    assert len(served) == 12
    assert windows_of(store)["n"].tolist() == [12]


def test_labels_of_served_rows_are_filled_in_as_they_come(table, problem):
    store = Store()
    settings = Settings("3 days", backfill=False)
    given = asked("2021-03-01", 48)

    early = look(table, problem, "2021-03-03", settings=settings, asked_for=given, store=store)
    assert early["target"].isna().all()
    assert windows_of(store)["status"].tolist() == ["pending labels"]

    late = look(
        table,
        problem,
        "2021-03-07",
        settings=settings,
        asked_for=given,
        store=store,
    )
    assert late["target"].tolist() == table["cnt"].iloc[:48].tolist()
    assert (late["prediction"] == 55).all()
    assert windows_of(store)["status"].tolist() == ["complete"]


def test_the_level_is_learnt_from_what_was_served(table, problem):
    # In the second window the model said 50 where 171.5 came on average, in the third one 100
    # where 219.5 came.
    served = look(table, problem, "2021-03-09", asked_for=asked("2021-03-01", 96, prediction=50.0))

    (factor,) = served.loc[served["window_index"] == 3, "level_factor"].unique()
    assert 1.5 < factor < (219.5 + 0.3 * 171.5) / (100 + 0.3 * 50)
    bare = look(table, problem, "2021-03-09")
    assert bare.loc[bare["window_index"] == 3, "level_factor"].unique() != [factor]


def test_the_service_is_told_what_to_answer_in_the_window_that_is_not_over(table, problem):
    store = Store()

    look(table, problem, "2021-03-08", store=store)

    (adjustment,) = store.adjustments.to_dict("records")
    assert adjustment["model_version"] == "1"
    assert adjustment["valid_from"] == pd.Timestamp("2021-03-07")
    assert adjustment["level_factor"] > 1.5
    assert adjustment["level_shift"] == 0
    # To the last bit what monitoring makes of the rows that nobody asked for.
    told = apply_adjustment(np.array([100.0]), adjustment_of(store.adjustments, "1"), problem)
    later = look(table, problem, "2021-03-09")
    made = later[later["window_index"] == 3]
    assert len(made)
    assert told["upper"].notna().all()
    for name in ("prediction", "lower", "upper"):
        assert (made[name] == told[name].item()).all()


def batch(first, n, *, prediction=70.0, scored_at="2021-04-05", judged=True, pieces=2, version="1"):
    """A batch of n hours, read in pieces."""
    rows = pd.DataFrame({"timestamp": pd.date_range(first, periods=n, freq="h")})
    rows = rows.assign(raw_prediction=prediction, level_factor=1.0, prediction=prediction)
    size = -(-n // pieces)
    return BatchPredictions(
        batch="b",
        model_version=version,
        trained_until=pd.Timestamp("2021-02-28 23:00"),
        scored_at=pd.Timestamp(scored_at),
        first=rows["timestamp"].iloc[0],
        last=rows["timestamp"].iloc[-1],
        judged=judged,
        digest="d",
        n_rows=n,
        n_rejected=0,
        path="b/v1.parquet",
        read=lambda first, last: (rows.iloc[at : at + size] for at in range(0, n, size)),
    )


def test_batches_are_judged_like_answers_of_the_service(table, problem):
    served = look(table, problem, "2021-03-09", batches=[batch("2021-03-01 06:00", 12)])

    said = served[served["prediction"] == 70]
    moments = pd.date_range("2021-03-01 06:00", periods=12, freq="h")
    assert said["timestamp"].tolist() == moments.tolist()
    assert len(served) == 192


@pytest.mark.parametrize(("scored_at", "expected"), [("2021-04-05", 70), ("2021-03-20", 55)])
def test_the_newest_of_batch_and_service_counts(table, problem, scored_at, expected):
    served = look(
        table,
        problem,
        "2021-03-09",
        settings=IGNORE,
        asked_for=asked("2021-03-01", 12, served_at="2021-04-01"),
        batches=[batch("2021-03-01", 12, scored_at=scored_at)],
    )

    assert served["prediction"].unique().tolist() == [expected]


def test_trials_and_rows_that_are_not_known_yet_are_not_judged(table, problem):
    trial = batch("2021-03-01", 12, judged=False)
    coming = batch("2021-03-08 12:00", 48)

    served = look(table, problem, "2021-03-09", settings=IGNORE, batches=[trial, coming])

    moments = pd.date_range("2021-03-08 12:00", "2021-03-08 23:00", freq="h")
    assert served["timestamp"].tolist() == moments.tolist()


def test_what_was_asked_for_is_found_by_when_it_came(table, problem):
    store = Store()
    look(table, problem, "2021-03-05", "2021-03-09", store=store)
    store.windows["recorded_at"] = "2021-04-10T12:00:00.000000+00:00"
    long_ago = asked("2021-03-03", 2, version="0").assign(
        recorded_at="2021-04-09T11:59:59.000000+00:00"
    )
    lately = asked("2021-03-05", 2, version="0", request="s").assign(
        recorded_at="2021-04-09T12:00:01.000000+00:00"
    )
    both = pd.concat([long_ago, lately])

    store.look(table, problem, "2021-03-09", Settings(), model(), both, [])

    # Whoever looked last has seen what had come by then, a day of grace apart.
    assert store.plan["window"].unique().tolist() == ["2021-03-05"]


def test_a_batch_that_was_scored_lately_is_found(table, problem):
    store = Store()
    look(table, problem, "2021-03-09", store=store)
    store.windows["recorded_at"] = "2021-04-10T12:00:00.000000+00:00"
    old = batch("2021-03-03", 2, scored_at="2021-04-09 11:00", version="0")
    new = batch("2021-03-05", 2, scored_at="2021-04-09 13:00", version="0")

    store.look(
        table, problem, "2021-03-09", Settings(), model(), SERVICE_PREDICTIONS.frame(), [old, new]
    )

    assert store.plan["window"].unique().tolist() == ["2021-03-05"]


def test_only_rows_of_changed_windows_are_read_from_a_batch(table, problem):
    stretches = []
    one = batch("2021-03-01", 192)
    watched = replace(
        one, read=lambda first, last: [stretches.append((first, last)), *one.read(first, last)][1:]
    )
    store = Store()
    look(table, problem, "2021-03-07", batches=[watched], store=store)
    store.windows["recorded_at"] = "2021-05-01T00:00:00.000000+00:00"
    stretches.clear()

    store.look(
        table, problem, "2021-03-09", Settings(), model(), SERVICE_PREDICTIONS.frame(), [watched]
    )

    assert stretches == [(pd.Timestamp("2021-03-07"), pd.Timestamp("2021-03-08 23:00"))]
