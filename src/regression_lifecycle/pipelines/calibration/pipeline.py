"""Wiring of the calibration pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.core.monitoring import calibration_windows, error_rates
from regression_lifecycle.pipelines.calibration import nodes

_PROBLEM = "params:problem"


def create_pipeline(**_: object) -> Pipeline:
    """Predictions out of sample to the limits of the champion's rules, and their error rates."""
    return Pipeline(
        _calibrate(),
        namespace="calibration",
        prefix_datasets_with_namespace=False,
        tags=["calibration"],
    )


def create_calibration_of_new_champion(decision: str) -> Pipeline:
    """The same after a decision, which leaves the rates alone where the champion stays.

    Args:
        decision: Name of the dataset that holds it.
    """
    calibration = Pipeline(
        _calibrate(),
        inputs={"recorded_out_of_fold_predictions": "rated_folds"},
        outputs={"error_rates": "found_error_rates"},
    )
    choose = Node(
        nodes.choose_rated_folds,
        [decision, "recorded_out_of_fold_predictions"],
        "rated_folds",
        name="choose_rated_folds",
    )
    keep = Node(nodes.keep_rates, [decision, "found_error_rates"], "error_rates", name="keep_rates")
    return Pipeline([choose, calibration, keep])


def _calibrate() -> Pipeline:
    # It looks at champion_version, so that it comes after a promotion of the same run.
    return Pipeline(
        [
            Node(
                nodes.add_champion_baseline,
                [
                    "recorded_out_of_fold_predictions",
                    "champion_version",
                    "observations",
                    _PROBLEM,
                    "params:evaluation.baseline",
                ],
                "out_of_fold_rows",
                name="add_champion_baseline",
            ),
            Node(
                calibration_windows.serve_out_of_fold,
                [
                    "out_of_fold_rows",
                    "observations",
                    _PROBLEM,
                    "params:windows",
                    "params:adjustment",
                ],
                ["out_of_fold_windows", "out_of_fold_served"],
                name="serve_out_of_fold",
            ),
            Node(
                nodes.find_rated_version,
                ["out_of_fold_rows", "champion_version"],
                "rated_version",
                name="find_rated_version",
            ),
            Node(
                nodes.collect_windows,
                [
                    "out_of_fold_windows",
                    "recorded_windows",
                    "rated_version",
                    "params:as_of",
                    _PROBLEM,
                ],
                "calibration_windows",
                name="collect_windows",
            ),
            Node(
                error_rates.rate_rules,
                ["calibration_windows", _PROBLEM, "params:policy"],
                "rule_rates",
                name="rate_rules",
            ),
            Node(
                error_rates.rate_losses,
                ["calibration_windows", _PROBLEM],
                "loss_rates",
                name="rate_losses",
            ),
            Node(
                error_rates.rate_gate,
                ["out_of_fold_rows", "calibration_windows", _PROBLEM, "params:retraining"],
                "gate_rates",
                name="rate_gate",
            ),
            Node(
                error_rates.rate_interval,
                [
                    "out_of_fold_served",
                    "calibration_windows",
                    _PROBLEM,
                    "params:adjustment.interval",
                ],
                "interval_rates",
                name="rate_interval",
            ),
            Node(
                nodes.join_rates,
                ["rule_rates", "loss_rates", "gate_rates", "interval_rates"],
                "error_rates",
                name="join_rates",
            ),
        ]
    )
