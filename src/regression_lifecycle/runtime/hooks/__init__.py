"""Kedro hooks of the project."""

from regression_lifecycle.runtime.hooks.dask_workers import DaskWorkersHook
from regression_lifecycle.runtime.hooks.errors import ErrorHook
from regression_lifecycle.runtime.hooks.killed_run import KilledRunHook
from regression_lifecycle.runtime.hooks.memory import MemoryHook
from regression_lifecycle.runtime.hooks.node_progress import NodeProgressHook
from regression_lifecycle.runtime.hooks.project_run import ProjectRunHook
from regression_lifecycle.runtime.hooks.spark_session import SparkSessionHook
from regression_lifecycle.runtime.hooks.summary import SummaryHook
from regression_lifecycle.runtime.hooks.tracking import TrackingHook

__all__ = [
    "DaskWorkersHook",
    "ErrorHook",
    "KilledRunHook",
    "MemoryHook",
    "NodeProgressHook",
    "ProjectRunHook",
    "SparkSessionHook",
    "SummaryHook",
    "TrackingHook",
]
