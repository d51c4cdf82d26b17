"""The page's colours, once: for its style sheet and for its charts, in light and in dark.

Blue, orange and their steps are told apart by colour-blind readers; no meaning hangs on colour
alone, since shapes, outlines and words repeat it.
"""

from __future__ import annotations

from typing import Any, Literal

ThemeName = Literal["light", "dark"]

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
# What the converter to PNG carries with it.
PICTURE_FONT = "Helvetica Neue, Arial, Liberation Sans, sans-serif"

PALETTES: dict[ThemeName, dict[str, str]] = {
    "light": {
        "ground": "#f6f7f9",
        "surface": "#ffffff",
        "ink": "#16191f",
        "muted": "#5a6270",
        "line": "#e2e5ea",
        "grid": "#edeff2",
        "accent": "#0067a8",
        "baseline": "#9298a3",
        "alarm": "#c24a00",
        "good": "#00765a",
        "band": "#e7f0f7",
        "waiting": "#e9ebef",
    },
    "dark": {
        "ground": "#101318",
        "surface": "#181c23",
        "ink": "#e9ebef",
        "muted": "#a0a8b5",
        "line": "#2b313b",
        "grid": "#252a33",
        "accent": "#5db4f0",
        "baseline": "#7d8592",
        "alarm": "#ff9a55",
        "good": "#3fc79c",
        "band": "#1d2c3a",
        "waiting": "#262b34",
    },
}

# From far below the threshold to far above it, and last: not computed.
DRIFT_STEPS: dict[ThemeName, list[str]] = {
    "light": ["#9cc6e4", "#c4deef", "#e6eff5", "#fbd9b0", "#f0a04b", "#c65a00", "#d5d8dd"],
    "dark": ["#2f6f9f", "#27506f", "#213445", "#6b4420", "#b9691c", "#ffa04d", "#3a4049"],
}
# Okabe and Ito's palette and four more; the dark one is lighter where black or blue would channel.
CATEGORIES: dict[ThemeName, list[str]] = {
    "light": [
        "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9",
        "#5a3d8a", "#444444", "#8c564b", "#7f9f3f", "#c0392b", "#2c7f7f",
    ],
    "dark": [
        "#56B4E9", "#F28E4B", "#2EC29A", "#E39AC4", "#E9C46A", "#8AB6FF",
        "#B79AEC", "#C9CDD4", "#D0A08F", "#B7CF7A", "#F07F73", "#7FCACA",
    ],
}  # fmt: skip


def css_variables(theme: ThemeName) -> str:
    """Write a palette as declarations of CSS variables.

    Args:
        theme: Which palette.

    Returns:
        Declarations for the inside of a rule.
    """
    named = {
        **PALETTES[theme],
        **{f"drift-{step}": colour for step, colour in enumerate(DRIFT_STEPS[theme])},
        **{f"category-{place}": colour for place, colour in enumerate(CATEGORIES[theme])},
    }
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


def chart_config(theme: ThemeName, font: str = FONT) -> dict[str, Any]:
    """Describe how every chart looks; a chart itself names styles and no colour.

    Args:
        theme: Which palette.
        font: CSS font family.

    Returns:
        A Vega-Lite configuration.
    """
    colour = PALETTES[theme]
    return {
        "background": None,
        "font": font,
        "padding": {"left": 2, "right": 6, "top": 4, "bottom": 2},
        "view": {"stroke": None},
        "axis": {
            "labelColor": colour["muted"],
            "titleColor": colour["muted"],
            "titleFontWeight": "normal",
            "titleFontSize": 11,
            "labelFontSize": 11,
            "gridColor": colour["grid"],
            "domainColor": colour["line"],
            "tickColor": colour["line"],
            "titlePadding": 8,
        },
        "axisY": {"domain": False, "ticks": False, "tickCount": 5, "labelPadding": 6},
        "axisX": {"grid": False, "labelOverlap": "greedy", "labelPadding": 4, "labelSeparation": 8},
        "title": {
            "color": colour["ink"],
            "subtitleColor": colour["muted"],
            "anchor": "start",
            "fontSize": 15,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "offset": 12,
            "fontWeight": 600,
        },
        "range": {"diverging": DRIFT_STEPS[theme], "category": CATEGORIES[theme]},
        # "color" is what Vega-Lite paints with; what stands beside it is Vega's.
        "style": {
            "deployed": {"color": colour["accent"], "strokeWidth": 2, "strokeJoin": "round"},
            "deployed-point": {"color": colour["accent"], "stroke": colour["surface"]},
            "open-point": {
                "color": colour["surface"], "stroke": colour["accent"], "strokeWidth": 1.8,
            },
            "deployed-label": {"color": colour["accent"], "fontWeight": 600, "fontSize": 12},
            "baseline": {
                "color": colour["baseline"], "strokeWidth": 1.4, "strokeDash": [4, 3],
            },
            "baseline-label": {"color": colour["muted"], "fontSize": 12},
            "own": {"color": colour["baseline"], "strokeWidth": 1.2},
            "limit": {"color": colour["alarm"], "strokeWidth": 1.2, "strokeDash": [2, 3]},
            "level": {"color": colour["muted"], "strokeWidth": 1, "strokeDash": [6, 3]},
            "band": {"color": colour["band"]},
            "waiting": {"color": colour["waiting"]},
            "alarm": {"color": colour["alarm"], "stroke": colour["surface"], "strokeWidth": 0.8},
            "alarm-span": {"color": colour["alarm"]},
            "alarm-cell": {"fillOpacity": 0, "stroke": colour["ink"], "strokeWidth": 1.1},
            "cell": {"stroke": colour["surface"], "strokeWidth": 0.5},
            "hover": {"color": colour["muted"]},
            "bar": {"color": colour["accent"]},
            "hull": {"color": colour["muted"], "strokeWidth": 1, "strokeDash": [3, 3]},
            "point": {"stroke": colour["surface"], "strokeWidth": 1},
            "label": {"color": colour["ink"], "fontSize": 11, "fontWeight": 600},
            "champion": {"gridColor": colour["good"], "labelColor": colour["good"]},
        },
    }  # fmt: skip
