"""Kedro's settings of the project."""

import atexit
import gc

# What libraries make while they are imported stays, and looking for garbage in it over and over
# takes a seventh of a short command. Pandas frees its tables by counting references.
gc.set_threshold(100_000, 20, 100)
# Python looks for garbage once more before it ends, which takes a second, and the process goes.
atexit.register(gc.freeze)

# Before MLflow and its thousands of modules: skops looks for every function of SciPy in all modules
# that are there, in the order of their import, which takes a second and more if it comes late.
import scipy.special  # noqa: E402, F401

from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader  # noqa: E402
from regression_lifecycle.runtime.context import LifecycleContext  # noqa: E402
from regression_lifecycle.runtime.hooks import (  # noqa: E402
    ErrorHook,
    KilledRunHook,
    MemoryHook,
    NodeProgressHook,
    ProjectRunHook,
    SparkSessionHook,
    SummaryHook,
    TrackingHook,
    WorkersHook,
)
from regression_lifecycle.runtime.outgoing import scrub_what_leaves  # noqa: E402
from regression_lifecycle.runtime.session import LifecycleSession  # noqa: E402

scrub_what_leaves()

SESSION_CLASS = LifecycleSession
CONTEXT_CLASS = LifecycleContext
CONFIG_LOADER_CLASS = LifecycleConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    # What plain `kedro run` takes: the example, and what is yours alone.
    "default_run_env": "bike_hourly,local",
    "config_patterns": {
        "mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"],
        "spark": ["spark*", "spark*/**"],
    },
}
# The summary comes last: it is what a person reads.
HOOKS = (
    SummaryHook(),
    TrackingHook(),
    ErrorHook(),
    KilledRunHook(),
    ProjectRunHook(),
    MemoryHook(),
    NodeProgressHook(),
    WorkersHook(),
    SparkSessionHook(),
)
