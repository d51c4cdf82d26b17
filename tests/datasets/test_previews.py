"""What a web page is given of a table: plain values, the newest on top."""

from __future__ import annotations

import json

import pandas as pd

from regression_lifecycle.datasets.previews import newest_first


def test_values_become_what_json_and_a_page_can_show() -> None:
    table = pd.DataFrame(
        {
            "whole": pd.Series([1, None], dtype="Int64"),
            "number": [0.5, float("nan")],
            "flag": pd.Series([True, None], dtype="boolean"),
            "moment": pd.to_datetime(["2021-01-01 02:00", None]),
            "text": ["a", None],
        }
    )

    shown = newest_first(table, 5)

    assert shown["columns"] == list(table.columns)
    assert shown["index"] == [1, 0]
    assert shown["data"] == [[""] * 5, [1, 0.5, "True", "2021-01-01 02:00:00", "a"]]
    json.dumps(shown, allow_nan=False)


def test_only_the_last_rows_are_shown_and_none_of_an_empty_table() -> None:
    table = pd.DataFrame({"n": range(4)})

    assert newest_first(table, 2)["data"] == [[3], [2]]
    assert newest_first(table.head(0), 2) == {"index": [], "columns": ["n"], "data": []}
