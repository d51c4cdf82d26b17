"""The page that shows how the model is doing and why every decision was taken.

The only package that knows Altair, vl-convert and Jinja. Tables go in, one HTML file and one
picture come out; importing it imports none of the three.
"""

from regression_lifecycle.adapters.dashboard.page import render_index, render_page
from regression_lifecycle.adapters.dashboard.tables import (
    Backtest,
    Champion,
    Deployment,
    Monitoring,
    PageTables,
)
from regression_lifecycle.adapters.dashboard.vega import bundle_library, draw_picture

__all__ = [
    "Backtest",
    "Champion",
    "Deployment",
    "Monitoring",
    "PageTables",
    "bundle_library",
    "draw_picture",
    "render_index",
    "render_page",
]
