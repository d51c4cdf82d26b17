"""The policies of the backtest compared: the table, and its two charts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.dashboard.charts import (
    NAME_LENGTH,
    finished,
    milliseconds,
    numbers,
    texts,
    time,
    tooltip,
    window_names,
    with_unit,
)
from regression_lifecycle.adapters.dashboard.formatting import NOTHING, figure
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.backtest.comparison import conclusions, price_range
from regression_lifecycle.core.backtest.summary import ORACLE
from regression_lifecycle.core.data.tables import BACKTEST_HISTORY, BACKTEST_SUMMARY

if TYPE_CHECKING:
    import altair as alt

_HEIGHT = 260
# Errors that differ more than this are unreadable on a linear scale.
_WIDE = 3.0
# A policy with so many times the lowest error would press all others into one corner.
_BEYOND = 2.0
# Shares of the axes: points this near to each other would share one label, and beyond the middle
# there is no room to the right.
_NEAR_X, _NEAR_Y, _MIDDLE = 0.2, 0.09, 0.6


def policies_section(tables: PageTables) -> Section:
    """Return the most accurate policies, over the newest windows of the backtest."""
    everyone = BACKTEST_SUMMARY.frame(tables.backtest.summary)
    summary = tables.with_errors(everyone).sort_values("error", kind="stable")
    summary = summary.head(tables.parameters.maximum_policies).reset_index(drop=True)
    summary = summary.assign(
        letter=[chr(ord("A") + place) for place in range(len(summary))],
        best_at=[price_range(row, figure) for row in summary.to_dict("records")],
        hindsight=list(summary["policy"] == ORACLE),
        chosen=list(summary["kind"] == "configured"),
        several=list((summary["phases"] > 1).fillna(False)),
    )
    beyond = summary["error"] > _BEYOND * summary["error"].min()
    said = conclusions(everyone, tables.problem.error_metric, figure)
    content = {
        "rows": summary.to_dict("records"),
        "conclusions": said,
        "beyond": list(summary.loc[beyond, "policy"]),
    }
    if summary.empty:
        return Section(content)
    history = tables.with_errors(BACKTEST_HISTORY.frame(tables.backtest.history))
    history = history[history["policy"].isin(summary["policy"])]
    newest = sorted(history["window_index"].dropna().unique())[-tables.parameters.maximum_windows :]
    history = history[history["window_index"].isin(newest)]
    letters = list(summary["letter"])
    name = tables.error_name
    axis = partial(_error_axis, name=name, unit=tables.unit)
    charts = {"policies": _scatter(letters, name, axis(summary.loc[~beyond, "error"]))}
    data = {"policies": _points(summary[~beyond])}
    if len(history):
        charts["policy_windows"] = _lines(letters, name, axis(history["error"]))
        data["policy_windows"] = _line_data(history, summary)
    return Section(content, charts, data)


def _points(summary: pd.DataFrame) -> pd.DataFrame:
    phases = summary[["best_phase", "worst_phase"]].where(summary["several"])
    return pd.DataFrame(
        {
            "letter": summary["letter"],
            "policy": texts(summary["policy"], NAME_LENGTH),
            "retrains": numbers(summary["retrains"]),
            "error": numbers(summary["error"]),
            "lowest": numbers(phases["best_phase"]),
            "highest": numbers(phases["worst_phase"]),
            "best": summary["best_at"] != "",
            "chosen": summary["chosen"],
            "hindsight": summary["hindsight"],
            **_label_places(summary, phases),
            "t_error": summary["error"].map(figure),
            "t_retrains": summary["retrains"].map(figure),
            "t_best": summary["best_at"].replace("", NOTHING),
        }
    )


def _label_places(summary: pd.DataFrame, phases: pd.DataFrame) -> dict[str, list[Any]]:
    """Write names towards the middle, and apart where two points are next to each other."""
    drawn = pd.concat([summary["error"], phases["best_phase"], phases["worst_phase"]])
    x = (summary["retrains"] / (summary["retrains"].max() or 1.0)).to_numpy()
    y = (summary["error"] / ((drawn.max() - drawn.min()) or 1.0)).to_numpy()
    near = (np.abs(x[:, None] - x) < _NEAR_X) & (np.abs(y[:, None] - y) < _NEAR_Y)
    rank = pd.Series(y).rank(method="first").to_numpy()
    above = (near & (rank > rank[:, None])).any(axis=1)
    below = (near & (rank < rank[:, None])).any(axis=1)
    left = x > _MIDDLE
    return {
        "align": ["right" if is_left else "left" for is_left in left],
        "dx": [-9 if is_left else 9 for is_left in left],
        # Beside the lines that meet in a point, and below a point that has another above it.
        "dy": [11 if up and not down else -8 for up, down in zip(above, below, strict=True)],
    }


def _line_data(history: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    letters = dict(zip(summary["policy"], summary["letter"], strict=True))
    chosen = set(summary.loc[summary["chosen"], "policy"])
    return pd.DataFrame(
        {
            "letter": [letters.get(name, NOTHING) for name in history["policy"]],
            "policy": texts(history["policy"], NAME_LENGTH),
            "chosen": history["policy"].isin(chosen),
            "window": window_names(history["window"]),
            "start": milliseconds(history["start"]),
            "error": numbers(history["error"]),
            "t_error": list(history["error"].map(figure)),
        }
    )


def _scatter(letters: list[str], name: str, y: alt.Y) -> dict[str, Any]:
    """Draw the error of each policy against its retrainings."""
    import altair as alt

    base = alt.Chart(alt.NamedData(name="policies")).encode(
        x=alt.X("retrains:Q", title="retrainings", scale=alt.Scale(zero=True, nice=True)), y=y
    )
    colour = _letter_colours(letters)
    layers = (
        base.transform_filter("datum.best")
        .mark_line(style="hull")
        .encode(order=alt.Order("retrains:Q")),
        # The phases of a calendar, from the best to the worst.
        base.transform_filter("isValid(datum.lowest)")
        .mark_rule(strokeWidth=3, opacity=0.4)
        .encode(y=alt.Y("lowest:Q"), y2="highest:Q", color=colour),
        base.mark_point(style="point", filled=True, opacity=1).encode(
            color=colour,
            size=alt.condition("datum.chosen", alt.value(220), alt.value(100)),
            # A diamond is no policy but what hindsight could have done.
            shape=alt.condition("datum.hindsight", alt.value("diamond"), alt.value("circle")),
            tooltip=tooltip(
                ("policy", "policy"),
                ("t_error", name),
                ("t_retrains", "retrainings"),
                ("t_best", "best price of a retraining"),
            ),
        ),
        base.mark_text(
            style="label",
            align=alt.expr("datum.align"),
            dx=alt.expr("datum.dx"),
            dy=alt.expr("datum.dy"),
        ).encode(text="policy:N"),
    )
    return finished(alt.layer(*layers), _HEIGHT, "Error against retrainings")


def _lines(letters: list[str], name: str, y: alt.Y) -> dict[str, Any]:
    """Draw the error of each policy by window; the one under the pointer stands out."""
    import altair as alt

    near = alt.selection_point(
        name="policy", on="pointerover", fields=["letter"], nearest=True, empty=False
    )
    base = alt.Chart(alt.NamedData(name="policy_windows")).encode(
        x=time(), y=y, color=_letter_colours(letters)
    )
    layers = (
        base.mark_line().encode(
            opacity=alt.condition(near, alt.value(1.0), alt.value(0.55)),
            strokeWidth=alt.when(near)
            .then(alt.value(2.2))
            .when("datum.chosen")
            .then(alt.value(2.2))
            .otherwise(alt.value(1.2)),
        ),
        base.mark_point(filled=True, size=40, opacity=0)
        .encode(tooltip=tooltip(("policy", "policy"), ("window", "window"), ("t_error", name)))
        .add_params(near),
    )
    return finished(alt.layer(*layers), _HEIGHT, "Error of the policies by window")


def _error_axis(values: pd.Series, name: str, unit: str) -> alt.Y:
    import altair as alt

    known = values.dropna()
    wide = len(known) > 0 and known.min() > 0 and known.max() / known.min() > _WIDE
    scale = (
        alt.Scale(type="log", nice=False, padding=14) if wide else alt.Scale(zero=False, padding=14)
    )
    name = f"{name}, logarithmic" if wide else name
    return alt.Y("error:Q", title=with_unit(name, unit), scale=scale, axis=alt.Axis(format="~s"))


def _letter_colours(letters: list[str]) -> alt.Color:
    import altair as alt

    return alt.Color("letter:N", scale=alt.Scale(domain=letters), legend=None)
