"""What moved the predictions of an alarmed window."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import WINDOW_HISTORY
from regression_lifecycle.core.monitoring.contributions import (
    add_contributions,
    describe_contributions,
)
from tests.core.conftest import _tiny_problem
from tests.examples import tiny_model


class Doubled:
    """Says twice the temperature."""

    def predict(self, features):
        return 2 * features["temp"].to_numpy()


def windows(**changes) -> pd.DataFrame:
    rows = [
        {"problem": "tiny", "window": f"w{number}", "window_index": number, "model_version": "3"}
        for number in range(3)
    ]
    return WINDOW_HISTORY.frame(pd.DataFrame(rows).assign(**changes))


def rows_of(*temps: float) -> pd.DataFrame:
    parts = [pd.DataFrame({"temp": np.full(50, t), "window_index": n}) for n, t in enumerate(temps)]
    return pd.concat(parts, ignore_index=True)


CHAMPION = tiny_model(Doubled(), "3", "2021-03-02", contract=_tiny_problem())


def test_alarmed_windows_say_what_moved_them_and_no_others() -> None:
    given = windows(alarms=["", "bias", "bias,drift"])

    found = add_contributions(given, rows_of(5.0, 7.0, -4.0), CHAMPION)

    assert found["contributions"].isna().tolist() == [True, False, False]
    # The training rows of this model lie around 0.
    assert json.loads(found["contributions"].iloc[1]) == {"temp": pytest.approx(14)}
    assert json.loads(found["contributions"].iloc[2]) == {"temp": pytest.approx(-8)}
    pd.testing.assert_frame_equal(
        found.drop(columns="contributions"), given.drop(columns="contributions")
    )


class Tiny(Doubled):
    def predict(self, features):
        return 1e-11 * super().predict(features)


def test_a_small_target_keeps_its_contributions() -> None:
    model = tiny_model(Tiny(), "3", "2021-03-02", contract=_tiny_problem())
    found = add_contributions(windows(alarms="bias"), rows_of(5.0, 7.0, 1 / 3), model)
    told = [json.loads(text)["temp"] for text in found["contributions"]]
    assert told == [1e-10, 1.4e-10, 6.66666667e-12]


def test_of_many_alarmed_windows_the_newest_are_explained() -> None:
    rows = [
        {"problem": "tiny", "window": f"w{n}", "window_index": n, "model_version": "3"}
        for n in range(6)
    ]
    given = WINDOW_HISTORY.frame(pd.DataFrame(rows).assign(alarms="age"))
    found = add_contributions(given, rows_of(*[1.0] * 6), CHAMPION)
    assert found["contributions"].notna().tolist() == [False] * 2 + [True] * 4


def test_windows_of_another_version_are_not_explained() -> None:
    given = windows(alarms="bias", model_version=["2", "3", "2"])
    found = add_contributions(given, rows_of(1.0, 1.0, 1.0), CHAMPION)
    assert found["contributions"].notna().tolist() == [False, True, False]


@pytest.mark.parametrize("champion", [None, tiny_model(Doubled(), "3", "2021-03-02")])
def test_without_a_model_that_can_be_explained_nothing_is_said(champion) -> None:
    given = windows(alarms="bias")
    assert add_contributions(given, rows_of(1.0, 1.0, 1.0), champion)["contributions"].isna().all()


def test_the_sentence_names_the_largest_and_marks_what_drifted() -> None:
    parts = {"temp": -30.25, "timestamp": 8.0, "hum": 2.0, "wind": -1.0, "holiday": 0.5}
    row = {"contributions": json.dumps(parts), "drifted_columns": "temp, hum"}
    assert describe_contributions(row) == (
        "its predictions lie 20.75 below those of the training rows: temp -30.25 (drifted), "
        "timestamp +8, hum +2 (drifted), wind -1"
    )
    assert describe_contributions({"contributions": None}) == ""
    assert describe_contributions({}) == ""
