"""The ``monitoring`` pipeline."""

from regression_lifecycle.pipelines.monitoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
