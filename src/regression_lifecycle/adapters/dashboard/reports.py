"""The reports that can be opened from the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from regression_lifecycle.adapters.dashboard.formatting import text, window_name
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.decisions.records import PROMOTE, PROMOTION


def reports_section(tables: PageTables) -> Section:
    """Return ``name``, ``note`` and ``href`` of each report, and how many were left out.

    Those of the whole cycle come first, then the windows', the newest one on top. A path that
    leaves the reports' folder by a scheme or a root is not linked.
    """
    links = [row for row in tables.report_links.to_dict("records") if _is_relative(row["path"])]
    answers = _answers(tables)
    whole = [row for row in links if not text(row["window"])]
    rows = [*whole, *[row for row in links if text(row["window"])][::-1]]
    room = tables.parameters.maximum_reports
    return Section(
        {"rows": [_link(row, answers) for row in rows[:room]], "n_hidden": max(0, len(rows) - room)}
    )


def _answers(tables: PageTables) -> dict[str, str]:
    """Return what became of every candidate, by its fingerprint."""
    ledger = tables.deployment.ledger
    if ledger.empty:
        return {}
    mine = (ledger["kind"] == PROMOTION) & (ledger["problem"] == tables.problem.name)
    return {
        text(row["candidate_fingerprint"]): f"of version {text(row['candidate_version'])}"
        if row["decision"] == PROMOTE
        else f"of a candidate with the answer: {text(row['decision'])}"
        for row in ledger[mine].to_dict("records")
    }


def _link(row: dict[str, Any], answers: Mapping[str, str]) -> dict[str, str]:
    """Name ``drift_report`` "Drift report", and one of many by its window.

    The note says whose it is: of a candidate that was refused, the champion's report it is not.
    """
    name, window = text(row["name"], 80), text(row["window"], 80)
    href = quote(str(row["path"]), safe="/.-_~")
    if not window:
        candidate = text(row["candidate"])
        note = answers.get(candidate, "of a candidate without an answer") if candidate else ""
        return {"name": name.replace("_", " ").capitalize(), "note": note, "href": href}
    return {
        "name": window_name(window),
        "note": name.removeprefix(window).strip("_ "),
        "href": href,
    }


def _is_relative(path: Any) -> bool:
    given = text(path, 1000)
    return bool(given) and given[0] not in "/\\" and ":" not in given.split("/")[0]
