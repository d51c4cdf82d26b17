"""Wiring of the promotion pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.promotion import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Gate decision to registered version, ledger row and, last of all, the champion's alias."""
    return Pipeline(
        [create_promotion_pipeline(), _alerts()],
        namespace="promotion",
        prefix_datasets_with_namespace=False,
        tags=["promotion"],
    )


def create_promotion_pipeline() -> Pipeline:
    """The same without a namespace; the retraining uses it as well."""
    return Pipeline(
        [
            Node(
                nodes.write_model_card,
                ["candidate_model", "gate_decision", "params:problem", "params:training.model"],
                "model_card",
                name="write_model_card",
            ),
            Node(
                nodes.prepare_registration,
                ["candidate_model", "gate_decision", "model_card"],
                "registration",
                name="register_version",
            ),
            Node(
                nodes.write_ledger,
                ["registration", "gate_decision", "recorded_decisions", "params:problem"],
                ["ledger", "closed_versions"],
                name="write_ledger",
            ),
            Node(
                nodes.choose_champion,
                ["ledger", "registration", "gate_decision"],
                "champion_version",
                name="move_champion",
            ),
        ]
    )


def _alerts() -> Node:
    return Node(
        nodes.build_alerts,
        ["gate_decision", "ledger", "params:problem", "params:alerts"],
        "alerts",
        name="build_alerts",
    )
