"""A pandas table as a frame of every engine, for tests of what runs on all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from tests.spark import to_spark, together

ENGINES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda table: table,
    "polars": lambda table: nw.from_native(table).lazy("polars").to_native(),
    "duckdb": lambda table: nw.from_native(table).lazy("duckdb").to_native(),
    "spark": to_spark,
}
_PARAMS = [
    pytest.param(engine, marks=together if name == "spark" else (), id=name)
    for name, engine in ENGINES.items()
]
every_engine = pytest.mark.parametrize("engine", _PARAMS)
lazy_engine = pytest.mark.parametrize("engine", _PARAMS[1:])
