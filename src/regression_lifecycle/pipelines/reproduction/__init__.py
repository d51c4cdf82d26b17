"""The ``reproduction`` pipeline."""

from regression_lifecycle.pipelines.reproduction.pipeline import create_pipeline

__all__ = ["create_pipeline"]
