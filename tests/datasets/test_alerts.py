"""Alerts as a catalog entry: told once, recorded, and never in the way of the run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.adapters import notifications as adapter
from regression_lifecycle.core.alerting.alerts import Alert

SECRET = "geheim-2718"
HOOK = {"kind": "webhook", "url_env": "HOOK", "retries": 0, "timeout_seconds": 5}
FILE = {"kind": "file", "path": "told.jsonl"}


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at this port.
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:9/{SECRET}")


def catalog(folder: Path, *channels: dict[str, Any], **values: Any) -> DataCatalog:
    entry = {
        "type": "regression_lifecycle.datasets.alerts.AlertDataset",
        "url": f"sqlite:///{(folder / 'lifecycle.db').as_posix()}",
        "parameters": {"channels": list(channels), "cooldown": "14 days", **values},
        "root": folder.as_posix(),
        "metadata": {"kedro-viz": {"layer": "decision"}},
    }
    return DataCatalog.from_config({"alerts": entry})


def alert(day: int = 0, key: str = "p/rmse/3") -> Alert:
    moment = pd.Timestamp("2012-01-01") + pd.Timedelta(days=day)
    return Alert(key, "warning", f"title {day}", "text", "p", f"w{day}", moment, {"value": 1.5})


def told(folder: Path) -> list[str]:
    file = folder / "told.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line)["window"] for line in lines]


def test_looking_at_it_creates_nothing(tmp_path: Path) -> None:
    data = catalog(tmp_path, FILE)

    assert data.load("alerts").empty
    assert not data.exists("alerts")
    assert list(tmp_path.iterdir()) == []


def test_a_rerun_tells_nothing_twice(tmp_path: Path) -> None:
    for _ in range(2):
        catalog(tmp_path, FILE).save("alerts", [alert()])

    assert told(tmp_path) == ["w0"]
    (row,) = catalog(tmp_path, FILE).load("alerts").to_dict(orient="records")
    assert (row["status"], row["channel"], row["attempts"]) == ("sent", "file", 1)


def test_the_cooldown_holds_over_runs(tmp_path: Path) -> None:
    for day in (0, 7, 14):
        catalog(tmp_path, FILE).save("alerts", [alert(day)])

    assert told(tmp_path) == ["w0", "w14"]


def test_one_sink_that_fails_does_not_keep_the_other_from_being_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalog(tmp_path, HOOK, FILE).save("alerts", [alert()])

    rows = catalog(tmp_path, HOOK, FILE).load("alerts").set_index("channel")
    assert rows["status"].to_dict() == {"file": "sent", "webhook": "failed"}
    assert rows.loc["webhook", "error"].startswith("no connection")
    assert told(tmp_path) == ["w0"]
    assert "alert not sent by 'webhook'" in caplog.text


def test_what_failed_is_sent_by_a_later_run_to_that_sink_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog(tmp_path, HOOK, FILE).save("alerts", [alert()])
    sent: list[tuple[str, Alert]] = []

    def well(spec: Any, alert: Alert, root: Path) -> adapter.Outcome:
        sent.append((spec.kind, alert))
        return adapter.Outcome("sent")

    monkeypatch.setattr(adapter, "deliver", well)
    catalog(tmp_path, HOOK, FILE).save("alerts", [])
    catalog(tmp_path, HOOK, FILE).save("alerts", [])

    assert sent == [("webhook", alert())]
    rows = catalog(tmp_path, HOOK, FILE).load("alerts").set_index("channel")
    assert (rows.loc["webhook", "status"], rows.loc["webhook", "attempts"]) == ("sent", 2)


def test_many_alerts_wait_for_a_silent_sink_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def silent(spec: Any, alert: Alert, root: Path) -> adapter.Outcome:
        asked.append(alert.key)
        return adapter.Outcome("failed", "no answer within 5 s", unreachable=True)

    monkeypatch.setattr(adapter, "deliver", silent)
    catalog(tmp_path, HOOK).save("alerts", [alert(key=f"p/{i}/3") for i in range(5)])

    assert asked == ["p/0/3"]
    assert sorted(catalog(tmp_path, HOOK).load("alerts")["attempts"]) == [0, 0, 0, 0, 1]


def test_no_sink_is_no_alert(tmp_path: Path) -> None:
    catalog(tmp_path).save("alerts", [alert()])

    assert list(tmp_path.iterdir()) == []


def test_nothing_that_people_see_holds_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data = catalog(tmp_path, HOOK)
    data.save("alerts", [alert()])

    seen = [caplog.text, str(data["alerts"]), repr(data["alerts"].preview())]
    seen.append(data.load("alerts").to_csv())
    assert not [text for text in seen if SECRET in text]
    assert SECRET.encode() not in (tmp_path / "lifecycle.db").read_bytes()


def test_the_preview_shows_the_newest_first(tmp_path: Path) -> None:
    data = catalog(tmp_path, FILE)
    data.save("alerts", [alert(0), alert(20)])

    shown = data["alerts"].preview()

    title = shown["columns"].index("title")
    assert [row[title] for row in shown["data"]] == ["title 20", "title 0"]


def test_a_mistake_in_the_parameters_is_told_at_the_start_without_the_value(
    tmp_path: Path,
) -> None:
    wrong = {"kind": "webhook", "url": f"https://me:{SECRET}@h.example"}

    with pytest.raises(DatasetError) as caught:
        catalog(tmp_path, wrong)["alerts"]

    assert "alerts.channels.0" in str(caught.value)
    assert "use url_env" in str(caught.value)
    assert SECRET not in str(caught.value)
