"""Workers of a Dask scheduler or of a Ray cluster, to whom joblib sends fits."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from regression_lifecycle.core.errors import StateError

_SECONDS = 10
_PLACE = "training.compute.scheduler"


def connect(backend: str, address: str | None) -> Callable[[], None] | None:
    """Make workers the ones that joblib's backend sends its tasks to.

    Args:
        backend: Of joblib.
        address: Of a Dask scheduler, such as ``tcp://127.0.0.1:8786``; or of a Ray cluster, such
            as ``127.0.0.1:6379`` or ``ray://127.0.0.1:10001``; without one it is started on this
            machine.

    Returns:
        A function that ends the connection; None where the backend needs none.

    Raises:
        StateError: If nobody with a worker answers.
    """
    connection = {"dask": _connect_to_dask, "ray": _connect_to_ray}.get(backend)
    return connection(address) if connection else None


def _connect_to_dask(address: str | None) -> Callable[[], None]:
    from distributed import Client

    try:
        client = Client(address, timeout=_SECONDS)
    except (OSError, ValueError) as error:
        raise StateError(
            f"{_PLACE}: no Dask scheduler answers at {address} ({error}). Start one: dask scheduler"
        ) from None
    if not client.scheduler_info()["workers"]:
        client.close()
        raise StateError(
            f"{_PLACE}: the scheduler at {address} has no worker. Start some, in the environment "
            f"of this project: dask worker {address} --nthreads 1"
        )
    return lambda: client.close()


def _connect_to_ray(address: str | None) -> Callable[[], None]:
    # Nothing of this project is sent anywhere.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.util.joblib import register_ray

    if ray.is_initialized():
        # Whoever started it ends it.
        register_ray()
        return lambda: None
    own: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
    try:
        ray.init(**own, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        said = str(error).strip().splitlines()[0]
        raise StateError(
            f"{_PLACE}: no Ray cluster answers at {address or 'this machine'} ({said}). Start one: "
            "ray start --head"
        ) from None
    register_ray()
    return lambda: ray.shutdown()
