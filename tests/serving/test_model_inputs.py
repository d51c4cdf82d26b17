"""What is made of a row: features from its moment, and its name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.serving import model_inputs as inputs_module
from regression_lifecycle.serving.model_inputs import ModelInputs, RowNames
from tests.serving.conftest import CONTENT, NUMBERS, make_observations

RECIPE = FeatureRecipe.model_validate({"features": NUMBERS})
MADE = ("calendar_weekday", "hour_sin", "hour_cos", "day_index", "summer")


def make_row(moment: str, **changes: Any) -> dict[str, Any]:
    stamp = datetime.fromisoformat(moment)
    return {
        "timestamp": stamp,
        "hr": 7.0,
        "temp": None,
        "holiday": 0.0,
        "cnt_before": 3.0,
        **changes,
    }


def test_what_is_left_out_is_what_the_pipelines_make(problem: Problem) -> None:
    observations = make_observations(problem).sample(frac=1.0, random_state=0)
    table = build_features(observations, problem, RECIPE)
    sent = ["timestamp", "hr", "temp", "holiday", "cnt_before"]
    rows = [
        {**record, "timestamp": record["timestamp"].to_pydatetime()}
        for record in table[sent].to_dict("records")
    ]
    inputs = ModelInputs(RECIPE, problem)

    found = inputs.table(inputs.values(rows))

    expected = table[list(RECIPE.feature_names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_what_is_sent_is_taken_as_it_is(problem: Problem) -> None:
    inputs = ModelInputs(RECIPE, problem)

    values = inputs.values([make_row("2021-03-09 07:00", summer=1.0), make_row("2021-03-09 07:00")])

    column = list(RECIPE.feature_names).index("summer")
    assert [row[column] for row in values] == [1.0, 0.0]


def test_rows_without_a_moment_bring_everything(problem: Problem) -> None:
    inputs = ModelInputs(RECIPE, problem)
    complete = {**make_row("2021-03-09 07:00"), "timestamp": None, **dict.fromkeys(MADE, 0.5)}
    lacking = make_row("2021-03-09 07:00")

    values = inputs.values([complete, lacking])

    assert [value for value in values[0] if value == 0.5] == [0.5] * 5
    assert None not in values[1][3:]


def test_moments_are_remembered_and_forgotten(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = inputs_module.build_features
    monkeypatch.setattr(
        inputs_module, "build_features", lambda *a: (calls.append(len(a[0])), real(*a))[1]
    )
    monkeypatch.setattr(inputs_module, "REMEMBERED_MOMENTS", 3)
    inputs = ModelInputs(RECIPE, problem)
    rows = [make_row(f"2021-03-09 0{hour}:00") for hour in range(5)]

    first = inputs.values(rows[:3])
    again = inputs.values(rows[:3])
    inputs.values(rows[3:])
    inputs.values(rows)
    last = inputs.values(rows[:3])

    assert first == again == last
    assert calls == [3, 2, 5]


def test_missing_numbers_and_texts_become_what_the_model_was_fitted_on(problem: Problem) -> None:
    recipe = FeatureRecipe.model_validate(
        {"features": [{"kind": "columns", "names": ["temp", "sky"]}]}
    )
    inputs = ModelInputs(recipe, problem)

    table = inputs.table(inputs.values([{"temp": None, "sky": "rain"}, {"temp": 1.0, "sky": None}]))

    assert list(table.dtypes.astype(str)) == ["float64", "str"]
    assert table.isna().to_numpy().tolist() == [[True, False], [False, True]]
    with pytest.raises(ValueError, match="rain"):
        inputs.matrix([[1.0, "rain"]])
    assert np.isnan(inputs.matrix([[None, None]])).all()


def test_names_are_those_of_the_tables() -> None:
    content = {
        **CONTENT,
        "key": ["site", "number", "share", "born", "timestamp"],
        "columns": {
            **CONTENT["columns"],
            "site": {"type": "category"},
            "number": {"type": "integer"},
            "share": {"type": "float"},
            "born": {"type": "date"},
        },
    }
    problem = Problem.model_validate(content)
    stamps = ["2021-03-09", "2021-03-09 07:30:00.5", "2021-12-31 23:00"]
    table = pd.DataFrame(
        {
            "site": pd.Series(["a", "b|c", "7"], dtype="str"),
            "number": pd.Series([1, -20, 10**12], dtype="int64"),
            "share": [0.5, 1.0, 1e-9],
            "born": pd.Series(pd.to_datetime(["2020-01-01"] * 3)).astype("datetime64[us]"),
            "timestamp": pd.Series([pd.Timestamp(s) for s in stamps]).astype("datetime64[us]"),
        }
    )
    sent = [
        {**row, "number": float(row["number"]), "born": row["born"].to_pydatetime(), "timestamp": m}
        for row, m in zip(
            table.to_dict("records"), map(datetime.fromisoformat, stamps), strict=True
        )
    ]
    names = RowNames(problem)

    assert [names.of(row) for row in sent] == list(row_keys(table, problem))
    assert names.of({**sent[0], "share": None}) is None
    assert names.of({key: value for key, value in sent[0].items() if key != "site"}) is None
