"""The policies of the backtest compared: the table, and its two charts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.charts import (
    NAME_LENGTH,
    WindowAxis,
    finished,
    milliseconds,
    numbers,
    texts,
    time,
    tooltip,
    window_axis,
    window_names,
    with_unit,
)
from regression_lifecycle.adapters.dashboard.formatting import NOTHING, figure, text
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
# Pixels that a name is high with the room around it, those of the smallest chart that is as long,
# the most that names at the ends of lines take, and a letter.
_LINE, _NARROW, _NAMES_WIDTH, _LETTER = 14, 330, 130, 7
# Share of the width beyond which there is no room for a name to the right of a point.
_MIDDLE = 0.5


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
    near = summary[~beyond]
    phases = near[["best_phase", "worst_phase"]].where(near["several"])
    scale = _scale(pd.concat([near["error"], phases["best_phase"], phases["worst_phase"]]))
    charts = {"policies": _scatter(letters, name, axis(scale))}
    data = {"policies": _points(near, phases, scale)}
    if len(history):
        scale = _scale(history["error"])
        ticks = window_axis(history["start"], tables.problem)
        names = _line_names(history, summary, scale)
        room = 14 + _LETTER * int(names["policy"].str.len().max())
        charts["policy_windows"] = _lines(letters, name, axis(scale), ticks, room)
        data |= {"policy_windows": _line_data(history, summary), "policy_names": names}
    return Section(content, charts, data)


@dataclass(frozen=True)
class _Scale:
    """The axis of errors, with its ends known here so that names can be placed on it."""

    low: float
    high: float
    is_log: bool

    def pixel(self, value: float) -> float:
        """Return how far below the top of the chart an error is."""
        low, high, at = self._on_paper(self.low), self._on_paper(self.high), self._on_paper(value)
        return _HEIGHT * (high - at) / ((high - low) or 1.0)

    def error_at(self, pixel: float) -> float:
        """Return the error that is so far below the top."""
        low, high = self._on_paper(self.low), self._on_paper(self.high)
        at = high - (high - low) * pixel / _HEIGHT
        return math.exp(at) if self.is_log else at

    def _on_paper(self, value: float) -> float:
        return math.log(value) if self.is_log else value


def _scale(values: pd.Series) -> _Scale:
    known = values.dropna()
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    is_log = low > 0 and high / low > _WIDE
    if is_log:
        return _Scale(low / 1.08, high * 1.08, is_log=True)
    room = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
    return _Scale(low - room, high + room, is_log=False)


def spread(wanted: Sequence[float], room: float, height: float) -> list[float]:
    """Move places down until they do not overlap, and up again where they leave the chart.

    Args:
        wanted: Where each one would like to be, in pixels from the top.
        room: Pixels that each needs.
        height: None is moved below it or above 0, unless they are too many.

    Returns:
        Where each one is, in the order given.
    """
    order = sorted(range(len(wanted)), key=lambda k: (wanted[k], k))
    places = [0.0] * len(wanted)
    floor = -math.inf
    for k in order:
        places[k] = floor = max(wanted[k], floor + room)
    ceiling = max(height, room * (len(wanted) - 1))
    for k in reversed(order):
        places[k] = ceiling = min(places[k], ceiling)
        ceiling -= room
    return places


def _points(summary: pd.DataFrame, phases: pd.DataFrame, scale: _Scale) -> pd.DataFrame:
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
            **_name_places(summary, scale),
            "t_error": summary["error"].map(figure),
            "t_retrains": summary["retrains"].map(figure),
            "t_best": summary["best_at"].replace("", NOTHING),
        }
    )


def _name_places(summary: pd.DataFrame, scale: _Scale) -> dict[str, list[Any]]:
    """Write names towards the middle, and apart where they would cover each other."""
    most = summary["retrains"].max() or 1.0
    x = [_NARROW * float(value) / most for value in summary["retrains"]]
    y = [scale.pixel(float(value)) for value in summary["error"]]
    left = [value > _MIDDLE * _NARROW for value in x]
    width = [_LETTER * len(str(name)[:NAME_LENGTH]) + 12 for name in summary["policy"]]
    begin = [v - w if is_left else v for v, w, is_left in zip(x, width, left, strict=True)]
    at = list(y)
    for group in _touching(begin, width):
        moved = spread([y[k] for k in group], _LINE, _HEIGHT)
        for k, place in zip(group, moved, strict=True):
            at[k] = place
    return {
        "align": ["right" if is_left else "left" for is_left in left],
        "dx": [-9 if is_left else 9 for is_left in left],
        "dy": [round(place - own, 1) for place, own in zip(at, y, strict=True)],
    }


def _touching(begin: Sequence[float], width: Sequence[float]) -> Iterator[list[int]]:
    """Yield the groups of names that stand above or below each other."""
    group: list[int] = []
    end = -math.inf
    for k in sorted(range(len(begin)), key=lambda k: begin[k]):
        if group and begin[k] >= end:
            yield group
            group, end = [], -math.inf
        group.append(k)
        end = max(end, begin[k] + width[k])
    if group:
        yield group


def _line_names(history: pd.DataFrame, summary: pd.DataFrame, scale: _Scale) -> pd.DataFrame:
    """Place the name of every policy beside the end of its line, where no other name is."""
    known = history[history["error"].notna()].sort_values("window_index", kind="stable")
    ends = known.drop_duplicates("policy", keep="last").set_index("policy")
    rows = [row for row in summary.to_dict("records") if row["policy"] in ends.index]
    wanted = [scale.pixel(float(ends.loc[row["policy"], "error"])) for row in rows]
    places = spread(wanted, _LINE, _HEIGHT)
    return pd.DataFrame(
        {
            "letter": [row["letter"] for row in rows],
            "policy": [text(row["policy"], _NAMES_WIDTH // _LETTER) for row in rows],
            "chosen": [row["chosen"] for row in rows],
            "at": [float(f"{scale.error_at(place):.6g}") for place in places],
        }
    )


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
            fontWeight=alt.expr("datum.chosen ? 700 : 400"),
            align=alt.expr("datum.align"),
            dx=alt.expr("datum.dx"),
            dy=alt.expr("datum.dy"),
        ).encode(text="policy:N", color=colour),
    )
    return finished(alt.layer(*layers), _HEIGHT, "Error against retrainings")


def _lines(
    letters: list[str], name: str, y: alt.Y, ticks: WindowAxis, names_width: int
) -> dict[str, Any]:
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
            opacity=alt.when(near)
            .then(alt.value(1.0))
            .when("datum.chosen")
            .then(alt.value(1.0))
            .otherwise(alt.value(0.4)),
            strokeWidth=alt.when(near)
            .then(alt.value(2.2))
            .when("datum.chosen")
            .then(alt.value(2.6))
            .otherwise(alt.value(1.2)),
        ),
        base.mark_point(filled=True, size=40, opacity=0)
        .encode(tooltip=tooltip(("policy", "policy"), ("window", "window"), ("t_error", name)))
        .add_params(near),
        _names(letters, bold=False),
        _names(letters, bold=True),
    )
    chart = alt.layer(*layers).properties(
        padding={"left": 2, "top": 4, "bottom": 2, "right": names_width}
    )
    return finished(chart, _HEIGHT, "Error of the policies by window", ticks)


def _names(letters: list[str], *, bold: bool) -> Any:
    import altair as alt

    return (
        alt.Chart(alt.NamedData(name="policy_names"))
        .transform_filter("datum.chosen" if bold else "!datum.chosen")
        .mark_text(style="label", align="left", dx=6, clip=False, fontWeight=700 if bold else 400)
        .encode(
            x=alt.value("width"),
            y=alt.Y("at:Q"),
            text="policy:N",
            color=_letter_colours(letters),
        )
    )


def _error_axis(scale: _Scale, name: str, unit: str) -> alt.Y:
    import altair as alt

    name = f"{name}, logarithmic" if scale.is_log else name
    kind = {"type": "log"} if scale.is_log else {"zero": False}
    drawn = alt.Scale(domain=[scale.low, scale.high], nice=False, **kind)
    return alt.Y("error:Q", title=with_unit(name, unit), scale=drawn, axis=alt.Axis(format="~s"))


def _letter_colours(letters: list[str]) -> alt.Color:
    import altair as alt

    return alt.Color("letter:N", scale=alt.Scale(domain=letters), legend=None)
