"""The page as one file of HTML, and its first chart as a picture.

Everything is inside: the drawing library, the styles, the figures. Data stands in inert blocks of
JSON without a character of HTML, texts pass through Jinja's escaping, and a content security policy
lets nothing run but the two scripts of the page itself and lets nothing be fetched. Vega's
expressions are interpreted, not compiled, so that the policy needs no ``unsafe-eval``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard import (
    charts,
    comparison_charts,
    facts,
    lists,
    policy_tables,
    sources,
)
from regression_lifecycle.adapters.dashboard import tables as chart_tables
from regression_lifecycle.adapters.dashboard.sources import PageTables
from regression_lifecycle.adapters.dashboard.theme import (
    CATEGORIES,
    PALETTES,
    PICTURE_FONT,
    chart_config,
    css_variables,
)

# Errors that differ more than this are unreadable on a linear scale.
_WIDE = 3.0
_PICTURE_WIDTH, _PICTURE_SCALE = 1120, 2.0
_POLICY = (
    "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def render_page(tables: PageTables) -> str:
    """Render the page.

    Args:
        tables: What is shown; whatever is missing leaves a sentence that says how to get it.

    Returns:
        One HTML document that needs no other file and no network.
    """
    import jinja2
    from markupsafe import Markup

    every = sources.all_windows(tables)
    windows = sources.shown_windows(tables)
    specifications, data, lists_ = _content(tables, windows)
    script = _resource("page.js")
    library = _library() if specifications else ""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    blocks = {
        "specifications": specifications,
        "data": {name: _columns(frame) for name, frame in data.items()},
        "configs": {name: chart_config(name) for name in PALETTES},
    }
    return environment.get_template("page.html.j2").render(
        head=facts.head(tables, every),
        decision=facts.last_decision(tables),
        tiles=facts.headline(tables, every),
        limit=facts.bias_limit(tables),
        nominal=tables.nominal_coverage,
        parameters=tables.parameters,
        hidden_windows=len(every) - len(windows),
        windows=lists.window_rows(windows),
        drift_labels=[*chart_tables.DRIFT_LABELS, chart_tables.NOT_COMPUTED],
        charts=specifications,
        **lists_,
        policy=_POLICY.format(hashes=" ".join(_hash(code) for code in (library, script) if code)),
        light=Markup(css_variables("light")),  # noqa: S704 - colours of this package
        dark=Markup(css_variables("dark")),  # noqa: S704
        css=Markup(_resource("page.css")),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704
        library=Markup(library),  # noqa: S704 - the drawing library
        blocks={name: Markup(_script_json(block)) for name, block in blocks.items()},  # noqa: S704
        n_categories=len(CATEGORIES["light"]),
    )


def hero_png(tables: PageTables) -> bytes:
    """Draw the error by window as a picture in light colours.

    Args:
        tables: The page's tables.

    Returns:
        A PNG of about 2,240 x 860 pixels; an empty chart if there is no window yet.
    """
    import vl_convert

    windows = sources.shown_windows(tables)
    head = facts.head(tables, sources.all_windows(tables))
    changes = chart_tables.champion_changes(windows)
    specification = charts.error_chart(changes, head["unit"], labels=True)
    rows = chart_tables.window_chart(windows).to_json(orient="records", double_precision=15)
    specification |= {
        "width": _PICTURE_WIDTH - 190,
        "padding": {"left": 16, "top": 16, "bottom": 12, "right": 16},
        "autosize": {"type": "pad"},
        "datasets": {"windows": json.loads(rows)},
        "title": {
            "text": f"{head['title']}: error by window",
            "subtitle": _picture_words(windows),
        },
    }
    config = chart_config("light", PICTURE_FONT) | {"background": PALETTES["light"]["surface"]}
    config.pop("padding")
    picture: bytes = vl_convert.vegalite_to_png(
        json.dumps(specification), config=config, scale=_PICTURE_SCALE, allowed_base_urls=[]
    )
    return picture


def _picture_words(windows: pd.DataFrame) -> str:
    if windows.empty:
        return "no window has been monitored yet"
    return (
        "Dotted line: a new champion. Triangle: an alarm. "
        "Shaded, open circle: the window is not complete."
    )


def _content(
    tables: PageTables, windows: pd.DataFrame
) -> tuple[dict[str, dict[str, Any]], dict[str, pd.DataFrame], dict[str, Any]]:
    """Collect the charts that there is data for, their tables, and the written lists."""
    problem = tables.problem
    unit = problem.columns[problem.target].unit
    specifications: dict[str, dict[str, Any]] = {}
    data: dict[str, pd.DataFrame] = {}
    if len(windows):
        limit = facts.bias_limit(tables)
        data["windows"] = chart_tables.window_chart(windows)
        specifications |= {
            "error": charts.error_chart(chart_tables.champion_changes(windows), unit),
            "bias": charts.bias_chart(limit["limit"] if limit else None),
            "rows": charts.quality_chart("n", "rows"),
            "missing_rows": charts.quality_chart("n_missing_rows", "missing rows"),
            "rejected_rows": charts.quality_chart("n_rejected", "rejected rows"),
            "blank_cells": charts.quality_chart("missing_share", "blank cells", share=True),
        }
        if windows["coverage"].notna().any():
            specifications["coverage"] = charts.coverage_chart(tables.nominal_coverage)
    drift, hidden_columns = sources.shown_drift(tables, windows)
    if len(drift):
        data["drift"] = chart_tables.drift_chart(drift)
        specifications["drift"] = comparison_charts.drift_map(chart_tables.drift_order(drift))
    summary, history = sources.shown_backtest(tables)
    policies = policy_tables.policy_table(summary)
    letters = [row["letter"] for row in policies]
    if policies:
        data["policies"] = policy_tables.policy_points(summary)
        wide = _is_wide(summary["rmse"])
        specifications["policies"] = comparison_charts.policy_scatter(letters, unit, wide=wide)
    if policies and len(history):
        data["policy_windows"] = policy_tables.policy_lines(history, summary)
        wide = _is_wide(history["rmse"])
        specifications["policy_windows"] = comparison_charts.policy_chart(letters, unit, wide=wide)
    pooled = sources.newest_segments(tables, windows)
    segments, hidden_segments = lists.segment_rows(tables, pooled)
    decisions, hidden_decisions = lists.decision_rows(tables)
    reports, hidden_reports = lists.report_rows(tables)
    return (
        specifications,
        data,
        {
            "hidden_columns": hidden_columns,
            "policies": policies,
            "segments": segments,
            "segment_windows": int(pooled["window"].nunique()),
            "hidden_segments": hidden_segments,
            "decisions": decisions,
            "hidden_decisions": hidden_decisions,
            "reports": reports,
            "hidden_reports": hidden_reports,
        },
    )


def _is_wide(values: pd.Series) -> bool:
    known = values.dropna()
    return len(known) > 0 and known.min() > 0 and known.max() / known.min() > _WIDE


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


def _script_json(block: Any) -> str:
    """Write JSON that may stand in a script block: strict, and without a character of HTML."""
    written = json.dumps(block, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _library() -> str:
    """Bundle Vega, Vega-Lite and Vega-Embed, about 0.9 MB of JavaScript."""
    import vl_convert

    # Its stub asks for a snippet that its code does not need.
    code: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    # In code "<\/" means "</", and a page does not end its script there.
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _resource(name: str) -> str:
    folder = resources.files("regression_lifecycle.adapters.dashboard") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
