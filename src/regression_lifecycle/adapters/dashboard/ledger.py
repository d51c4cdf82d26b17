"""Every decision with its reasons, its checks and its figures, the newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import is_number, moment_filter, text
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section
from regression_lifecycle.core.decisions.records import Finding, Reason, RuleFinding, from_cell

_MAXIMUM_MODELS, _MAXIMUM_METRICS = 6, 8


def ledger_section(tables: PageTables) -> Section:
    """Return the newest decisions, and how many older ones were left out.

    Raises:
        LifecycleError: If a row cannot be read.
    """
    ledger = tables.deployment.ledger
    if len(ledger):
        ledger = ledger[ledger["problem"] == tables.problem.name]
    newest = ledger.tail(tables.parameters.maximum_decisions).iloc[::-1]
    moment = moment_filter(tables.problem)
    rows = [_decision(row, moment) for row in newest.to_dict("records")]
    return Section({"rows": rows, "n_hidden": len(ledger) - len(rows)})


def _decision(row: dict[str, Any], moment: Callable[[Any], str]) -> dict[str, Any]:
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
        "recorded": known.get("recorded_at"),
    }
    return {
        **{name: known.get(name) for name in ("kind", "decision", "actor")},
        "version": known.get("candidate_version"),
        "when": known.get("as_of") or known.get("judged_until") or known.get("recorded_at"),
        "reasons": from_cell(known.get("reasons"), Reason),
        "facts": {name: text(value) for name, value in facts.items() if value},
        "checks": from_cell(known.get("checks"), Finding),
        "rules": from_cell(known.get("policy"), RuleFinding),
        "metrics": _metrics(known.get("metrics")),
    }


def _metrics(cell: str | None) -> dict[str, Any]:
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
