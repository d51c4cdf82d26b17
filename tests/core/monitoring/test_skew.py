"""What the service made of its rows is held against what was observed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS, WINDOW_HISTORY
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.monitoring import skew as module
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions
from regression_lifecycle.core.monitoring.skew import SKEW_COLUMNS, add_skew, describe_skew
from tests.examples import tiny_model, tiny_problem
from tests.readers import reader

PROBLEM = tiny_problem(
    temp={"missing": True},
    sky={"type": "category", "known_in_advance": True, "missing": True},
    wind={"type": "float", "known_in_advance": True},
)
RECIPE = FeatureRecipe.model_validate(
    {
        "features": [
            {"kind": "columns", "names": ["temp", "sky"]},
            {"kind": "calendar", "parts": ["hour"]},
            {"kind": "day", "name": "warmest", "column": "temp", "statistic": "max"},
            {"kind": "lag", "name": "before", "column": "cnt", "ages": ["1 day"]},
        ]
    }
)
DAY = 24
N = 4 * DAY


class Warmth:
    """Says a hundred times the temperature, of a recipe without it 0."""

    def predict(self, features: pd.DataFrame) -> Any:
        return 100 * features.get("temp", pd.Series(0.0, index=features.index)).to_numpy()


def champion(version: str = "1", recipe: FeatureRecipe = RECIPE) -> TrainedModel:
    return tiny_model(Warmth(), version, "2021-02-28 23:00", recipe=recipe)


def known_rows() -> pd.DataFrame:
    """Four days of hours, a window each, with the features of the recipe."""
    moments = pd.date_range("2021-03-01", periods=N, freq="h", unit="us")
    table = pd.DataFrame(
        {
            "timestamp": moments,
            "day": moments,
            "temp": np.tile(np.linspace(0.2, 0.66, DAY), 4),
            "sky": pd.Series(["clear", "mist"] * (N // 2), dtype="str"),
            "wind": 0.5,
            "cnt": np.arange(100.0, 100 + N),
        }
    )
    made = build_features(table, PROBLEM, RECIPE, keep=PROBLEM.columns_known_in_advance)
    return made.assign(
        row_key=row_keys(table, PROBLEM).to_numpy(), window_index=np.arange(N) // DAY
    )


ROWS = known_rows()


def answers(rows: pd.DataFrame, *, version: str = "1", request: str = "r", **more: Any) -> Any:
    """What the service keeps of rows that it was sent as they were observed."""
    plain = rows.astype(object).where(rows.notna(), None)
    sent = plain[["temp", "sky", "wind"]].to_dict("records")
    made = plain[list(RECIPE.feature_names)].to_dict("records")
    return SERVICE_PREDICTIONS.frame(
        pd.DataFrame(
            {
                "problem": "tiny",
                "request_id": request,
                "row_number": range(len(rows)),
                "served_at": pd.Timestamp("2021-02-01"),
                "row_key": rows["row_key"].to_numpy(),
                "timestamp": rows["timestamp"].to_numpy(),
                "model_version": version,
                "trained_until": pd.Timestamp("2021-02-28 23:00"),
                "raw_prediction": Warmth().predict(rows),
                "recipe": RECIPE.digest(),
                "row": [json.dumps(row) for row in sent],
                "features": [json.dumps(row) for row in made],
                **more,
            }
        )
    )


def changed(rows: pd.DataFrame, where: Any, **values: Any) -> pd.DataFrame:
    """Rows with other values in some places."""
    rows = rows.copy()
    for name, value in values.items():
        rows.loc[where, name] = value
    return rows


def windows(*places: int, version: str = "1", as_of: str = "2021-03-05") -> pd.DataFrame:
    starts = [pd.Timestamp("2021-03-01") + place * pd.Timedelta("1 day") for place in places]
    return WINDOW_HISTORY.frame(
        pd.DataFrame(
            {
                "problem": "tiny",
                "window": [str(start.date()) for start in starts],
                "model_version": version,
                "revision": 0,
                "window_index": places,
                "start": starts,
                "seen_as_of": pd.Timestamp(as_of),
            }
        )
    )


def skew(
    log: pd.DataFrame,
    *,
    of: pd.DataFrame | None = None,
    recorded: pd.DataFrame | None = None,
    reads: list[pd.DataFrame] | None = None,
    problem: Problem = PROBLEM,
    model: TrainedModel | None = None,
) -> list[dict[str, Any]]:
    """The skew of windows, the second one if none is given."""
    logged = LoggedPredictions(
        reader(WINDOW_HISTORY.frame()),
        reader(log, None if reads is None else reads.append),
        [],
        problem,
    )
    found = add_skew(
        windows(1) if of is None else of,
        ROWS,
        logged,
        model or champion(),
        WINDOW_HISTORY.frame(recorded),
    )
    assert list(found) == list(WINDOW_HISTORY.columns)
    return found[["window", *SKEW_COLUMNS]].to_dict("records")


SECOND = ROWS[ROWS["window_index"] == 1].reset_index(drop=True)
BACKWARDS = np.arange(DAY) * pd.Timedelta("1 min")


def assert_nothing(found: dict[str, Any]) -> None:
    assert all(pd.isna(found[name]) for name in SKEW_COLUMNS)


def test_without_a_difference_every_share_is_zero() -> None:
    # The last digits of a sum, or of another engine, are no difference.
    noisy = SECOND.assign(temp=SECOND["temp"] * (1 + 1e-9))

    # Asked for in any order.
    (found,) = skew(answers(noisy, served_at=pd.Timestamp("2021-02-01") - BACKWARDS))

    assert (found["n_skew_rows"], found["skewed_columns"]) == (24, "")
    assert [found[f"{name}_skew"] for name in ("features", "predictions")] == [0, 0]
    assert found["lacking_share"] == 0
    assert pd.isna(found["most_skewed_column"])
    assert describe_skew(found) == ""
    # What the table lacks too makes no difference.
    (lacking,) = skew(answers(SECOND, missing='["temp of the day: 23 of 24 rows"]'))
    assert (lacking["lacking_share"], describe_skew(lacking)) == (1, "")


def test_a_caller_who_sends_celsius_is_named_before_the_features_made_of_it() -> None:
    cold = SECOND.index < 6
    celsius = changed(SECOND, cold, temp=SECOND.loc[cold, "temp"] * 41)
    # The warmest hour of the day is another one for every row of this caller and of all others.
    celsius["warmest"] = 20.0

    (found,) = skew(answers(celsius))

    assert found["n_skew_rows"] == 24
    assert found["features_skew"] == 1
    assert found["predictions_skew"] == 0.25
    assert found["skewed_columns"] == "temp,warmest"
    assert (found["most_skewed_column"], found["most_skewed_share"]) == ("temp", 0.25)
    assert found["most_skewed_served"] == pytest.approx(10.25)
    assert found["most_skewed_observed"] == pytest.approx(0.25)
    assert describe_skew(found) == (
        "2021-03-02: of 24 served rows 25% are predicted otherwise from what was observed, "
        "100% have other features; temp differs in 25% of the served rows (on average 10.25 as "
        "served, 0.25 as observed)"
    )


def test_a_lag_that_was_not_there_is_counted_and_named() -> None:
    early = SECOND.index >= 21
    lacking = changed(SECOND, early, before=np.nan)
    missing = np.where(early, '["cnt 1 day before"]', None)

    (found,) = skew(answers(lacking, missing=missing))

    assert found["lacking_share"] == found["features_skew"] == 0.125
    assert found["predictions_skew"] == 0
    assert found["skewed_columns"] == found["most_skewed_column"] == "before"
    assert pd.isna(found["most_skewed_served"])
    assert found["most_skewed_observed"] == pytest.approx(122)
    assert "12.5% lacked something; before differs in 12.5%" in describe_skew(found)
    assert describe_skew(found).endswith("(on average missing as served, 122 as observed)")


def test_labels_and_blanks_differ_too() -> None:
    other = changed(SECOND, SECOND.index < 3, sky="rain")
    other = changed(other, other.index == 23, sky=None)

    (found,) = skew(answers(other))

    assert (found["features_skew"], found["predictions_skew"]) == (4 / 24, 0)
    assert found["skewed_columns"] == "sky"
    assert describe_skew(found).endswith("sky differs in 16.7% of the served rows")


def test_what_no_feature_reads_and_what_was_not_sent_is_no_difference() -> None:
    log = answers(SECOND.assign(wind=9.0))
    log["row"] = [json.dumps({"wind": 9.0})] * 23 + [None]

    (found,) = skew(log)

    assert (found["n_skew_rows"], found["features_skew"], found["skewed_columns"]) == (24, 0, "")


def test_a_raw_column_that_only_a_made_feature_reads_is_named_and_is_no_feature() -> None:
    recipe = FeatureRecipe.model_validate({"features": RECIPE.model_dump()["features"][1:]})
    log = answers(SECOND.assign(temp=30.0), recipe=recipe.digest())

    made = SECOND[list(recipe.feature_names)].to_dict("records")
    log = log.assign(features=[json.dumps(row) for row in made])

    (found,) = skew(log, model=champion(recipe=recipe))

    assert (found["features_skew"], found["skewed_columns"]) == (0, "temp")
    # The day may be known from rows that were sent ahead.
    (left_out,) = skew(log.assign(row="{}"), model=champion(recipe=recipe))
    assert left_out["skewed_columns"] == ""


def test_the_newest_answer_about_a_row_counts() -> None:
    wrong = answers(SECOND.assign(temp=20.0), request="a")
    right = answers(SECOND, request="b", served_at=pd.Timestamp("2021-02-02"))

    assert skew(pd.concat([right, wrong]))[0]["features_skew"] == 0
    later = wrong.assign(served_at=pd.Timestamp("2021-02-03"))
    assert skew(pd.concat([right, later]))[0]["features_skew"] == 1


def test_what_cannot_be_compared_says_nothing() -> None:
    assert_nothing(skew(answers(SECOND).assign(features=None))[0])
    assert_nothing(skew(answers(SECOND).assign(problem="other"))[0])
    trained = answers(SECOND, trained_until=pd.Timestamp("2021-03-03"))
    assert_nothing(skew(trained)[0])
    assert describe_skew(skew(SERVICE_PREDICTIONS.frame())[0]) == ""


def test_what_was_recorded_stays_where_nothing_can_be_compared_any_more() -> None:
    known = windows(1).assign(n_skew_rows=20, predictions_skew=0.5, skewed_columns="temp")

    (found,) = skew(SERVICE_PREDICTIONS.frame(), recorded=known)

    assert (found["n_skew_rows"], found["predictions_skew"]) == (20, 0.5)
    assert skew(answers(SECOND), recorded=known)[0]["predictions_skew"] == 0


def test_of_another_version_features_are_compared_if_its_recipe_is_the_same() -> None:
    former = windows(1, version="0")
    known = former.assign(n_skew_rows=20, features_skew=0.5, predictions_skew=0.5)
    log = answers(SECOND.assign(temp=20.0), version="0")

    (same,) = skew(log, of=former, recorded=known)
    (other,) = skew(log.assign(recipe="another"), of=former, recorded=known)
    (unknown,) = skew(log.assign(recipe=None), of=former)

    # Its predictions are its own; what was found while it was champion stays.
    assert (same["n_skew_rows"], same["features_skew"], same["predictions_skew"]) == (24, 1, 0.5)
    assert (other["n_skew_rows"], other["features_skew"]) == (20, 0.5)
    assert_nothing(unknown)
    # The champion's own rows are of its recipe by nature.
    assert skew(answers(SECOND, recipe=None))[0]["n_skew_rows"] == 24


def test_a_row_whose_day_is_not_over_waits() -> None:
    both = windows(1, 2, as_of="2021-03-03 12:00")

    second, third = skew(answers(ROWS[24:72]), of=both)

    assert second["n_skew_rows"] == 24
    assert_nothing(third)


def test_windows_are_judged_by_themselves_and_only_their_rows_are_read() -> None:
    wrong = ROWS[24:72].reset_index(drop=True)
    wrong = changed(wrong, wrong.index >= 24, temp=20.0)
    reads: list[pd.DataFrame] = []

    second, third = skew(answers(pd.concat([ROWS[:24], wrong])), of=windows(1, 2), reads=reads)

    assert (second["features_skew"], third["features_skew"]) == (0, 1)
    assert [len(part) for part in reads] == [48]


def test_many_windows_are_read_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 50)
    reads: list[pd.DataFrame] = []

    found = skew(answers(ROWS), of=windows(0, 1, 2, 3), reads=reads)

    assert [row["n_skew_rows"] for row in found] == [24] * 4
    # On the first day nothing was known of the day before, neither then nor now.
    assert [row["features_skew"] for row in found] == [0] * 4
    assert [len(part) for part in reads] == [48, 48]


def test_without_a_window_or_a_row_nothing_is_read() -> None:
    reads: list[pd.DataFrame] = []

    assert skew(answers(SECOND), of=windows(), reads=reads) == []
    assert_nothing(skew(answers(SECOND), of=windows(7), reads=reads)[0])

    assert reads == []
