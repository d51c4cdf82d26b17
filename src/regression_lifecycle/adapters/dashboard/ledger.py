"""Every decision with its reasons, its checks and its figures, the newest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import is_number, moment_filter, text
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.decisions.records import (
    KEEP,
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
        "recorded": _minute(known.get("recorded_at")),
        "reasons": from_cell(known.get("reasons"), Reason),
        "facts": {name: text(value) for name, value in facts.items() if value},
        "checks": from_cell(known.get("checks"), Finding),
        "rules": from_cell(known.get("policy"), RuleFinding),
        "metrics": _metrics(known.get("metrics")),
    }


def _minute(recorded: Any) -> str:
    """Write when a decision was recorded, on the clock of the store."""
    stamp = pd.to_datetime(recorded, errors="coerce", utc=True)
    return "" if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M} UTC"


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
