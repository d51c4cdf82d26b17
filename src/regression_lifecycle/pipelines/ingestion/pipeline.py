"""Wiring of the ingestion pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.ingestion.nodes import ingest, report_data_quality


def create_pipeline(**_: object) -> Pipeline:
    """Raw table to observations, rejected rows, gaps and a data-quality report."""
    return Pipeline(
        [
            Node(
                ingest,
                [
                    "raw_observations",
                    "labels",
                    "params:problem",
                    "params:ingestion",
                    "recorded_observations",
                ],
                [
                    "observations",
                    "rejected_observations",
                    "unused_labels",
                    "observation_gaps",
                    "observation_changes",
                ],
                name="enforce_contract",
            ),
            Node(
                report_data_quality,
                ["observations", "params:problem", "params:ingestion"],
                "data_quality_report",
                name="report_data_quality",
            ),
        ],
        namespace="ingestion",
        prefix_datasets_with_namespace=False,
        tags=["ingestion"],
    )
