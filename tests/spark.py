"""A Spark session of this machine for tests, where pyspark and Java are installed."""

from __future__ import annotations

import shutil
from functools import lru_cache
from typing import Any

import pandas as pd
import pytest

from tests.shipped import open_loader

SMALL = {
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": 1,
    # What is compiled for a plan pays with more rows only.
    "spark.sql.codegen.wholeStage": False,
    "spark.sql.adaptive.enabled": False,
}
together = pytest.mark.xdist_group("spark")
"""A second session beside the first would double what the tests need of memory."""


@lru_cache
def spark_session() -> Any:
    """The session that conf/spark describes, in two threads; without it the test is skipped."""
    pytest.importorskip("pyspark", reason="uv sync --extra spark installs it")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from regression_lifecycle.adapters.spark_session import configure, get_session

    configure({**open_loader("bike_hourly,spark")["spark"], **SMALL, "spark.master": "local[2]"})
    return get_session()


def to_spark(table: pd.DataFrame) -> Any:
    """A table as a Spark frame."""
    import pyarrow as pa

    return spark_session().createDataFrame(pa.Table.from_pandas(table, preserve_index=False))
