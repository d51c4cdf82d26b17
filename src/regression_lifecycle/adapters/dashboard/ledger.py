"""Every decision with its reasons, its checks and its figures, and the reports on candidates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import (
    is_number,
    moment_filter,
    recorded,
    text,
    window_name,
)
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.decisions.records import (
    KEEP,
    PROMOTE,
    PROMOTION,
    Finding,
    Reason,
    RuleFinding,
    from_cell,
)

_MAXIMUM_MODELS, _MAXIMUM_METRICS = 6, 8
Row = dict[str, Any]


def ledger_section(tables: PageTables) -> Section:
    """Return the newest decisions, and how many older ones were left out.

    ``groups`` are lists of decisions, each of one but where nothing was done several times in a
    row.

    Raises:
        LifecycleError: If a row cannot be read.
    """
    ledger = tables.deployment.ledger
    if len(ledger):
        ledger = ledger[ledger["problem"] == tables.problem.name]
    newest = ledger.tail(tables.parameters.maximum_decisions).iloc[::-1]
    moment = moment_filter(tables.problem)
    rows = [_decision(row, moment) for row in newest.to_dict("records")]
    return Section({"groups": _folded(rows), "n_hidden": len(ledger) - len(rows)})


def _folded(rows: Sequence[Row]) -> list[list[Row]]:
    groups: list[list[Row]] = []
    for row in rows:
        if groups and row["decision"] == groups[-1][-1]["decision"] == KEEP:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _decision(row: Row, moment: Callable[[Any], str]) -> Row:
    known = {name: value for name, value in row.items() if not pd.isna(value) and value != ""}
    judged = [moment(known[name]) for name in ("judged_from", "judged_until") if name in known]
    facts = {
        "window": known.get("window"),
        "judged on": " to ".join(judged),
        "opponent": known.get("opponent"),
        "champion before": known.get("champion_version_before"),
        "note": known.get("note"),
        "data": known.get("data_fingerprint"),
        "run": known.get("run_id"),
    }
    return {
        **{name: known.get(name) for name in ("kind", "decision", "actor")},
        "version": known.get("candidate_version"),
        "when": known.get("as_of") or known.get("judged_until") or known.get("recorded_at"),
        "recorded": recorded(known.get("recorded_at")),
        "reasons": from_cell(known.get("reasons"), Reason),
        "facts": {name: text(value) for name, value in facts.items() if value},
        "checks": from_cell(known.get("checks"), Finding),
        "rules": from_cell(known.get("policy"), RuleFinding),
        "metrics": _metrics(known.get("metrics")),
    }


def _metrics(cell: str | None) -> Row:
    """Lay metrics by model out as a table; without a figure there is none."""
    models: dict[str, dict[str, float | None]] = json.loads(cell or "{}")
    names = list(dict.fromkeys(name for values in models.values() for name in values))
    names = names[:_MAXIMUM_METRICS]
    rows = {
        model: [values.get(name) for name in names]
        for model, values in list(models.items())[:_MAXIMUM_MODELS]
        if any(is_number(values.get(name)) for name in names)
    }
    return {"names": names, "rows": rows} if rows else {}


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
