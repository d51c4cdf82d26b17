"""The policies of the backtest compared: the table, and its two charts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

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
from regression_lifecycle.adapters.dashboard.formatting import NOTHING, count, figure
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.backtest.summary import ORACLE
from regression_lifecycle.core.data.tables import BACKTEST_HISTORY, BACKTEST_SUMMARY

if TYPE_CHECKING:
    import altair as alt

_HEIGHT = 260
# Errors that differ more than this are unreadable on a linear scale.
_WIDE = 3.0


def policies_section(tables: PageTables) -> Section:
    """Return the most accurate policies, over the newest windows of the backtest."""
    summary = tables.with_errors(BACKTEST_SUMMARY.frame(tables.backtest.summary))
    summary = summary.sort_values("error", kind="stable").head(tables.parameters.maximum_policies)
    summary = summary.reset_index(drop=True).assign(
        letter=[chr(ord("A") + place) for place in range(len(summary))],
        frontier=_frontier(summary),
        hindsight=list(summary["policy"] == ORACLE),
    )
    content = {"rows": summary.to_dict("records")}
    if summary.empty:
        return Section(content)
    history = tables.with_errors(BACKTEST_HISTORY.frame(tables.backtest.history))
    history = history[history["policy"].isin(summary["policy"])]
    newest = sorted(history["window_index"].dropna().unique())[-tables.parameters.maximum_windows :]
    history = history[history["window_index"].isin(newest)]
    letters = list(summary["letter"])
    name = tables.error_name
    axis = partial(_error_axis, name=name, unit=tables.unit)
    charts = {"policies": _scatter(letters, name, axis(summary["error"]))}
    data = {"policies": _points(summary)}
    if len(history):
        charts["policy_windows"] = _lines(letters, name, axis(history["error"]))
        data["policy_windows"] = _line_data(history, summary)
    return Section(content, charts, data)


def _frontier(summary: pd.DataFrame) -> list[bool]:
    """Mark the policies that no other one beats with as few retrainings.

    The oracle is what hindsight could have done and no policy.
    """
    pairs_of_numbers = zip(numbers(summary["error"]), numbers(summary["retrains"]), strict=True)
    pairs = [
        None if error is None or n is None or policy == ORACLE else (error, n)
        for (error, n), policy in zip(pairs_of_numbers, summary["policy"], strict=True)
    ]
    known = [pair for pair in pairs if pair is not None]
    return [
        pair is not None
        and not any(error <= pair[0] and n <= pair[1] and (error, n) != pair for error, n in known)
        for pair in pairs
    ]


def _points(summary: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "letter": summary["letter"],
            "policy": texts(summary["policy"], NAME_LENGTH),
            "retrains": numbers(summary["retrains"]),
            "error": numbers(summary["error"]),
            "frontier": summary["frontier"],
            "hindsight": summary["hindsight"],
            "t_error": summary["error"].map(figure),
            "t_retrains": summary["retrains"].map(count),
        }
    )


def _line_data(history: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    letters = dict(zip(summary["policy"], summary["letter"], strict=True))
    return pd.DataFrame(
        {
            "letter": [letters.get(name, NOTHING) for name in history["policy"]],
            "policy": texts(history["policy"], NAME_LENGTH),
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
    layers = (
        base.transform_filter("datum.frontier")
        .mark_line(style="frontier", interpolate="step-after")
        .encode(order=alt.Order("retrains:Q")),
        base.mark_point(style="point", filled=True, size=110, opacity=1).encode(
            color=_letter_colours(letters),
            # A diamond is no policy but what hindsight could have done.
            shape=alt.condition("datum.hindsight", alt.value("diamond"), alt.value("circle")),
            tooltip=tooltip(("policy", "policy"), ("t_error", name), ("t_retrains", "retrainings")),
        ),
        base.transform_filter("!datum.hindsight")
        .mark_text(style="label", dy=-12)
        .encode(text="letter:N"),
        base.transform_filter("datum.hindsight")
        .mark_text(style="label", dy=14)
        .encode(text="letter:N"),
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
            strokeWidth=alt.condition(near, alt.value(2.2), alt.value(1.2)),
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
