"""Wiring of the evaluation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.evaluation import nodes, plots

_PROBLEM, _EVALUATION = "params:problem", "params:evaluation"


def create_pipeline(**_: object) -> Pipeline:
    """Candidate, champion and baseline on the same rows; figures, plots, report and gate."""
    return Pipeline(
        [create_gate_pipeline(), *_figures(), *_plots()],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
        tags=["evaluation"],
    )


def create_gate_pipeline() -> Pipeline:
    """Rows that are new to both models to predictions and the gate's decision.

    The retraining uses it as well, on rows and with a gate of its own.
    """
    return Pipeline(
        [
            Node(
                nodes.predict_with_models,
                ["holdout_set", "candidate_model", "champion_model", "observations", _PROBLEM],
                "model_predictions",
                name="predict_with_models",
            ),
            Node(
                nodes.make_naive_forecasts,
                [
                    "model_predictions",
                    "candidate_model",
                    "observations",
                    _PROBLEM,
                    "params:evaluation.baseline",
                ],
                "naive_forecasts",
                name="make_naive_forecasts",
            ),
            Node(
                nodes.add_best_baseline,
                [
                    "model_predictions",
                    "naive_forecasts",
                    _PROBLEM,
                    "params:evaluation.gate.comparison.metric",
                ],
                "holdout_predictions",
                name="add_best_baseline",
            ),
            Node(
                nodes.describe_contestants,
                ["candidate_model", "champion_model", "recorded_decisions", _PROBLEM],
                "contestants",
                name="describe_contestants",
            ),
            Node(
                nodes.evaluate_gate,
                [
                    "holdout_predictions",
                    "contestants",
                    _PROBLEM,
                    "params:evaluation.gate",
                    "params:promotion",
                ],
                "gate_decision",
                name="evaluate_gate",
            ),
        ]
    )


def _figures() -> list[Node]:
    return [
        Node(
            nodes.measure_errors,
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
            nodes.measure_series,
            ["holdout_predictions", _PROBLEM],
            "series_metrics",
            name="measure_series",
        ),
        Node(
            nodes.report_regression,
            [
                "out_of_fold_predictions",
                "holdout_predictions",
                "candidate_model",
                _PROBLEM,
                "params:evaluation.report_rows",
            ],
            "regression_report",
            name="report_regression",
        ),
        Node(
            plots.measure_importance,
            [
                "holdout_set",
                "candidate_model",
                _PROBLEM,
                "params:evaluation.importance",
                "params:training.compute",
            ],
            "feature_importance",
            name="measure_importance",
        ),
    ]


def _plots() -> list[Node]:
    return [
        Node(
            plots.plot_predicted_against_actual,
            ["holdout_predictions", "candidate_model", _PROBLEM],
            "predicted_against_actual_plot",
            name="plot_predicted_against_actual",
        ),
        Node(
            plots.plot_residuals,
            ["holdout_predictions", "candidate_model", _PROBLEM, "params:evaluation.segments"],
            "residuals_plot",
            name="plot_residuals",
        ),
        Node(
            plots.plot_error_over_time,
            ["window_metrics", "holdout_predictions", "candidate_model", _PROBLEM],
            "error_over_time_plot",
            name="plot_error_over_time",
        ),
        Node(
            plots.plot_importance,
            ["feature_importance", "holdout_predictions", "candidate_model", _PROBLEM],
            "feature_importance_plot",
            name="plot_importance",
        ),
    ]
