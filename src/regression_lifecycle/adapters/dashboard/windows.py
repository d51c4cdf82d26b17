"""Error, bias and coverage by window: the charts over time, and the table."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.charts import (
    WindowAxis,
    constant,
    finished,
    hover,
    milliseconds,
    named_windows,
    numbers,
    texts,
    time,
    waiting,
    window_axis,
    window_names,
    with_unit,
)
from regression_lifecycle.adapters.dashboard.formatting import (
    count,
    figure,
    is_number,
    percent,
    signed,
    text,
)
from regression_lifecycle.adapters.dashboard.rules import (
    bias_bound,
    coverage_floor,
    error_limits,
)
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.decisions.rule_kinds import bias_name
from regression_lifecycle.core.evaluation.window_metrics import bias_of_sums
from regression_lifecycle.core.monitoring.contributions import describe_contributions
from regression_lifecycle.core.monitoring.skew import describe_skew

_HERO_HEIGHT = 300
_HEIGHT = 170
_DRAWN = (
    *("error", "baseline_error", "error_limit", "bias", "coverage"),
    *("n", "n_missing_rows", "n_rejected", "missing_share"),
)


_IN_THE_UNIT = ("error", "baseline_error", "error_limit", "mae")


def windows_section(tables: PageTables) -> Section:
    """Return the charts over time and every window's figures, the newest window first."""
    rules, windows = tables.health.rules, with_limits(tables)
    bound = bias_bound(rules)
    shown = windows.assign(
        t_n=row_counts(windows),
        t_skew=[describe_skew(row) for row in windows.to_dict("records")],
        t_moved=[describe_contributions(row) for row in windows.to_dict("records")],
        t_own_bias=[signed(bias) for bias in bias_of_sums(windows, "sum_raw_prediction")],
    )
    rows = shown.iloc[::-1].to_dict("records")
    held = [row for row in rows if is_number(row["n_skew_rows"])]
    # A window that has only begun says nothing yet, and the rule does not look at it.
    held.sort(key=lambda row: row["status"] != "complete")
    spans = alarm_spans(windows)
    content = {
        "rows": rows,
        # The newest window that answers of the service were held against; empty without one.
        "skew": next(iter(held), {}),
        # The newest alarmed window; empty without one.
        "moved": next((row for row in rows if row["t_moved"]), {}),
        "spans": spans.iloc[::-1].to_dict("records"),
        "n_hidden": len(tables.all_windows) - len(windows),
        "has_limit": bool(windows["error_limit"].notna().any()),
        "bias_rule": bound[0] if bound else None,
        "bias_bound": bound[1] if bound else None,
        "bias_name": bias_name(bound[0].figures) if bound else "",
        "coverage_floor": coverage_floor(rules),
        "nominal": tables.nominal_coverage,
    }
    if windows.empty:
        return Section(content)
    axis = window_axis(windows["start"], tables.problem)
    charts = {
        "error": error_chart(windows, tables.error_name, tables.unit, axis),
    }
    is_quantile = tables.problem.quantile is not None
    if not is_quantile:
        charts["bias"] = _bias_chart(content["bias_bound"], axis)
    if windows["coverage"].notna().any():
        title = "at or below the quantile" if is_quantile else "inside the interval"
        levels = tables.nominal_coverage, content["coverage_floor"]
        charts["coverage"] = _coverage_chart(*levels, title, axis)
    return Section(content, charts, {"windows": window_data(windows), "alarms": spans})


def with_limits(tables: PageTables) -> pd.DataFrame:
    """Return the windows that are drawn, with ``error_limit``, the limit of the policy's rule."""
    windows, metric = tables.windows, tables.problem.error_metric
    return windows.assign(error_limit=error_limits(windows, tables.health.rules, metric))


def alarm_names(windows: pd.DataFrame) -> list[list[str]]:
    """Return the names of the rules that fired on each window."""
    cells = (text(cell).split(",") for cell in windows["alarms"])
    return [[name.strip() for name in names if name.strip()] for names in cells]


def alarm_spans(windows: pd.DataFrame) -> pd.DataFrame:
    """Join neighbouring windows on which the same rules fired.

    Returns:
        One row per span, the oldest first: ``start``, ``end`` and ``middle`` (of its first window)
        in milliseconds, ``first`` and ``last`` (windows), ``n`` windows and the ``rules``.
    """
    names = pd.Series([", ".join(fired) for fired in alarm_names(windows)], index=windows.index)
    spans = (names != names.shift()).cumsum()
    table = windows.assign(
        rules=names,
        middle=windows["start"] + (windows["end"] - windows["start"]) / 2,
        window=window_names(windows["window"]),
    )[names != ""]
    joined = table.groupby(spans, sort=True).agg(
        start=("start", "min"),
        end=("end", "max"),
        middle=("middle", "min"),
        first=("window", "first"),
        last=("window", "last"),
        n=("window", "size"),
        rules=("rules", "first"),
    )
    moments = {name: milliseconds(joined[name]) for name in ("start", "end", "middle")}
    return joined.assign(**moments).reset_index(drop=True)


def window_data(windows: pd.DataFrame) -> pd.DataFrame:
    """Prepare the windows for the charts.

    Returns:
        Numbers (moments in milliseconds), ``whole`` (the window is complete), and
        columns ``t_...`` with the texts of tooltips.
    """
    alarms = alarm_names(windows)
    own_bias = bias_of_sums(windows, "sum_raw_prediction")
    return pd.DataFrame(
        {
            "window": window_names(windows["window"]),
            "start": milliseconds(windows["start"]),
            "end": milliseconds(windows["end"].fillna(windows["start"])),
            "middle": milliseconds(windows["start"] + (windows["end"] - windows["start"]) / 2),
            "status": texts(windows["status"]),
            "whole": windows["status"].eq("complete").fillna(False).astype(bool),
            **{name: numbers(windows[name]) for name in _DRAWN},
            "own_bias": numbers(own_bias),
            "t_version": texts(windows["model_version"]),
            "t_alarms": [", ".join(names) or "none" for names in alarms],
            "t_n": row_counts(windows),
            **{f"t_{name}": windows[name].map(figure) for name in _IN_THE_UNIT},
            "t_bias": [signed(bias) for bias in windows["bias"]],
            "t_own_bias": [signed(bias) for bias in own_bias],
            "t_coverage": windows["coverage"].map(percent),
            "t_missing_share": windows["missing_share"].map(percent),
        }
    )


def row_counts(windows: pd.DataFrame) -> list[str]:
    """Write the rows of each window, and how many are labelled where not all are."""
    pairs = zip(windows["n"], windows["n_labelled"], strict=True)
    return [
        count(n) if pd.isna(known) or n == known else f"{count(n)}, {count(known)} labelled"
        for n, known in pairs
    ]


def champion_changes(windows: pd.DataFrame) -> dict[int, str]:
    """Find the windows in which another version than before was deployed.

    Returns:
        Labels such as ``v3`` by start in milliseconds; the first window's version is among them.
    """
    known = windows[windows["model_version"].fillna("").ne("")]
    new = known[known["model_version"] != known["model_version"].shift()]
    names = [f"v{name}" if name.isdigit() else name for name in texts(new["model_version"])]
    starts = milliseconds(new["start"])
    return {start: name for start, name in zip(starts, names, strict=True) if start is not None}


def error_chart(
    windows: pd.DataFrame, name: str, unit: str, axis: WindowAxis, *, labels: bool = False
) -> dict[str, Any]:
    """Draw the error by window: deployed model and baseline, champions, alarms.

    Args:
        name: How the error is called.
        labels: Whether the lines are named in the chart, for a picture without a legend.

    Returns:
        A specification over the table ``windows``.
    """
    import altair as alt

    y = alt.Y("error:Q", title=with_unit(name, unit), scale=alt.Scale(zero=True, nice=True))
    middle = time("middle", axis=False)
    line = alt.Chart(named_windows()).encode(x=middle, y=y)
    baseline = alt.Chart(named_windows()).encode(x=middle, y=alt.Y("baseline_error:Q"))
    limit = alt.Chart(named_windows()).encode(x=middle, y=alt.Y("error_limit:Q"))
    spans = alt.Chart(alt.NamedData(name="alarms"))
    bottom = _HERO_HEIGHT - 8
    layers: list[Any] = [
        waiting(),
        _champions(champion_changes(windows)),
        baseline.mark_line(style="baseline"),
        limit.mark_line(style="limit"),
        line.mark_line(style="deployed"),
        _points(line.transform_filter("datum.whole")),
        line.transform_filter("!datum.whole").mark_point(
            style="open-point", filled=True, size=34, opacity=1
        ),
        # Alarms that last are one span, with a triangle where they began.
        spans.transform_filter("datum.n > 1")
        .mark_rect(style="alarm-span")
        .encode(x=time(axis=False), x2="end:T", y=alt.value(bottom + 2), y2=alt.value(bottom + 6)),
        spans.mark_point(
            style="alarm", shape="triangle-up", filled=True, size=60, opacity=1
        ).encode(x=middle, y=alt.value(bottom)),
        hover(
            ("status", "status"),
            ("t_n", "rows"),
            ("t_error", name),
            ("t_baseline_error", f"baseline {name}"),
            ("t_error_limit", "limit"),
            ("t_mae", "MAE"),
            ("t_bias", "bias as served"),
            ("t_coverage", "coverage"),
            ("t_version", "model version"),
            ("t_alarms", "alarms"),
            axis=False,
        ),
    ]
    if labels:
        layers += [
            _end_label("error", "deployed model", "deployed-label"),
            _end_label("baseline_error", "baseline", "baseline-label"),
        ]
    return finished(
        alt.layer(*layers).resolve_axis(x="independent"), _HERO_HEIGHT, "Error by window", axis
    )


def _points(chart: Any) -> Any:
    """Draw the windows themselves: a line of one window is nothing to see."""
    return chart.mark_point(style="deployed-point", filled=True, size=26, opacity=1)


def _bias_chart(limit: float | None, axis: WindowAxis) -> dict[str, Any]:
    """Draw the bias as served and of the model alone, with what the policy's rule forgives."""
    import altair as alt

    base = alt.Chart(named_windows()).encode(x=time("middle"))
    zero = "datum.value === 0 ? '0%' : datum.label"
    bias = alt.Y(
        "bias:Q",
        title="bias",
        axis=alt.Axis(format="+.0%", labelExpr=zero, tickMinStep=0.01),
    )
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
        _points(base.encode(y=bias)),
        hover(
            ("status", "status"),
            ("t_bias", "bias as served"),
            ("t_own_bias", "bias of the model alone"),
            ("t_version", "model version"),
        ),
    ]
    return finished(alt.layer(*layers), _HEIGHT, "Bias by window", axis)


def _coverage_chart(
    nominal: float | None, floor: float | None, title: str, axis: WindowAxis
) -> dict[str, Any]:
    """Draw the share of rows that are covered, with the share promised and the rule's limit."""
    import altair as alt

    base = alt.Chart(named_windows()).encode(x=time("middle"))
    share = alt.Y(
        "coverage:Q",
        title=title,
        axis=alt.Axis(format=".0%", tickMinStep=0.01),
        scale=alt.Scale(zero=False, nice=True),
    )
    layers: list[Any] = [waiting()]
    if nominal is not None:
        layers.append(constant(nominal).mark_rule(style="level"))
    if floor is not None:
        layers.append(constant(floor).mark_rule(style="limit"))
    layers += [
        base.mark_line(style="deployed").encode(y=share),
        _points(base.encode(y=share)),
        hover(
            ("status", "status"),
            ("t_n", "rows"),
            ("t_coverage", "coverage"),
            ("t_version", "model version"),
        ),
    ]
    return finished(alt.layer(*layers), _HEIGHT, "Coverage by window", axis)


def _champions(changes: dict[int, str]) -> Any:
    """Mark the champions by the grid of a second time axis, which thins its own labels."""
    import altair as alt

    moments, names = json.dumps(list(changes)), json.dumps(list(changes.values()))
    axis = alt.Axis(
        orient="top",
        # Not as plain values: Vega's interpreter reads a moment's milliseconds as a year.
        values=alt.ExprRef(moments),
        labelExpr=f"{names}[indexof({moments}, toNumber(datum.value))]",
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
    start = alt.X("start:T", title=None, scale=alt.Scale(type="utc", nice=False), axis=axis)
    return alt.Chart(named_windows()).mark_rule(opacity=0, tooltip=None).encode(x=start)


def _end_label(field: str, words: str, style: str) -> Any:
    import altair as alt

    return (
        alt.Chart(named_windows())
        .transform_filter(f"isValid(datum.{field})")
        .transform_window(place="row_number()", sort=[alt.SortField("start", order="descending")])
        .transform_filter("datum.place == 1")
        .mark_text(style=style, align="left", dx=8)
        .encode(x=time("middle", axis=False), y=alt.Y(f"{field}:Q"), text=alt.value(words))
    )
