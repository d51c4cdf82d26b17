"""Wiring of the monitoring pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.core.decisions import policy
from regression_lifecycle.core.monitoring import backfill
from regression_lifecycle.core.monitoring.contributions import add_contributions
from regression_lifecycle.core.monitoring.logged_predictions import merge_logged_predictions
from regression_lifecycle.core.monitoring.reference_predictions import read_reference_predictions
from regression_lifecycle.core.monitoring.skew import add_skew
from regression_lifecycle.core.monitoring.window_plan import find_changed_windows, plan_windows
from regression_lifecycle.pipelines.monitoring import drift, nodes

_PROBLEM, _WINDOWS, _POLICY = "params:problem", "params:windows", "params:policy"


def create_pipeline(**_: object) -> Pipeline:
    """Observations and champion to one row per window, reports, and the policy's decision."""
    return Pipeline(
        [*_planning(), *_predicting(), *_measuring(), *_recording(), *_deciding()],
        namespace="monitoring",
        prefix_datasets_with_namespace=False,
        tags=["monitoring"],
    )


def _planning() -> list[Node]:
    return [
        Node(
            nodes.finish_interrupted_promotion,
            ["recorded_decisions", "champion_model", _PROBLEM],
            ["current_champion", "finished_moves"],
            name="finish_interrupted_promotion",
        ),
        Node(
            nodes.cut_windows,
            ["observations", "params:as_of", _PROBLEM, _WINDOWS],
            ["known_rows", "windows"],
            name="cut_windows",
        ),
        Node(
            nodes.close_waiting_versions,
            ["recorded_decisions", "current_champion", "windows", _PROBLEM],
            "approval_outcomes",
            name="close_waiting_versions",
        ),
        Node(
            nodes.bundle_logged_predictions,
            ["recorded_predictions", "service_predictions", "recorded_batches", _PROBLEM],
            "logged_predictions",
            name="bundle_logged_predictions",
        ),
        Node(
            find_changed_windows,
            ["windows", "known_rows", "recorded_windows", "logged_predictions", "current_champion"],
            "changed_windows",
            name="find_changed_windows",
        ),
        Node(
            nodes.make_champion_rows,
            [
                "known_rows",
                "changed_windows",
                "current_champion",
                "params:drift.reference",
                "params:evaluation.baseline",
            ],
            "champion_rows",
            name="make_champion_rows",
        ),
        Node(
            nodes.add_configured_features,
            ["champion_rows", "known_rows", "params:preprocessing"],
            "window_rows",
            name="add_configured_features",
        ),
        Node(
            merge_logged_predictions,
            ["logged_predictions", "changed_windows", "window_rows"],
            "merged_predictions",
            name="merge_logged_predictions",
        ),
        Node(
            nodes.describe_coverage,
            [
                "merged_predictions",
                "current_champion",
                "params:monitoring.missing_predictions",
                _PROBLEM,
                _WINDOWS,
            ],
            "prediction_coverage",
            name="describe_coverage",
        ),
        Node(
            plan_windows,
            [
                "changed_windows",
                "window_rows",
                "recorded_windows",
                "prediction_coverage",
                "current_champion",
            ],
            "window_plan",
            name="plan_windows",
        ),
    ]


def _predicting() -> list[Node]:
    return [
        Node(
            backfill.prepare_adjuster,
            [
                "recorded_windows",
                "windows",
                "window_plan",
                "logged_predictions",
                "params:adjustment",
            ],
            "adjuster",
            name="prepare_adjuster",
        ),
        Node(
            nodes.backfill_predictions,
            ["window_plan", "window_rows", "merged_predictions", "current_champion", "adjuster"],
            ["window_predictions", "predictions"],
            name="backfill_predictions",
        ),
        Node(
            backfill.compute_next_adjustment,
            ["adjuster", "window_predictions", "windows", "current_champion"],
            "adjustments",
            name="compute_next_adjustment",
        ),
    ]


def _measuring() -> list[Node]:
    return [
        Node(
            nodes.compute_window_metrics,
            [
                "window_plan",
                "window_rows",
                "window_predictions",
                _PROBLEM,
                "params:evaluation.segments",
            ],
            ["window_errors", "segment_history"],
            name="compute_window_metrics",
        ),
        Node(
            nodes.compute_series_metrics,
            ["window_plan", "window_rows", "window_predictions", _PROBLEM],
            "series_history",
            name="compute_series_metrics",
        ),
        Node(
            nodes.compute_data_quality,
            [
                "window_plan",
                "window_rows",
                "rejected_observations",
                _PROBLEM,
                "params:drift.columns",
            ],
            "window_quality",
            name="compute_data_quality",
        ),
        Node(
            read_reference_predictions,
            [
                "window_plan",
                "known_rows",
                "logged_predictions",
                "current_champion",
                "params:drift.reference",
            ],
            "reference_predictions",
            name="read_reference_predictions",
        ),
        Node(
            drift.join_predictions,
            [
                "window_rows",
                "window_predictions",
                "reference_predictions",
                _PROBLEM,
                "params:drift",
            ],
            "drift_rows",
            name="join_predictions",
        ),
        Node(
            drift.find_references,
            ["window_plan", "drift_rows", "current_champion", _PROBLEM, "params:drift"],
            ["window_references", "drift_reference_profile", "drift_thresholds"],
            name="find_references",
        ),
        Node(
            drift.check_drift,
            ["window_plan", "drift_rows", "window_predictions", "window_references", _PROBLEM],
            ["drift_history", "window_comparisons"],
            name="check_drift",
        ),
    ]


def _recording() -> list[Node]:
    return [
        Node(
            nodes.find_extreme_segments,
            ["window_errors", "segment_history", _PROBLEM, "params:monitoring.segment_rows"],
            "window_extremes",
            name="find_extreme_segments",
        ),
        Node(
            nodes.complete_figures,
            ["window_errors", "window_extremes", "window_quality", "drift_history"],
            "measured_windows",
            name="complete_figures",
        ),
        Node(
            add_skew,
            [
                "measured_windows",
                "window_rows",
                "logged_predictions",
                "current_champion",
                "recorded_windows",
            ],
            "compared_windows",
            name="add_skew",
        ),
        Node(
            nodes.calibrate_policy,
            [_POLICY, "recorded_error_rates", "current_champion", _PROBLEM],
            "calibrated_policy",
            name="calibrate_policy",
        ),
        Node(
            nodes.add_alarms,
            [
                "compared_windows",
                "recorded_windows",
                "current_champion",
                _PROBLEM,
                "calibrated_policy",
            ],
            ["completed_windows", "champion_windows"],
            name="add_alarms",
        ),
        Node(
            add_contributions,
            ["completed_windows", "window_rows", "current_champion"],
            "explained_windows",
            name="add_contributions",
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
            nodes.commit_windows,
            ["explained_windows", "segment_history", "series_history", "drawn_windows"],
            "window_history",
            name="commit_windows",
        ),
        Node(
            nodes.select_window_metrics,
            "champion_windows",
            "window_metrics_tracking",
            name="select_window_metrics",
        ),
    ]


def _deciding() -> list[Node]:
    return [
        Node(
            nodes.describe_policy_state,
            ["champion_windows", "windows", "current_champion", "recorded_decisions", _PROBLEM],
            "policy_state",
            name="describe_policy_state",
        ),
        Node(
            nodes.describe_open_question,
            [
                "recorded_decisions",
                "approval_outcomes",
                "windows",
                _PROBLEM,
                "params:retraining.measured_windows",
            ],
            "open_question",
            name="describe_open_question",
        ),
        Node(
            policy.decide,
            ["policy_state", "calibrated_policy", "open_question"],
            "policy_decision",
            name="decide",
        ),
        Node(
            nodes.record_decision,
            ["policy_decision", "policy_state", _PROBLEM, _POLICY, "approval_outcomes"],
            "policy_ledger",
            name="record_decision",
        ),
        Node(
            nodes.announce,
            ["finished_moves", "approval_outcomes", "policy_ledger"],
            ["announced_decisions", "closed_versions"],
            name="announce",
        ),
        Node(
            nodes.build_alerts,
            [
                "policy_decision",
                "announced_decisions",
                "explained_windows",
                _PROBLEM,
                "params:alerts",
            ],
            "alerts",
            name="build_alerts",
        ),
    ]
