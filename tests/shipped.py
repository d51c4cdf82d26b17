"""What the project ships under ``conf/``, read as a run reads it."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

from regression_lifecycle import settings
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader
from tests.conftest import ROOT

EXAMPLE = "bike_hourly"
PROBLEMS = ("bike_hourly", "bike_daily", "shop_sales", "diabetes")
"""Every folder that describes a table."""


def open_loader(env: str = EXAMPLE, **runtime: Any) -> LifecycleConfigLoader:
    """A loader over the project's own ``conf/``."""
    return LifecycleConfigLoader(
        str(ROOT / "conf"), env=env, runtime_params=runtime, **settings.CONFIG_LOADER_ARGS
    )


@lru_cache
def _parameters(env: str) -> dict[str, Any]:
    return open_loader(env)["parameters"]


def parameters(env: str = EXAMPLE) -> dict[str, Any]:
    """All parameters of environments, to be changed at will."""
    return copy.deepcopy(_parameters(env))


def _runnable(folder: str) -> str:
    try:
        assert open_loader(folder).folders
    except ConfigurationError:
        return f"{EXAMPLE},{folder}"
    return folder


ENVIRONMENTS = sorted(
    _runnable(path.name)
    for path in (ROOT / "conf").iterdir()
    if path.is_dir() and path.name != "base" and not path.name.startswith(".")
)
"""Every folder under ``conf/``, laid over the example where it describes no table itself."""
