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
    plot_predicted_against_actual,
    plot_residuals,
)
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


@pytest.fixture
def holdout():
    rows = feature_rows()
    return rows.assign(y=10.0 + rows["hr"] * 3.0)


def test_importance_is_measured_on_labelled_rows(holdout):
    known = holdout.assign(y=holdout["y"].where(holdout.index < 60))
    found = measure_importance(known, fitted_model(), PROBLEM, *OPTIONS)
    expected = measure_importance(holdout.head(60), fitted_model(), PROBLEM, *OPTIONS)
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
    found = measure_importance(nothing, fitted_model(), PROBLEM, *OPTIONS)
    assert found["feature"].tolist() == ["hr", "temp"]
    assert found["error_increase"].isna().all()
    figure = plot_predicted_against_actual(nothing, PROBLEM)
    assert figure.data[0].customdata.sum() == 0


def test_importance_is_that_of_the_rows_that_count(holdout):
    content = PROBLEM.model_dump()
    content["columns"]["w"] = {"type": "float"}
    weighted = Problem.model_validate({**content, "weight_column": "w"})
    counts = holdout.index < 60

    found = measure_importance(holdout.assign(w=counts * 2.0), fitted_model(), weighted, *OPTIONS)

    expected = measure_importance(holdout[counts], fitted_model(), PROBLEM, *OPTIONS)
    assert found["error_increase"].tolist() == pytest.approx(expected["error_increase"].tolist())
    heavy = holdout.assign(w=np.where(counts, 9.0, 1.0))
    other = measure_importance(heavy, fitted_model(), weighted, *OPTIONS)
    plain = measure_importance(holdout, fitted_model(), PROBLEM, *OPTIONS)
    assert other["error_increase"].tolist() != pytest.approx(plain["error_increase"].tolist())


def test_a_small_target_is_drawn_too(holdout):
    small = holdout.assign(y=1e-11 * holdout["y"], candidate=1.5e-11 * holdout["y"])

    assert len(set(plot_predicted_against_actual(small, PROBLEM).data[0].x)) == 60
    medians = plot_residuals(small, PROBLEM, ["hr"]).data[0].median
    assert (medians > 0).all()
    errors = pd.DataFrame({"start": ["2021"], "window": ["w1"], "model": ["m"], "rmse": [2e-11]})
    assert plot_error_over_time(errors, PROBLEM).data[0].y.tolist() == [2e-11]


def test_the_error_over_time_of_a_quantile_is_its_loss():
    table = pd.DataFrame(
        {
            **{"start": ["2021"], "window": ["w1"], "model": ["candidate"]},
            **{"rmse": [50.0], "pinball": [7.0]},
        }
    )
    figure = plot_error_over_time(table, PROBLEM.model_copy(update={"quantile": 0.9}))
    assert figure.data[0].y.tolist() == [7.0]
    assert figure.layout.yaxis.title.text == "pinball loss"
    assert plot_error_over_time(table, PROBLEM).data[0].y.tolist() == [50.0]
