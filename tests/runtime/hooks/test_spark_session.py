"""Spark is started for a run that has a table for it, before the first node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="uv sync --extra spark installs it")

from kedro.config import MissingConfigException
from kedro.io import DataCatalog, MemoryDataset

from regression_lifecycle.adapters import spark_session
from regression_lifecycle.datasets.spark_tables import SparkTableDataset
from regression_lifecycle.runtime.hooks import SparkSessionHook

CATALOG = DataCatalog(
    {"observations": SparkTableDataset(filepath="table.parquet"), "windows": MemoryDataset()}
)


class Loader(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        raise MissingConfigException(key)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(spark_session, "configure", lambda given: said.append(str(given)))
    monkeypatch.setattr(spark_session, "get_session", lambda: said.append("started"))
    return said


def begin(loader: Loader, datasets: set[str]) -> None:
    hook = SparkSessionHook()
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    hook.before_pipeline_run(SimpleNamespace(datasets=lambda: datasets), CATALOG)


def test_a_run_with_a_table_of_spark_starts_it(started: list[str]) -> None:
    begin(Loader(spark={"spark.master": "local[2]"}), {"windows", "observations", "unknown"})

    assert started == ["{'spark.master': 'local[2]'}", "started"]


def test_a_run_without_one_needs_no_java(started: list[str]) -> None:
    begin(Loader(spark={"spark.master": "local[2]"}), {"windows"})

    assert "started" not in started


def test_without_spark_yml_there_is_no_spark(started: list[str]) -> None:
    begin(Loader(), {"observations"})

    assert started == []
