"""The ``approval`` pipeline."""

from regression_lifecycle.pipelines.approval.pipeline import create_pipeline

__all__ = ["create_pipeline"]
