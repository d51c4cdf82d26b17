"""Wiring of the backtest."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.backtest import drift, nodes

_PROBLEM, _BACKTEST = "params:problem", "params:backtest"


def create_pipeline(**_: object) -> Pipeline:
    """The whole history to every policy's windows, their figures side by side, and the bound."""
    return Pipeline(
        [
            Node(
                nodes.choose_start,
                [
                    "observations",
                    "params:as_of",
                    _PROBLEM,
                    _BACKTEST,
                    "params:retraining.minimum_training_rows",
                ],
                "replayed_range",
                name="choose_start",
            ),
            Node(
                nodes.cut_windows,
                ["observations", "params:as_of", _PROBLEM, "params:windows", "replayed_range"],
                ["backtest_observations", "backtest_windows"],
                name="cut_windows",
            ),
            Node(
                nodes.build_history,
                [
                    "backtest_observations",
                    "backtest_windows",
                    _PROBLEM,
                    "params:preprocessing",
                    "params:evaluation.baseline",
                ],
                "history_rows",
                name="build_history",
            ),
            Node(
                drift.check_history,
                ["history_rows", "backtest_windows", _PROBLEM, "params:drift"],
                "backtest_drift",
                name="check_drift",
            ),
            Node(
                nodes.collect_past,
                [
                    "history_rows",
                    "backtest_windows",
                    "backtest_drift",
                    _PROBLEM,
                    "params:windows",
                ],
                "replayed_past",
                name="collect_past",
            ),
            Node(
                nodes.make_models,
                [
                    "replayed_past",
                    "history_rows",
                    "params:preprocessing",
                    "params:training",
                    "params:retraining",
                ],
                "backtest_models",
                name="make_models",
            ),
            Node(
                nodes.replay_policies,
                [
                    "backtest_models",
                    "params:adjustment",
                    "params:policy",
                    "params:retraining",
                    _BACKTEST,
                ],
                "policy_replays",
                name="replay_policies",
            ),
            Node(
                nodes.summarise_policies,
                ["policy_replays", "backtest_models", _BACKTEST],
                ["backtest_history", "backtest_summary"],
                name="summarise_policies",
            ),
            Node(
                nodes.select_figures,
                "backtest_summary",
                "backtest_metrics_tracking",
                name="select_figures",
            ),
        ],
        namespace="backtest",
        prefix_datasets_with_namespace=False,
        tags=["backtest"],
    )
