"""The ``ingestion`` pipeline."""

from regression_lifecycle.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
