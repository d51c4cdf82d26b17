"""Wiring of the reproduction pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.reproduction import nodes

_PARAMETERS = "params:reproduction"


def create_pipeline(**_: object) -> Pipeline:
    """Snapshot of a version to the same model again, and a verdict on the two.

    Nothing is read of today's table and of today's parameters of training, and nothing is written
    but the report.
    """
    return Pipeline(
        [
            Node(
                nodes.choose_version,
                ["version_in_use", _PARAMETERS],
                "version_to_reproduce",
                name="choose_version",
            ),
            Node(
                nodes.open_snapshot,
                ["version_to_reproduce", "recorded_snapshots"],
                "opened_snapshot",
                name="open_snapshot",
            ),
            Node(nodes.fit_again, "opened_snapshot", "reproduced_model", name="fit_again"),
            Node(
                nodes.predict_with_both,
                ["opened_snapshot", "reproduced_model", "registered_versions"],
                ["both_predictions", "fitted_versions"],
                name="predict_with_both",
            ),
            Node(
                nodes.describe_now,
                ["source_code", "reproduced_model"],
                "present_provenance",
                name="describe_now",
            ),
            Node(
                nodes.compare,
                [
                    "both_predictions",
                    "fitted_versions",
                    "opened_snapshot",
                    "present_provenance",
                    _PARAMETERS,
                ],
                ["reproduction_report", "reproductions", "reproduced_predictions"],
                name="compare",
            ),
        ],
        namespace="reproduction",
        prefix_datasets_with_namespace=False,
        tags=["reproduction"],
    )
