"""The page's written tables: windows, segments, decisions and reports, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import (
    count,
    figure,
    from_json,
    is_number,
    moment,
    percent,
    text,
)
from regression_lifecycle.adapters.dashboard.sources import PageTables
from regression_lifecycle.adapters.dashboard.tables import alarm_lists

_TONES = {
    "promote": "good", "keep": "good", "refuse": "bad", "alert": "bad",
    "retrain": "act", "rollback": "bad",
}  # fmt: skip
_MAXIMUM_CHECKS = 30


def window_rows(windows: pd.DataFrame) -> list[dict[str, str]]:
    """Write every window in one line.

    Args:
        windows: ``WINDOW_HISTORY`` rows, the oldest first.

    Returns:
        Texts, the newest window first.
    """
    alarms = alarm_lists(windows)
    rows = [
        {
            "window": text(row["window"]),
            "status": text(row["status"]),
            "version": text(row["model_version"]),
            "n": count(row["n"]),
            "rmse": figure(row["rmse"]),
            "baseline": figure(row["baseline_rmse"]),
            "mae": figure(row["mae"]),
            "bias": percent(row["bias"], sign=True),
            "coverage": percent(row["coverage"]),
            "worst": text(row["worst_segment"], 60),
            "drifted": f"{count(row['n_drifted'])} of {count(row['n_drift_columns'])}",
            "missing_rows": count(row["n_missing_rows"]),
            "rejected": count(row["n_rejected"]),
            "blank": percent(row["missing_share"]),
            "alarms": ", ".join(fired),
        }
        for row, fired in zip(windows.to_dict("records"), alarms, strict=True)
    ]
    return rows[::-1]


def segment_rows(tables: PageTables, segments: pd.DataFrame) -> tuple[list[dict[str, Any]], int]:
    """Pool the segments of several windows.

    Args:
        tables: The page's tables.
        segments: ``SEGMENT_HISTORY`` rows.

    Returns:
        One row per segment value, the largest absolute bias first, with ``width`` (share of the
        largest) and ``side``; and how many were left out.
    """
    known = segments.dropna(subset=["sum_target", "sum_prediction"]).assign(
        _squares=lambda frame: frame["rmse"] ** 2 * frame["n"].astype("float64")
    )
    pooled = known.groupby(["segment", "value"], sort=False)[
        ["n", "_squares", "sum_target", "sum_prediction"]
    ].sum(min_count=1)
    pooled = pooled[pooled["sum_target"] != 0].reset_index()
    pooled["bias"] = pooled["sum_prediction"] / pooled["sum_target"] - 1
    pooled["rmse"] = (pooled["_squares"] / pooled["n"].astype("float64")) ** 0.5
    pooled = pooled.sort_values("bias", key=lambda bias: -bias.abs(), kind="stable")
    kept = pooled.head(tables.parameters.maximum_segments)
    largest = kept["bias"].abs().max() if len(kept) else 0
    rows = [
        {
            "segment": text(row["segment"], 60),
            "value": text(row["value"], 60),
            "n": count(row["n"]),
            "rmse": figure(row["rmse"]),
            "bias": percent(row["bias"], sign=True),
            "width": round(100 * abs(row["bias"]) / largest, 1) if largest else 0.0,
            "side": "over" if row["bias"] > 0 else "under",
        }
        for row in kept.to_dict("records")
    ]
    return rows, len(pooled) - len(kept)


def decision_rows(tables: PageTables) -> tuple[list[dict[str, Any]], int]:
    """Write the ledger, the newest decision first.

    Args:
        tables: The page's tables.

    Returns:
        One entry per decision with ``facts``, ``checks`` and ``metrics`` for those who look
        closer; and how many older ones were left out.
    """
    ledger = tables.ledger
    if ledger is None or ledger.empty:
        return [], 0
    if "problem" in ledger:
        ledger = ledger[ledger["problem"] == tables.problem.name]
    newest = ledger.tail(tables.parameters.maximum_decisions).iloc[::-1]
    rows = [_decision(row) for row in newest.to_dict("records")]
    return rows, len(ledger) - len(rows)


def report_rows(tables: PageTables) -> tuple[list[dict[str, str]], int]:
    """List the reports that can be opened from the page.

    Args:
        tables: The page's tables.

    Returns:
        ``name``, ``window``, ``note`` and ``href`` of each report, the newest window first;
        and how many were left out. A path that leaves the reports' folder by a scheme or a root
        is not linked.
    """
    links = tables.report_links
    if links is None or links.empty:
        return [], 0
    rows = [
        {
            **_report_names(text(row.get("name"), 80), text(row.get("window"), 80)),
            "href": quote(str(row["path"]), safe="/.-_~"),
        }
        for row in links.to_dict("records")
        if _is_relative(row.get("path"))
    ]
    # Those of the whole cycle first, then the windows', the newest one on top.
    rows = [row for row in rows if not row["window"]] + [row for row in rows if row["window"]][::-1]
    room = tables.parameters.maximum_reports
    return rows[:room], max(0, len(rows) - room)


def _report_names(name: str, window: str) -> dict[str, str]:
    """Say "Drift report" for ``drift_report``, and the window first for one of many."""
    if not window:
        return {"name": name.replace("_", " ").capitalize(), "window": "", "note": ""}
    note = name.removeprefix(window).strip("_ ")
    return {"name": window, "window": window, "note": note}


def _is_relative(path: Any) -> bool:
    given = text(path, 1000)
    return bool(given) and given[0] not in "/\\" and ":" not in given.split("/")[0]


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    decision = text(row.get("decision"))
    judged = [moment(row.get(name)) for name in ("judged_from", "judged_until") if row.get(name)]
    facts = {
        "window": text(row.get("window")),
        "judged on": " to ".join(judged),
        "opponent": text(row.get("opponent")),
        "champion before": text(row.get("champion_version_before")),
        "note": text(row.get("note")),
        "data": text(row.get("data_fingerprint"), 64),
        "run": text(row.get("run_id"), 64),
        "recorded": text(row.get("recorded_at")),
    }
    return {
        "kind": text(row.get("kind")),
        "decision": decision,
        "tone": _TONES.get(decision, ""),
        "version": text(row.get("candidate_version")) or text(row.get("champion_version")),
        "when": moment(row.get("as_of") or row.get("judged_until") or row.get("recorded_at")),
        "reasons": text(row.get("reasons")),
        "actor": text(row.get("actor")),
        "facts": {name: value for name, value in facts.items() if value},
        # The policy's rules are its checks.
        "checks": _checks(row.get("checks")) or _checks(row.get("policy")),
        "metrics": _metrics(row.get("metrics")),
    }


def _checks(cell: Any) -> list[dict[str, str]]:
    found = from_json(cell)
    return [
        {
            "check": text(item.get("check") or item.get("name"), 120),
            "value": figure(item.get("value")),
            "threshold": figure(item.get("threshold")),
            "verdict": text(item.get("verdict"), 40),
            "detail": text(item.get("detail")),
        }
        for item in (found if isinstance(found, list) else [])[:_MAXIMUM_CHECKS]
        if isinstance(item, dict)
    ]


def _metrics(cell: Any) -> dict[str, Any]:
    """Lay metrics by model out as a table; anything else has no table."""
    found = from_json(cell)
    models = found if isinstance(found, dict) else {}
    models = {name: values for name, values in models.items() if isinstance(values, dict)}
    names = list(dict.fromkeys(name for values in models.values() for name in values))[:8]
    rows = {
        text(model, 60): [figure(values.get(name)) for name in names]
        for model, values in list(models.items())[:6]
        if any(is_number(values.get(name)) for name in names)
    }
    return {"names": [text(name, 40) for name in names], "rows": rows} if rows else {}
