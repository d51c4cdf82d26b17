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
                nodes.cut_history,
                [
                    "observations",
                    "params:as_of",
                    _PROBLEM,
                    "params:preprocessing",
                    "params:evaluation",
                    "params:windows",
                    _BACKTEST,
                ],
                ["history_rows", "backtest_windows"],
                name="cut_history",
            ),
            Node(
                drift.check_history,
                [
                    "history_rows",
                    "backtest_windows",
                    _PROBLEM,
                    "params:drift",
                ],
                "backtest_drift",
                name="check_drift",
            ),
            Node(
                nodes.replay_policies,
                [
                    "history_rows",
                    "backtest_windows",
                    "backtest_drift",
                    _PROBLEM,
                    "params:preprocessing",
                    "params:training",
                    "params:adjustment",
                    "params:policy",
                    "params:retraining",
                    _BACKTEST,
                ],
                ["backtest_history", "backtest_summary"],
                name="replay_policies",
            ),
            Node(
                nodes.track,
                "backtest_summary",
                "backtest_metrics_tracking",
                name="track_figures",
            ),
        ],
        namespace="backtest",
        prefix_datasets_with_namespace=False,
        tags=["backtest"],
    )
