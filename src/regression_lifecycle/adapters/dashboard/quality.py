"""The data's quality by window: rows, missing rows, rejected rows, blank cells."""

from __future__ import annotations

from typing import Any

from regression_lifecycle.adapters.dashboard.charts import (
    WindowAxis,
    finished,
    hover,
    named_windows,
    time,
    window_axis,
)
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section


def quality_section(tables: PageTables) -> Section:
    """Return four small charts over the table ``windows``; the section of the windows brings it."""
    if tables.windows.empty:
        return Section({})
    axis = window_axis(tables.windows["start"], tables.problem)
    charts = {
        "rows": _quality_chart("n", "rows", axis),
        "missing_rows": _quality_chart("n_missing_rows", "missing rows", axis),
        "rejected_rows": _quality_chart("n_rejected", "rejected rows", axis),
        "blank_cells": _quality_chart("missing_share", "blank cells", axis, share=True),
    }
    return Section({}, charts)


def _quality_chart(
    field: str, title: str, window_ticks: WindowAxis, *, share: bool = False
) -> dict[str, Any]:
    """Draw one count, or one share, of the data's quality."""
    import altair as alt

    axis = alt.Axis(format=".1~%" if share else "~s", tickCount=3)
    # A count of zeros still has a scale.
    top = alt.Y(f"{field}:Q", title=None, axis=axis, scale=alt.Scale(zero=True, nice=True))
    bars = (
        alt.Chart(named_windows())
        .mark_rect(style="bar")
        .encode(x=time(), x2="end:T", y=top, y2=alt.datum(0))
    )
    shown = f"t_{field}" if share else field
    return finished(alt.layer(bars, hover((shown, title))), 90, title, window_ticks)
