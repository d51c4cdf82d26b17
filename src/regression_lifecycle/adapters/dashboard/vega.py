"""What vl-convert makes: the library that draws in the page, and a picture of its first chart."""

from __future__ import annotations

import json
from functools import cache
from importlib import metadata

from regression_lifecycle.adapters.dashboard.charts import window_axis
from regression_lifecycle.adapters.dashboard.tables import PageTables
from regression_lifecycle.adapters.dashboard.theme import PALETTES, PICTURE_FONT, chart_config
from regression_lifecycle.adapters.dashboard.windows import (
    alarm_spans,
    error_chart,
    window_data,
    with_limits,
)

_WIDTH, _SCALE = 1120, 2.0
_LEGEND = (
    "Vertical line: a new champion. Triangle: an alarm begins. "
    "Shaded, open circle: the window is not complete."
)


def draw_picture(tables: PageTables) -> bytes:
    """Draw the error by window in light colours.

    Returns:
        A PNG of about 2,240 x 860 pixels; an empty chart if there is no window yet.
    """
    import vl_convert

    windows = with_limits(tables)
    data = {"windows": window_data(windows), "alarms": alarm_spans(windows)}
    axis = window_axis(windows["start"], tables.problem)
    title = tables.parameters.title or tables.problem.name
    specification = error_chart(windows, tables.error_name, tables.unit, axis, labels=True) | {
        "width": _WIDTH - 190,
        "padding": {"left": 16, "top": 16, "bottom": 12, "right": 16},
        "autosize": {"type": "pad"},
        "datasets": {
            name: json.loads(rows.to_json(orient="records", double_precision=15))
            for name, rows in data.items()
        },
        "title": {
            "text": f"{title}: error by window",
            "subtitle": _LEGEND if len(windows) else "no window has been monitored yet",
        },
    }
    config = chart_config("light", PICTURE_FONT) | {"background": PALETTES["light"]["surface"]}
    config.pop("padding")
    picture: bytes = vl_convert.vegalite_to_png(
        json.dumps(specification), config=config, scale=_SCALE, allowed_base_urls=[]
    )
    return picture


def bundle_library(stored: str = "") -> str:
    """Bundle Vega, Vega-Lite and Vega-Embed, about 0.9 MB of JavaScript.

    Args:
        stored: A bundle of an earlier run.

    Returns:
        What is stored, if the installed vl-convert has made it; otherwise a new bundle.
    """
    head = f"/* vl-convert-python {metadata.version('vl-convert-python')} */\n"
    return stored if stored.startswith(head) else head + _bundle()


@cache
def _bundle() -> str:
    import vl_convert

    # Its stub asks for a snippet that its code does not need.
    code: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return code
