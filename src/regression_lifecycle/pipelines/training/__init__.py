"""The ``training`` pipeline."""

from regression_lifecycle.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
