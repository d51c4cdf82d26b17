"""The reference of the drift check: a sample, or every row of the training part on any engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import make_profile
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.pipelines.drift_check import nodes
from tests.engines import every_engine
from tests.examples import tiny_problem

PROBLEM = tiny_problem(sky={"type": "category", "known_in_advance": True})
N_TRAINING = 31 * 24


def parameters_of(**changes: Any) -> DriftParameters:
    numerical = {"method": "wasserstein", "threshold": 0.3}
    return DriftParameters.model_validate(
        {"columns": ["temp", "sky"], "numerical": numerical, "maximum_rows": None, **changes}
    )


@pytest.fixture
def features() -> pd.DataFrame:
    """Seven weeks of hours; three of the first month have no target yet."""
    random = np.random.default_rng(0)
    moments = pd.date_range("2021-01-01", periods=7 * 168, freq="h").astype("datetime64[us]")
    rows = pd.DataFrame(
        {
            PROBLEM.timestamp.name: moments,
            "temp": random.normal(size=len(moments)),
            "sky": random.choice(["clear", "mist", "ä, b"], len(moments)),
            "cnt": random.poisson(40, len(moments)).astype("float64"),
        }
    ).astype({"sky": "str"})
    rows.loc[[5, 6, 7], "cnt"] = np.nan
    rows.loc[rows.index % 11 == 0, "temp"] = np.nan
    return rows


def drawn_of(features: pd.DataFrame) -> pd.DataFrame:
    """What a model was fitted on: a tenth of the training rows, with predictions of most."""
    rows = features.iloc[:N_TRAINING].dropna(subset="cnt").iloc[::10].reset_index(drop=True)
    return rows.assign(prediction=rows["cnt"].where(rows.index > 20))


@every_engine
@pytest.mark.parametrize("given", [None, "sky"])
def test_all_training_rows_are_counted_piece_by_piece_on_every_engine(
    engine: Any, given: str | None, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "_ROWS_AT_ONCE", 100)
    drawn, parameters = drawn_of(features), parameters_of(given=given)
    shuffled = features.sample(frac=1, random_state=1).reset_index(drop=True)

    found = nodes.count_reference(drawn, engine(shuffled), PROBLEM, parameters)

    fitted = features[PROBLEM.timestamp.name].between(
        *drawn[PROBLEM.timestamp.name].agg(["min", "max"])
    )
    training = features[fitted].dropna(subset="cnt")
    assert len(training) > 9 * len(drawn)
    roles: Any = [
        ("temp", "numerical", "feature"),
        ("sky", "categorical", "feature"),
        ("cnt", "numerical", "target"),
    ]
    expected = [
        *make_profile(training, roles, parameters).columns,
        *make_profile(drawn, [("prediction", "numerical", "prediction")], parameters).columns,
    ]
    assert [column.n for column in found.profile.columns] == [column.n for column in expected]
    pd.testing.assert_frame_equal(
        found.profile.to_frame(), type(found.profile)(tuple(expected)).to_frame(), check_exact=True
    )
    pd.testing.assert_frame_equal(found.rows, drawn)
    assert found.n_rows == len(training)


def test_a_number_of_rows_is_drawn_from_what_the_model_was_fitted_on(
    features: pd.DataFrame,
) -> None:
    drawn, parameters = drawn_of(features), parameters_of(maximum_rows=50)

    found = nodes.count_reference(drawn, features, PROBLEM, parameters)

    assert found.profile.columns[1].n == 50
    assert found.n_rows == len(drawn)


def test_a_column_that_the_table_does_not_have_is_named(features: pd.DataFrame) -> None:
    parameters = parameters_of(columns=["temps"])

    with pytest.raises(ConfigurationError, match=r"drift\.columns: unknown column 'temps'"):
        nodes.count_reference(drawn_of(features), features, PROBLEM, parameters)
