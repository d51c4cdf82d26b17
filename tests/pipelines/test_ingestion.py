"""What ingestion says of rows that were there before."""

from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.data.tables import LABELS
from regression_lifecycle.core.ingestion.contract import IngestionParameters
from tests.examples import tiny_problem
from tests.ingesting import ingest

PROBLEM = tiny_problem()


def observe(raw: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    return ingest(raw, LABELS.frame(), PROBLEM, IngestionParameters(), before).observations


def test_rows_that_have_vanished_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    days = pd.date_range("2021-03-01", periods=48, freq="h")
    raw = pd.DataFrame({"day": days.astype(str), "temp": 5.0, "cnt": 10.0})
    known = observe(raw.iloc[:40], pd.DataFrame())
    observe(raw, known)
    # Another key: nothing can be said.
    observe(raw.iloc[:4], known.rename(columns={"timestamp": "moment"}))
    assert caplog.records == []

    observe(raw.drop(index=range(4, 30)), known)

    (warned,) = [record.getMessage() for record in caplog.records]
    assert warned.startswith("26 observations of the last run, from 2021-03-01 04:00:00 to ")
