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
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
    # An environment says only what differs, however deep it stands.
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "globals": "soft"},
}
# The summary comes last: it is what a person reads.
HOOKS = (SummaryHook(), TrackingHook(), ErrorHook(), ProjectRunHook())
