"""Wiring of the approval pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.approval import nodes
from regression_lifecycle.pipelines.calibration.pipeline import create_calibration_of_new_champion
from regression_lifecycle.pipelines.rollback.nodes import read_moment, record_answer

_PROBLEM = "params:problem"


def create_pipeline(**_: object) -> Pipeline:
    """Waiting version and a person's answer to a recorded decision, alias and calibration."""
    calibration = create_calibration_of_new_champion("approval_decision")
    return Pipeline(
        [*_answer(), calibration, _alerts()],
        namespace="approval",
        prefix_datasets_with_namespace=False,
        tags=["approval"],
    )


def _answer() -> list[Node]:
    return [
        Node(
            read_moment,
            ["observations", "params:as_of", _PROBLEM],
            "approval_moment",
            name="read_moment",
        ),
        Node(
            nodes.decide_approval,
            [
                "recorded_decisions",
                "version_in_use",
                "approval_moment",
                _PROBLEM,
                "params:approval",
            ],
            ["approval_rows", "answered_versions", "chosen_answer"],
            name="decide_approval",
        ),
        Node(
            record_answer,
            ["approval_rows", "answered_versions", "chosen_answer", "registered_versions"],
            ["ledger", "closed_versions", "approval_decision"],
            name="record_approval",
        ),
        Node(
            nodes.choose_version,
            ["ledger", "approval_decision", _PROBLEM],
            "champion_version",
            name="move_champion",
        ),
    ]


def _alerts() -> Node:
    return Node(
        nodes.build_alerts,
        ["approval_decision", "ledger", _PROBLEM, "params:alerts"],
        "alerts",
        name="build_alerts",
    )
