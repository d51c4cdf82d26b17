from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.evaluation.parameters import ImportanceParameters
from regression_lifecycle.core.models.training import Compute
from regression_lifecycle.pipelines.evaluation import plots
from regression_lifecycle.pipelines.evaluation.plots import (
    measure_importance,
    plot_error_over_time,
    plot_importance,
    plot_predicted_against_actual,
    plot_residuals,
)
from regression_lifecycle.pipelines.subjects import span
from tests.examples import feature_rows, fitted_model

PROBLEM = Problem.model_validate(
    {
        "name": "tiny",
        "target": "y",
        "timestamp": {"rows": True},
        "columns": {
            "hr": {"type": "integer", "known_in_advance": True},
            "temp": {"type": "float", "missing": True, "known_in_advance": True},
            "y": {"type": "float", "missing": True},
        },
    }
)
OPTIONS = (ImportanceParameters(), Compute())
MODEL = fitted_model()


@pytest.fixture
def holdout():
    rows = feature_rows()
    moments = pd.date_range("2021", periods=len(rows), freq="h")
    return rows.assign(y=10.0 + rows["hr"] * 3.0, timestamp=moments)


def test_importance_is_measured_on_labelled_rows(holdout):
    known = holdout.assign(y=holdout["y"].where(holdout.index < 60))
    found = measure_importance(known, MODEL, PROBLEM, *OPTIONS)
    expected = measure_importance(holdout.head(60), MODEL, PROBLEM, *OPTIONS)
    assert found["feature"].tolist() == ["hr", "temp"]
    assert found["error_increase"].tolist() == expected["error_increase"].tolist()


@pytest.mark.parametrize("rows_at_once", [1, 500, 100_000])
def test_importance_is_that_of_scikit_learn(holdout, monkeypatch, rows_at_once):
    monkeypatch.setattr(plots, "_ROWS_AT_ONCE", rows_at_once)
    model = fitted_model()
    many = ImportanceParameters(rows=len(holdout), repeats=60)

    found = measure_importance(holdout, model, PROBLEM, many, Compute()).set_index("feature")

    expected = permutation_importance(
        model.estimator,
        holdout[["hr", "temp"]],
        holdout["y"],
        scoring="neg_root_mean_squared_error",
        n_repeats=60,
        random_state=1,
    )
    spread = expected.importances_std / np.sqrt(60)
    assert found.loc["hr", "error_increase"] == pytest.approx(
        expected.importances_mean[0], abs=5 * spread[0]
    )
    assert found.loc["temp", "error_increase"] == pytest.approx(
        expected.importances_mean[1], abs=5 * spread[1] + 1e-9
    )
    assert found.loc["hr", "standard_deviation"] == pytest.approx(
        expected.importances_std[0], rel=0.5
    )


def test_a_holdout_without_a_label_has_no_importance_and_still_a_plot(holdout):
    nothing = holdout.assign(y=np.nan, candidate=holdout["y"] + 1)
    found = measure_importance(nothing, MODEL, PROBLEM, *OPTIONS)
    assert found["feature"].tolist() == ["hr", "temp"]
    assert found["error_increase"].isna().all()
    figure = plot_predicted_against_actual(nothing, MODEL, PROBLEM)
    assert figure.data[0].customdata.sum() == 0


def test_importance_is_that_of_the_rows_that_count(holdout):
    content = PROBLEM.model_dump()
    content["columns"]["w"] = {"type": "float"}
    weighted = Problem.model_validate({**content, "weight_column": "w"})
    counts = holdout.index < 60

    found = measure_importance(holdout.assign(w=counts * 2.0), MODEL, weighted, *OPTIONS)

    expected = measure_importance(holdout[counts], MODEL, PROBLEM, *OPTIONS)
    assert found["error_increase"].tolist() == pytest.approx(expected["error_increase"].tolist())
    heavy = holdout.assign(w=np.where(counts, 9.0, 1.0))
    other = measure_importance(heavy, MODEL, weighted, *OPTIONS)
    plain = measure_importance(holdout, MODEL, PROBLEM, *OPTIONS)
    assert other["error_increase"].tolist() != pytest.approx(plain["error_increase"].tolist())


def test_every_plot_says_which_model_and_which_rows_it_shows(holdout):
    drawn = holdout.assign(candidate=holdout["y"] + 1)
    importance = measure_importance(drawn, MODEL, PROBLEM, *OPTIONS)
    errors = pd.DataFrame({"start": ["2021"], "window": ["w1"], "model": ["m"], "rmse": [2.0]})

    figures = [
        plot_predicted_against_actual(drawn, MODEL, PROBLEM),
        plot_residuals(drawn, MODEL, PROBLEM, ["hr"]),
        plot_error_over_time(errors, drawn, MODEL, PROBLEM),
        plot_importance(importance, drawn, MODEL, PROBLEM),
    ]

    rows = span(drawn["timestamp"], PROBLEM)
    for figure in figures:
        assert f"tiny: candidate 0123456789ab, holdout {rows}" in figure.layout.title.text


def test_a_small_target_is_drawn_too(holdout):
    small = holdout.assign(y=1e-11 * holdout["y"], candidate=1.5e-11 * holdout["y"])

    assert len(set(plot_predicted_against_actual(small, MODEL, PROBLEM).data[0].x)) == 60
    medians = plot_residuals(small, MODEL, PROBLEM, ["hr"]).data[0].median
    assert (medians > 0).all()
    errors = pd.DataFrame({"start": ["2021"], "window": ["w1"], "model": ["m"], "rmse": [2e-11]})
    assert plot_error_over_time(errors, small, MODEL, PROBLEM).data[0].y.tolist() == [2e-11]


def test_the_error_over_time_of_a_quantile_is_its_loss(holdout):
    table = pd.DataFrame(
        {
            **{"start": ["2021"], "window": ["w1"], "model": ["candidate"]},
            **{"rmse": [50.0], "pinball": [7.0]},
        }
    )
    problem = PROBLEM.model_copy(update={"quantile": 0.9})
    figure = plot_error_over_time(table, holdout, MODEL, problem)
    assert figure.data[0].y.tolist() == [7.0]
    assert figure.layout.yaxis.title.text == "pinball loss"
    assert plot_error_over_time(table, holdout, MODEL, PROBLEM).data[0].y.tolist() == [50.0]
