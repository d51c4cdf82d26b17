"""The head of the page: the champion, the last decision, and the headline figures."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import is_number
from regression_lifecycle.adapters.dashboard.tables import (
    PageTables,
    Section,
    complete,
    describe_windows,
)
from regression_lifecycle.adapters.dashboard.windows import alarm_names
from regression_lifecycle.core.decisions.health import Health
from regression_lifecycle.core.evaluation.window_metrics import bias_of_sums
from regression_lifecycle.core.metrics import relative_bias

_PREVIOUS = 4
TONES = {"healthy": "good", "watch": "act", "act": "bad"}


def head_section(tables: PageTables) -> Section:
    """Return what the page is about and where it stands."""
    problem, windows = tables.problem, tables.all_windows
    health = tables.health
    newest = windows["end"].max() if len(windows) else None
    return Section(
        {
            "title": tables.parameters.title or problem.name,
            "problem": problem,
            "unit": tables.unit,
            "error_name": tables.error_name,
            "error_title": tables.error_name[0].upper() + tables.error_name[1:],
            "horizon": problem.span_text(problem.horizon),
            "as_of": health.as_of or (health.outcome.as_of if health.outcome else newest),
            "champion": tables.deployment.champion,
            "health": health,
            "tone": TONES.get(health.verdict, ""),
            "outcome": _outcome(health),
            # Without a champion every section waits for the one next step.
            "fills": "kedro tick" if health.champion_version else health.actions[0].command,
            "environment": tables.parameters.environment,
            "headline": _headline(tables) if len(windows) else None,
        }
    )


def _outcome(health: Health) -> list[Any]:
    """Return the reasons of the last decision that the verdict does not state already."""
    said = set(map(repr, health.reasons))
    reasons = health.outcome.reasons if health.outcome else ()
    return [reason for reason in reasons if repr(reason) not in said]


def _headline(tables: PageTables) -> dict[str, Any]:
    """Compute the headline figures: those of the last complete window beside what came before."""
    windows = tables.all_windows
    whole = complete(windows)
    last = whole.iloc[-1].to_dict() if len(whole) else {}
    own_bias = bias_of_sums(whole.tail(1), "sum_raw_prediction")
    pooled = whole.tail(tables.parameters.pooled_windows)
    newest = windows.tail(tables.parameters.pooled_windows)
    before = whole["error"].dropna().iloc[:-1].tail(_PREVIOUS)
    alarms = alarm_names(newest)
    return {
        "last": last,
        "own_bias": own_bias.iloc[-1] if len(own_bias) else None,
        "n_before": len(before),
        "error_before": before.mean(),
        "change": _change(last.get("error"), before.mean()),
        "gain": _change(last.get("error"), last.get("baseline_error")),
        "n_pooled": len(pooled),
        "pooled": describe_windows(pooled),
        "pooled_bias": _pooled_bias(pooled),
        **_pooled_coverage(pooled),
        "n_windows": len(windows),
        "states": Counter(windows["status"].fillna("")).most_common(),
        "n_newest": len(newest),
        "n_alarmed": sum(map(bool, alarms)),
        "alarms": sorted({name for fired in alarms for name in fired}),
    }


def _change(value: Any, reference: Any) -> float | None:
    if not (is_number(value) and is_number(reference)) or not reference:
        return None
    return float(value) / float(reference) - 1


def _pooled_bias(pooled: pd.DataFrame) -> float | None:
    known = pooled[["sum_prediction", "sum_target", "sum_absolute_target"]].dropna().sum()
    value = relative_bias(*known.tolist())
    return value if is_number(value) else None


def _pooled_coverage(pooled: pd.DataFrame) -> dict[str, Any]:
    known = pooled[pooled["coverage"].notna() & pooled["n_labelled"].gt(0).fillna(False)]
    weights = known["n_labelled"].astype("float64")
    share = float((known["coverage"] * weights).sum() / weights.sum()) if len(known) else None
    return {"n_covered": len(known), "pooled_coverage": share}
