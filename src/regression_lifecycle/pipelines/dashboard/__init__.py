"""The ``dashboard`` pipeline."""

from regression_lifecycle.pipelines.dashboard.pipeline import create_pipeline

__all__ = ["create_pipeline"]
