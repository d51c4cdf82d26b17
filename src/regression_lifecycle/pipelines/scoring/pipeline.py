"""Wiring of the scoring pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.core.prediction.batch_scoring import (
    score,
    select_scoring_rows,
    summarize,
)


def create_pipeline(**_: object) -> Pipeline:
    """A raw table to predictions with interval, and to what monitoring will judge."""
    return Pipeline(
        [
            Node(
                select_scoring_rows,
                [
                    "scoring_batch",
                    "observations",
                    "champion_model",
                    "params:problem",
                    "params:scoring",
                ],
                "scoring_rows",
                name="select_scoring_rows",
            ),
            Node(score, ["scoring_rows", "adjustments"], "batch_predictions", name="score"),
            Node(summarize, "batch_predictions", "scoring_summary", name="summarize"),
        ],
        namespace="scoring",
        prefix_datasets_with_namespace=False,
        tags=["scoring"],
    )
