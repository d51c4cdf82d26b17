"""The ``rollback`` pipeline."""

from regression_lifecycle.pipelines.rollback.pipeline import create_pipeline

__all__ = ["create_pipeline"]
