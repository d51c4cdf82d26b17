"""A Dask scheduler, to whose workers joblib sends fits."""

from __future__ import annotations

from collections.abc import Callable

from regression_lifecycle.core.errors import StateError

_SECONDS = 10


def connect(address: str) -> Callable[[], None]:
    """Make a scheduler the one that joblib's backend ``dask`` sends its tasks to.

    Args:
        address: Such as ``tcp://127.0.0.1:8786``.

    Returns:
        A function that ends the connection.

    Raises:
        StateError: If the library is missing, or no scheduler with a worker answers.
    """
    place = "training.compute.scheduler"
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise StateError(
            f"backend 'dask' needs the library {error.name}: uv sync --locked --extra dask"
        ) from None
    try:
        client = Client(address, timeout=_SECONDS)
    except (OSError, ValueError) as error:
        raise StateError(
            f"{place}: no Dask scheduler answers at {address} ({error}). Start one: dask scheduler"
        ) from None
    if not client.scheduler_info()["workers"]:
        client.close()
        raise StateError(
            f"{place}: the scheduler at {address} has no worker. Start some, in the environment of "
            f"this project: dask worker {address} --nthreads 1"
        )
    return lambda: client.close()
