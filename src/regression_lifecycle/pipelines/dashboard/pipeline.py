"""Wiring of the page."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from regression_lifecycle.pipelines.dashboard import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Every table that outlives a run to one verdict, one page and the list of all pages."""
    return Pipeline(
        [
            create_collection_pipeline(),
            Node(
                nodes.report_health,
                "page_tables",
                "health_record",
                name="report_health",
            ),
            Node(
                nodes.bundle_library,
                "stored_page_library",
                "page_library",
                name="bundle_library",
            ),
            Node(
                nodes.make_page,
                ["page_tables", "page_library", "recorded_health"],
                "dashboard_page",
                name="make_page",
            ),
            Node(
                nodes.make_index,
                ["health_record", "recorded_health"],
                "problem_index",
                name="make_index",
            ),
        ],
        namespace="dashboard",
        prefix_datasets_with_namespace=False,
        tags=["dashboard"],
    )


def create_collection_pipeline() -> Pipeline:
    """Collect what the page shows, without a namespace; the picture uses it as well."""
    return Pipeline(
        [
            Node(
                nodes.collect_monitoring,
                ["window_history", "drift_history", "segment_history", "series_history"],
                "page_monitoring",
                name="collect_monitoring",
            ),
            Node(
                nodes.collect_backtest,
                ["backtest_history", "backtest_summary"],
                "page_backtest",
                name="collect_backtest",
            ),
            Node(
                nodes.describe_deployment,
                [
                    # The whole ledger, read once the policy has added its decision.
                    "policy_ledger",
                    "champion_model",
                    "recorded_error_rates",
                    "params:problem",
                    "params:adjustment.interval",
                ],
                "page_deployment",
                name="describe_deployment",
            ),
            Node(
                nodes.collect_page,
                [
                    "page_deployment",
                    "page_monitoring",
                    "page_backtest",
                    "report_links",
                    "params:dashboard",
                ],
                "page_tables",
                name="collect_page",
            ),
        ]
    )
