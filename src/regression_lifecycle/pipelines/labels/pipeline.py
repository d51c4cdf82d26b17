"""Wiring of the labels pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.labels.nodes import take_labels


def create_pipeline(**_: object) -> Pipeline:
    """A batch of labels to the table from which ingestion fills in the targets."""
    return Pipeline(
        [
            Node(
                take_labels,
                ["raw_labels", "params:problem", "params:labels"],
                ["labels", "rejected_labels"],
                name="accept_labels",
            )
        ],
        namespace="labels",
        prefix_datasets_with_namespace=False,
        tags=["labels"],
    )
