"""What several charts are made of: their columns, their time axis, what answers the pointer.

A specification names styles and ranges, never a colour: the page embeds it with the light or the
dark configuration. It holds no text of the data but champions' versions and the names of columns,
and these only as values, never as field names.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import text, window_name
from regression_lifecycle.core.data.problem import Problem

if TYPE_CHECKING:
    import altair as alt

NAME_LENGTH = 60

_MOMENT = (
    "utcFormat(datum.value, utchours(datum.value) != 0 ? '%H:%M' : utcdate(datum.value) != 1 "
    "? '%-d %b' : utcmonth(datum.value) != 0 ? '%b' : '%Y')"
)


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


def time(field: str = "start", *, axis: bool = True) -> alt.X:
    """Place marks by a column of moments in milliseconds, with or without the axis."""
    import altair as alt

    shown = alt.Axis(labelExpr=_MOMENT) if axis else None
    # Local time of the reader has hours that do not exist.
    return alt.X(f"{field}:T", title=None, scale=alt.Scale(type="utc", nice=False), axis=shown)


def axis_of_rows(specification: dict[str, Any], problem: Problem) -> dict[str, Any]:
    """Return a chart whose axis counts rows, if rows stand for the time of the table."""
    if not problem.timestamp.rows:
        return specification
    step = milliseconds(pd.Series([pd.Timestamp(0) + problem.frequency]))[0]
    rows = f"format(toNumber(datum.value) / {step}, ',')"
    counted: dict[str, Any] = json.loads(json.dumps(specification).replace(_MOMENT, rows))
    return counted


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


def finished(chart: Any, height: int, description: str) -> dict[str, Any]:
    """Return the specification of a chart with its size.

    Args:
        height: Height of the drawing area in pixels; its width is the page's.
        description: For those who do not see it.
    """
    sized = chart.properties(width="container", height=height, description=description)
    specification: dict[str, Any] = sized.to_dict()
    # Altair's own look would win over the page's.
    specification.pop("config", None)
    return specification
