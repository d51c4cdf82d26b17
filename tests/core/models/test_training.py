from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from joblib.parallel import get_active_backend
from pydantic import ValidationError
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_info

from regression_lifecycle.core.errors import DataContractError, ModelError
from regression_lifecycle.core.metrics import compute_metrics
from regression_lifecycle.core.models.training import (
    Compute,
    ModelSpec,
    TrainingParameters,
    compute_limits,
    cross_validate,
    fit,
    make_pipeline,
    search_parameters,
)
from tests.core.conftest import ROOT

RIDGE = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 1.0}}
NEAREST = {"class": "sklearn.neighbors.KNeighborsRegressor", "params": {"n_neighbors": 1}}
FOREST = {
    "class": "sklearn.ensemble.RandomForestRegressor",
    "params": {"n_estimators": 5, "random_state": 0},
}


def parameters(estimator=RIDGE, model=None, **more):
    return TrainingParameters.model_validate(
        {"model": {"estimator": estimator, **(model or {})}, **more}
    )


@pytest.fixture(scope="module")
def features():
    random = np.random.default_rng(4)
    table = pd.DataFrame({"t": np.arange(120.0), "a": random.normal(size=120)})
    return table.assign(b=random.normal(size=120)).set_axis(range(500, 620))


@pytest.fixture(scope="module")
def moments(features):
    return pd.Series(pd.date_range("2020-01-01", periods=120).as_unit("us"), features.index)


@pytest.fixture(scope="module")
def target(features):
    noise = np.random.default_rng(5).normal(size=120)
    return (3 + features["a"] - 2 * features["b"] + noise).clip(lower=0).rename("y")


# --- the folds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0, 7])
def test_no_row_is_predicted_from_later_ones(features, gap, moments):
    """The nearest neighbour in time says which training row was the last."""
    settings = parameters(
        NEAREST, cross_validation={"n_splits": 4, "gap": f"{gap} days" if gap else None}
    )
    model = make_pipeline(settings.model)
    time = features["t"]
    scores, out_of_fold = cross_validate(model, features[["t"]], time, moments, settings)
    tested = out_of_fold["prediction"].dropna()
    distance = time[tested.index] - tested
    assert distance.min() == gap + 1
    assert scores["n"].tolist() == [24] * 4
    # Each fold trains on all that lies before it, without the gap.
    assert scores["n_train"].tolist() == [24 - gap, 48 - gap, 72 - gap, 96 - gap]


def test_rows_in_no_test_fold_have_no_prediction(features, target, moments):
    settings = parameters(cross_validation={"n_splits": 3, "test_size": 10})
    _, out_of_fold = cross_validate(
        make_pipeline(settings.model), features, target, moments, settings
    )
    assert out_of_fold.index.equals(features.index)
    assert out_of_fold["prediction"].isna().tolist() == [True] * 90 + [False] * 30
    assert out_of_fold["fold"].tolist() == [0] * 90 + [1] * 10 + [2] * 10 + [3] * 10
    # What the model of the fold before says: there is none before the first.
    assert out_of_fold["former_prediction"].isna().tolist() == [True] * 100 + [False] * 20


def test_all_series_of_a_time_stand_on_one_side(features, moments):
    """Three series, of which one begins later: rows of a time are no fixed number."""
    late = np.arange(360) % 3 == 2
    three = pd.concat([features] * 3).sort_index(kind="stable").reset_index(drop=True)
    due = pd.Series(np.repeat(moments.to_numpy(), 3))
    kept = ~late | (three["t"] >= 70)
    three, due = three[kept], due[kept]
    settings = parameters(NEAREST, cross_validation={"n_splits": 3, "gap": "2 days"})
    model = make_pipeline(settings.model)

    scores, out_of_fold = cross_validate(model, three[["t"]], three["t"], due, settings)

    tested = out_of_fold["prediction"].dropna()
    assert (three["t"][tested.index] - tested).min() == 3
    assert scores["n"].tolist() == [60, 80, 90]
    assert scores["n_train"].tolist() == [2 * 28, 2 * 58, 2 * 88 + 18]


def test_a_gap_of_months_is_that_of_the_calendar(features):
    months = pd.Series(pd.date_range("2010-01-01", periods=120, freq="MS"), features.index)
    settings = parameters(NEAREST, cross_validation={"n_splits": 4, "gap": "2 months"})

    scores, _ = cross_validate(
        make_pipeline(settings.model), features[["t"]], features["t"], months, settings
    )

    assert scores["n_train"].tolist() == [22, 46, 70, 94]


def test_the_scores_are_those_of_the_predictions(features, target, moments):
    settings = parameters(cross_validation={"n_splits": 3})
    scores, out_of_fold = cross_validate(
        make_pipeline(settings.model), features, target, moments, settings
    )
    for fold, (_, test) in enumerate(TimeSeriesSplit(3).split(features)):
        expected = compute_metrics(target.iloc[test], out_of_fold["prediction"].iloc[test])
        found = scores.iloc[fold]
        assert found["fold"] == fold + 1
        assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_too_few_rows_are_refused_with_their_number(features, target, moments):
    settings = parameters(cross_validation={"n_splits": 5, "gap": "20 days"})
    with pytest.raises(
        DataContractError, match=r"30 times of training: too few for training\.cross"
    ):
        cross_validate(
            make_pipeline(settings.model),
            features.iloc[:30],
            target.iloc[:30],
            moments.iloc[:30],
            settings,
        )


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_two_runs_give_the_same_bytes(features, target, backend, moments):
    settings = parameters(FOREST, compute={"backend": backend, "n_jobs": 2})

    def run():
        model = make_pipeline(settings.model)
        scores, predictions = cross_validate(model, features, target, moments, settings)
        fitted = fit(model, features, target, settings.compute)
        return (
            scores.to_csv().encode(),
            predictions.to_numpy().tobytes(),
            fitted.predict(features).tobytes(),
        )

    assert run() == run()


# --- the fit ------------------------------------------------------------------------------------


def test_a_fit_leaves_the_model_unfitted(features, target):
    model = make_pipeline(parameters().model)
    fitted = fit(model, features, target, Compute())
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_cross_validation_leaves_the_model_unfitted(features, target, moments):
    settings = parameters()
    model = make_pipeline(settings.model)
    cross_validate(model, features, target, moments, settings)
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_transformers_act_on_their_columns_and_the_others_pass_through(features, target):
    scaler = {"class": "sklearn.preprocessing.StandardScaler"}
    groups = [{"name": "scaled", "columns": ["a", "t"], "steps": [scaler]}]
    model = make_pipeline(parameters(model={"transformers": groups}).model)
    fitted = fit(model, features, target, Compute())
    made = fitted.named_steps["columns"].transform(features)
    assert set(made) == {"a", "t", "b"}
    assert made[["a", "t"]].mean().tolist() == pytest.approx([0, 0], abs=1e-12)
    assert made["b"].tolist() == features["b"].tolist()


def test_a_target_transform_acts_before_the_fit_and_back_after_it(features, target):
    transform = {"function": "numpy.log1p", "inverse": "numpy.expm1"}
    model = make_pipeline(parameters(model={"target_transform": transform}).model)
    fitted = fit(model, features, target, Compute())
    expected = np.expm1(Ridge(alpha=1.0).fit(features, np.log1p(target)).predict(features))
    assert fitted.predict(features).tolist() == pytest.approx(expected)


def test_the_estimator_of_the_project_can_be_trained_from_configuration(features, target, moments):
    both = {
        "class": "regression_lifecycle.core.estimators.LinearThenBoostingRegressor",
        "params": {"terms": {"rhythm": {"waves": {"t": 24}}}, "time_column": "t", "log_shift": 1},
    }
    settings = parameters(both, cross_validation={"n_splits": 2})
    scores, _ = cross_validate(
        make_pipeline(settings.model), features, target + 1, moments, settings
    )
    assert scores["rmse"].notna().all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {"estimator": {"class": "os.system"}}}, "not in an allowed package"),
        (
            {"model": {"estimator": {"class": "sklearn.preprocessing.StandardScaler"}}},
            "is not a regressor",
        ),
        (
            {"model": {"estimator": {"class": "sklearn.linear_model.LogisticRegression"}}},
            "is not a regressor",
        ),
        (
            {
                "model": {
                    "estimator": RIDGE,
                    "target_transform": {"function": "os.system", "inverse": "numpy.exp"},
                }
            },
            "target_transform: unknown function 'os.system'",
        ),
        (
            {"model": {"estimator": RIDGE}, "search": {"parameters": {"estimator__alpa": [1]}}},
            r"search\.parameters: unknown parameter 'estimator__alpa'; did you mean "
            r"'estimator__alpha'\?",
        ),
        ({"model": {"estimator": RIDGE}, "cross_validation": {"n_splits": 1}}, "n_splits"),
        ({"model": {"estimator": RIDGE}, "compute": {"threads": 0}}, "threads"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_runs(content, message):
    with pytest.raises(ValidationError, match=message):
        TrainingParameters.model_validate(content)


# --- the search ---------------------------------------------------------------------------------

ALPHAS = [100.0, 0.01, 10_000.0, 1000.0]


@pytest.mark.parametrize("strategy", ["grid", "random"])
def test_the_search_finds_the_best_on_the_folds_and_it_can_be_used(
    features, target, strategy, moments
):
    search = {"strategy": strategy, "n_iter": 4, "parameters": {"estimator__alpha": ALPHAS}}
    settings = parameters(search=search, cross_validation={"n_splits": 3, "gap": "5 days"})
    model = make_pipeline(settings.model)
    best, trials = search_parameters(model, features, target, moments, settings)

    folds = list(TimeSeriesSplit(3, gap=5).split(features))
    expected = {
        alpha: np.mean(
            [
                root_mean_squared_error(
                    target.iloc[test],
                    Ridge(alpha=alpha)
                    .fit(features.iloc[train], target.iloc[train])
                    .predict(features.iloc[test]),
                )
                for train, test in folds
            ]
        )
        for alpha in ALPHAS
    }
    winner = min(expected, key=expected.get)
    assert winner not in (ALPHAS[0], ALPHAS[-1])  # or an accident of order could win
    assert best == {"estimator__alpha": winner}
    assert trials["rank"].tolist() == [1, 2, 3, 4]
    assert trials["rmse"].is_monotonic_increasing
    assert dict(zip(trials["estimator__alpha"].astype("float64"), trials["rmse"], strict=True)) == (
        pytest.approx(expected)
    )
    fitted = fit(model.set_params(**best), features, target, settings.compute)
    assert fitted.named_steps["estimator"].alpha == winner


def test_without_a_search_nothing_is_changed(features, target, moments):
    settings = parameters()
    best, trials = search_parameters(
        make_pipeline(settings.model), features, target, moments, settings
    )
    assert best == {}
    assert trials.empty


def test_a_random_search_repeats_itself(features, target, moments):
    search = {
        "strategy": "random",
        "n_iter": 3,
        "seed": 7,
        "parameters": {"estimator__alpha": np.geomspace(0.01, 100, 50).tolist()},
    }
    settings = parameters(search=search, cross_validation={"n_splits": 2})
    first, second = (
        search_parameters(make_pipeline(settings.model), features, target, moments, settings)[1]
        for _ in range(2)
    )
    assert len(first) == 3
    assert first.equals(second)


# --- limits -------------------------------------------------------------------------------------


def threads():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}


def test_native_threads_and_workers_are_held_inside_and_restored_after():
    with compute_limits(Compute(threads=3)):
        before, backend = threads(), type(get_active_backend()[0])
        with compute_limits(Compute(threads=2, backend="threading", n_jobs=2)):
            assert set(threads().values()) == {2}
            assert type(get_active_backend()[0]).__name__ == "ThreadingBackend"
        assert threads() == before
        assert type(get_active_backend()[0]) is backend
    assert set(before.values()) == {3}


def test_limits_are_restored_after_a_failure():
    before = threads()
    with pytest.raises(ZeroDivisionError), compute_limits(Compute(threads=2)):
        _ = 1 / 0
    assert threads() == before


def test_seeds_that_are_left_open_are_filled_and_others_are_kept(features, target):
    forest = {"class": "sklearn.ensemble.RandomForestRegressor", "params": {"n_estimators": 3}}
    spec = ModelSpec(estimator=forest, seed=7)
    assert make_pipeline(spec).get_params()["estimator__random_state"] == 7
    chosen = {**forest, "params": {"n_estimators": 3, "random_state": 33}}
    assert make_pipeline(ModelSpec(estimator=chosen)).get_params()["estimator__random_state"] == 33
    first, second = (
        fit(make_pipeline(spec), features, target, Compute()).predict(features) for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


def test_members_of_a_blend_draw_differently(features, target):
    forest = {"class": "sklearn.ensemble.RandomForestRegressor", "params": {"n_estimators": 3}}
    blend = {
        "class": "sklearn.ensemble.VotingRegressor",
        "params": {"estimators": [["one", forest], ["two", forest]]},
    }
    fitted = fit(make_pipeline(ModelSpec(estimator=blend)), features, target, Compute())
    one, two = (member.predict(features) for member in fitted.named_steps["estimator"].estimators_)
    assert (one != two).any()


def test_the_default_model_takes_text_missing_values_and_signed_targets(features, target):
    # bike_hourly has a model of its own; conf/base is what another table gets.
    text = (ROOT / "conf/base/parameters_training.yml").read_text(encoding="utf-8")
    model = yaml.safe_load(text)["training"]["model"]
    settings = TrainingParameters.model_validate({"model": model})
    kind = pd.Series(np.where(features["a"] > 0, "high", "low"), features.index, dtype="str")
    table = features.assign(kind=kind, b=features["b"].mask(features["b"] > 1))
    table.loc[table.index[::9], "kind"] = None
    signed = target - target.mean()

    fitted = fit(make_pipeline(settings.model), table, signed, settings.compute)

    assert fitted.score(table, signed) > 0.5
    unseen = table.head(3).assign(kind="other")
    assert np.isfinite(fitted.predict(unseen)).all()


def test_an_estimator_that_cannot_take_missing_values_is_answered_with_the_mend(features, target):
    name = features.columns[0]
    blank = features.assign(**{name: features[name].where(np.arange(len(features)) > 9)})
    with pytest.raises(ModelError, match=r"cannot be fitted: .*NaN.* needs an imputer"):
        fit(make_pipeline(ModelSpec(estimator=RIDGE)), blank, target, Compute())


def test_an_estimator_that_cannot_take_text_is_answered_with_the_mend(features, target):
    text = features.assign(kind="high")
    with pytest.raises(ModelError, match=r"cannot be fitted: .* text stands in kind; put Category"):
        fit(make_pipeline(ModelSpec(estimator=RIDGE)), text, target, Compute())


def test_a_model_is_called_by_what_predicts_in_it():
    steps = [["scale", {"class": "sklearn.preprocessing.StandardScaler"}], ["ridge", RIDGE]]
    pipeline = {"class": "sklearn.pipeline.Pipeline", "params": {"steps": steps}}
    for estimator in (RIDGE, pipeline):
        assert ModelSpec(estimator=estimator).estimator.predictor_path == RIDGE["class"]
