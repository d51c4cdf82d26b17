"""The ``promotion`` pipeline."""

from regression_lifecycle.pipelines.promotion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
