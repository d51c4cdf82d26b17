"""Wiring of the rollback pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.rollback import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Ledger and champion to a recorded decision and, last of all, the alias."""
    return Pipeline(
        [
            Node(
                nodes.read_moment,
                ["observations", "params:as_of", "params:problem"],
                "rollback_moment",
                name="read_moment",
            ),
            Node(
                nodes.decide_rollback,
                [
                    "recorded_decisions",
                    "version_in_use",
                    "rollback_moment",
                    "params:problem",
                    "params:rollback",
                ],
                ["rollback_rows", "superseded_versions", "chosen_rollback"],
                name="decide_rollback",
            ),
            Node(
                nodes.record_answer,
                ["rollback_rows", "superseded_versions", "chosen_rollback", "registered_versions"],
                ["ledger", "closed_versions", "rollback_decision"],
                name="record_rollback",
            ),
            Node(
                nodes.choose_version,
                ["ledger", "rollback_decision", "params:problem"],
                "champion_version",
                name="move_champion",
            ),
            Node(
                nodes.build_alerts,
                ["rollback_decision", "ledger", "params:problem", "params:alerts"],
                "alerts",
                name="build_alerts",
            ),
        ],
        namespace="rollback",
        prefix_datasets_with_namespace=False,
        tags=["rollback"],
    )
