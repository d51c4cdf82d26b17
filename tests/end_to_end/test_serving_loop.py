"""All the way round with a service in its own process: served, labelled, retrained, undone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.runtime.tick import EXIT_CODES, PROMOTED
from tests.conftest import open_catalog, run_project
from tests.loop import RAW, monitor, only_rules, tick

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("loop")]

KEDRO = str(Path(sys.executable).with_name("kedro"))
PATIENCE_SECONDS = 90
FEATURES = ["hr", "workingday", "weathersit", "temp", "hum"]
# Two weeks after the first champion was trained, whose labels come late, and are doubled.
FIRST, LAST = pd.Timestamp("2011-03-05"), pd.Timestamp("2011-03-19")
LATE = ["cnt", "casual", "registered"]
PARAMS = {
    "serving": {"port": 0, "poll_seconds": 0.2},
    "monitoring": {"missing_predictions": "ignore"},
    **only_rules(bias={"kind": "bias", "maximum": 0.3, "violations": 1, "of": 1}),
    "retraining": {
        "measured_windows": 1,
        "gate": {
            "checks": {"rmse": None, "bias": None, "r2": {"minimum": -5}},
            # One week has too few days to prove a gain on the naive forecast.
            "comparison": {
                "observed_improvement": None,
                "minimum_improvement": -0.9,
                "block": "6 hours",
            },
        },
    },
}


def kedro_tick(project: Path) -> Result:
    """Type ``kedro tick`` at the end of both weeks."""
    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    return CliRunner().invoke(cli, ["tick", "--env=test", f"--as-of={LAST}"], obj=metadata)


class Client:
    """Asks a service that runs in a process of its own."""

    def __init__(self, project: Path) -> None:
        self._log = (project / "serve.log").open("w+")
        self.process = subprocess.Popen(
            [KEDRO, "serve", "--env=test"],
            cwd=project,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.url = wait_for(self._address)
        wait_for(lambda: self.get("/ready").get("ready"))

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.output()
        found = re.search(r"Serving on (http://\S+)", self.output())
        return None if found is None else found[1]

    def output(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def get(self, path: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.output()


def wait_for(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return answer


@pytest.fixture
def served_hours(running_project: Path) -> pd.DataFrame:
    """Two weeks of real hours, whose targets the raw table does not know yet."""
    raw = pd.read_csv(running_project / RAW)
    stamp = pd.to_datetime(raw["dteday"]) + pd.to_timedelta(raw["hr"], unit="h")
    rows = raw.assign(timestamp=stamp)[stamp.between(FIRST, LAST, inclusive="left")]
    known = raw[stamp < LAST].astype(dict.fromkeys(LATE, "Int64"))
    known.loc[stamp >= FIRST, LATE] = pd.NA
    known.to_csv(running_project / RAW, index=False)
    late = {"columns": {name: {"missing": True} for name in LATE}}
    path = running_project / "conf/test/parameters.yml"
    parameters = yaml.safe_load(path.read_text())
    for name, section in {"problem": late, **PARAMS}.items():
        parameters[name] = {**parameters.get(name, {}), **section}
    path.write_text(yaml.safe_dump(parameters))
    return rows


@pytest.fixture
def client(running_project: Path, served_hours: pd.DataFrame) -> Iterator[Client]:
    service = Client(running_project)
    yield service
    service.process.kill()
    service.process.wait()


def test_what_is_served_comes_back_with_its_labels_and_moves_the_champion(
    running_project: Path, served_hours: pd.DataFrame, client: Client
) -> None:
    # Two weeks of requests, a day each.
    hours = served_hours.assign(moment=served_hours["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    sent = 0
    for _, day in hours.groupby("dteday"):
        rows = [
            {"timestamp": row["moment"], **{name: row[name] for name in FEATURES}}
            for row in day.to_dict("records")
        ]
        answer = client.post("/predict", {"rows": rows})
        assert answer["model_version"] == "1"
        assert answer["logged"] is True
        assert len(answer["predictions"]) == len(rows)
        sent += len(rows)
    assert sent == len(hours) > 300

    # Before the labels: both weeks are recorded, and wait.
    wait_for(lambda: client.get("/health")["log"]["backlog_rows"] == 0)
    monitor(running_project, str(LAST))
    windows = open_catalog(running_project).load("window_history")
    assert windows["status"].tolist() == ["pending labels"] * 2
    assert windows["n"].sum() == sent

    # The labels come out of order and twice, and say twice what the model thinks.
    labels = hours.assign(cnt=2 * hours["cnt"]).rename(columns={"moment": "at"})
    for part in (labels.sample(frac=1, random_state=1), labels.iloc[:24]):
        body = [{"timestamp": at, "cnt": cnt} for at, cnt in part[["at", "cnt"]].to_numpy()]
        assert client.post("/labels", {"labels": body})["received"] == len(part)
    ticked = kedro_tick(running_project)
    assert ticked.exit_code == PROMOTED, ticked.output
    assert EXIT_CODES[PROMOTED] in ticked.output
    catalog = open_catalog(running_project)
    windows = catalog.load("window_history")
    assert set(windows["status"]) == {"complete"}
    assert (windows["bias"] < -0.3).any()
    assert windows["alarms"].str.contains("bias").any()
    judged = catalog.load("predictions")
    served = catalog.load("service_predictions")()
    pd.testing.assert_series_equal(
        judged.set_index("row_key")["prediction"].sort_index(),
        served.set_index("row_key")["prediction"].sort_index(),
    )

    # The service follows the promotion, and the rollback, without a restart.
    one = {"rows": [{"timestamp": "2011-03-19T01:00:00", **dict.fromkeys(FEATURES, 1)}]}
    wait_for(lambda: client.get("/model")["model_version"] == "2")
    promoted = client.post("/predict", one)
    assert promoted["model_version"] == "2"
    reason = {"rollback": {"reason": "counts twice"}}
    run_project(running_project, pipeline_names=["rollback"], params=reason)
    wait_for(lambda: client.get("/model")["model_version"] == "1")
    returned = client.post("/predict", one)
    assert returned["model_version"] == "1"
    assert returned["predictions"] != promoted["predictions"]

    # And at its end everything that it answered is in the store, once.
    client.end()
    served = catalog.load("service_predictions")()
    assert len(served) == sent + 2
    assert not served.duplicated(["request_id", "row_number"]).any()
    assert served["row_key"].value_counts().iloc[1:].max() == 1


LOOKING_BACK = [
    {"kind": "columns", "names": FEATURES},
    {"kind": "calendar", "parts": ["weekday"]},
    {"kind": "time_index", "name": "day_index", "origin": "2011-01-01", "unit": "1 day"},
    {"kind": "day", "name": "temp_day", "column": "temp"},
    {"kind": "day", "name": "rain_tomorrow", "column": "weathersit", "offset_days": 1},
    {"kind": "lag", "name": "cnt_last_week", "column": "cnt", "ages": ["7 days"]},
    {"kind": "lag", "name": "hum_before", "column": "hum", "ages": ["1 hour", "2 hours"]},
]


@pytest.fixture
def looking_back(project: Path) -> Path:
    """A champion whose features look at other rows."""
    path = project / "conf/test/parameters.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters["preprocessing"]["features"] = LOOKING_BACK
    parameters["serving"] = PARAMS["serving"]
    path.write_text(yaml.safe_dump(parameters))
    raw = pd.read_csv(project / RAW)
    stamp = pd.to_datetime(raw["dteday"])
    raw[stamp < FIRST].to_csv(project / RAW, index=False)
    tick(project, str(FIRST))
    raw[stamp < LAST].to_csv(project / "later.csv", index=False)
    return project


def test_raw_rows_hour_by_hour_are_predicted_as_the_pipelines_would(looking_back: Path) -> None:
    project = looking_back
    hours = pd.read_csv(project / "later.csv")
    hours = hours[pd.to_datetime(hours["dteday"]) >= FIRST].reset_index(drop=True)
    rows = hours.drop(columns=["cnt", "casual", "registered", "instant"]).to_dict("records")
    client = Client(project)
    try:
        # The plan of two days is known in advance, labels come a day late and out of order.
        days = list(hours.groupby("dteday").groups.values())
        ahead = [[rows[number] for number in numbers] for numbers in days]
        answers = {}
        client.post("/rows", {"rows": ahead[0]})
        for day, numbers in enumerate(days):
            if day + 1 < len(days):
                client.post("/rows", {"rows": ahead[day + 1]})
            for number in numbers:
                answer = client.post("/predict", {"rows": [rows[number]]})
                answers[number] = answer["predictions"][0]
            late = hours.loc[numbers, ["dteday", "hr", "cnt"]].sample(frac=1, random_state=day)
            client.post("/labels", {"labels": late.to_dict("records")})
        wait_for(lambda: client.get("/health")["log"]["backlog_rows"] == 0)
    finally:
        client.process.kill()
        client.process.wait()

    # Later the table says the same of those hours, and scoring makes their features by joins.
    (project / "later.csv").replace(project / RAW)
    moments = {"start": str(FIRST), "end": str(LAST)}
    scoring = {"pipeline_names": ["ingestion", "scoring"], "params": {"scoring": moments}}
    run_project(project, **scoring)
    scored = pd.read_parquet(project / "data/test/07_model_output/scored/default/v1.parquet")
    served = pd.DataFrame(answers.values(), index=list(answers))
    assert len(scored) == len(served) == len(hours)
    # What the table lacks (an hour of a day, the day after the last one) both do without.
    difference = served["prediction"] - scored["prediction"].to_numpy()
    assert difference.abs().max() < 1e-9
    last = served["missing"].iloc[-1]
    assert last == ["temp of the day: 23 of 24 rows", "weathersit of the day after"]
    table = pd.read_csv(project / RAW)
    moments = pd.to_datetime(table["dteday"]) + pd.to_timedelta(table["hr"], unit="h")
    no_week_before = ~(moments - pd.Timedelta("7 days")).isin(moments)
    lacks_label = served["missing"].map(lambda texts: "cnt 7 days before" in texts)
    assert lacks_label.tolist() == no_week_before.tail(len(served)).tolist()
    assert_no_skew(project, served["missing"].map(bool).to_numpy())


def assert_no_skew(project: Path, lacking: Any) -> None:
    """Monitoring finds what was served and what was observed to be the same."""
    monitor(project, str(LAST))
    first, second = open_catalog(project).load("window_history").to_dict("records")[-2:]
    # The 23 hours of the last day wait for the day after it, which a feature reads.
    n_first = first["n"]
    assert (first["n_skew_rows"], second["n_skew_rows"]) == (n_first, len(lacking) - n_first - 23)
    assert first["lacking_share"] == pytest.approx(lacking[:n_first].mean())
    for window in (first, second):
        assert (window["features_skew"], window["predictions_skew"]) == (0, 0)
        assert (window["skewed_columns"], "skew" in window["alarms"]) == ("", False)
