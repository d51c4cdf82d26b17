"""Wiring of the monitoring pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.core.monitoring.logged_predictions import adopt
from regression_lifecycle.pipelines.monitoring import drift, nodes

_PROBLEM, _MONITORING = "params:problem", "params:monitoring"
_EVALUATION, _DRIFT_CHECK = "params:evaluation", "params:drift_check"


def create_pipeline(**_: object) -> Pipeline:
    """Observations and champion to one row per window, reports, and the policy's decision."""
    return Pipeline(
        [*_serving(), *_recording()],
        namespace="monitoring",
        prefix_datasets_with_namespace=False,
        tags=["monitoring"],
    )


def _serving() -> list[Node]:
    return [
        Node(
            nodes.settle_champion,
            ["recorded_decisions", "champion_model", _PROBLEM],
            "settled_champion",
            name="settle_champion",
        ),
        Node(
            nodes.make_window_rows,
            [
                "observations",
                "settled_champion",
                "params:as_of",
                _PROBLEM,
                _EVALUATION,
                _MONITORING,
            ],
            ["window_rows", "windows"],
            name="make_window_rows",
        ),
        Node(
            adopt,
            [
                "recorded_predictions",
                "served_predictions",
                "scored_batches",
                "window_rows",
                "windows",
                _PROBLEM,
            ],
            "known_predictions",
            name="adopt_served",
        ),
        Node(
            nodes.plan,
            [
                "window_rows",
                "windows",
                "settled_champion",
                "recorded_windows",
                "known_predictions",
                _PROBLEM,
                _MONITORING,
            ],
            "window_plan",
            name="plan_windows",
        ),
        Node(
            nodes.serve,
            [
                "window_plan",
                "window_rows",
                "windows",
                "settled_champion",
                "known_predictions",
                _PROBLEM,
                _MONITORING,
            ],
            ["served_rows", "predictions", "adjustments"],
            name="serve_windows",
        ),
    ]


def _recording() -> list[Node]:
    return [
        Node(
            nodes.judge,
            [
                "window_plan",
                "window_rows",
                "served_rows",
                "rejected_observations",
                _PROBLEM,
                _EVALUATION,
                _DRIFT_CHECK,
                _MONITORING,
            ],
            ["judged_windows", "segment_history"],
            name="judge_windows",
        ),
        Node(
            drift.check_drift,
            [
                "window_plan",
                "window_rows",
                "served_rows",
                "known_predictions",
                "settled_champion",
                _PROBLEM,
                _DRIFT_CHECK,
                _MONITORING,
            ],
            [
                "drift_history",
                "drift_reference_profile",
                "drift_thresholds",
                "window_comparisons",
            ],
            name="check_drift",
        ),
        Node(
            nodes.complete,
            [
                "judged_windows",
                "drift_history",
                "recorded_windows",
                "settled_champion",
                _PROBLEM,
                _MONITORING,
            ],
            ["completed_windows", "champion_windows"],
            name="complete_windows",
        ),
        Node(
            nodes.decide,
            [
                "champion_windows",
                "windows",
                "settled_champion",
                "recorded_decisions",
                _PROBLEM,
                _MONITORING,
            ],
            ["policy_decision", "policy_ledger"],
            name="decide",
        ),
        Node(
            drift.draw_reports,
            [
                "window_plan",
                "window_comparisons",
                "completed_windows",
                _PROBLEM,
                _DRIFT_CHECK,
                _MONITORING,
            ],
            ["window_reports", "evidently_workspace", "drawn_windows"],
            name="draw_reports",
        ),
        # Last of all that belongs to a window: its row says that everything else is there.
        Node(
            nodes.close,
            ["completed_windows", "segment_history", "drawn_windows"],
            "window_history",
            name="close_windows",
        ),
        Node(
            nodes.tell,
            ["policy_decision", _PROBLEM, "params:alerts"],
            "alerts",
            name="tell_people",
        ),
        Node(nodes.track, "champion_windows", "window_metrics_tracking", name="track_windows"),
    ]
