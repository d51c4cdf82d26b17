"""LightGBM, XGBoost and CatBoost by configuration, on a table with text and missing values."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import yaml

from regression_lifecycle.core.errors import ConfigurationError, ModelError
from regression_lifecycle.core.estimators import EarlyStoppingRegressor
from regression_lifecycle.core.models.boosting import distribution_versions, used_libraries
from regression_lifecycle.core.models.instantiate import build
from regression_lifecycle.core.models.training import (
    Compute,
    ModelSpec,
    TrainingParameters,
    cross_validate,
    fit,
    make_pipeline,
    search_parameters,
)
from tests.core.conftest import ROOT
from tests.examples import (
    BOOSTED,
    EVERY_LIBRARY,
    LIBRARY_REGRESSORS,
    behind_an_encoder,
    blend_of_every_library,
    needs_boosting,
)

EARLY = "regression_lifecycle.core.estimators.EarlyStoppingRegressor"
TWO_STAGE = "regression_lifecycle.core.estimators.LinearThenBoostingRegressor"


def sales(n_rows: int = 300) -> tuple[pd.DataFrame, pd.Series]:
    """What three shops sell: text with gaps, numbers with gaps, and names that are hard to take."""
    random = np.random.default_rng(0)
    shop = np.array(["north", "south", "west"])[random.integers(0, 3, n_rows)]
    price = random.normal(size=n_rows)
    sold = 20 + 5.0 * (shop == "south") + 3 * price + random.normal(size=n_rows) / 4
    table = pd.DataFrame(
        {"shop": shop, "price [EUR], {net}": price, "open": random.random(n_rows) > 0.5}
    )
    table.loc[::7, "shop"] = None
    table.loc[::9, "price [EUR], {net}"] = np.nan
    return table.astype({"shop": "str"}), pd.Series(sold, name="sold")


def order(target: pd.Series) -> pd.Series:
    """A day for every row."""
    return pd.Series(pd.date_range("2020-01-01", periods=len(target)), target.index)


def spec(name: str, **parameters: object) -> dict[str, object]:
    known = LIBRARY_REGRESSORS[name]
    return {**known, "params": {**known["params"], **parameters}}


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_text_missing_values_and_odd_column_names_are_learnt_from(
    name, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    features, target = sales()
    estimator = behind_an_encoder(spec(name, n_estimators=60))
    parameters = TrainingParameters.model_validate({"model": {"estimator": estimator}})
    model = make_pipeline(parameters.model)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, _ = cross_validate(model, features, target, order(target), parameters)
        fitted = fit(model, features, target, parameters.compute)
        again = fit(model, features, target, parameters.compute)
        predicted = fitted.predict(features)

    assert scores["rmse"].iloc[-1] < 0.7 * target.std()
    assert abs(predicted[features["shop"].eq("south")].mean() - 25) < 1
    np.testing.assert_array_equal(predicted, again.predict(features))
    # Nothing is printed, and nothing is written beside the run.
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_text_without_an_encoder_is_answered_with_the_mend(name):
    features, target = sales()
    model = make_pipeline(ModelSpec(estimator=spec(name)))
    with pytest.raises(ModelError, match="text stands in shop; put CategoryEncoder"):
        fit(model, features[["shop"]], target, Compute())


@needs_boosting
@pytest.mark.parametrize("name", ["LightGBM", "XGBoost"])
def test_a_name_that_a_library_refuses_is_answered_with_the_mend(name):
    features, target = sales()
    model = make_pipeline(ModelSpec(estimator=spec(name)))
    with pytest.raises(ModelError, match="Put CategoryEncoder before the estimator"):
        fit(model, features.drop(columns="shop"), target, Compute())


@pytest.mark.parametrize(
    ("name", "parameters", "low", "high"),
    [
        ("LightGBM", {"objective": "quantile", "alpha": 0.9}, 0.8, 1.0),
        ("XGBoost", {"objective": "reg:quantileerror", "quantile_alpha": 0.9}, 0.8, 1.0),
        ("CatBoost", {"loss_function": "Quantile:alpha=0.9"}, 0.8, 1.0),
        ("LightGBM", {"objective": "poisson"}, 0.3, 0.7),
        ("XGBoost", {"objective": "count:poisson"}, 0.3, 0.7),
        ("CatBoost", {"loss_function": "Poisson"}, 0.3, 0.7),
    ],
)
@needs_boosting
def test_an_objective_decides_what_is_predicted(name, parameters, low, high):
    features, target = sales()
    estimator = behind_an_encoder(spec(name, n_estimators=200, **parameters))
    counts = target.round()
    fitted = fit(make_pipeline(ModelSpec(estimator=estimator)), features, counts, Compute())
    predicted = fitted.predict(features)
    assert low <= (counts <= predicted).mean() <= high
    assert predicted.min() > 0


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_a_fit_takes_the_threads_of_the_configuration_unless_the_model_names_its_own(name):
    features, target = sales(60)
    thread = "thread_count" if name == "CatBoost" else "n_jobs"
    for given, threads in (({}, 1), ({thread: 2}, 2)):
        model = make_pipeline(ModelSpec(estimator=behind_an_encoder(spec(name, **given))))
        fitted = fit(model, features, target, Compute(threads=1))
        assert fitted["estimator"]["boosting"].get_params()[thread] == threads


@needs_boosting
def test_every_member_of_a_blend_draws_its_own_numbers():
    model = make_pipeline(ModelSpec(estimator=blend_of_every_library(), seed=7))
    seeds = {k: v for k, v in model.get_params().items() if k.endswith("__random_state")}
    assert sorted(seeds.values()) == [7, 8, 9]
    assert used_libraries(model) == ("lightgbm", "xgboost", "catboost")
    assert {"lightgbm", "catboost"} < distribution_versions(used_libraries(model)).keys()


def test_models_of_scikit_learn_use_no_other_library():
    assert used_libraries(make_pipeline(ModelSpec(estimator=BOOSTED))) == ()


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_a_search_and_a_ridge_before_it_take_them_too(name):
    features, target = sales(120)
    two_stage = {"class": TWO_STAGE, "params": {"boosting": spec(name)}}
    parameters = TrainingParameters.model_validate(
        {
            "model": {"estimator": two_stage},
            "search": {"parameters": {"estimator__boosting__n_estimators": [2, 30]}},
            "cross_validation": {"n_splits": 2},
        }
    )
    best, trials = search_parameters(
        make_pipeline(parameters.model), features, target, order(target), parameters
    )
    assert set(best) == {"estimator__boosting__n_estimators"}
    assert len(trials) == 2


@needs_boosting
def test_what_the_guide_shows_can_be_used():
    guide = (ROOT / "docs/how-to/change-the-model.md").read_text(encoding="utf-8")
    section = guide.partition("## LightGBM, XGBoost, CatBoost")[2].partition("\n## ")[0]
    whole, *others = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    head = whole[: whole.index("          - - boosting")]
    used = []
    for block in (whole, *(head + other for other in others)):
        parameters = TrainingParameters.model_validate(yaml.safe_load(block)["training"])
        used += used_libraries(make_pipeline(parameters.model))
    assert used == ["lightgbm", "xgboost", "catboost", "lightgbm"]


# --- what is wrong is said before anything runs ---------------------------------------------------


@needs_boosting
@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        ("lightgbm.LGBMRegressor", {"lerning_rate": 1}, "did you mean 'learning_rate'"),
        (
            "lightgbm.LGBMRegressor",
            {"objective": "qantile"},
            "Unknown objective type name: qantile$",
        ),
        ("lightgbm.LGBMRegressor", {"num_leaves": 1}, r"\(num_leaves\) > \(1\)$"),
        (
            "lightgbm.LGBMRegressor",
            {"n_estimators": 0},
            "n_estimators must be a whole number from 1",
        ),
        ("xgboost.XGBRegressor", {"lerning_rate": 1}, "unknown parameter 'lerning_rate'"),
        ("xgboost.XGBRegressor", {"max_depth": -1}, "value -1 for Parameter max_depth"),
        (
            "xgboost.XGBRegressor",
            {"objective": "qantile"},
            "XGBRegressor: Unknown objective function: `qantile`",
        ),
        (
            "xgboost.XGBRegressor",
            {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
            "predicts 2 values per row",
        ),
        ("xgboost.XGBRegressor", {"early_stopping_rounds": 9}, "EarlyStoppingRegressor"),
        ("catboost.CatBoostRegressor", {"lerning_rate": 1}, "did you mean 'learning_rate'"),
        (
            "catboost.CatBoostRegressor",
            {"loss_function": "Quantil"},
            "Regressor: Quantil loss is not",
        ),
        ("catboost.CatBoostRegressor", {"depth": 40}, "Regressor: Maximum tree depth is 16"),
        ("catboost.CatBoostRegressor", {"iterations": 2, "n_estimators": 2}, "only one of the"),
        ("catboost.CatBoost", {}, "could not be stored"),
        ("lightgbm.DaskLGBMRegressor", {}, "could not be stored"),
    ],
)
def test_a_wrong_name_or_value_is_answered_at_start_up(path, parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        build({"class": path, "params": parameters}, "estimator")


@needs_boosting
@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("lightgbm.LGBMRegressor", {"monotone_constraints": [1, 0], "feature_fraction": 0.5}),
        ("xgboost.XGBRegressor", {"monotone_constraints": {"temp": 1}, "eta": 0.1}),
        ("xgboost.XGBRFRegressor", {"subsample": 0.5}),
        ("catboost.CatBoostRegressor", {"monotone_constraints": [1, 0], "verbose": False}),
    ],
)
def test_what_speaks_of_columns_is_left_to_the_fit(path, parameters):
    assert parameters.items() <= build({"class": path, "params": parameters}).get_params().items()


# --- early stopping -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY_LIBRARY)
def test_the_latest_rows_say_how_many_trees_are_enough(name):
    features, target = sales()
    boosting = spec(name, n_estimators=400)
    stopping = {"class": EARLY, "params": {"boosting": boosting, "patience": 20}}
    model = make_pipeline(ModelSpec(estimator=behind_an_encoder(stopping)))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit(model, features, target, Compute())["estimator"]
    found = fitted["boosting"]

    assert 5 < found.n_trees_ < 400
    # All rows are fitted on, with as many trees.
    alone = build(spec(name, n_estimators=found.n_trees_))
    alone.set_params(**found.boosting.get_params()).set_params(n_estimators=found.n_trees_)
    if name == "CatBoost":
        alone.set_params(learning_rate=found.boosting_.learning_rate_)
    rows = fitted["encoder"].transform(features)
    np.testing.assert_array_equal(
        alone.fit(rows, target).predict(rows).astype("float64"), found.predict(rows)
    )


@needs_boosting
def test_rows_at_the_end_decide_and_not_those_before():
    random = np.random.default_rng(0)
    rows = random.normal(size=(400, 1))
    # The first rows could be learnt from for long; the last are noise.
    target = np.where(np.arange(400) < 300, np.sin(9 * rows[:, 0]), random.normal(size=400))
    boosting = spec("LightGBM", n_estimators=300, n_jobs=1)
    stopping = {"boosting": boosting, "validation_share": 0.25}
    noisy = build({"class": EARLY, "params": stopping})
    assert noisy.fit(rows, target).n_trees_ < 10
    assert noisy.fit(rows[:300], target[:300]).n_trees_ > 30


def test_what_cannot_stop_on_given_rows_is_refused():
    with pytest.raises(ConfigurationError, match="HistGradientBoostingRegressor cannot stop early"):
        build({"class": EARLY, "params": {"boosting": BOOSTED}})


@needs_boosting
def test_one_row_is_too_few_to_stop_on():
    model = EarlyStoppingRegressor(build(spec("LightGBM")))
    with pytest.raises(ValueError, match="at least two rows"):
        model.fit(np.ones((1, 1)), [1.0])


@needs_boosting
def test_columns_in_another_order_are_refused():
    features, target = sales(60)
    rows = features.drop(columns="shop").set_axis(["price", "open"], axis=1)
    model = EarlyStoppingRegressor(build(spec("CatBoost"))).fit(rows, target)
    with pytest.raises(ValueError, match="same order"):
        model.predict(rows[["open", "price"]])
