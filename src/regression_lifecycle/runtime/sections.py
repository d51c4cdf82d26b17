"""Which sections of the parameters pipelines use; apart from the models that read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline

_PREFIX = "params:"


def sections_of(pipelines: Iterable[Pipeline]) -> set[str]:
    """Name the sections of the parameters that pipelines use.

    Args:
        pipelines: Pipelines, whose nodes may take a section or a part of one.

    Returns:
        Top-level names.
    """
    inputs = {name for pipeline in pipelines for name in pipeline.all_inputs()}
    return {
        name.removeprefix(_PREFIX).partition(".")[0] for name in inputs if name.startswith(_PREFIX)
    }
