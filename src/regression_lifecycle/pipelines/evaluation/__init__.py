"""The ``evaluation`` pipeline."""

from regression_lifecycle.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
