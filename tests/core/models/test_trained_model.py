from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from regression_lifecycle.core.errors import ConfigurationError, DataContractError, ModelError
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.raw_rows import make_contract
from regression_lifecycle.core.models.trained_model import (
    ModelMetadata,
    TrainedModel,
    require_same_problem,
)
from regression_lifecycle.core.models.training import Compute, ModelSpec, fit, make_pipeline

FEATURES = (
    {"kind": "columns", "names": ["temp", "hour"]},
    {"kind": "lag", "name": "day_ago", "column": "cnt", "ages": ["1 day"]},
)


@pytest.fixture(scope="module")
def table(observations, problem, recipe):
    return build_features(observations, problem, recipe(*FEATURES), keep=["load"]).iloc[24:]


@pytest.fixture(scope="module")
def model(table, recipe):
    made = recipe(*FEATURES)
    names = list(made.feature_names)
    spec = ModelSpec.model_validate({"estimator": {"class": "sklearn.linear_model.Ridge"}})
    metadata = ModelMetadata(
        problem="tiny",
        fingerprint="f" * 16,
        data_fingerprint="d" * 16,
        target="cnt",
        recipe=made,
        trained_from=table["timestamp"].min(),
        trained_until=table["timestamp"].max(),
        n_rows=len(table),
        target_mean=float(table["cnt"].mean()),
        target_median=float(table["cnt"].median()),
    )
    estimator = fit(make_pipeline(spec), table[names], table["cnt"], Compute())
    return TrainedModel(estimator, metadata, table[names].head(3))


def test_a_prediction_stands_on_the_row_it_is_for(model, table):
    made = model.predict(table)
    assert made.index.equals(table.index)
    assert made.dtype == "float64"
    assert model.predict(table.loc[[40]]).item() == pytest.approx(made[40])


def test_neither_the_order_of_columns_nor_further_ones_matter(model, table):
    # A bare estimator is strict about its columns; a ColumnTransformer would forgive.
    names = list(model.metadata.recipe.feature_names)
    model = replace(model, estimator=Ridge().fit(table[names], table["cnt"]))
    other = table.assign(cnt=-1, load=0.0, part_a=7, note="x")[
        ["note", "part_a", *reversed(table.columns)]
    ]
    pd.testing.assert_series_equal(model.predict(other), model.predict(table))


def test_the_model_has_seen_its_features_alone(model):
    assert list(model.estimator.feature_names_in_) == ["temp", "hour", "day_ago"]


def test_a_missing_feature_is_named(model, table):
    with pytest.raises(ModelError, match="the feature table lacks hour, day_ago"):
        model.predict(table.drop(columns=["day_ago", "hour"]))


def test_lags_come_from_the_rows_then_from_what_is_told_then_from_the_history(
    model, observations, problem, recipe
):
    temp = {"kind": "lag", "name": "temp_before", "column": "temp", "ages": ["1 day"]}
    made = recipe(*FEATURES, temp)
    changes = {"recipe": made, "contract": make_contract(made, problem)}
    metadata = model.metadata.model_copy(update=changes)
    model = replace(model, metadata=metadata, history=observations.iloc[:48])
    raw = pd.DataFrame(
        {"timestamp": ["2021-03-03 00:00", "2021-03-03 01:00", "2021-03-03 02:00"], "temp": 1.0}
    )
    past = pd.DataFrame({"timestamp": ["2021-03-02 01:00", "2021-03-02 02:00"], "cnt": [-1, -2]})
    also = pd.DataFrame({"timestamp": ["2021-03-02 02:00"], "temp": [0.0], "cnt": ["-3"]})

    alone = model.make_features(raw)
    told = model.make_features(raw, past)
    given = model.make_features(pd.concat([raw, also], ignore_index=True), past)

    known = observations["cnt"].iloc[24:27].tolist()
    assert alone["day_ago"].tolist() == known
    assert told["day_ago"].tolist() == [known[0], -1, -2]
    assert given["day_ago"].tolist()[:3] == [known[0], -1, -3]
    # What is told of a row says nothing of its other columns.
    before = observations["temp"].iloc[24:27].tolist()
    assert alone["temp_before"].tolist() == told["temp_before"].tolist() == before
    assert given["hour"].tolist() == [0, 1, 2, 2]
    with pytest.raises(DataContractError, match=r"recent observations: cnt is not a number"):
        model.make_features(raw, past.assign(cnt="many"))


def test_a_passport_comes_back_from_json_as_it_was(model):
    metadata = ModelMetadata.model_validate_json(model.metadata.model_dump_json())
    assert metadata == model.metadata
    assert metadata.recipe.digest() == model.metadata.recipe.digest()


COLUMNS = {
    "day": {"type": "date", "known_in_advance": True},
    "hour": {"type": "integer", "known_in_advance": True},
    "cnt": {"type": "integer"},
}
LABELS = {"type": "category", "known_in_advance": True}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "load"}, "predicts cnt, but problem.target is load"),
        ({"label_delay": "1 day", "horizon": "2 hours"}, "'cnt' 1 day ago"),
        ({"columns": COLUMNS, "forbidden_columns": {}}, "unknown column 'temp'"),
        (
            {"columns": {**COLUMNS, "temp": LABELS}, "forbidden_columns": {}},
            "needs numbers in 'temp', but problem.columns.temp.type 'category' gives labels",
        ),
    ],
    ids=["target", "leak", "column that is gone", "labels in place of numbers"],
)
def test_a_champion_of_another_problem_is_refused_with_what_differs(
    model, make_problem, changes, words
):
    champion = replace(model, location={"version": "7"})
    require_same_problem(champion, make_problem())

    with pytest.raises(ConfigurationError, match=f"champion version 7 .*{words}") as caught:
        require_same_problem(champion, make_problem(**changes))

    assert "problem_name" in str(caught.value)
