"""The example table is the one that its data card describes."""

from __future__ import annotations

import hashlib
import re

import pandas as pd

from tests.conftest import ROOT

RAW = ROOT / "data" / "01_raw"
CARD = (RAW / "README.md").read_text(encoding="utf-8")


def _card_value(name: str) -> str:
    found = re.search(rf"^\| {re.escape(name)} \| `?([0-9a-f,]+)", CARD, re.MULTILINE)
    assert found, f"the data card has no row {name!r}"
    return found.group(1).strip(",")


def test_the_table_has_the_bytes_that_the_card_states() -> None:
    content = (RAW / "hour.csv").read_bytes()

    assert hashlib.sha256(content).hexdigest() == _card_value("SHA-256")
    assert f"{len(content):,}" == _card_value("Size")


def test_the_table_has_the_rows_and_sums_that_the_card_states() -> None:
    table = pd.read_csv(RAW / "hour.csv")

    assert f"{len(table):,}" == _card_value("Rows")
    assert f"{table['cnt'].sum():,}" == _card_value("Sum of `cnt`")
    assert (table["casual"] + table["registered"]).equals(table["cnt"])
    assert table.notna().all(axis=None)


def test_the_card_lists_exactly_the_missing_hours() -> None:
    listed = set()
    for month, days in re.findall(r"^\| (\d{4}-\d\d) \| (.+) \|$", CARD, re.MULTILINE):
        for entry in days.split("; "):
            day, hours = entry.split(": ")
            for span in hours.split(", "):
                first, _, last = span.partition("-")
                listed |= {
                    pd.Timestamp(f"{month}-{day}") + pd.Timedelta(hours=hour)
                    for hour in range(int(first), int(last or first) + 1)
                }

    table = pd.read_csv(RAW / "hour.csv")
    present = pd.to_datetime(table["dteday"]) + pd.to_timedelta(table["hr"], unit="h")
    calendar = pd.date_range(present.iloc[0], present.iloc[-1], freq="h")
    assert listed == set(calendar) - set(present)
