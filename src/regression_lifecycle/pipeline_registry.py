"""The pipelines that ``kedro run --pipelines=NAME`` knows."""

from __future__ import annotations

from importlib import import_module

from kedro.pipeline import Pipeline

STAGES = (
    "ingestion",
    "preprocessing",
    "training",
    "evaluation",
    "promotion",
    "drift_check",
)


def register_pipelines() -> dict[str, Pipeline]:
    """Build every pipeline.

    They are named here one by one: Kedro's search for pipelines cannot find a composite one
    when it is asked for by name.

    Returns:
        Pipelines by name; ``__default__`` is the first full cycle.
    """
    stages = {
        name: import_module(f"regression_lifecycle.pipelines.{name}").create_pipeline()
        for name in STAGES
    }
    return {**stages, "__default__": sum(stages.values(), start=Pipeline([]))}
