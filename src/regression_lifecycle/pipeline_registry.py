"""The pipelines that ``kedro run --pipelines=NAME`` knows."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

# What the first full cycle consists of, in order.
STAGES = (
    "ingestion",
    "preprocessing",
    "training",
    "evaluation",
    "promotion",
    "drift_check",
    "calibration",
)
# What keeps the model healthy afterwards, and proves where it comes from.
LOOP = (
    *("monitoring", "retraining", "approval", "rollback"),
    *("backtest", "dashboard", "picture", "reproduction"),
)
# How rows leave the house as predictions, and come back as labels.
SERVING = ("scoring", "labels")


def register_pipelines() -> dict[str, Pipeline]:
    """Build every pipeline.

    They are named here one by one: Kedro's search for pipelines cannot find a composite one
    when it is asked for by name.

    Returns:
        Pipelines by name; ``__default__`` is the first full cycle.
    """
    built = {
        name: import_module(f"regression_lifecycle.pipelines.{name}").create_pipeline()
        for name in (*STAGES, *LOOP, *SERVING)
    }
    # New data come in with every tick; whoever replays the past needs them too.
    ingest = built["ingestion"].to_nodes("ingestion.complete_observations")
    for name in ("monitoring", "backtest"):
        built[name] = ingest + built[name]
    # Ticks and people's answers draw the page in a run of its own, which may fail without them; a
    # backtest is no part of them, and decides nothing.
    recorded = {"policy_ledger": "recorded_decisions"}
    built["backtest"] += Pipeline(built["dashboard"], inputs=recorded)
    cycle = sum((built[name] for name in STAGES), start=Pipeline([]))
    return {**built, "__default__": cycle}
