"""What tells apart the rows of one time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regression_lifecycle.core.profiling.columns import read_columns
from regression_lifecycle.core.profiling.keys import find_key

DAYS = pd.date_range("2024-01-01", periods=30)


def key(table: pd.DataFrame):
    columns = read_columns(table)
    candidates = [name for name in table if name not in ("day", "y")]
    return find_key(columns, columns["day"].values, candidates)


def panel(*names: str) -> pd.DataFrame:
    labels = [["a", "b", "c"] for _ in names]
    table = pd.MultiIndex.from_product([DAYS, *labels]).to_frame(index=False)
    table.columns = ["day", *names]
    return table.assign(y=np.arange(len(table)) / 7)


def test_one_row_per_time_needs_no_key():
    assert key(pd.DataFrame({"day": DAYS, "shop": "a", "y": 1.5})) == ()


def test_the_fewest_columns_are_taken():
    assert key(panel("shop")) == ("shop",)
    assert key(panel("shop", "item")) == ("shop", "item")


def test_a_label_is_preferred_to_a_measurement_that_happens_to_differ():
    table = panel("shop").assign(visitors=lambda t: np.arange(len(t)) + 5)

    assert key(table) == ("shop",)


def test_repeated_rows_and_few_slips_do_not_hide_the_key():
    table = panel("shop")
    whole = pd.concat([table, table.iloc[:20]], ignore_index=True)
    corrected = pd.concat([table, table.iloc[:5].assign(y=-1)], ignore_index=True)

    assert key(whole) == ("shop",)
    assert key(corrected) == ("shop",)


def test_events_that_nothing_tells_apart_have_no_key():
    table = pd.DataFrame({"day": DAYS.repeat(9), "kind": list("aab") * 90, "y": np.arange(270.0)})

    assert key(table) is None
