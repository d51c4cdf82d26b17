"""The reports that can be opened from the page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from regression_lifecycle.adapters.dashboard.formatting import text, window_name
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section


def reports_section(tables: PageTables) -> Section:
    """Return ``name``, ``note`` and ``href`` of each report, and how many were left out.

    Those of the whole cycle come first, then the windows', the newest one on top. A path that
    leaves the reports' folder by a scheme or a root is not linked.
    """
    links = [row for row in tables.report_links.to_dict("records") if _is_relative(row["path"])]
    whole = [row for row in links if not text(row["window"])]
    rows = [*whole, *[row for row in links if text(row["window"])][::-1]]
    room = tables.parameters.maximum_reports
    return Section(
        {"rows": [_link(row) for row in rows[:room]], "n_hidden": max(0, len(rows) - room)}
    )


def _link(row: dict[str, Any]) -> dict[str, str]:
    """Name ``drift_report`` "Drift report", and one of many by its window."""
    name, window = text(row["name"], 80), text(row["window"], 80)
    href = quote(str(row["path"]), safe="/.-_~")
    if not window:
        return {"name": name.replace("_", " ").capitalize(), "note": "", "href": href}
    return {
        "name": window_name(window),
        "note": name.removeprefix(window).strip("_ "),
        "href": href,
    }


def _is_relative(path: Any) -> bool:
    given = text(path, 1000)
    return bool(given) and given[0] not in "/\\" and ":" not in given.split("/")[0]
