"""The ledger as a catalog entry: it only ever grows, and every row stays what it was."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.core.decisions.records import Reason, to_cell
from regression_lifecycle.datasets.ledger import LedgerDataset


def decision(number: int, **values: Any) -> dict[str, Any]:
    return {
        "decision_id": f"id-{number}",
        "problem": "tiny",
        "decision": "refuse",
        "reasons": f"reason {number}",
        "opponent": "baseline",
        "candidate_version": "",
        **values,
    }


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


@pytest.fixture
def catalog(url: str, clock: None) -> DataCatalog:
    entry = {
        "type": "regression_lifecycle.datasets.ledger.LedgerDataset",
        "url": url,
        "metadata": {"kedro-viz": {"layer": "reporting"}},
    }
    return DataCatalog.from_config({"ledger": entry})


def test_it_starts_empty_and_looking_at_it_creates_nothing(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    empty = catalog.load("ledger")

    assert empty.empty
    assert {"decision_id", "recorded_at", "decision", "reasons", "run_id"} <= set(empty.columns)
    assert not catalog.exists("ledger")
    assert catalog["ledger"].preview()["data"] == []
    assert list(tmp_path.iterdir()) == []


def test_decisions_come_back_in_the_order_in_which_they_were_taken(catalog: DataCatalog) -> None:
    catalog.save("ledger", [decision(9), decision(2)])
    catalog.save("ledger", [decision(5)])

    ledger = catalog.load("ledger")

    assert list(ledger["decision_id"]) == ["id-9", "id-2", "id-5"]
    assert list(ledger["reasons"]) == ["reason 9", "reason 2", "reason 5"]
    assert ledger["run_id"].isna().all()
    assert catalog.exists("ledger")


def test_a_decision_that_is_there_stays_as_it_was(catalog: DataCatalog) -> None:
    catalog.save("ledger", [decision(1)])
    before = catalog.load("ledger")

    catalog.save("ledger", [decision(1), decision(1, decision="promote", reasons="rewritten")])

    pd.testing.assert_frame_equal(catalog.load("ledger"), before)
    assert list(before["recorded_at"]) == ["2021-03-01T00:01:00+00:00"]


def test_what_is_new_is_added_beside_what_is_known(catalog: DataCatalog) -> None:
    catalog.save("ledger", [decision(1)])
    catalog.save("ledger", [decision(1), decision(2), decision(2, reasons="the same once more")])

    ledger = catalog.load("ledger")

    assert list(ledger["reasons"]) == ["reason 1", "reason 2"]
    assert list(ledger["recorded_at"]) == ["2021-03-01T00:01:00+00:00", "2021-03-01T00:02:00+00:00"]


def test_no_decision_is_no_row(catalog: DataCatalog) -> None:
    catalog.save("ledger", [])

    assert catalog.load("ledger").empty


@pytest.mark.parametrize(
    "broken", [{"decision": "promote"}, decision(2, colour="red"), decision(2, reasons=object())]
)
def test_one_bad_decision_keeps_the_good_ones_of_its_batch_out(
    catalog: DataCatalog, broken: dict[str, Any]
) -> None:
    catalog.save("ledger", [decision(0)])

    with pytest.raises(DatasetError):
        catalog.save("ledger", [decision(1), broken])

    assert list(catalog.load("ledger")["decision_id"]) == ["id-0"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql+psycopg://lead:s3cr%40t@db.example:5432/lifecycle",
            "postgresql+psycopg://db.example:5432/lifecycle",
        ),
        ("postgresql://lead:s3cr?t@db.example/lifecycle", "postgresql://db.example/lifecycle"),
        ("postgresql://db.example/x?user=lead&password=s3cr@t", "postgresql://db.example/x"),
        ("sqlite:////data/lifecycle.db", "sqlite:////data/lifecycle.db"),
    ],
)
def test_it_is_described_without_its_credentials(url: str, shown: str) -> None:
    dataset = LedgerDataset(url=url)

    assert dataset._describe() == {"url": shown, "table": "ledger"}
    for secret in ("lead", "s3cr"):
        assert secret not in str(dataset)


def test_the_preview_shows_the_newest_first_in_the_form_kedro_viz_takes(
    catalog: DataCatalog,
) -> None:
    reasons_of = [to_cell([Reason(f"reason {number}")]) for number in range(12)]
    rows = [{**decision(number), "reasons": cell} for number, cell in enumerate(reasons_of)]
    catalog.save("ledger", rows)
    dataset = catalog["ledger"]
    annotation = inspect.signature(dataset.preview).return_annotation

    shown = dataset.preview(nrows=3)

    assert getattr(annotation, "__name__", annotation) == "TablePreview"
    assert set(shown) == {"index", "columns", "data"}
    reasons = shown["columns"].index("reasons")
    assert [row[reasons] for row in shown["data"]] == ["reason 11", "reason 10", "reason 9"]
    assert shown["columns"] == [
        "recorded_at",
        "kind",
        "decision",
        "candidate_version",
        "as_of",
        "reasons",
    ]
    assert len(dataset.preview()["data"]) == 10
    assert "NaN" not in json.dumps(shown)


def test_another_kind_of_database_is_refused_in_words() -> None:
    with pytest.raises(DatasetError, match="unknown kind of database 'mysql'"):
        LedgerDataset(url="mysql+pymysql://db/x").save([decision(1)])


def test_a_decision_keeps_who_took_it_when_why_and_by_which_rules(catalog: DataCatalog) -> None:
    told = {
        "kind": "policy",
        "as_of": "2011-03-01 00:00:00",
        "window": "2011-W08",
        "actor": "policy",
        "note": "'); drop table ledger; --",
        "policy": json.dumps({"decision": "retrain", "rules": []}),
        "challenger_fingerprint": "abc",
    }

    catalog.save("ledger", [decision(1, **told)])

    assert catalog.load("ledger").iloc[0][list(told)].to_dict() == told
