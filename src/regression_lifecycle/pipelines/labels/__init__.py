"""The ``labels`` pipeline."""

from regression_lifecycle.pipelines.labels.pipeline import create_pipeline

__all__ = ["create_pipeline"]
