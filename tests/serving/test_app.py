"""What a caller of the service sees."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from anyio.from_thread import BlockingPortal

from regression_lifecycle.adapters import database as database
from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ADJUSTMENTS
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.prediction.level_and_interval import (
    Adjustment,
    apply_adjustment,
)
from regression_lifecycle.serving import request_middleware as http_requests
from regression_lifecycle.serving.app import make_app
from regression_lifecycle.serving.service import Service
from tests.serving.conftest import (
    STAMP,
    Client,
    Models,
    Running,
    Start,
    StoredFrame,
    copy_registry,
    end,
    make_configuration,
    make_observations,
    row,
    wait_until,
)

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shared(
    problem: Problem,
    models_once: Models,
    portal: BlockingPortal,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """One service for all tests that change nothing but its log."""
    folder = tmp_path_factory.mktemp("service")
    mlflow.set_tracking_uri(copy_registry(models_once, folder))
    observations = StoredFrame(make_observations(problem))
    limits = {"maximum_rows": 50, "maximum_body_bytes": 20_000}
    service = Service(make_configuration(problem, folder, observations=observations, **limits))
    wait_until(lambda: service.following.deployed is not None)
    yield Running(service, Client(make_app(service), portal))
    end(service)
    mlflow.set_tracking_uri(None)


def details(response: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.json()["detail"]
    return found


def test_answers_are_the_models_own_predictions(
    shared: Running, models_once: Models, problem: Problem
) -> None:
    observations = make_observations(problem)
    model = models_once.models["1"]
    table = build_features(observations, problem, model.metadata.recipe).tail(30)
    raw = observations.drop(columns=["timestamp", "cnt"]).astype({"day": "str"}).tail(30)
    # As they stand in the raw table, but for the target.
    sent = [
        {name: None if pd.isna(value) else value for name, value in values.items()}
        for values in raw.to_dict("records")
    ]

    response = shared.predict(*sent)

    assert response.status_code == 200, response.text
    expected = apply_adjustment(model.predict(table).to_numpy(), Adjustment(), problem)
    answered = pd.DataFrame(response.json()["predictions"])
    np.testing.assert_array_equal(answered["prediction"], expected["prediction"])
    assert answered["lower"].isna().all()
    assert response.json()["model_version"] == "1"
    assert response.json()["logged"] is True


def test_a_level_factor_and_an_interval_are_applied(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    url = f"sqlite:///{(tmp_path / 'lifecycle.db').as_posix()}"
    valid_from = pd.Timestamp("2021-03-08")
    rows = {"problem": "tiny", "model_version": "1", "valid_from": [valid_from]}
    interval = {"interval_width": [2.0], "interval_exponent": [0.5], "interval_floor": [0.1]}
    learnt = pd.DataFrame({**rows, "level_factor": [1.5], **interval})
    database.upsert_rows(url, ADJUSTMENTS, learnt)
    running = start()

    (answer,) = running.predict(row()).json()["predictions"]

    logged = running.logged().iloc[0]
    assert logged["level_factor"] == 1.5
    assert answer["prediction"] == pytest.approx(1.5 * logged["raw_prediction"])
    half = 2.0 * answer["prediction"] ** 0.5
    assert answer["upper"] - answer["prediction"] == pytest.approx(half)
    assert answer["prediction"] - answer["lower"] == pytest.approx(half)
    shown = running.client.get("/model").json()["interval"]
    assert shown == {"level": 0.9, "width": 2.0, "exponent": 0.5, "floor": 0.1}
    # Learnt anew by a tick, it holds without a restart.
    changed = learnt.assign(valid_from=pd.Timestamp("2021-03-15"), level_factor=0.5)
    database.upsert_rows(url, ADJUSTMENTS, changed)
    running.service.following.look_at_store()
    (later,) = running.predict(row()).json()["predictions"]
    assert later["prediction"] == pytest.approx(answer["prediction"] / 3)


def test_every_row_is_logged_once_with_all_that_it_was(shared: Running, problem: Problem) -> None:
    name = f"mine-{uuid.uuid4()}"
    raw = row(day="2021-03-09", hr=8, temp=None)
    del raw["timestamp"]
    rows = [row(), raw]

    response = shared.predict(*rows, headers={"X-Request-ID": name})

    assert response.json()["request_id"] == response.headers["X-Request-ID"] == name
    logged = shared.logged()
    own = logged[logged["request_id"] == name]
    assert list(own["row_number"]) == [0, 1]
    assert set(own["source"]) == {"service"}
    assert set(own["model_version"]) == {"1"}
    assert set(own["trained_until"]) == {pd.Timestamp("2021-03-07 23:00")}
    assert list(own["prediction"]) == [a["prediction"] for a in response.json()["predictions"]]
    stamps = pd.DataFrame({"timestamp": [pd.Timestamp(STAMP), pd.Timestamp("2021-03-09 08:00")]})
    assert list(own["row_key"]) == list(row_keys(stamps, problem))
    assert json.loads(own["row"].iloc[1]) == {
        "timestamp": "2021-03-09T08:00:00",
        "day": "2021-03-09T00:00:00",
        "hr": 8.0,
        "temp": None,
        "holiday": 0.0,
    }
    assert own["missing"].map(json.loads).tolist() == [["cnt 1 day before"]] * 2
    features = json.loads(own["features"].iloc[1])
    assert features["temp"] is None
    assert features["calendar_weekday"] == 2
    age = pd.Timestamp.now("UTC").tz_localize(None) - own["served_at"].iloc[0]
    assert pd.Timedelta(0) <= age < pd.Timedelta("1 minute")


def test_a_request_that_is_repeated_is_answered_again_and_logged_once(shared: Running) -> None:
    name = f"again-{uuid.uuid4()}"

    first = shared.predict(row(), headers={"X-Request-ID": name})
    second = shared.predict(row(temp=1), headers={"X-Request-ID": name})

    assert (first.status_code, second.status_code) == (200, 200)
    logged = shared.logged()
    own = logged[logged["request_id"] == name]
    assert list(own["prediction"]) == [first.json()["predictions"][0]["prediction"]]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 129, "é"])
def test_a_name_that_the_log_could_not_hold_is_refused(shared: Running, name: str) -> None:
    response = shared.predict(row(), headers={"X-Request-ID": name.encode("utf-8")})

    assert response.status_code == 422
    assert "X-Request-ID" in details(response)[0]["message"]


@pytest.mark.parametrize(
    ("changes", "column", "message"),
    [
        ({"temp": "warm"}, "temp", "valid number"),
        ({"temp": True}, "temp", "valid number"),
        ({"temp": 61}, "temp", "less than or equal to 60"),
        ({"hr": 7.5}, "hr", "multiple of 1"),
        ({"holiday": 2}, "holiday", "allowed: 0, 1"),
        ({"tmep": 1}, "tmep", "did you mean 'temp'?"),
        ({"cnt": 3}, "cnt", "is the target; it is sent to /labels"),
        ({"hour_sin": 0.5}, "hour_sin", "unknown name 'hour_sin'"),
        ({"hr": 8}, None, "timestamp is 2021-03-09 07:00:00, but hr 8; correct one of them"),
        ({"timestamp": "2021-03-09 07:30"}, None, "no row stands at 2021-03-09 07:30:00"),
        ({"timestamp": "yesterday"}, "timestamp", "should be a moment like"),
        ({"timestamp": "2021-02-30"}, "timestamp", "not a moment"),
        ({"timestamp": "2021-03-09T07:00:00Z"}, "timestamp", "local time without a zone"),
        ({"timestamp": 1615273200}, "timestamp", "valid string"),
        ({"timestamp": "1600-01-01"}, "timestamp", "from 1678 to 2261"),
        ({"timestamp": None}, None, "the time is missing; send timestamp, or day, hr"),
        ({"timestamp": None, "hr": 7}, None, "day is missing; send timestamp, or day, hr"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named_with_its_column(
    shared: Running, changes: dict[str, Any], column: str | None, message: str
) -> None:
    before = len(shared.logged())

    response = shared.predict(row(), row(**changes))

    assert response.status_code == 422
    mistake = details(response)[0]
    assert (mistake["row"], mistake["column"]) == (1, column)
    assert message in mistake["message"]
    assert len(shared.logged()) == before


def test_a_column_that_was_left_out_is_named(shared: Running) -> None:
    without = {name: value for name, value in row().items() if name != "temp"}

    response = shared.predict(without)

    assert details(response) == [{"row": 0, "column": "temp", "message": "is missing"}]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"rows": [{"hr": "\\ud800"}]}', 400),
        (b"[" * 15_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b'{"rows": []}', 422),
        (b'{"rows": [[]]}', 422),
        (b'{"rows": null}', 422),
        (b'{"row": {}}', 422),
        (b'{"rows": [' + b",".join([b"{}"] * 51) + b"]}", 422),
        (b'{"rows": [{"hr": NaN}]}', 422),
        (b'{"rows": [{"hr": 1e999}]}', 422),
        (b'{"rows": [{"hr": 1' + b"0" * 400 + b"}]}", 422),
        (b'{"rows": [{"hr": 1' + b"0" * 5000 + b"}]}", 400),
        (b'{"rows": [{"\\u0000": 1}]}', 422),
        (b'{"rows": [{' + b",".join(b'"c%d":1' % i for i in range(1500)) + b"}]}", 422),
    ],
)
def test_bodies_that_are_no_rows_are_refused_in_few_words(
    shared: Running, body: bytes, status: int
) -> None:
    response = shared.client.post("/predict", content=body, headers=JSON)

    assert response.status_code == status, response.text
    assert 1 <= len(details(response)) <= 20
    assert len(response.content) < 10_000


def test_of_a_key_that_stands_twice_the_last_counts(shared: Running) -> None:
    text = json.dumps({"rows": [row()]}).replace('"temp": 12.5', '"temp": 99, "temp": 12.5')

    response = shared.client.post("/predict", content=text, headers=JSON)

    assert response.status_code == 200
    assert response.json()["predictions"] == shared.predict(row()).json()["predictions"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_plain_json_is_refused(shared: Running, headers: dict[str, str]) -> None:
    response = shared.client.post("/predict", content=b"{}", headers=headers)

    assert response.status_code == 415


def test_a_body_that_is_too_long_is_not_read(shared: Running) -> None:
    taken = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            taken.append(1)
            yield b" " * 1000

    told = shared.client.post("/predict", content=b" " * 20_001, headers=JSON)
    chunked = shared.client.post("/predict", content=endless(), headers=JSON)

    assert (told.status_code, chunked.status_code) == (413, 413)
    assert told.headers["Connection"] == "close"
    assert 20 <= len(taken) <= 22
    assert "20000 bytes" in details(chunked)[0]["message"]


def test_who_sends_too_slowly_is_turned_away(
    shared: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_requests, "BODY_SECONDS", 0.01)

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"rows": ['
        await asyncio.sleep(60)

    response = shared.client.post("/predict", content=slow(), headers=JSON)

    assert response.status_code == 408


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("POST", "/ready", 405),
        ("GET", "/nothing", 404),
        ("GET", "/model/", 404),
    ],
)
def test_other_paths_and_methods_are_refused_in_the_same_form(
    shared: Running, method: str, path: str, status: int
) -> None:
    response = shared.client.request(method, path)

    assert response.status_code == status
    assert details(response)[0]["row"] is None


def test_the_page_and_its_example_belong_to_the_model_that_answers(
    registry: Models, start: Start
) -> None:
    running = start()
    first = running.client.get("/openapi.json").json()
    mlflow_registry.set_alias("tiny", "champion", "2")
    running.service.following.look_at_registry()
    second = running.client.get("/openapi.json").json()

    stale, example = (
        document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"][
            "example"
        ]
        for document in (first, second)
    )
    # Raw rows are the same for every model; what is made of them is its own business.
    assert [list(row) for row in example["rows"]] == [["timestamp", "temp", "holiday"]]
    for body in (stale, example):
        answer = running.client.post("/predict", json=body)
        assert (answer.status_code, answer.json()["model_version"]) == (200, "2")
    descriptions = [document["info"]["description"] for document in (first, second)]
    assert ["Model version 1." in descriptions[0], "Model version 2." in descriptions[1]] == [
        True
    ] * 2
    assert "openapi.json" in running.client.get("/docs").text


def test_model_tells_where_it_comes_from(registry: Models, start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{(tmp_path / 'lifecycle.db').as_posix()}"
    decision = {
        "decision_id": "d1",
        "problem": "tiny",
        "kind": "promotion",
        "decision": "promote",
        "candidate_version": "1",
        "reasons": '[{"figures": {}, "kind": "no_champion"}]',
        "metrics": '{"candidate": {"rmse": 1.5}}',
        "checks": "[]",
    }
    database.append_decisions(url, [decision])
    running = start()
    running.service.following.look_at_store()

    told = running.client.get("/model").json()

    assert told["model_version"] == "1"
    assert told["digest"] == mlflow.MlflowClient().get_model_version("tiny", "1").tags["digest"]
    assert told["trained_until"] == "2021-03-07T23:00:00"
    assert told["level_factor"] == 1.0
    assert told["interval"] == {"level": 0.9, "width": None, "exponent": 0.0, "floor": 0.0}
    (made,) = told["decisions"]
    assert made["metrics"] == {"candidate": {"rmse": 1.5}}
    assert made["reasons"] == [{"kind": "no_champion", "figures": {}}]
    assert "opponent" not in made
    assert told["warnings"] == []


def test_a_token_is_asked_for_everywhere_but_for_health(registry: Models, start: Start) -> None:
    running = start(token="s3cret")

    for path in ("/", "/model", "/metrics", "/openapi.json", "/docs", "/nothing"):
        for given in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "s3cret"}):
            refused = running.client.get(path, headers=given)
            assert refused.status_code == 401, path
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert "s3cret" not in refused.text
    assert running.predict(row()).status_code == 401
    assert running.client.get("/health").status_code == 200
    assert running.client.get("/ready").status_code == 200
    allowed = {"Authorization": "Bearer s3cret"}
    assert running.predict(row(), headers=allowed).status_code == 200
    document = running.client.get("/openapi.json", headers=allowed).json()
    assert document["paths"]["/predict"]["post"]["security"] == [{"token": []}]


def test_a_log_that_is_full_is_told_or_refused(
    registry: Models, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    away = f"sqlite:///{(tmp_path / 'a file' / 'lifecycle.db').as_posix()}"
    full = {"spool_maximum_mb": 0.1}
    serving = start(store_url=away, log=full)
    refusing = start(store_url=away, log={**full, "when_full": "refuse"})
    # They share it.
    assert serving.service.log.append([{"features": "x" * 200_000}])

    answer = serving.predict(row())
    assert (answer.status_code, answer.json()["logged"]) == (200, False)
    refused = refusing.predict(row())
    assert refused.status_code == 503
    assert "takes no more rows" in details(refused)[0]["message"]
    assert refused.headers["Retry-After"] == "1"
    assert serving.client.get("/ready").status_code == 200
    assert refusing.client.get("/ready").status_code == 503
    assert refusing.client.get("/health").json()["log"]["accepts"] is False


def test_without_a_log_answers_say_so(registry: Models, start: Start, tmp_path: Path) -> None:
    running = start(log={"enabled": False})

    assert running.predict(row()).json()["logged"] is False
    assert not (tmp_path / "spool.db").exists()


def test_a_service_that_ends_takes_what_it_had_and_no_more(registry: Models, start: Start) -> None:
    running = start()
    running.predict(row())

    running.service.close()

    assert running.client.get("/health").status_code == 200
    assert running.client.get("/ready").json()["reason"] == "the service is about to end"
    assert running.predict(row()).status_code == 503
    labels = {"labels": [{"timestamp": STAMP, "cnt": 3}]}
    assert running.client.post("/labels", json=labels).status_code == 503
    assert len(running.logged()) == 1


def test_contributions_add_up_to_what_was_served(registry: Models, start: Start) -> None:
    running = start()
    rows = [row(), row(timestamp="2021-03-09T23:00:00", temp=None)]

    plain = running.client.post("/predict", json={"rows": rows}).json()
    answer = running.client.post("/predict?explain=true", json={"rows": rows}).json()

    assert "orders" in answer["explained_by"]
    assert "explained_by" not in plain
    for before, after in zip(plain["predictions"], answer["predictions"], strict=True):
        parts = after.pop("contributions")
        assert set(parts) == {"base", "hr", "temp", "holiday", "timestamp", "cnt"}
        assert sum(parts.values()) == pytest.approx(after["prediction"])
        assert after == before
    # 23 o'clock is the busiest hour of this table.
    assert parts["hr"] > 1


def test_contributions_hold_the_level_and_the_bounds(registry: Models, start: Start) -> None:
    running = start()
    service = running.service
    active = service.following.deployed
    shifted = dataclasses.replace(active.adjustment, level_factor=2.0, level_shift=-1000.0)
    service.following.deployed = dataclasses.replace(active, adjustment=shifted)

    answer = running.client.post("/predict?explain=true", json={"rows": [row()]}).json()

    (prediction,) = answer["predictions"]
    assert prediction["prediction"] == 0
    assert prediction["contributions"]["bounds"] > 0
    assert sum(prediction["contributions"].values()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("query", ["explain=maybe", "explian=true", "explain=true&explain=true"])
def test_an_address_that_asks_for_something_else_is_refused(shared: Running, query: str) -> None:
    response = shared.client.post(f"/predict?{query}", json={"rows": [row()]})
    assert response.status_code == 422
    assert "?explain=true" in details(response)[0]["message"]


def test_many_rows_are_not_explained_at_once(registry: Models, start: Start) -> None:
    running = start()
    response = running.client.post("/predict?explain=true", json={"rows": [row()] * 101})
    assert response.status_code == 422
    assert "at most 100 rows" in details(response)[0]["message"]


def test_who_has_no_token_is_told_what_is_wrong_and_not_where(
    registry: Models, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(token="s3cret")
    where = "http://lucy:topsecret@10.0.0.5:5000"

    def unreachable(*_: Any) -> None:
        raise ConnectionError(f"no route to {where}")

    monkeypatch.setattr(mlflow_registry, "registered_by_alias", unreachable)
    running.service.following.look_at_registry()
    running.service.log._store_state = "down: OperationalError: no route to 10.0.0.6"
    known = {"Authorization": "Bearer s3cret"}

    assert running.client.get("/ready").json()["warnings"] == ["registry down"]
    assert running.client.get("/health").json()["log"]["store"] == "down"
    (told,) = running.client.get("/ready", headers=known).json()["warnings"]
    assert told == "registry down: ConnectionError: no route to http://***@10.0.0.5:5000"
    assert "10.0.0.6" in running.client.get("/health", headers=known).json()["log"]["store"]
    running.service.following.deployed = None
    waiting = running.client.get("/ready")
    assert (waiting.status_code, waiting.json()["reason"]) == (
        503,
        "no model is loaded; registry down",
    )
