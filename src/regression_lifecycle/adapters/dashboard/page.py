"""The page as one file of HTML, and the list of the pages of all problems.

Everything is inside: the drawing library, the styles, the figures. Data stands in inert blocks of
JSON without a character of HTML, texts pass through Jinja's escaping, and a content security policy
lets nothing run but the two scripts of the page itself and lets nothing be fetched. Vega's
expressions are interpreted, not compiled, so that the policy needs no ``unsafe-eval``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard import formatting
from regression_lifecycle.adapters.dashboard.drift import drift_section, quality_section
from regression_lifecycle.adapters.dashboard.head import TONES, head_section
from regression_lifecycle.adapters.dashboard.ledger import ledger_section, reports_section
from regression_lifecycle.adapters.dashboard.policies import policies_section
from regression_lifecycle.adapters.dashboard.rules import bound_text, rules_section, value_text
from regression_lifecycle.adapters.dashboard.segments import segments_section, series_section
from regression_lifecycle.adapters.dashboard.tables import PageTables
from regression_lifecycle.adapters.dashboard.theme import PALETTES, chart_config, css_variables
from regression_lifecycle.adapters.dashboard.vega import bundle_library
from regression_lifecycle.adapters.dashboard.windows import windows_section
from regression_lifecycle.core.decisions import wording
from regression_lifecycle.core.decisions.health import (
    ACT,
    HEALTHY,
    NO_MODEL,
    WATCH,
    read_health,
)
from regression_lifecycle.core.errors import LifecycleError, bounded_list
from regression_lifecycle.core.scrubbing import scrub

_SECTIONS = {
    "head": head_section,
    "windows": windows_section,
    "rules": rules_section,
    "policies": policies_section,
    "drift": drift_section,
    "segments": segments_section,
    "series": series_section,
    "ledger": ledger_section,
    "quality": quality_section,
    "reports": reports_section,
}
_FILTERS = {
    **{
        name: getattr(formatting, name)
        for name in (
            *("figure", "count", "percent", "signed", "text", "window_name", "moment"),
            *("recorded", "capitalize_first"),
        )
    },
    "listed": bounded_list,
    "value_text": value_text,
    "bound_text": bound_text,
    **{
        name: getattr(wording, name)
        for name in ("sentence", "sentences", "line", "evidence", "check_name", "baseline_name")
    },
}
# In the list of all problems those come first that ask for a person.
_ORDER = (ACT, WATCH, NO_MODEL, HEALTHY)
_PAGE = "index.html"
_POLICY = (
    "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def render_page(
    tables: PageTables, library: str | None = None, *, has_siblings: bool = False
) -> str:
    """Render the page.

    Args:
        tables: What is shown; whatever is missing leaves a sentence that tells how to get it.
        library: The drawing library; None for :func:`bundle_library`.
        has_siblings: Whether other problems have pages, so that the list of all is linked.

    Returns:
        One HTML document that needs no other file and no network.

    Raises:
        LifecycleError: If a row of the ledger cannot be read.
    """
    from markupsafe import Markup

    sections = {name: make(tables) for name, make in _SECTIONS.items()}
    charts = {
        name: chart for section in sections.values() for name, chart in section.charts.items()
    }
    data = {name: d for section in sections.values() for name, d in section.data.items()}
    script = resource("page.js")
    drawing = _in_a_script(bundle_library() if library is None else library) if charts else ""
    templates = environment()
    templates.filters["moment"] = formatting.moment_filter(tables.problem)
    blocks = {
        "specifications": charts,
        "data": {name: _columns(frame) for name, frame in data.items()},
        "configs": {name: chart_config(name) for name in PALETTES},
    }
    page: str = templates.get_template("page.html.j2").render(
        **{name: section.content for name, section in sections.items()},
        parameters=tables.parameters,
        siblings=has_siblings,
        charts=charts,
        policy=_POLICY.format(hashes=" ".join(_hash(code) for code in (drawing, script) if code)),
        **styles(),
        script=Markup(script),  # noqa: S704
        library=Markup(drawing),  # noqa: S704 - the drawing library
        blocks={name: Markup(_script_json(block)) for name, block in blocks.items()},  # noqa: S704
    )
    return page


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
    place = {"href": f"{folder}/{_PAGE}", "problem": folder.split("/")[0]}
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


def environment() -> Any:
    """Return the templates of this package with the filters that write figures and reasons."""
    import jinja2

    clean = cache(scrub)  # most texts of a page stand in it more than once
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        # A reason that a person typed, or that a library gave, may hold a password; what stands
        # in the blocks of JSON is scrubbed there.
        finalize=lambda value: clean(value) if type(value) is str else value,
    )
    made.filters.update(_FILTERS)
    return made


def styles() -> dict[str, Any]:
    """Return the colours of both themes and the style sheet, as a template takes them."""
    from markupsafe import Markup

    return {
        "light": Markup(css_variables("light")),  # noqa: S704 - colours of this package
        "dark": Markup(css_variables("dark")),  # noqa: S704
        "css": Markup(resource("page.css")),  # noqa: S704 - a file of this package
    }


def _columns(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Lay a table out by columns; one that repeats itself is written as places in its levels."""
    content: dict[str, Any] = json.loads(frame.to_json(orient="split", double_precision=15))
    columns = {}
    for place, name in enumerate(content["columns"]):
        cells = [row[place] for row in content["data"]]
        levels = list(dict.fromkeys(cells))
        if 2 * len(levels) <= len(cells):
            places = {level: k for k, level in enumerate(levels)}
            columns[name] = {"levels": levels, "cells": [places[cell] for cell in cells]}
        else:
            columns[name] = {"cells": cells}
    return columns


def _scrubbed(block: Any, clean: Callable[[str], str]) -> Any:
    """Clean every text of a block; names of columns too, on both sides alike."""
    if isinstance(block, str):
        return clean(block)
    if isinstance(block, dict):
        return {_scrubbed(key, clean): _scrubbed(value, clean) for key, value in block.items()}
    if isinstance(block, list | tuple):
        return [_scrubbed(value, clean) for value in block]
    return block


def _script_json(block: Any) -> str:
    """Write JSON that may stand in a script block: strict, and without a character of HTML."""
    clean = _scrubbed(block, cache(scrub))
    written = json.dumps(clean, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _in_a_script(code: str) -> str:
    # In code "<\/" means "</", and a page does not end its script there.
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def resource(name: str) -> str:
    """Return a file of the page as it is stored."""
    folder = resources.files("regression_lifecycle.adapters.dashboard") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
