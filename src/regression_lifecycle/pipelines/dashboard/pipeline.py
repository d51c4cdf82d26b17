"""Wiring of the page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.dashboard import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Every table that outlives a run to one page and one picture."""
    return Pipeline(
        [
            Node(
                nodes.collect_tables,
                {
                    "window_history": "window_history",
                    "drift_history": "drift_history",
                    "segment_history": "segment_history",
                    # The whole ledger, read once the policy has added its decision.
                    "ledger": "policy_ledger",
                    "backtest_history": "backtest_history",
                    "backtest_summary": "backtest_summary",
                    "report_links": "report_links",
                    "champion": "champion_model",
                    "problem": "params:problem",
                    "interval": "params:adjustment.interval",
                    "parameters": "params:dashboard",
                },
                "page_tables",
                name="collect_tables",
            ),
            Node(nodes.make_page, "page_tables", "dashboard_page", name="make_page"),
            Node(
                nodes.draw_error_by_window,
                "page_tables",
                "error_by_window_picture",
                name="draw_error_by_window",
            ),
        ],
        namespace="dashboard",
        prefix_datasets_with_namespace=False,
        tags=["dashboard"],
    )
