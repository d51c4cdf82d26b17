"""Kedro's settings of the project."""

from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader
from regression_lifecycle.runtime.context import LifecycleContext
from regression_lifecycle.runtime.hooks import ErrorHook, ProjectRunHook, SummaryHook, TrackingHook
from regression_lifecycle.runtime.session import LifecycleSession

SESSION_CLASS = LifecycleSession
CONTEXT_CLASS = LifecycleContext
CONFIG_LOADER_CLASS = LifecycleConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    # What plain `kedro run` takes: the example, and what is yours alone.
    "default_run_env": "bike_hourly,local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
}
# The summary comes last: it is what a person reads.
HOOKS = (SummaryHook(), TrackingHook(), ErrorHook(), ProjectRunHook())
