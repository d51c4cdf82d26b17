"""A session of Spark: its settings, and mistakes in words before anything is started."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path
from typing import Any

import pytest

from regression_lifecycle.adapters import spark_session
from regression_lifecycle.adapters.spark_session import SparkSettings
from regression_lifecycle.core.errors import ConfigurationError, StateError
from tests.spark import spark_session as start_session
from tests.spark import together


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "find_spec", lambda name: name)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"master": "local"}, "master: properties of Spark begin with 'spark.'"),
        ({"spark": {"master": "local"}}, "spark: properties"),
        ({"spark.sql": {"ansi": True}}, "spark.sql: a single value"),
    ],
)
def test_a_property_that_spark_does_not_know_is_refused(
    properties: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        SparkSettings(properties)


@pytest.mark.usefixtures("_installed")
def test_without_java_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(StateError, match=rf"Java 17 or 21.*{tmp_path}"):
        SparkSettings({}).start()


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(("name", "scheme"), [("spark.master", "spark"), ("spark.remote", "sc")])
def test_an_address_where_nobody_answers_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    monkeypatch.setattr(spark_session, "_SECONDS", 0.5)
    monkeypatch.setattr(spark_session, "_require_java", lambda: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(StateError, match=rf"{name}: no Spark answers at {address}"):
            SparkSettings({"spark.master": "local[2]", name: address}).start()


def test_a_table_of_spark_without_the_environment_says_which_one_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spark_session, "_settings", None)
    monkeypatch.setattr(spark_session, "_session", None)

    with pytest.raises(StateError, match=r"--env=\.\.\.,spark"):
        spark_session.get_session()


@together
def test_moments_have_no_zone_and_wrong_numbers_are_no_missing_ones() -> None:
    session = start_session()
    read = session.sql("select timestamp '2021-03-28 02:30:00' as at")

    assert read.dtypes == [("at", "timestamp_ntz")]
    assert read.collect()[0]["at"] == datetime.datetime(2021, 3, 28, 2, 30)
    with pytest.raises(Exception, match="CAST_INVALID_INPUT"):
        session.sql("select cast('many' as int)").collect()
