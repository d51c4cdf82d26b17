"""Wiring of the ingestion pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.ingestion.nodes import (
    complete_observations,
    enforce_contract,
    read_raw_rows,
    report_data_quality,
)


def create_pipeline(**_: object) -> Pipeline:
    """Raw table to observations, rejected rows, gaps and a data-quality report."""
    return Pipeline(
        [
            Node(
                read_raw_rows,
                [
                    "raw_observations",
                    "params:problem",
                    "params:ingestion",
                    "recorded_undeclared_columns",
                    "recorded_raw_parts",
                ],
                ["typed_rows", "raw_table"],
                name="read_raw_rows",
            ),
            Node(
                enforce_contract,
                ["typed_rows", "raw_table", "params:problem", "params:ingestion"],
                ["accepted_rows", "rejected_observations"],
                name="enforce_contract",
            ),
            Node(
                complete_observations,
                [
                    "accepted_rows",
                    "raw_table",
                    "recorded_labels",
                    "params:problem",
                    "recorded_observations",
                ],
                [
                    "observations",
                    "unused_labels",
                    "observation_gaps",
                    "observation_changes",
                    "undeclared_columns",
                    "raw_parts",
                ],
                name="complete_observations",
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
