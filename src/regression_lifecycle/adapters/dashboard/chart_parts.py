"""What several charts are made of: their data, their time axis, what answers the pointer.

A specification names styles and ranges, never a colour: the page embeds it with the light or the
dark configuration. It holds no text of the data but champions' versions and the names of columns,
and these only as values, never as field names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

_MOMENT = (
    "utcFormat(datum.value, utchours(datum.value) != 0 ? '%H:%M' : utcdate(datum.value) != 1 "
    "? '%-d %b' : utcmonth(datum.value) != 0 ? '%b' : '%Y')"
)


def windows_data() -> Any:
    """Name the table of the windows.

    Returns:
        A reference that the page fills.
    """
    import altair as alt

    return alt.NamedData(name="windows")


def time(field: str = "start", *, axis: bool = True) -> alt.X:
    """Place marks by time.

    Args:
        field: Column with a moment in milliseconds.
        axis: Whether the axis is drawn.

    Returns:
        The channel x.
    """
    import altair as alt

    shown = alt.Axis(labelExpr=_MOMENT) if axis else None
    # Local time of the reader has hours that do not exist.
    return alt.X(f"{field}:T", title=None, scale=alt.Scale(type="utc", nice=False), axis=shown)


def constant(value: float) -> Any:
    """Place one mark at a value of y, over the whole width.

    Args:
        value: Where.

    Returns:
        A chart without a mark.
    """
    import altair as alt

    return alt.Chart(alt.InlineData(values=[{}])).encode(y=alt.datum(value))


def waiting() -> Any:
    """Shade the windows whose figures are not final.

    Returns:
        A layer.
    """
    import altair as alt

    return (
        alt.Chart(windows_data())
        .transform_filter("!datum.whole")
        .mark_rect(style="waiting")
        .encode(x=time(), x2="end:T")
    )


def hover(*fields: tuple[str, str], axis: bool = True) -> Any:
    """Let the whole height of a window answer the pointer.

    Args:
        *fields: Column and its name in the tooltip.
        axis: Whether the layer brings the time axis.

    Returns:
        A layer.
    """
    import altair as alt

    under = alt.selection_point(name="hover", on="pointerover", fields=["window"], empty=False)
    return (
        alt.Chart(windows_data())
        .mark_rect(style="hover")
        .encode(
            x=time(axis=axis),
            x2="end:T",
            opacity=alt.condition(under, alt.value(0.14), alt.value(0)),
            tooltip=[
                alt.Tooltip("window:N", title="window"),
                *(alt.Tooltip(f"{field}:N", title=title) for field, title in fields),
            ],
        )
        .add_params(under)
    )


def with_unit(name: str, unit: str) -> str:
    """Add a unit to a title.

    Args:
        name: The title.
        unit: The unit, or nothing.

    Returns:
        The title of an axis.
    """
    return f"{name} ({unit})" if unit else name


def finished(chart: Any, height: int, description: str) -> dict[str, Any]:
    """Give a chart its size and write its specification.

    Args:
        chart: A layered chart.
        height: Height of the drawing area in pixels; its width is the page's.
        description: For those who do not see it.

    Returns:
        The specification.
    """
    sized = chart.properties(width="container", height=height, description=description)
    specification: dict[str, Any] = sized.to_dict()
    # Altair's own look would win over the page's.
    specification.pop("config", None)
    return specification
