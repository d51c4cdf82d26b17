"""What the head of the page says: the champion, the last decision, and the headline figures."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import (
    NOTHING,
    count,
    figure,
    is_number,
    moment,
    percent,
    text,
)
from regression_lifecycle.adapters.dashboard.sources import PageTables
from regression_lifecycle.adapters.dashboard.tables import alarm_lists
from regression_lifecycle.core.errors import bounded_list

_PREVIOUS = 4
_VERDICTS = {"fired": "fired", "quiet": "quiet"}


def head(tables: PageTables, windows: pd.DataFrame) -> dict[str, Any]:
    """Say what the page is about and where it stands.

    Args:
        tables: The page's tables.
        windows: All windows of the problem.

    Returns:
        Texts by name.
    """
    problem, champion = tables.problem, tables.champion or {}
    unit = problem.columns[problem.target].unit
    whole = complete(windows)
    return {
        "title": tables.parameters.title or problem.name,
        "description": problem.description,
        "target": f"{problem.target} ({unit})" if unit else problem.target,
        "unit": unit,
        "horizon": _duration(problem.horizon),
        "as_of": moment(_as_of(tables, windows)),
        "last_window": text(whole["window"].iloc[-1]) if len(whole) else "",
        "version": text(champion.get("version")),
        "estimator": text(champion.get("estimator"), 120),
        "trained_from": moment(champion.get("trained_from")),
        "trained_until": moment(champion.get("trained_until")),
        "n_rows": count(champion.get("n_rows")),
    }


def last_decision(tables: PageTables) -> dict[str, Any] | None:
    """Put the policy's last decision in words.

    Args:
        tables: The page's tables.

    Returns:
        ``decision``, ``window``, ``as_of``, ``reasons`` and ``rules``; None if there is none.
    """
    found = tables.policy_decision
    if not found:
        return None
    reasons = found.get("reasons") or []
    return {
        "decision": text(found.get("decision")),
        "window": text(found.get("window")),
        "as_of": moment(found.get("as_of")),
        "reasons": [text(item) for item in ([reasons] if isinstance(reasons, str) else reasons)],
        "rules": [
            {
                "name": text(rule.get("name")),
                "action": text(rule.get("action")),
                "verdict": text(rule.get("verdict")),
                "tone": _VERDICTS.get(text(rule.get("verdict")), "open"),
                "value": figure(rule.get("value")),
                "threshold": figure(rule.get("threshold")),
                "detail": text(rule.get("detail")),
            }
            for rule in found.get("rules") or []
        ],
    }


def complete(windows: pd.DataFrame) -> pd.DataFrame:
    """Keep the windows whose figures are final.

    Args:
        windows: ``WINDOW_HISTORY`` rows.

    Returns:
        Those with all their rows and labels.
    """
    return windows[windows["status"].eq("complete").fillna(False).astype(bool)]


def headline(tables: PageTables, windows: pd.DataFrame) -> list[dict[str, str]]:
    """Compute the headline figures.

    Args:
        tables: The page's tables.
        windows: All windows of the problem, the oldest first.

    Returns:
        ``name``, ``value``, ``note`` and ``tone`` (``good``, ``bad`` or empty) of each figure;
        nothing if there is no window.
    """
    if windows.empty:
        return []
    whole = complete(windows)
    last = whole.iloc[-1].to_dict() if len(whole) else {}
    pooled = whole.tail(tables.parameters.pooled_windows)
    newest = windows.tail(tables.parameters.pooled_windows)
    rang = alarm_lists(newest)
    names = sorted({name for fired in rang for name in fired})
    n_alarmed = int(rang.map(bool).sum())
    states = Counter(text(status) for status in windows["status"])
    return [
        _tile("RMSE", figure(last.get("rmse")), *_change(whole)),
        _tile("Baseline RMSE", figure(last.get("baseline_rmse")), *_gain(last)),
        _tile(
            "Bias",
            percent(last.get("bias"), sign=True),
            f"{percent(_pooled_bias(pooled), sign=True)} over the last {len(pooled)} together",
        ),
        _tile("Coverage", percent(last.get("coverage")), *_cover(tables, pooled)),
        _tile(
            "Windows monitored",
            count(len(windows)),
            ", ".join(f"{n} {state}" for state, n in states.most_common()),
        ),
        _tile(
            f"With alarms, of the last {len(newest)}",
            count(n_alarmed),
            bounded_list(names, 4) if names else "no rule fired",
            "bad" if n_alarmed else "good",
        ),
    ]


def bias_limit(tables: PageTables) -> dict[str, Any] | None:
    """Find the policy's limit on the bias of a window.

    Args:
        tables: The page's tables.

    Returns:
        ``name``, ``limit`` and ``detail`` of the rule. None if there is none, or if the rule
        sums the biases up, so that its limit is none for a window.
    """
    for rule in (tables.policy_decision or {}).get("rules") or []:
        summed = rule.get("statistic") == "cumulative" or "summed" in text(rule.get("detail"))
        if rule.get("kind") == "bias" and is_number(rule.get("threshold")) and not summed:
            return {
                "name": text(rule.get("name")),
                "limit": float(rule["threshold"]),
                "detail": text(rule.get("detail")),
            }
    return None


def _as_of(tables: PageTables, windows: pd.DataFrame) -> Any:
    decided = (tables.policy_decision or {}).get("as_of")
    return decided or (windows["end"].max() if len(windows) else None)


def _change(whole: pd.DataFrame) -> tuple[str, str]:
    before = whole["rmse"].dropna().iloc[:-1].tail(_PREVIOUS)
    if before.empty or pd.isna(whole["rmse"].iloc[-1]):
        return "no earlier window to compare with", ""
    change = whole["rmse"].iloc[-1] / before.mean() - 1
    tone = "bad" if change > 0 else "good"
    what = f"the mean of the {len(before)} before" if len(before) > 1 else "the one before"
    return f"{percent(change, sign=True)} against {what} ({figure(before.mean())})", tone


def _gain(last: dict[str, Any]) -> tuple[str, str]:
    rmse, baseline = last.get("rmse"), last.get("baseline_rmse")
    if not (is_number(rmse) and is_number(baseline)) or not baseline:
        return "not computed", ""
    share = float(rmse or 0) / float(baseline) - 1  # both are numbers here
    words = "lower" if share < 0 else "higher"
    return f"the deployed model's is {percent(abs(share))} {words}", "good" if share < 0 else "bad"


def _cover(tables: PageTables, pooled: pd.DataFrame) -> tuple[str]:
    known = pooled[pooled["coverage"].notna() & pooled["n_labelled"].gt(0).fillna(False)]
    parts = []
    if tables.nominal_coverage is not None:
        parts.append(f"nominal {percent(tables.nominal_coverage)}")
    if len(known):
        weights = known["n_labelled"].astype("float64")
        share = float((known["coverage"] * weights).sum() / weights.sum())
        parts.append(f"{percent(share)} over the last {len(known)}")
    return ("; ".join(parts) or "no interval was served",)


def _pooled_bias(pooled: pd.DataFrame) -> float | None:
    known = pooled[["sum_prediction", "sum_target"]].dropna().sum()
    return float(known["sum_prediction"] / known["sum_target"] - 1) if known["sum_target"] else None


def _tile(name: str, value: str, note: str, tone: str = "") -> dict[str, str]:
    return {"name": name, "value": value, "note": note, "tone": tone if value != NOTHING else ""}


def _duration(length: pd.Timedelta) -> str:
    hours = length / pd.Timedelta("1h")
    number, unit = (hours / 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number:g} {unit}{'' if number == 1 else 's'}"
