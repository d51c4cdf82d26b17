"""Wiring of the evaluation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.evaluation import nodes, plots

_PROBLEM, _EVALUATION = "params:problem", "params:evaluation"


def create_pipeline(**_: object) -> Pipeline:
    """Candidate, champion and baseline on the same rows; figures, plots, report and gate."""
    return Pipeline(
        [
            Node(
                nodes.predict_holdout,
                [
                    "observations",
                    "holdout_set",
                    "candidate_model",
                    "champion_model",
                    _PROBLEM,
                    _EVALUATION,
                ],
                "holdout_predictions",
                name="predict_holdout",
            ),
            Node(
                nodes.measure,
                ["holdout_predictions", _PROBLEM, _EVALUATION],
                [
                    "holdout_metrics",
                    "holdout_metrics_tracking",
                    "segment_metrics",
                    "window_metrics",
                    "worst_observations",
                ],
                name="measure_errors",
            ),
            Node(
                nodes.judge,
                [
                    "holdout_predictions",
                    "candidate_model",
                    "champion_model",
                    _PROBLEM,
                    _EVALUATION,
                ],
                "gate_decision",
                name="evaluate_gate",
            ),
            Node(
                nodes.report_regression,
                ["out_of_fold_predictions", "holdout_predictions", _PROBLEM, _EVALUATION],
                "regression_report",
                name="report_regression",
            ),
            Node(
                plots.plot_predicted_against_actual,
                ["holdout_predictions", _PROBLEM],
                "predicted_against_actual_plot",
                name="plot_predicted_against_actual",
            ),
            Node(
                plots.plot_residuals,
                ["holdout_predictions", _PROBLEM, _EVALUATION],
                "residuals_plot",
                name="plot_residuals",
            ),
            Node(
                plots.plot_error_over_time,
                "window_metrics",
                "error_over_time_plot",
                name="plot_error_over_time",
            ),
            Node(
                plots.measure_importance,
                ["holdout_set", "candidate_model", _PROBLEM, _EVALUATION, "params:training"],
                "feature_importance",
                name="measure_importance",
            ),
            Node(
                plots.plot_importance,
                "feature_importance",
                "feature_importance_plot",
                name="plot_importance",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
        tags=["evaluation"],
    )
