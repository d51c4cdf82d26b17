"""Wiring of the picture."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.dashboard.pipeline import create_collection_pipeline
from regression_lifecycle.pipelines.picture import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The page's tables to its first chart as a PNG, which takes longer than the whole page."""
    return Pipeline(
        [
            create_collection_pipeline(),
            Node(
                nodes.draw_error_by_window,
                "page_tables",
                "error_by_window_picture",
                name="draw_error_by_window",
            ),
        ],
        namespace="picture",
        prefix_datasets_with_namespace=False,
        tags=["picture"],
    )
