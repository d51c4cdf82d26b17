"""Any of some conditions, on every engine."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.frames.collecting import count_rows
from regression_lifecycle.core.frames.expressions import any_true
from tests.engines import every_engine

TABLE = pd.DataFrame({"x": [1.0, 2.0, None, 4.0], "y": [5.0, None, None, 8.0]})


def kept(engine: Any, *conditions: nw.Expr) -> int:
    return count_rows(nw.from_native(engine(TABLE)).filter(any_true(conditions)).to_native())


@every_engine
def test_a_row_is_kept_where_any_of_them_holds(engine: Any) -> None:
    assert kept(engine, nw.col("x") > 3, nw.col("y") == 5, nw.col("x") < 0) == 2
    assert kept(engine, nw.col("x") == 2) == 1


@every_engine
def test_what_is_not_known_holds_nowhere(engine: Any) -> None:
    table = nw.from_native(engine(TABLE))

    opposite = table.filter(~any_true([nw.col("x") > 3, nw.col("y") > 6])).to_native()

    assert count_rows(opposite) == 3


def test_hundreds_of_them_are_a_dozen_levels_deep() -> None:
    """As Polars writes them: each level in brackets of its own."""
    import polars as pl

    frame = nw.from_native(pl.LazyFrame(TABLE.to_dict("list")))
    plan = (
        frame.filter(any_true([nw.col("x") > number for number in range(300)]))
        .to_native()
        .explain(optimized=False)
    )

    depth = deepest = 0
    for sign in plan:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign, 0)
        deepest = max(deepest, depth)
    assert deepest < 60
