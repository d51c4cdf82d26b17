"""Wiring of the retraining pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.promotion.nodes import (
    choose_champion,
    describe_candidate,
    prepare_registration,
    write_ledger,
)
from regression_lifecycle.pipelines.retraining import nodes
from regression_lifecycle.pipelines.training.nodes import search_parameters, train

_PROBLEM, _RETRAINING = "params:problem", "params:retraining"
_RECIPE = [_PROBLEM, "params:preprocessing", "params:training"]


def create_pipeline(**_: object) -> Pipeline:
    """Everything known at ``as_of`` to a challenger, the gate, a refit and the promotion."""
    return Pipeline(
        [
            Node(
                nodes.cut_data,
                [
                    "observations",
                    "champion_model",
                    "params:as_of",
                    _PROBLEM,
                    "params:preprocessing",
                    "params:evaluation",
                    "params:windows",
                    _RETRAINING,
                ],
                ["challenger_training_set", "comparison_rows", "refit_set"],
                name="cut_data",
            ),
            Node(
                search_parameters,
                ["challenger_training_set", *_RECIPE],
                ["challenger_parameters", "challenger_search_results"],
                name="search_challenger_parameters",
            ),
            Node(
                train,
                ["challenger_training_set", "challenger_parameters", *_RECIPE],
                "challenger_model",
                name="train_challenger",
            ),
            Node(
                nodes.judge,
                [
                    "comparison_rows",
                    "challenger_model",
                    "champion_model",
                    "recorded_decisions",
                    "observations",
                    "params:as_of",
                    _PROBLEM,
                    _RETRAINING,
                ],
                "challenge_decision",
                name="judge_challenger",
            ),
            Node(
                nodes.refit,
                [
                    "challenger_model",
                    "challenge_decision",
                    "refit_set",
                    "challenger_parameters",
                    *_RECIPE,
                    _RETRAINING,
                ],
                "refitted_model",
                name="refit_on_everything",
            ),
            Node(
                nodes.conclude,
                ["challenge_decision", "refitted_model", "champion_model"],
                ["retraining_decision", "challenge_metrics", "challenge_metrics_tracking"],
                name="conclude",
            ),
            Node(
                describe_candidate,
                [
                    "refitted_model",
                    "challenge_metrics",
                    "retraining_decision",
                    _PROBLEM,
                    "params:training",
                ],
                "retraining_model_card",
                name="write_model_card",
            ),
            Node(
                prepare_registration,
                ["refitted_model", "retraining_decision", "retraining_model_card"],
                "retraining_registration",
                name="register_version",
            ),
            Node(
                write_ledger,
                ["retraining_registration", "retraining_decision", "challenge_metrics", _PROBLEM],
                "ledger",
                name="write_ledger",
            ),
            Node(
                choose_champion,
                ["ledger", "retraining_registration", "retraining_decision"],
                "champion_version",
                name="move_champion",
            ),
            Node(
                nodes.tell,
                ["retraining_decision", "ledger", _PROBLEM, "params:alerts"],
                "alerts",
                name="build_alerts",
            ),
        ],
        namespace="retraining",
        prefix_datasets_with_namespace=False,
        tags=["retraining"],
    )
