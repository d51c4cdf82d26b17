"""Scoring pipeline: a batch through the champion, written once per batch and version."""

from regression_lifecycle.pipelines.scoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
