"""A run is connected with a Dask scheduler only while it fits models there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from regression_lifecycle.adapters import workers
from regression_lifecycle.core.models.training import Compute
from regression_lifecycle.runtime.hooks import WorkersHook

ADDRESS = "tcp://127.0.0.1:8786"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def connect(address: str | None) -> Any:
        said.append(f"connected to dask at {address}")
        return lambda: said.append("disconnected")

    monkeypatch.setattr(workers, "_connect_to_dask", connect)
    return said


def begin(compute: Compute, inputs: set[str]) -> WorkersHook:
    hook = WorkersHook()
    pipeline = SimpleNamespace(inputs=lambda: inputs)
    catalog = SimpleNamespace(load=lambda name: SimpleNamespace(compute=compute))
    hook.before_pipeline_run(pipeline, catalog)
    return hook


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_a_run_that_fits_is_connected_until_its_end(told: list[str], end: str) -> None:
    hook = begin(Compute(backend="dask", scheduler=ADDRESS), {"params:training"})

    getattr(hook, end)()
    getattr(hook, end)()

    assert told == [f"connected to dask at {ADDRESS}", "disconnected"]


@pytest.mark.parametrize(
    ("compute", "inputs"),
    [
        (Compute(backend="loky"), {"params:training"}),
        (Compute(backend="dask", scheduler=ADDRESS), {"params:monitoring"}),
    ],
)
def test_no_other_run_asks_for_a_scheduler(
    told: list[str], compute: Compute, inputs: set[str]
) -> None:
    begin(compute, inputs).after_pipeline_run()

    assert told == []
