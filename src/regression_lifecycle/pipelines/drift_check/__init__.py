"""The ``drift_check`` pipeline."""

from regression_lifecycle.pipelines.drift_check.pipeline import create_pipeline

__all__ = ["create_pipeline"]
