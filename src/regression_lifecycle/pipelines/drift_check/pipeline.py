"""Wiring of the drift check."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.drift_check import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Holdout against reference: a report, a verdict per column, and one per window."""
    return Pipeline(
        [
            Node(
                nodes.make_reference,
                [
                    "training_set",
                    "out_of_fold_predictions",
                    "candidate_model",
                    "params:problem",
                    "params:drift.reference_predictions",
                ],
                "drift_reference",
                name="make_reference",
            ),
            Node(
                nodes.count_reference,
                ["drift_reference", "feature_table", "params:problem", "params:drift"],
                "counted_reference",
                name="count_reference",
            ),
            Node(
                nodes.check_drift,
                [
                    "counted_reference",
                    "holdout_predictions",
                    "candidate_model",
                    "params:problem",
                    "params:drift",
                ],
                ["drift_report", "drift_verdict", "drift_metrics_tracking"],
                name="check_drift",
            ),
            Node(
                nodes.check_window_drift,
                [
                    "counted_reference",
                    "holdout_predictions",
                    "params:problem",
                    "params:evaluation.windows",
                    "params:drift",
                ],
                "window_drift",
                name="check_window_drift",
            ),
        ],
        namespace="drift_check",
        prefix_datasets_with_namespace=False,
        tags=["drift_check"],
    )
