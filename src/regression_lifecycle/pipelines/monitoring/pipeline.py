"""Wiring of the monitoring pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.core.monitoring.logged_predictions import adopt
from regression_lifecycle.pipelines.monitoring import drift, nodes

_PROBLEM, _MONITORING = "params:problem", "params:monitoring"
_EVALUATION, _DRIFT = "params:evaluation", "params:drift"
_WINDOWS, _ADJUSTMENT, _POLICY = "params:windows", "params:adjustment", "params:policy"


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
            nodes.finish_interrupted_promotion,
            ["recorded_decisions", "champion_model", _PROBLEM],
            "current_champion",
            name="finish_interrupted_promotion",
        ),
        Node(
            nodes.make_window_rows,
            [
                "observations",
                "current_champion",
                "params:as_of",
                _PROBLEM,
                "params:evaluation.baseline",
                _WINDOWS,
            ],
            ["window_rows", "windows"],
            name="make_window_rows",
        ),
        Node(
            adopt,
            [
                "recorded_predictions",
                "service_predictions",
                "batch_predictions",
                "window_rows",
                "windows",
                _PROBLEM,
            ],
            "all_predictions",
            name="merge_logged_predictions",
        ),
        Node(
            nodes.plan,
            [
                "window_rows",
                "windows",
                "current_champion",
                "recorded_windows",
                "all_predictions",
                _PROBLEM,
                _WINDOWS,
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
                "current_champion",
                "all_predictions",
                _PROBLEM,
                _ADJUSTMENT,
                _MONITORING,
            ],
            ["window_predictions", "predictions", "adjustments"],
            name="backfill_predictions",
        ),
    ]


def _recording() -> list[Node]:
    return [
        Node(
            nodes.judge,
            [
                "window_plan",
                "window_rows",
                "window_predictions",
                "rejected_observations",
                _PROBLEM,
                _EVALUATION,
                _DRIFT,
                _WINDOWS,
                _MONITORING,
            ],
            ["measured_windows", "segment_history"],
            name="compute_window_metrics",
        ),
        Node(
            drift.join_predictions,
            ["window_rows", "window_predictions", "all_predictions", _PROBLEM, _DRIFT],
            "drift_rows",
            name="join_predictions",
        ),
        Node(
            drift.find_references,
            ["window_plan", "drift_rows", "current_champion", _PROBLEM, _DRIFT],
            ["window_references", "drift_reference_profile", "drift_thresholds"],
            name="find_references",
        ),
        Node(
            drift.check_drift,
            ["window_plan", "drift_rows", "window_predictions", "window_references", _PROBLEM],
            ["drift_history", "window_comparisons"],
            name="check_drift",
        ),
        Node(
            nodes.complete,
            [
                "measured_windows",
                "drift_history",
                "recorded_windows",
                "current_champion",
                _PROBLEM,
                _POLICY,
            ],
            ["completed_windows", "champion_windows"],
            name="add_drift_and_alarms",
        ),
        Node(
            nodes.decide,
            [
                "champion_windows",
                "windows",
                "current_champion",
                "recorded_decisions",
                _PROBLEM,
                _POLICY,
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
                "params:monitoring.reports",
            ],
            ["window_reports", "evidently_workspace", "drawn_windows"],
            name="draw_reports",
        ),
        # Last of all that belongs to a window: its row says that everything else is there.
        Node(
            nodes.close,
            ["completed_windows", "segment_history", "drawn_windows"],
            "window_history",
            name="commit_windows",
        ),
        Node(
            nodes.tell,
            ["policy_decision", _PROBLEM, "params:alerts"],
            "alerts",
            name="build_alerts",
        ),
        Node(
            nodes.track, "champion_windows", "window_metrics_tracking", name="select_window_metrics"
        ),
    ]
