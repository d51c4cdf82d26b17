"""A small problem, two registered models of it, and a service in front of them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.adapters.mlflow.model_files import model_digest, write_model
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel
from regression_lifecycle.core.models.training import ModelSpec, make_pipeline
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.prediction.service_parameters import ServingParameters
from regression_lifecycle.serving.app import make_app
from regression_lifecycle.serving.configuration import ServiceConfiguration
from regression_lifecycle.serving.connections import BoundedConnection
from regression_lifecycle.serving.server import AnnouncingServer, address_of, listening
from regression_lifecycle.serving.service import Service
from tests.tracking import tracking_store

NAME = "tiny"
CONTENT: dict[str, Any] = {
    "name": NAME,
    "description": "Visitors per hour.",
    "target": "cnt",
    "timestamp": {"date": "day", "hour": "hr"},
    "frequency": "1 hour",
    "horizon": "6 hours",
    "columns": {
        "day": {"type": "date", "known_in_advance": True},
        "hr": {"type": "integer", "minimum": 0, "maximum": 23, "known_in_advance": True},
        "temp": {
            "type": "float",
            "minimum": -50,
            "maximum": 60,
            "missing": True,
            "known_in_advance": True,
        },
        "holiday": {"type": "boolean", "known_in_advance": True},
        "sky": {
            "type": "category",
            "allowed": ["clear", "rain"],
            "missing": True,
            "known_in_advance": True,
        },
        "cnt": {"type": "integer", "minimum": 0, "unit": "visitors"},
    },
}
NUMBERS = (
    {"kind": "columns", "names": ["hr", "temp", "holiday"]},
    {"kind": "calendar", "parts": ["weekday"]},
    {"kind": "cyclical", "part": "hour", "period": 24},
    {"kind": "time_index", "name": "day_index", "origin": "2021-01-01", "unit": "1 day"},
    {"kind": "annual_period", "name": "summer", "first": "06-01", "last": "08-31"},
    {"kind": "lag", "name": "cnt_before", "column": "cnt", "ages": ["1 day"]},
)
STAMP = "2021-03-09T07:00:00"


class Models(NamedTuple):
    """A registry with two versions of one model; the first one is champion."""

    database: Path
    models: dict[str, TrainedModel]
    artifacts: dict[str, Path]


def make_observations(problem: Problem, n_rows: int = 24 * 7) -> pd.DataFrame:
    random = np.random.default_rng(3)
    stamp = pd.Series(pd.date_range("2021-03-01", periods=n_rows, freq="h")).astype(
        "datetime64[us]"
    )
    temp = random.normal(15, 5, n_rows).round(2)
    temp[::11] = np.nan
    hour = stamp.dt.hour.astype("int64")
    return pd.DataFrame(
        {
            problem.timestamp.name: stamp,
            "day": stamp.dt.normalize(),
            "hr": hour,
            "temp": temp,
            "holiday": (stamp.dt.dayofweek == 6).astype("int64"),
            "sky": random.choice(["clear", "rain"], n_rows),
            "cnt": 5 + 3 * hour + random.integers(0, 9, n_rows),
        }
    )


def train(
    problem: Problem,
    *features: dict[str, Any],
    fingerprint: str = "one",
    estimator: dict[str, Any] | None = None,
    **model: Any,
) -> TrainedModel:
    """Fit a model as the training pipeline does, in milliseconds."""
    recipe = FeatureRecipe.model_validate({"features": features or NUMBERS})
    table = build_features(make_observations(problem), problem, recipe)
    boosted = {
        "class": "sklearn.ensemble.HistGradientBoostingRegressor",
        "params": {"max_iter": 8, "min_samples_leaf": 5, "loss": "poisson", "random_state": 0},
    }
    spec = ModelSpec.model_validate({"estimator": estimator or boosted, **model})
    rows = table[list(recipe.feature_names)]
    metadata = ModelMetadata(
        problem=problem.name,
        fingerprint=fingerprint,
        data_fingerprint="f" * 16,
        target="cnt",
        recipe=recipe,
        category_features=recipe.category_names(problem),
        trained_from="2021-03-01",
        trained_until="2021-03-07 23:00",
        n_rows=len(table),
        target_mean=40.0,
        target_median=40.0,
    )
    example = table[["timestamp", *recipe.feature_names]].tail(5)
    return TrainedModel(make_pipeline(spec).fit(rows, table["cnt"]), metadata, example)


@pytest.fixture(scope="session")
def problem() -> Problem:
    return Problem.model_validate(CONTENT)


@pytest.fixture(scope="session")
def models_once(problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Two registered versions of one model."""
    folder = tmp_path_factory.mktemp("served_models")
    models = {
        "1": train(problem),
        "2": train(
            problem,
            *NUMBERS[:3],
            fingerprint="two",
            estimator={"class": "sklearn.linear_model.Ridge"},
            transformers=[
                {
                    "name": "weather",
                    "columns": ["temp"],
                    "steps": [{"class": "sklearn.impute.SimpleImputer"}],
                }
            ],
        ),
    }
    artifacts = {}
    with tracking_store(tmp_path_factory, folder):
        client = mlflow.MlflowClient()
        client.create_registered_model(NAME)
        for version, model in models.items():
            # As log_model leaves it, without the seconds that the rest of it takes.
            artifacts[version] = folder / version / "artifacts" / "model"
            artifacts[version].mkdir(parents=True)
            write_model(model, artifacts[version])
            tags = {"digest": model_digest(artifacts[version])}
            source = (folder / version).as_posix()
            made = client.create_model_version(NAME, source, tags=tags)
            assert str(made.version) == version
        mlflow_registry.set_alias(NAME, "champion", "1")
    return Models(folder / "mlflow.db", models, artifacts)


def copy_registry(models: Models, folder: Path) -> str:
    """A registry of one's own; its models stay where they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "mlflow.db"
    shutil.copyfile(models.database, copy)
    return f"sqlite:///{copy.as_posix()}"


@pytest.fixture
def registry(models_once: Models, tmp_path: Path) -> Iterator[Models]:
    """Two versions of which the first is champion; aliases may be moved."""
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(copy_registry(models_once, tmp_path / "registry"))
    yield models_once
    mlflow.set_tracking_uri(before)


def make_configuration(problem: Problem, folder: Path, **changes: Any) -> ServiceConfiguration:
    """Settings of a service that looks for news when it is told to and never by itself."""
    token = changes.pop("token", "")
    url = changes.pop("store_url", f"sqlite:///{(folder / 'lifecycle.db').as_posix()}")
    log = {"interval_seconds": 0.01, **changes.pop("log", {})}
    observations = changes.pop("observations", None)
    serving = {"poll_seconds": 3600, "drain_seconds": 5, "log": log, **changes}
    return ServiceConfiguration(
        problem=problem,
        serving=ServingParameters.model_validate(serving),
        adjustment=AdjustmentParameters(),
        model_name=NAME,
        alias="champion",
        tracking_uri="",
        registry_uri="",
        store_url=url,
        spool=folder / "spool.db",
        observations=observations,
        token=token,
    )


class StoredFrame:
    """Stored observations that a test may replace."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def load_newest(self, *_: Any) -> pd.DataFrame:
        return self.table

    def state(self) -> object:
        return id(self.table)


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


class Client:
    """Asks an application in this process, as many threads at once as like to."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self._portal = portal
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://service"
        )

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._portal.call(lambda: self._client.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """A thread with an event loop, in which all applications run."""
    with start_blocking_portal() as running:
        yield running


def end(service: Service) -> None:
    """Close a service, and wait for a look at the registry that goes on: its place will change."""
    service.close()
    for thread in service.following._threads:
        thread.join(60)


class Running(NamedTuple):
    """A service, and a client that asks it."""

    service: Service
    client: Client

    def predict(self, *rows: dict[str, Any], **more: Any) -> Any:
        return self.client.post("/predict", json={"rows": list(rows)}, **more)

    def logged(self) -> pd.DataFrame:
        """What the prediction log has put into the store."""
        from regression_lifecycle.adapters import database as database
        from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS

        assert self.service.is_ending or self.service.log.flush()
        return database.read_rows(self.service.configuration.store_url, SERVICE_PREDICTIONS)


Start = Callable[..., Running]


@pytest.fixture
def start(problem: Problem, tmp_path: Path, portal: BlockingPortal) -> Iterator[Start]:
    """Starts services that are ended after the test; they are waited for unless told otherwise."""
    running: list[Running] = []

    def begin(*, wait: bool = True, **changes: Any) -> Running:
        described = changes.pop("problem", problem)
        service = Service(make_configuration(described, tmp_path, **changes))
        running.append(Running(service, Client(make_app(service), portal)))
        if wait:
            wait_until(lambda: service.following.deployed is not None)
        return running[-1]

    yield begin
    for each in running:
        end(each.service)


Begin = Callable[[], tuple[Service, str, list[str]]]


@pytest.fixture
def begin(problem: Problem, tmp_path: Path) -> Iterator[Begin]:
    """Starts one server in a thread; gives its service, its address and what it says."""
    running: list[tuple[AnnouncingServer, threading.Thread, Service]] = []
    with listening("127.0.0.1", 0) as listener:

        def start() -> tuple[Service, str, list[str]]:
            service = Service(make_configuration(problem, tmp_path))
            said: list[str] = []
            config = uvicorn.Config(make_app(service), http=BoundedConnection, log_config=None)
            server = AnnouncingServer(config, service, address_of(listener), said.append)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            running.append((server, thread, service))
            return service, address_of(listener), said

        yield start
        for server, thread, service in running:
            server.should_exit = True
            thread.join(60)
            end(service)


def row(**changes: Any) -> dict[str, Any]:
    """A raw row, whose time is said by its moment."""
    return {"timestamp": STAMP, "temp": 12.5, "holiday": 0, **changes}


def at(hour: int) -> dict[str, Any]:
    """The raw row of an hour."""
    return row(timestamp=f"2021-03-09T{hour:02d}:00:00")
