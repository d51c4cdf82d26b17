from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.data import tables as history
from regression_lifecycle.core.data.tables import PREDICTIONS, WINDOW_HISTORY, HistoryTable

TABLES = [value for value in vars(history).values() if isinstance(value, HistoryTable)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_key_names_columns_of_the_table_and_is_never_a_float(table):
    assert set(table.key) <= set(table.columns)
    assert "float" not in {table.columns[name] for name in table.key}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_empty_table_has_all_columns_and_their_dtypes(table):
    empty = table.frame()

    assert list(empty.columns) == list(table.columns)
    assert len(empty) == 0
    filled = table.frame([{}])
    assert filled.isna().all(axis=None)
    assert filled.dtypes.equals(empty.dtypes)
    assert table.frame(pd.concat([empty, filled])).equals(filled)


def test_rows_are_brought_into_the_table_s_form():
    given = pd.DataFrame(
        {"window": ["a"], "revision": [1.0], "rmse": [3], "seen_as_of": ["2021-03-01"], "x": [1]},
        index=[7],
    )

    made = WINDOW_HISTORY.frame(given)

    assert made.loc[0, ["window", "revision", "rmse"]].tolist() == ["a", 1, 3.0]
    assert made.loc[0, "seen_as_of"] == pd.Timestamp("2021-03-01")
    assert "x" not in made
    assert given.index.tolist() == [7]


def test_text_stays_text_and_missing_stays_missing():
    made = PREDICTIONS.frame([{"row_key": "1", "target": None}, {"row_key": None, "target": 2}])

    assert made["row_key"].isna().tolist() == [False, True]
    assert made["target"].isna().tolist() == [True, False]
    assert made["row_key"].dtype == "str"
