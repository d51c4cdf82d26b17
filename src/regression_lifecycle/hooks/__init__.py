"""Kedro hooks of the project."""

from regression_lifecycle.hooks.errors import ErrorHook
from regression_lifecycle.hooks.project_run import ProjectRunHook
from regression_lifecycle.hooks.summary import SummaryHook
from regression_lifecycle.hooks.tracking import TrackingHook

__all__ = ["ErrorHook", "ProjectRunHook", "SummaryHook", "TrackingHook"]
