"""The ``backtest`` pipeline."""

from regression_lifecycle.pipelines.backtest.pipeline import create_pipeline

__all__ = ["create_pipeline"]
