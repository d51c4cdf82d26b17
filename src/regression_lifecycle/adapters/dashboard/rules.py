"""The policy's rules: their state, their values over time, and how often they are wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import figure, percent, signed
from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import ERROR_RATES
from regression_lifecycle.core.decisions.records import (
    POLICY,
    QUIET,
    Finding,
    RuleFinding,
    from_cell,
)
from regression_lifecycle.core.monitoring.error_rates import NO_LIMIT, RULE

# Decisions that a small line shows, and its size in pixels.
_MOST_POINTS, _WIDTH, _HEIGHT, _MARGIN = 52, 150, 30, 3
_TONES = {"fired": "bad", "quiet": "good", "not computed": ""}

History = Sequence[tuple[str, RuleFinding]]
"""What a rule found, decision by decision, with the version that it looked at."""


def rules_section(tables: PageTables) -> Section:
    """Return what the policy's rules found, and how often they, gate and interval are wrong.

    ``rules`` has a row per rule: the finding, its state with a tone, value and limit in words, and
    ``line``, a small picture over the decisions. ``rates`` has the newest rates of the champion:
    ``rule``, ``gate``, ``interval`` and ``losses``, rows of ``error_rates``.
    """
    health = tables.health
    found = rule_history(tables)
    rows = [
        {
            "finding": rule,
            "state": _state(rule),
            "tone": _TONES.get(rule.state, "act"),
            "value": value_text(rule),
            "limit": bound_text(rule),
            "line": sparkline(found.get(rule.name, ())),
        }
        for rule in health.rules
    ]
    about = {"version": health.rules_version, "as_of": health.as_of}
    return Section({"rules": rows, **about, "rates": _rates(tables)})


def rule_history(tables: PageTables) -> Mapping[str, History]:
    """Return what every rule found at the newest decisions, the oldest first."""
    ledger = tables.deployment.ledger
    if ledger.empty:
        return {}
    mine = (ledger["kind"] == POLICY) & (ledger["problem"] == tables.problem.name)
    found: dict[str, list[tuple[str, RuleFinding]]] = {}
    for row in ledger[mine].tail(_MOST_POINTS).to_dict("records"):
        version = str(row["champion_version_before"])
        for rule in from_cell(row["policy"], RuleFinding):
            found.setdefault(rule.name, []).append((version, rule))
    return found


def sparkline(history: History) -> dict[str, Any]:
    """Place the values of a rule and its limit in a small picture.

    Returns:
        ``width`` and ``height``; ``values`` and ``limits``, lines as points of SVG, which break
        where nothing was computed or another version begins; and the newest point as ``end``.
        Empty with less than two values.
    """
    sizes = [math.nan if r.value is None else abs(r.value) for _, r in history]
    if sum(map(math.isfinite, sizes)) < 2:
        return {}
    limits = [math.nan if r.threshold is None else abs(r.threshold) for _, r in history]
    # One far above its limit would press all others to the ground.
    top = max(filter(math.isfinite, [*limits, 0.0])) * 3 or 1.0
    top = min(top, max(filter(math.isfinite, [*sizes, *limits]))) or 1.0
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(history) - 1)

    def point(place: int, value: float) -> str:
        height = (_HEIGHT - 2 * _MARGIN) * min(value / top, 1)
        return f"{_MARGIN + place * step:.1f},{_HEIGHT - _MARGIN - height:.1f}"

    versions = [version for version, _ in history]
    last = max(place for place, size in enumerate(sizes) if math.isfinite(size))
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "values": [
            " ".join(point(place, sizes[place]) for place in part)
            for part in _unbroken(sizes, versions)
        ],
        "limits": [
            " ".join(point(place, limits[place]) for place in part)
            for part in _unbroken(limits, versions)
        ],
        "end": point(last, sizes[last]).split(","),
    }


def _unbroken(values: Sequence[float], versions: Sequence[str]) -> Iterator[list[int]]:
    """Yield the places of known values, broken at gaps and where another version begins."""
    part: list[int] = []
    for place, value in enumerate(values):
        if part and (not math.isfinite(value) or versions[place] != versions[part[-1]]):
            yield part
            part = []
        if math.isfinite(value):
            part.append(place)
    if part:
        yield part


def _state(rule: RuleFinding) -> str:
    """Write how far a rule is from firing: windows, or the part of the limit that added up."""
    if rule.verdict != QUIET or not rule.n_bad:
        return rule.verdict
    if rule.figures.get("statistic") == "cusum" and rule.value and rule.threshold:
        return f"{abs(rule.value) / rule.threshold:.0%} of the limit"
    return f"{rule.state} windows"


def value_text(rule: Finding) -> str:
    """Write what a rule or a check found: a bias signed, of the interval the share held."""
    if not isinstance(rule, RuleFinding):
        return signed(rule.value) if rule.figures.get("metric") == "bias" else figure(rule.value)
    if rule.value is None or rule.unit == "days":
        return _amount(rule.value, rule.unit, rule.figures)
    if rule.kind == "coverage":
        return f"{percent(1 - rule.value)} held"
    if rule.kind == "bias":
        is_sum = rule.figures.get("statistic") == "cusum"
        return f"{signed(rule.value)} added up" if is_sum else signed(rule.figures["bias"])
    return percent(rule.value)


def bound_text(rule: Finding) -> str:
    """Write the bound of a rule or a check in the notation of its value."""
    if not isinstance(rule, RuleFinding):
        is_bias = rule.figures.get("metric") == "bias"
        return percent(rule.threshold) if is_bias else figure(rule.threshold)
    if rule.unit == "days":
        return _amount(rule.threshold, rule.unit, rule.figures)
    return _limit_text(rule.kind, rule.threshold)


def _limit_text(kind: str, limit: float | None) -> str:
    if limit is None or not math.isfinite(limit):
        return figure(limit)
    if kind == "coverage":
        return f"at least {percent(1 - limit)}"
    return f"\u00b1{percent(limit)}" if kind == "bias" else percent(limit)


def _amount(value: float | None, unit: str, figures: Mapping[str, Any]) -> str:
    days = unit == "days" and figures.get("counted_in", "days") in ("days", "months")
    return f"{figure(value)} days" if days else figure(value)


def _rates(tables: PageTables) -> dict[str, Any]:
    rows = of_problem(ERROR_RATES, tables.deployment.error_rates, tables.problem)
    champion = tables.deployment.champion
    own = rows[rows["model_version"] == ("" if champion is None else champion.version)]
    subjects = {
        subject: own[own["subject"] == subject].to_dict("records")
        for subject in ("rule", "gate", "interval", "losses")
    }
    kinds = {rule.name: rule.kind for rule in tables.health.rules}
    for row in subjects["rule"]:
        row["limit"] = _limit_text(kinds.get(row["name"], ""), row["limit"])
    # The store hands them out by name; the better a challenger, the more often it passes.
    subjects["gate"].sort(key=lambda row: -row["measured"])
    known_at = own["as_of"].max() if len(own) else None
    lacks = own.loc[own["subject"] == RULE, "limit"].isna().any()
    return {**subjects, "as_of": known_at, "no_limit": NO_LIMIT if lacks else ""}


def error_limits(windows: pd.DataFrame, rules: Sequence[RuleFinding], metric: str) -> pd.Series:
    """Return the error above which each window counts against the model; missing where none does.

    Args:
        windows: Rows of ``window_history`` with ``baseline_error``.
        rules: What the policy's rules found: the limits in use now.
        metric: The error that is drawn.
    """
    for rule in rules:
        if rule.kind == "performance" and rule.figures["metric"] == metric:
            sizes = {
                "baseline": windows["baseline_error"],
                "target_mean": windows["sum_absolute_target"] / windows["sum_weight"],
            }
            size = sizes.get(rule.figures["relative_to"])
            if size is not None and rule.threshold is not None:
                return size.astype("float64") * rule.threshold
    return pd.Series(math.nan, index=windows.index)


def quality_limit(rules: Sequence[RuleFinding]) -> float | None:
    """Return the share of missing, rejected or blank data above which a window counts."""
    found = [rule.threshold for rule in rules if rule.kind == "data_quality"]
    return found[0] if found else None


def bias_bound(rules: Sequence[RuleFinding]) -> tuple[RuleFinding, float] | None:
    """Return the rule about the bias, and beyond which bias a window counts for it."""
    for rule in rules:
        if rule.kind == "bias" and rule.threshold is not None:
            return rule, float(rule.figures.get("allowance", rule.threshold))
    return None


def coverage_floor(rules: Sequence[RuleFinding]) -> float | None:
    """Return the share of rows inside the interval below which a window counts for the rule."""
    found = [rule.threshold for rule in rules if rule.kind == "coverage"]
    return None if not found or found[0] is None else 1 - found[0]
