from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.data.keys import series_names
from regression_lifecycle.core.evaluation.series import rank_series, sum_series


@pytest.fixture
def of_shops(make_problem):
    columns = make_problem().model_dump()["columns"]
    columns |= {"shop": {"type": "category"}, "item": {"type": "integer"}}
    return make_problem(columns=columns, key=["timestamp", "shop", "item"])


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "shop": ["b", "a", "b", "a", "b", "c"],
            "item": [1, 1, 1, 1, 1, 7],
            "cnt": [10, 100, 20, 100, np.nan, 0],
            "prediction": [13.0, 110.0, 16.0, 90.0, 1.0, 0.0],
            "baseline": [10.0, 120.0, 10.0, 100.0, 1.0, 1.0],
        },
        index=[9, 8, 7, 6, 5, 4],
    )


def test_a_series_is_named_by_its_key_without_the_time(rows, of_shops):
    names = series_names(rows, of_shops)
    assert names.to_dict() == {9: "b|1", 8: "a|1", 7: "b|1", 6: "a|1", 5: "b|1", 4: "c|7"}


def test_a_whole_number_names_the_same_series_where_a_feature_made_a_float_of_it(rows, of_shops):
    names = series_names(rows, of_shops)

    assert series_names(rows.astype({"item": "float64"}), of_shops).equals(names)


def test_the_series_that_makes_most_of_the_error_is_the_first(rows, of_shops):
    ranked = rank_series(sum_series(rows, "prediction", of_shops)).set_index("series")

    assert list(ranked.index) == ["a|1", "b|1", "c|7"]
    assert ranked["n"].tolist() == [2, 2, 1]
    assert ranked["rmse"].tolist() == pytest.approx([10, np.sqrt(12.5), 0])
    assert ranked["mae"].tolist() == [10, 3.5, 0]
    assert ranked["wape"].tolist()[:2] == pytest.approx([0.1, 7 / 30])
    assert ranked["bias"].tolist()[:2] == pytest.approx([0, -1 / 30])
    # Nothing was sold there, so no share of it is defined.
    assert ranked.loc["c|7", ["wape", "bias"]].isna().all()
    assert ranked["baseline_rmse"].tolist() == pytest.approx([np.sqrt(200), np.sqrt(50), 1])
    assert ranked["error_share"].tolist() == pytest.approx([200 / 225, 25 / 225, 0])
    assert ranked["absolute_share"].tolist() == pytest.approx([20 / 27, 7 / 27, 0])


def test_sums_of_several_windows_add_up(rows, of_shops):
    together = rank_series(sum_series(rows, "prediction", of_shops))
    parts = [sum_series(part, "prediction", of_shops) for part in (rows[:3], rows[3:])]
    pd.testing.assert_frame_equal(rank_series(pd.concat(parts)), together)


def test_a_table_of_one_series_has_no_figures(rows, problem):
    ranked = rank_series(sum_series(rows, "prediction", problem))
    assert ranked.empty
    assert {"series", "rmse", "error_share"} <= set(ranked)


def test_a_whole_weight_is_the_row_so_often(rows, of_shops):
    weighted = of_shops.model_copy(update={"weight_column": "load"})
    weight = [2, 1, 0, 3, 1, 1]

    found = rank_series(sum_series(rows.assign(load=weight), "prediction", weighted))

    repeated = rows.loc[np.repeat(rows.index, weight)]
    expected = rank_series(sum_series(repeated, "prediction", of_shops))
    pd.testing.assert_frame_equal(found.drop(columns="n"), expected.drop(columns="n"))
    assert found["n"].tolist() == [2, 1, 1]


def test_series_of_a_quantile_are_ranked_by_its_loss(rows, of_shops):
    asked = of_shops.model_copy(update={"quantile": 0.9})

    ranked = rank_series(sum_series(rows, "prediction", asked), "pinball").set_index("series")

    # a: 1.0 too high, 9.0 too low; b: 0.3 too high, 3.6 too low; c: none.
    assert ranked["pinball"].tolist() == pytest.approx([5, 1.95, 0])
    assert ranked["error_share"].tolist() == pytest.approx([10 / 13.9, 3.9 / 13.9, 0])
    assert ranked["baseline_pinball"]["a|1"] == pytest.approx(1)
    assert ranked["bias"].isna().all()
