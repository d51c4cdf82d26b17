"""Wiring of the training pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.training.nodes import (
    attach_history,
    cross_validate,
    search_parameters,
    train,
)

_PARAMETERS = ["params:problem", "params:preprocessing", "params:training"]


def create_pipeline(**_: object) -> Pipeline:
    """Training set to candidate model, with scores in the order of time."""
    scores = Node(
        cross_validate,
        ["training_set", "best_parameters", *_PARAMETERS],
        ["cross_validation_scores", "cross_validation_metrics", "out_of_fold_predictions"],
        name="cross_validate",
    )
    return Pipeline(
        [create_fit_pipeline(), scores],
        namespace="training",
        prefix_datasets_with_namespace=False,
        tags=["training"],
    )


def create_fit_pipeline() -> Pipeline:
    """Training set to candidate model without scores; the retraining uses it as well."""
    return Pipeline(
        [
            Node(
                search_parameters,
                ["training_set", *_PARAMETERS],
                ["best_parameters", "search_results"],
                name="search_parameters",
            ),
            Node(
                train,
                ["training_set", "best_parameters", *_PARAMETERS],
                "fitted_model",
                name="train_candidate",
            ),
            Node(
                attach_history,
                ["fitted_model", "observations", "params:as_of", "params:problem"],
                "candidate_model",
                name="attach_history",
            ),
        ]
    )
