"""The list of all problems of a data root, those first that ask for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regression_lifecycle.adapters.dashboard.head import TONES
from regression_lifecycle.adapters.dashboard.page import environment, styles
from regression_lifecycle.core.decisions.health import (
    ACT,
    HEALTHY,
    NO_MODEL,
    WATCH,
    read_health,
)
from regression_lifecycle.core.errors import LifecycleError

PAGE = "index.html"
_ORDER = (ACT, WATCH, NO_MODEL, HEALTHY)


def render_index(records: Mapping[str, Any]) -> str:
    """Render the list.

    Args:
        records: What each problem recorded of its health, by the folder of its page, relative to
            the list. One that cannot be read is listed as such.

    Returns:
        One HTML document without a script.
    """
    rows = [_row(folder, record) for folder, record in records.items()]
    rows.sort(key=lambda row: (row["rank"], row["problem"]))
    return str(environment().get_template("index.html.j2").render(rows=rows, **styles()))


def _row(folder: str, record: Any) -> dict[str, Any]:
    place = {"href": f"{folder}/{PAGE}", "problem": folder.split("/")[0]}
    try:
        health = read_health(record)
    except LifecycleError:
        return {**place, "health": None, "rank": -1}
    return {
        **place,
        "problem": health.problem,
        "health": health,
        "tone": TONES.get(health.verdict, ""),
        "rank": _ORDER.index(health.verdict),
    }
