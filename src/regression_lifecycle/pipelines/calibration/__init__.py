"""The ``calibration`` pipeline."""

from regression_lifecycle.pipelines.calibration.pipeline import create_pipeline

__all__ = ["create_pipeline"]
