"""Wiring of the preprocessing pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.preprocessing.nodes import make_features, split_features


def create_pipeline(**_: object) -> Pipeline:
    """Observations to feature table, training set and holdout set."""
    return Pipeline(
        [
            Node(
                make_features,
                ["observations", "params:problem", "params:preprocessing"],
                "feature_table",
                name="make_features",
            ),
            Node(
                split_features,
                ["feature_table", "params:problem", "params:preprocessing"],
                ["training_set", "holdout_set"],
                name="split_by_time",
            ),
        ],
        namespace="preprocessing",
        prefix_datasets_with_namespace=False,
        tags=["preprocessing"],
    )
