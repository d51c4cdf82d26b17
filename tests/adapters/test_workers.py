"""Fits on the workers of Dask or Ray: the same figures, and mistakes in words."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters import workers
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.models.training import (
    TrainingParameters,
    cross_validate,
    make_pipeline,
)


def _distributed() -> Any:
    return pytest.importorskip("distributed", reason="uv sync --extra dask installs it")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = _distributed()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as made:
        yield made


def parameters(**compute: Any) -> TrainingParameters:
    model = {"estimator": {"class": "sklearn.linear_model.Ridge"}}
    return TrainingParameters.model_validate({"model": model, "compute": compute})


def scores(given: TrainingParameters) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    features = pd.DataFrame({"x": rng.normal(size=200), "z": rng.normal(size=200)})
    target = features["x"] + rng.normal(size=200)
    moments = pd.Series(pd.date_range("2021-01-01", periods=200, freq="h"))
    found, _ = cross_validate(make_pipeline(given.model), features, target, moments, given)
    return found


def test_folds_on_workers_have_the_scores_of_one_process(cluster: Any) -> None:
    address = cluster.scheduler_address
    disconnect = workers.connect("dask", address)
    before = cluster.scheduler.transition_counter
    try:
        found = scores(parameters(backend="dask", n_jobs=-1, scheduler=address))
    finally:
        disconnect()

    assert cluster.scheduler.transition_counter > before
    pd.testing.assert_frame_equal(found, scores(parameters()))


def test_a_scheduler_that_does_not_answer_is_named_with_the_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _distributed()
    monkeypatch.setattr(workers, "_SECONDS", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(StateError, match=rf"answers at {address}.*dask scheduler"):
            workers.connect("dask", address)


def test_a_scheduler_without_a_worker_is_refused() -> None:
    distributed = _distributed()
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(StateError, match=r"has no worker.*dask worker"),
    ):
        workers.connect("dask", empty.scheduler_address)


def test_folds_on_ray_have_the_scores_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="uv sync --extra ray installs it")
    disconnect = workers.connect("ray", None)
    assert disconnect is not None
    try:
        found = scores(parameters(backend="ray", n_jobs=2))
        assert ray.is_initialized()
    finally:
        disconnect()

    pd.testing.assert_frame_equal(found, scores(parameters()))
    assert not ray.is_initialized()


def test_a_ray_cluster_that_does_not_answer_is_named_with_the_mend() -> None:
    pytest.importorskip("ray", reason="uv sync --extra ray installs it")

    with pytest.raises(StateError, match=r"answers at ray://127.0.0.1:1 .*ray start --head"):
        workers.connect("ray", "ray://127.0.0.1:1")


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_this_machine_needs_no_connection(backend: str) -> None:
    assert workers.connect(backend, None) is None


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        ({"backend": "dask"}, "needs a scheduler"),
        ({"backend": "lokyy"}, "lokyy"),
        ({"n_jobs": 0}, "0 workers"),
    ],
)
def test_mistakes_are_found_before_anything_runs(compute: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parameters(**compute)
