"""What several charts are made of: their columns, their time axis, what answers the pointer.

A specification names styles and ranges, never a colour: the page embeds it with the light or the
dark configuration. It holds no text of the data but champions' versions and the names of columns,
and these only as values, never as field names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import text, window_name
from regression_lifecycle.core.data.problem import Problem

if TYPE_CHECKING:
    import altair as alt

NAME_LENGTH = 60

# Labels that are more leave no room for each other.
_MOST_TICKS = 12


def milliseconds(moments: pd.Series) -> list[int | None]:
    """Write moments as milliseconds since 1970, read as UTC so that no clock change moves them."""
    return [None if pd.isna(m) else int(pd.Timestamp(m).value // 1_000_000) for m in moments]


def numbers(values: pd.Series) -> list[float | None]:
    """Write numbers with six digits, whole ones as integers; more nobody sees in a chart."""
    rounded = [None if pd.isna(v) or not math.isfinite(v) else float(f"{v:.6g}") for v in values]
    return [int(v) if v is not None and v == int(v) else v for v in rounded]


def texts(values: pd.Series, limit: int = 400) -> list[str]:
    """Write any column as texts of bounded length; empty where there is nothing."""
    return [text(value, limit) for value in values]


def window_names(values: pd.Series) -> list[str]:
    """Write the names of windows for people."""
    return [window_name(value) for value in values]


@dataclass(frozen=True)
class WindowAxis:
    """The ticks of a time axis: starts of windows.

    Attributes:
        starts: In milliseconds.
        labels: What is written at each: a date, or the number of a row.
    """

    starts: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()


def window_axis(starts: pd.Series, problem: Problem) -> WindowAxis:
    """Place ticks at starts of windows, evenly and at most twelve, the newest among them.

    Args:
        starts: Start of every window, the oldest first.
    """
    known = starts.dropna().drop_duplicates().sort_values()
    step = max(1, math.ceil(len(known) / _MOST_TICKS))
    chosen = known.iloc[::-1].iloc[::step].iloc[::-1]
    if problem.timestamp.rows:
        labels = [problem.moment_text(moment) for moment in chosen]
    else:
        years = chosen.dt.year
        labels = [
            _tick_label(moment, is_new)
            for moment, is_new in zip(chosen, years.ne(years.shift()), strict=True)
        ]
    moments = (moment for moment in milliseconds(chosen) if moment is not None)
    return WindowAxis(tuple(moments), tuple(labels))


def _tick_label(moment: pd.Timestamp, has_year: bool) -> str:
    day = f"{moment.day} {moment:%b}" + (f" {moment.year}" if has_year else "")
    return day if moment == moment.normalize() else f"{day} {moment:%H:%M}"


def time(field: str = "start", *, axis: bool = True) -> alt.X:
    """Place marks by a column of moments in milliseconds, with or without the axis."""
    import altair as alt

    # Not as plain values: Vega's interpreter reads a moment's milliseconds as a year.
    ticks = alt.Axis(
        values=alt.ExprRef("starts"),
        labelExpr="start_labels[indexof(starts, toNumber(datum.value))]",
        # The first one stands at the edge, and says the year.
        labelBound=40,
    )
    # Local time of the reader has hours that do not exist.
    scale = alt.Scale(type="utc", nice=False)
    return alt.X(f"{field}:T", title=None, scale=scale, axis=ticks if axis else None)


def tooltip(*fields: tuple[str, str]) -> list[Any]:
    """Show columns, each under its name."""
    import altair as alt

    return [alt.Tooltip(f"{field}:N", title=title) for field, title in fields]


def named_windows() -> Any:
    """Name the table of the windows, which the page fills."""
    import altair as alt

    return alt.NamedData(name="windows")


def constant(value: float) -> Any:
    """Place one mark at a value of y, over the whole width."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=[{}])).encode(y=alt.datum(value))


def waiting() -> Any:
    """Shade the windows whose figures are not final."""
    import altair as alt

    return (
        alt.Chart(named_windows())
        .transform_filter("!datum.whole")
        .mark_rect(style="waiting")
        .encode(x=time(), x2="end:T")
    )


def hover(*fields: tuple[str, str], axis: bool = True) -> Any:
    """Let the whole height of a window answer the pointer."""
    import altair as alt

    under = alt.selection_point(name="hover", on="pointerover", fields=["window"], empty=False)
    return (
        alt.Chart(named_windows())
        .mark_rect(style="hover")
        .encode(
            x=time(axis=axis),
            x2="end:T",
            opacity=alt.condition(under, alt.value(0.14), alt.value(0)),
            tooltip=tooltip(("window", "window"), *fields),
        )
        .add_params(under)
    )


def with_unit(name: str, unit: str) -> str:
    """Return the title of an axis with its unit, if there is one."""
    return f"{name} ({unit})" if unit else name


def finished(
    chart: Any, height: int, description: str, axis: WindowAxis | None = None
) -> dict[str, Any]:
    """Return the specification of a chart with its size.

    Args:
        height: Height of the drawing area in pixels; its width is the page's.
        description: For those who do not see it.
        axis: Ticks of a chart over time.
    """
    sized = chart.properties(width="container", height=height, description=description)
    # Not checked against the schema each time, which takes a quarter of the page: a test does.
    specification: dict[str, Any] = sized.to_dict(validate=False)
    # Altair's own look would win over the page's.
    specification.pop("config", None)
    if axis is not None:
        ticks = {"starts": list(axis.starts), "start_labels": list(axis.labels)}
        named = [{"name": name, "value": value} for name, value in ticks.items()]
        specification["params"] = [*named, *specification.get("params", [])]
    return specification
