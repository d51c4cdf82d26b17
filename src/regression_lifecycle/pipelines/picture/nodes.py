"""The page's first chart for a document or a message."""

from __future__ import annotations

from regression_lifecycle.adapters import dashboard
from regression_lifecycle.adapters.dashboard import PageTables


def draw_error_by_window(tables: PageTables) -> bytes:
    """Draw the error by window as a PNG."""
    return dashboard.draw_picture(tables)
