"""The data by window: how far each column's drift is from its threshold, and its quality."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.dashboard.charts import (
    NAME_LENGTH,
    WindowAxis,
    constant,
    finished,
    hover,
    milliseconds,
    named_windows,
    texts,
    time,
    tooltip,
    window_axis,
    window_names,
)
from regression_lifecycle.adapters.dashboard.formatting import figure, text
from regression_lifecycle.adapters.dashboard.rules import quality_limit
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import DRIFT_HISTORY
from regression_lifecycle.core.drift.methods import METHODS

LABELS = ("below ¼ of the threshold", "¼ to ½", "½ to 1", "1 to 2", "2 to 4", "4 and more")
NOT_COMPUTED = "not computed"
_EDGES = (0.25, 0.5, 1.0, 2.0, 4.0)
# Keeps the map below half a megabyte.
_MAXIMUM_CELLS = 6000
_ROW_HEIGHT = 22


def drift_section(tables: PageTables) -> Section:
    """Return the drift map of the columns that drifted most."""
    drift, n_hidden = _shown_drift(tables)
    content = {"labels": [*LABELS, NOT_COMPUTED], "n_hidden": n_hidden}
    if drift.empty:
        return Section(content)
    axis = window_axis(drift["start"], tables.problem)
    charts = {"drift": _drift_map(_order(drift), axis)}
    return Section(content, charts, {"drift": drift_data(drift)})


def _shown_drift(tables: PageTables) -> tuple[pd.DataFrame, int]:
    """Return the drift of the deployed versions with ``end``, and how many columns lack in it."""
    windows, keys = tables.windows, ["window", "model_version"]
    rows = of_problem(DRIFT_HISTORY, tables.monitoring.drift, tables.problem)
    rows = rows.merge(windows[[*keys, "end"]], on=keys, how="inner")
    alarms = rows.assign(drifted=rows["drifted"].fillna(False).astype("int64"))
    ranked = alarms.groupby("column")["drifted"].sum().sort_values(ascending=False, kind="stable")
    room = min(tables.parameters.maximum_columns, _MAXIMUM_CELLS // max(1, len(windows)))
    kept = rows[rows["column"].isin(ranked.index[:room])]
    return kept.reset_index(drop=True), max(0, len(ranked) - room)


def drift_data(drift: pd.DataFrame) -> pd.DataFrame:
    """Prepare the cells of the map.

    Args:
        drift: Rows of ``drift_history`` with ``end``.

    Returns:
        One row per cell. ``step`` tells how far the score is from its threshold; for a p-value,
        where small means drift, the threshold over the score is taken.
    """
    scores = zip(drift["method"], drift["score"], drift["threshold"], strict=True)
    relative = [_relative(*score) for score in scores]
    computed = [not math.isnan(value) for value in relative]
    shown = zip(drift["score"], drift["reason"], computed, strict=True)
    return pd.DataFrame(
        {
            "column": texts(drift["column"], NAME_LENGTH),
            "window": window_names(drift["window"]),
            "start": milliseconds(drift["start"]),
            "end": milliseconds(drift["end"].fillna(drift["start"])),
            "step": [
                LABELS[int(np.searchsorted(_EDGES, value, "right"))] if known else NOT_COMPUTED
                for value, known in zip(relative, computed, strict=True)
            ],
            "drifted": drift["drifted"].fillna(False).astype(bool),
            "t_score": [
                figure(score) if known else text(reason) or NOT_COMPUTED
                for score, reason, known in shown
            ],
            "t_threshold": drift["threshold"].map(figure),
            "t_method": texts(drift["method"]),
            "t_role": texts(drift["role"]),
        }
    )


def _relative(method: Any, score: Any, threshold: Any) -> float:
    if pd.isna(score) or pd.isna(threshold):
        return math.nan
    known = METHODS.get(text(method))
    return known.relative_score(float(score), float(threshold)) if known else math.nan


def _order(drift: pd.DataFrame) -> list[str]:
    """Put target and prediction first, then the columns by how often they drifted."""
    names = drift.assign(
        column=texts(drift["column"], NAME_LENGTH),
        drifted=drift["drifted"].fillna(False).astype("int64"),
        place=drift["role"].map({"target": 0, "prediction": 1}).fillna(2),
    )
    ranked = names.groupby("column").agg(place=("place", "min"), drifted=("drifted", "sum"))
    return list(
        ranked.sort_values(["place", "drifted"], ascending=[True, False], kind="stable").index
    )


def _drift_map(order: list[str], window_ticks: WindowAxis) -> dict[str, Any]:
    """Draw the map with its columns from top to bottom; alarms have an outline."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="drift")).encode(
        x=time(),
        x2="end:T",
        y=alt.Y(
            "column:N",
            title=None,
            sort=order,
            scale=alt.Scale(domain=order, paddingInner=0.08),
            axis=alt.Axis(labelLimit=110),
        ),
        tooltip=tooltip(
            ("column", "column"),
            ("window", "window"),
            ("t_score", "score"),
            ("t_threshold", "threshold"),
            ("step", "against the threshold"),
            ("t_method", "method"),
            ("t_role", "role"),
        ),
    )
    scale = alt.Scale(domain=[*LABELS, NOT_COMPUTED], range="diverging")
    cells = base.mark_rect(style="cell").encode(color=alt.Color("step:N", scale=scale, legend=None))
    outlines = base.transform_filter("datum.drifted").mark_rect(style="alarm-cell")
    height = _ROW_HEIGHT * len(order)
    title = "Drift by column and window"
    return finished(alt.layer(cells, outlines), height, title, window_ticks)


def quality_section(tables: PageTables) -> Section:
    """Return four small charts over the table ``windows``; the section of the windows brings it.

    ``limit`` is the share that the policy's rule allows, None without one.
    """
    limit = quality_limit(tables.health.rules)
    content = {"limit": limit}
    if tables.windows.empty:
        return Section(content)
    axis = window_axis(tables.windows["start"], tables.problem)
    charts = {
        "rows": _quality_chart("n", "rows", axis),
        "missing_rows": _quality_chart("n_missing_rows", "missing rows", axis, limit=limit),
        "rejected_rows": _quality_chart("n_rejected", "rejected rows", axis, limit=limit),
        "blank_cells": _quality_chart("missing_share", "blank cells", axis, limit=limit),
    }
    return Section(content, charts)


def _quality_chart(
    field: str, title: str, window_ticks: WindowAxis, *, limit: float | None = None
) -> dict[str, Any]:
    """Draw one count, or the share of blank cells, and what the policy's rule allows of it."""
    import altair as alt

    share = field == "missing_share"
    axis = alt.Axis(format=".1~%" if share else "~s", tickCount=3)
    # A count of zeros still has a scale.
    top = alt.Y(f"{field}:Q", title=None, axis=axis, scale=alt.Scale(zero=True, nice=True))
    bars = (
        alt.Chart(named_windows())
        .mark_rect(style="bar")
        .encode(x=time(), x2="end:T", y=top, y2=alt.datum(0))
    )
    shown = f"t_{field}" if share else field
    layers: list[Any] = [bars]
    if limit is not None and share:
        layers.append(constant(limit).mark_rule(style="limit"))
    elif limit is not None:
        # Of all rows that a window has or should have.
        layers.append(
            alt.Chart(named_windows())
            .transform_calculate(
                allowed=f"{limit} * (datum.n + datum.n_missing_rows + datum.n_rejected)"
            )
            .mark_rule(style="limit")
            .encode(x=time(), x2="end:T", y="allowed:Q")
        )
    return finished(alt.layer(*layers, hover((shown, title))), 90, title, window_ticks)
