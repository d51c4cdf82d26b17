"""The page that shows how the model is doing and why every decision was taken.

The only package that knows Altair, vl-convert and Jinja. Tables go in, one HTML file and one
picture come out; importing it imports none of the three.
"""

from regression_lifecycle.adapters.dashboard.render import hero_png, render_page
from regression_lifecycle.adapters.dashboard.sources import PageTables

__all__ = ["PageTables", "hero_png", "render_page"]
