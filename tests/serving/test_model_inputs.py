"""What is made of a raw row: features, and its name."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.row_history import RowHistory
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.serving.model_inputs import ModelInputs, RowNames
from tests.serving.conftest import CONTENT, NUMBERS, make_observations

RECIPE = FeatureRecipe.model_validate({"features": NUMBERS})


def test_features_are_what_the_pipelines_make(problem: Problem) -> None:
    observations = make_observations(problem)
    table = build_features(observations, problem, RECIPE)
    history = RowHistory(problem, RECIPE.columns_read)
    history.replace_table(observations)
    sent = ["timestamp", "hr", "temp", "holiday"]
    rows = [
        {**record, "timestamp": record["timestamp"].to_pydatetime()}
        for record in table[sent].sample(frac=1.0, random_state=0).to_dict("records")
    ]
    inputs = ModelInputs(RECIPE, problem)

    made = inputs.make(rows, history)

    found = inputs.table(made.values).assign(timestamp=[row["timestamp"] for row in rows])
    found = found.sort_values("timestamp", ignore_index=True)
    expected = table[list(RECIPE.feature_names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(expected)], expected)
    assert [
        row["timestamp"].day for row, lacks in zip(rows, made.lacking, strict=True) if lacks
    ] == ([1] * 24)


def test_rows_of_one_key_are_each_made_of_their_own_values(problem: Problem) -> None:
    day = {"kind": "day", "name": "temp_day", "column": "temp"}
    recipe = FeatureRecipe.model_validate({"features": [day]})
    moment = datetime.fromisoformat("2021-03-09 07:00")
    other = {"timestamp": moment.replace(hour=8), "temp": 2.0}
    rows = [other, *({"timestamp": moment, "temp": temp} for temp in (4.0, 6.0))]

    made = ModelInputs(recipe, problem).make(rows, RowHistory(problem, ["temp"]))

    assert made.values[1:] == [[3.0], [4.0]]


def test_what_comes_after_the_fact_is_not_the_rows_own_to_say(problem: Problem) -> None:
    recipe = FeatureRecipe.model_validate({"features": [NUMBERS[-1]]})
    moment = datetime.fromisoformat("2021-03-09 07:00")
    rows = [
        {"timestamp": moment.replace(day=8), "cnt": 5.0},
        {"timestamp": moment, "cnt": 6.0},
    ]

    made = ModelInputs(recipe, problem).make(rows, RowHistory(problem, ["cnt"]))

    assert made.values == [[None], [None]]
    assert made.lacking[1] == {"cnt_before": ["cnt 1 day before"]}


def test_missing_numbers_and_texts_become_what_the_model_was_fitted_on(problem: Problem) -> None:
    recipe = FeatureRecipe.model_validate(
        {"features": [{"kind": "columns", "names": ["temp", "sky"]}]}
    )
    inputs = ModelInputs(recipe, problem)

    rows = [{"temp": None, "sky": "rain"}, {"temp": 1.0, "sky": None}]
    table = inputs.table(inputs.make(rows, RowHistory(problem, ())).values)

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
