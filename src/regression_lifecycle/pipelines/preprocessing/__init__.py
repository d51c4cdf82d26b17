"""The ``preprocessing`` pipeline."""

from regression_lifecycle.pipelines.preprocessing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
