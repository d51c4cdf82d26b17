"""The one door to the Evidently package: imported where used, and kept quiet.

Importing Evidently takes seconds and hundreds of megabytes, so nothing here imports it at module
level.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot as Snapshot

# Evidently and the packages it pulls in warn about their own code, which no user can mend; the
# rest is about one-row or constant windows, whose undefined numbers are reported as missing.
_NOISE = r"(evidently|plotly|litestar|sklearn\.metrics|numpy|scipy)(\.|$)"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of Evidently and what it calls, and of no other module."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=_NOISE)
        warnings.filterwarnings("ignore", message="invalid escape sequence")
        yield


@contextmanager
def drawn_once() -> Iterator[None]:
    """Let the statistics of a column share its picture.

    Evidently draws the same distribution for the smallest value of a column, the largest, the mean
    and four more, and its report shows the first. Drawing is most of what a report costs.
    """
    from evidently.metrics import column_statistics

    draw = column_statistics.distribution
    drawn: dict[object, tuple[pd.Series, list[Any]]] = {}

    def draw_once(title: str, current: Any, reference: Any) -> list[Any]:
        if reference is not None:
            return list(draw(title, current, reference))
        column = current.data
        known, widgets = drawn.get(column.name, (None, []))
        if known is None or not known.equals(column):
            widgets = list(draw(title, current, reference))
            drawn[column.name] = (column, widgets)
        return [widget.copy(update={"title": title}) for widget in widgets]

    column_statistics.distribution = draw_once
    try:
        yield
    finally:
        column_statistics.distribution = draw


def evidently_version() -> str:
    """Version of the installed Evidently, without importing it."""
    return version("evidently")


def first_line(error: Exception) -> str:
    """Say an error in one bounded line: its type and the beginning of its message."""
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {lines[0][:120]}"
