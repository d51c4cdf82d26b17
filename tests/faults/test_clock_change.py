"""The hour that autumn repeats: one row of it is set aside by name, or both are kept in UTC."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract

# Germany went back from 3 to 2 o'clock on 2021-10-31, so that day has 25 hours.
DAY = pd.date_range("2021-10-31", periods=25, freq="h", tz="Europe/Berlin")
RAW = pd.DataFrame({"at": [one.isoformat() for one in DAY], "cnt": [str(n) for n in range(25)]})


def ingest(**column: Any) -> Any:
    problem = Problem.model_validate(
        {
            "name": "meters",
            "target": "cnt",
            "timestamp": {"date": "at"},
            "frequency": "1 hour",
            "horizon": "1 hour",
            "columns": {"at": {"type": "datetime", **column}, "cnt": {"type": "integer"}},
        }
    )
    return enforce_contract(RAW, problem, IngestionParameters(maximum_rejected_share=0.1))


def test_in_local_time_the_second_of_the_two_hours_is_set_aside_with_the_reason() -> None:
    found = ingest(zone="Europe/Berlin")

    assert len(found.observations) == 24
    assert found.observations["cnt"].tolist() == [n for n in range(25) if n != 3]
    (reason,) = found.rejected["rejection_reason"]
    assert "zone: UTC keeps both" in reason


def test_in_utc_all_25_hours_are_kept() -> None:
    found = ingest(zone="UTC")

    assert found.observations["cnt"].tolist() == list(range(25))
    assert found.observations["timestamp"].diff().dropna().eq(pd.Timedelta("1 hour")).all()
