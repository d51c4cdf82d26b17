"""The ``picture`` pipeline."""

from regression_lifecycle.pipelines.picture.pipeline import create_pipeline

__all__ = ["create_pipeline"]
