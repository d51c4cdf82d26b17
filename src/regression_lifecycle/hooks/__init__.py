"""Kedro hooks of the project."""

from regression_lifecycle.hooks.summary import SummaryHook
from regression_lifecycle.hooks.tracking import TrackingHook

__all__ = ["SummaryHook", "TrackingHook"]
