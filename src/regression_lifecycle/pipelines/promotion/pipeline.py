"""Wiring of the promotion pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.promotion import nodes
from regression_lifecycle.pipelines.training.nodes import describe_training

_PROBLEM, _SNAPSHOTS = "params:problem", "params:snapshots"


def create_pipeline(**_: object) -> Pipeline:
    """Gate decision to registered version, snapshot, ledger row and, last, the champion's alias."""
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
                [
                    "candidate_model",
                    "gate_decision",
                    _PROBLEM,
                    "params:training.model",
                    "source_code",
                ],
                "model_card",
                name="write_model_card",
            ),
            Node(
                nodes.prepare_registration,
                ["candidate_model", "gate_decision", "model_card", "source_code"],
                "registration",
                name="register_version",
            ),
            Node(
                describe_training,
                ["best_parameters", _PROBLEM, "params:preprocessing", "params:training"],
                "training_configuration",
                name="describe_training",
            ),
            Node(
                nodes.record_training,
                ["training_set", "training_configuration", "registration", _SNAPSHOTS],
                "training_record",
                name="record_training",
            ),
            Node(
                nodes.take_snapshot,
                ["training_record", "candidate_model", "registration", "source_code"],
                "snapshot",
                name="take_snapshot",
            ),
            Node(
                nodes.write_ledger,
                ["registration", "gate_decision", "recorded_decisions", _PROBLEM, "snapshot"],
                ["ledger", "closed_versions"],
                name="write_ledger",
            ),
            Node(
                nodes.choose_champion,
                ["ledger", "registration", "gate_decision", _PROBLEM],
                "champion_version",
                name="move_champion",
            ),
            Node(
                nodes.choose_snapshots_to_prune,
                ["snapshot", "ledger", "champion_version", _PROBLEM, _SNAPSHOTS],
                "pruned_snapshots",
                name="prune_snapshots",
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
