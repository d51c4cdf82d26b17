"""The charts over time: error, bias, coverage and the data's quality by window."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.chart_parts import (
    constant,
    finished,
    hover,
    time,
    waiting,
    windows_data,
    with_unit,
)

_HERO_HEIGHT = 300
_HEIGHT = 170


def error_chart(changes: pd.DataFrame, unit: str, *, labels: bool = False) -> dict[str, Any]:
    """Draw the error by window: deployed model and baseline, champions, alarms.

    Args:
        changes: What ``champion_changes`` finds.
        unit: Unit of the target.
        labels: Whether the lines are named in the chart, for a picture without a legend.

    Returns:
        A specification over the table ``windows``.
    """
    import altair as alt

    y = alt.Y("rmse:Q", title=with_unit("RMSE", unit), scale=alt.Scale(zero=True, nice=True))
    middle = time("middle", axis=False)
    line = alt.Chart(windows_data()).encode(x=middle, y=y)
    baseline = alt.Chart(windows_data()).encode(x=middle, y=alt.Y("baseline_rmse:Q"))
    bottom = alt.Chart(windows_data()).encode(x=middle, y=alt.value(_HERO_HEIGHT - 8))
    layers: list[Any] = [
        waiting(),
        _champions(changes),
        baseline.mark_line(style="baseline"),
        line.mark_line(style="deployed"),
        line.transform_filter("datum.whole").mark_point(
            style="deployed-point", filled=True, size=26, opacity=1
        ),
        line.transform_filter("!datum.whole").mark_point(
            style="open-point", filled=True, size=34, opacity=1
        ),
        bottom.transform_filter("datum.alarmed").mark_point(
            style="alarm", shape="triangle-up", filled=True, size=60, opacity=1
        ),
        hover(
            ("status", "status"),
            ("t_n", "rows"),
            ("t_rmse", "RMSE"),
            ("t_baseline_rmse", "baseline RMSE"),
            ("t_mae", "MAE"),
            ("t_bias", "bias"),
            ("t_coverage", "coverage"),
            ("t_version", "model version"),
            ("t_alarms", "alarms"),
            axis=False,
        ),
    ]
    if labels:
        layers += [
            _end_label("rmse", "deployed model", "deployed-label"),
            _end_label("baseline_rmse", "baseline", "baseline-label"),
        ]
    return finished(
        alt.layer(*layers).resolve_axis(x="independent"), _HERO_HEIGHT, "Error by window"
    )


def bias_chart(limit: float | None) -> dict[str, Any]:
    """Draw the bias by window, as served and as the model alone says.

    Args:
        limit: The policy's limit either way; None for no band.

    Returns:
        A specification over the table ``windows``.
    """
    import altair as alt

    base = alt.Chart(windows_data()).encode(x=time("middle"))
    bias = alt.Y("bias:Q", title="bias", axis=alt.Axis(format="+.0%"))
    layers: list[Any] = [waiting()]
    if limit is not None:
        layers += [
            constant(0).mark_rect(style="band").encode(y=alt.datum(-limit), y2=alt.datum(limit)),
            constant(limit).mark_rule(style="limit"),
            constant(-limit).mark_rule(style="limit"),
        ]
    layers += [
        constant(0).mark_rule(style="level"),
        base.mark_line(style="own").encode(y="own_bias:Q"),
        base.mark_line(style="deployed").encode(y=bias),
        hover(
            ("status", "status"),
            ("t_bias", "bias as served"),
            ("t_own_bias", "of the model alone"),
            ("t_version", "model version"),
        ),
    ]
    return finished(alt.layer(*layers), _HEIGHT, "Bias by window")


def coverage_chart(nominal: float | None) -> dict[str, Any]:
    """Draw the share of rows inside the prediction interval by window.

    Args:
        nominal: The share that was promised; None for no line.

    Returns:
        A specification over the table ``windows``.
    """
    import altair as alt

    base = alt.Chart(windows_data()).encode(x=time("middle"))
    share = alt.Y(
        "coverage:Q",
        title="inside the interval",
        axis=alt.Axis(format=".0%"),
        scale=alt.Scale(zero=False, nice=True),
    )
    layers: list[Any] = [waiting()]
    if nominal is not None:
        layers.append(constant(nominal).mark_rule(style="level"))
    layers += [
        base.mark_line(style="deployed").encode(y=share),
        hover(("status", "status"), ("t_n", "rows"), ("t_coverage", "coverage")),
    ]
    return finished(alt.layer(*layers), _HEIGHT, "Coverage by window")


def quality_chart(field: str, title: str, *, share: bool = False) -> dict[str, Any]:
    """Draw one figure of the data's quality by window.

    Args:
        field: Column of the table ``windows``.
        title: What it counts.
        share: Whether it is a share.

    Returns:
        A specification over the table ``windows``.
    """
    import altair as alt

    axis = alt.Axis(format=".1~%" if share else "~s", tickCount=3)
    # A count of zeros still has a scale.
    top = alt.Y(f"{field}:Q", title=None, axis=axis, scale=alt.Scale(zero=True, nice=True))
    bars = (
        alt.Chart(windows_data())
        .mark_rect(style="bar")
        .encode(x=time(), x2="end:T", y=top, y2=alt.datum(0))
    )
    shown = f"t_{field}" if share else field
    return finished(alt.layer(bars, hover((shown, title))), 90, title)


def _champions(changes: pd.DataFrame) -> Any:
    """Mark the champions by the grid of a second time axis, which thins its own labels."""
    import altair as alt

    moments = [int(start) for start in changes["start"]]
    names = [str(label) for label in changes["label"]]
    axis = alt.Axis(
        orient="top",
        # Not as plain values: Vega's interpreter reads a moment's milliseconds as a year.
        values=alt.ExprRef(json.dumps(moments)),
        labelExpr=f"{json.dumps(names)}[indexof({json.dumps(moments)}, toNumber(datum.value))]",
        labelOverlap="greedy",
        labelSeparation=6,
        labelAngle=0,
        grid=True,
        gridDash=[2, 3],
        gridOpacity=1,
        domain=False,
        ticks=False,
        style="champion",
    )
    time = alt.X("start:T", title=None, scale=alt.Scale(type="utc", nice=False), axis=axis)
    return alt.Chart(windows_data()).mark_rule(opacity=0, tooltip=None).encode(x=time)


def _end_label(field: str, words: str, style: str) -> Any:
    import altair as alt

    return (
        alt.Chart(windows_data())
        .transform_filter(f"isValid(datum.{field})")
        .transform_window(place="row_number()", sort=[alt.SortField("start", order="descending")])
        .transform_filter("datum.place == 1")
        .mark_text(style=style, align="left", dx=8)
        .encode(x=time("middle", axis=False), y=alt.Y(f"{field}:Q"), text=alt.value(words))
    )
