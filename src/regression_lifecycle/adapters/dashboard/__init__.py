"""The page that shows how the model is doing and why every decision was taken.

The only package that knows Altair, vl-convert and Jinja. Tables go in, one HTML file and one
picture come out; importing it imports none of the three.
"""

from regression_lifecycle.adapters.dashboard.index import render_index
from regression_lifecycle.adapters.dashboard.page import bundle_library, render_page
from regression_lifecycle.adapters.dashboard.picture import draw_picture
from regression_lifecycle.adapters.dashboard.tables import (
    Backtest,
    Champion,
    Deployment,
    Monitoring,
    PageTables,
)

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
