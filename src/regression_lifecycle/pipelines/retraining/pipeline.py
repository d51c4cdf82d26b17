"""Wiring of the retraining pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.calibration.pipeline import create_calibration_of_new_champion
from regression_lifecycle.pipelines.evaluation.pipeline import create_gate_pipeline
from regression_lifecycle.pipelines.promotion.pipeline import create_promotion_pipeline
from regression_lifecycle.pipelines.retraining import nodes
from regression_lifecycle.pipelines.training.pipeline import create_fit_pipeline

_PROBLEM, _PREPROCESSING, _WINDOWS = "params:problem", "params:preprocessing", "params:windows"


def create_pipeline(**_: object) -> Pipeline:
    """Everything known at ``as_of`` to a challenger, gate, refit, promotion and calibration."""
    challenger = Pipeline(
        create_fit_pipeline(),
        inputs={"training_set": "challenger_training_set"},
        outputs={
            "best_parameters": "challenger_parameters",
            "search_results": "challenger_search_results",
            "fitted_model": "fitted_challenger",
            "candidate_model": "challenger_model",
        },
    )
    gate = Pipeline(
        create_gate_pipeline(),
        inputs={
            "holdout_set": "comparison_rows",
            "candidate_model": "challenger_model",
            "observations": "known_observations",
            "champion_model": "champion_model",
            "recorded_decisions": "recorded_decisions",
        },
        outputs={
            "contestants": "challenger_contestants",
            "model_predictions": "challenger_predictions",
            "naive_forecasts": "challenger_naive_forecasts",
            "holdout_predictions": "comparison_predictions",
            "gate_decision": "challenger_gate_decision",
        },
        parameters={
            "params:evaluation.gate": "params:retraining.gate",
            "params:evaluation.gate.comparison.metric": "params:retraining.gate.comparison.metric",
        },
    )
    promotion = Pipeline(
        create_promotion_pipeline(),
        inputs={
            "training_set": "fitted_rows",
            "best_parameters": "challenger_parameters",
            "candidate_model": "refitted_model",
            "gate_decision": "retraining_decision",
        },
        outputs={
            "model_card": "retraining_model_card",
            "registration": "retraining_registration",
        },
    )
    calibration = create_calibration_of_new_champion("retraining_decision")
    return Pipeline(
        [*_cut(), challenger, gate, *_refit(), promotion, _alerts(), calibration],
        namespace="retraining",
        prefix_datasets_with_namespace=False,
        tags=["retraining"],
    )


def _cut() -> list[Node]:
    return [
        Node(
            nodes.cut_known_observations,
            ["observations", "params:as_of", _PROBLEM, _WINDOWS],
            ["known_observations", "known_windows"],
            name="cut_known_observations",
        ),
        Node(
            nodes.choose_comparison_windows,
            ["known_windows", "champion_model", "params:retraining.measured_windows"],
            "comparison_windows",
            name="choose_comparison_windows",
        ),
        Node(
            nodes.make_training_rows,
            [
                "known_observations",
                "comparison_windows",
                _PROBLEM,
                "params:retraining",
                _PREPROCESSING,
            ],
            "challenger_training_set",
            name="make_training_rows",
        ),
        Node(
            nodes.make_comparison_rows,
            [
                "known_observations",
                "comparison_windows",
                _PROBLEM,
                _WINDOWS,
                _PREPROCESSING,
            ],
            "comparison_rows",
            name="make_comparison_rows",
        ),
    ]


def _refit() -> list[Node]:
    return [
        Node(
            nodes.add_moment,
            ["challenger_gate_decision", "comparison_windows"],
            "challenger_decision",
            name="add_moment",
        ),
        Node(
            nodes.plan_refit,
            [
                "challenger_model",
                "challenger_decision",
                "comparison_windows",
                "challenger_parameters",
                "params:retraining",
            ],
            "refit",
            name="plan_refit",
        ),
        Node(
            nodes.make_fitted_rows,
            [
                "refit",
                "challenger_training_set",
                "known_observations",
                _PROBLEM,
                _PREPROCESSING,
            ],
            "fitted_rows",
            name="make_fitted_rows",
        ),
        Node(
            nodes.refit_challenger,
            ["refit", "fitted_rows", _PROBLEM, _PREPROCESSING, "params:training"],
            "refitted_model",
            name="refit_challenger",
        ),
        Node(
            nodes.finalize_decision,
            ["challenger_decision", "refitted_model", "champion_model"],
            ["retraining_decision", "challenge_metrics_tracking"],
            name="finalize_decision",
        ),
    ]


def _alerts() -> Node:
    return Node(
        nodes.build_alerts,
        ["retraining_decision", "ledger", _PROBLEM, "params:alerts"],
        "alerts",
        name="build_alerts",
    )
