"""The summary of a report as Markdown, for a reader in a hurry."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

_COLUMN_FIGURES = {
    "MissingValueCount.count": "Missing",
    "MinValue": "Lowest",
    "MeanValue": "Mean",
    "MaxValue": "Highest",
}


def summary_markdown(facts: Mapping[str, Any], rows: int = 30) -> str:
    """Write the summary of a report.

    Args:
        facts: What :func:`~regression_lifecycle.adapters.evidently.summary` collects.
        rows: How many columns, figures and notes are listed at most.

    Returns:
        Markdown in which names and values from the data are plain text.
    """
    moment = str(facts.get("timestamp", ""))
    lines = [f"### {_plain(facts.get('name') or 'report').capitalize()}", ""]
    if moment and not moment.startswith("1970-01-01"):
        lines += [f"Up to {_plain(moment.replace('T', ' '))}", ""]
    drift = list(facts.get("drift", []))
    if drift:
        judged = [row for row in drift if row["drifted"] is not None]
        hit = [row for row in judged if row["drifted"]]
        lines += [f"**Drift in {len(hit)} of {len(judged)} columns compared**", ""]
        table = [
            (row["column"], row["method"], _figure(row["score"]), _figure(row["threshold"]), drifts)
            for row in drift
            for drifts in ({True: "yes", False: "no", None: ""}[row["drifted"]],)
        ]
        lines += _table(("Column", "Method", "Score", "Threshold", "Drift"), table, rows)
    overall = dict(facts.get("overall", {}))
    if overall and not drift:
        data = [(name, _figure(value)) for name, value in overall.items()]
        lines += _table(("Figure", "Value"), data, rows)
    columns = dict(facts.get("columns", {}))
    if columns:
        names = list(_COLUMN_FIGURES)
        described = [
            (column, *(_figure(found[name]) if name in found else "" for name in names))
            for column, found in columns.items()
        ]
        lines += _table(("Column", *_COLUMN_FIGURES.values()), described, rows)
    notes = list(facts.get("notes", []))
    lines += [f"- {_plain(note)}" for note in notes[:rows]]
    if len(notes) > rows:
        lines.append(f"- and {len(notes) - rows} more notes")
    return "\n".join(lines).rstrip() + "\n"


def _table(header: tuple[str, ...], data: list[tuple[Any, ...]], rows: int) -> list[str]:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(_plain(cell) for cell in line)} |" for line in data[:rows]]
    if len(data) > rows:
        lines += ["", f"and {len(data) - rows} more"]
    return [*lines, ""]


def _plain(value: object) -> str:
    """Escape what Markdown or HTML would take for its own."""
    text = html.escape(" ".join(str(value).split()), quote=False)
    for sign in "\\`*_{}[]()#+!|~":
        text = text.replace(sign, f"\\{sign}")
    return text


def _figure(value: object) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "undefined"
    return f"{value:.4g}"
