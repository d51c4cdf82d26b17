"""The ``retraining`` pipeline."""

from regression_lifecycle.pipelines.retraining.pipeline import create_pipeline

__all__ = ["create_pipeline"]
