"""How the model is: one verdict on what is stored, for the page, the terminal and other programs.

It is read off the ledger and the windows and decides nothing: what is done about it, the policy,
the gate and people have decided.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from regression_lifecycle.core.decisions.champion_history import version_text
from regression_lifecycle.core.decisions.ledger import last_policy_decision
from regression_lifecycle.core.decisions.records import (
    ALERT,
    APPROVAL,
    APPROVED,
    EXPIRED,
    FIRED,
    NOT_COMPUTED,
    POLICY,
    PROMOTE,
    PROMOTION,
    REFUSE,
    REFUSED,
    RETRAIN,
    ROLLBACK,
    SUPERSEDED,
    WAITING,
    PolicyDecision,
    Reason,
    RuleFinding,
    from_cell,
    read_as,
)
from regression_lifecycle.core.decisions.waiting import (
    WaitingVersion,
    close_waiting,
    waiting_version,
)
from regression_lifecycle.core.decisions.wording import answer_commands, next_command
from regression_lifecycle.core.metrics import ErrorMetric

HEALTHY: Final = "healthy"
WATCH: Final = "watch"
ACT: Final = "act"
NO_MODEL: Final = "no model yet"

HealthVerdict = Literal["healthy", "watch", "act", "no model yet"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose health it is.

    Attributes:
        problem: Name of the problem.
        champion_version: The model in use; empty if there is none.
        metric: The main metric of the problem.
        environment: What ``--env`` has to say in a command; empty for the default.
        as_of: The moment of a replay, which commands have to say; empty at the end of the data.
    """

    problem: str
    champion_version: str
    metric: ErrorMetric
    environment: str = ""
    as_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a decision came to: the newest row of the ledger, whoever wrote it.

    Attributes:
        kind: Of the decision, such as ``promotion``.
        decision: Such as ``refuse``, ``promote``, ``waiting`` or ``keep``.
        version: The candidate, where one was registered; else empty.
        champion_version: The model that was in use before; empty if there was none.
        as_of: The moment at which it stands, on the clock of the data.
        recorded_at: When it was recorded, in UTC.
        window: The newest window that the policy looked at; empty for other decisions.
    """

    kind: str
    decision: str
    version: str
    champion_version: str
    as_of: str
    recorded_at: str
    window: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True)
class Action:
    """What a person may do.

    Attributes:
        reason: What it is for.
        command: To be typed; empty where no command helps.
        alternative: What may be typed instead, where a person has the choice; else empty.
    """

    reason: Reason
    command: str
    alternative: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    """The verdict with all that it says.

    Attributes:
        verdict: ``healthy``: nothing to do; ``watch``: nothing to do yet; ``act``: somebody has to
            do something; ``no model yet``.
        champion_version: The model in use; empty if there is none.
        as_of: The moment of the policy's last decision; empty if there is none.
        reasons: Why it is the verdict, the gravest first.
        outcome: What was decided last; None before the first decision.
        changed_since: The moment at which the decision before the newest one stands; empty if
            there is none. What a tick decides, policy and gate, is one decision.
        changed_since_recorded: When that decision was recorded, in UTC.
        changes: What has changed since then: windows, error, rules, and who became champion.
        actions: What to do.
        rules: What the policy's rules found at its last decision.
        rules_version: The version that they looked at: before its first window is judged, a new
            champion's predecessor.
    """

    problem: str
    verdict: HealthVerdict
    champion_version: str
    as_of: str
    reasons: tuple[Reason, ...]
    outcome: Outcome | None
    changed_since: str
    changed_since_recorded: str
    changes: tuple[Reason, ...]
    actions: tuple[Action, ...]
    rules: tuple[RuleFinding, ...]
    rules_version: str


def assess_health(ledger: pd.DataFrame, windows: pd.DataFrame, subject: Subject) -> Health:
    """Judge how the model is.

    Args:
        ledger: Every decision, the oldest first.
        windows: One row of ``window_history`` per window of the problem, the oldest first, with
            ``recorded_at``, the main metric as ``error`` and the baseline's as ``baseline_error``.

    Raises:
        LifecycleError: If a row of the ledger cannot be read.
    """
    own = ledger[ledger["problem"] == subject.problem] if len(ledger) else ledger
    rows = own.astype(object).where(own.notna(), "").to_dict("records")
    decision = last_policy_decision(ledger, subject.problem) if rows else None
    waiting = _open_question(ledger, decision, subject) if rows else None
    verdict, reasons, kinds = _judge(rows, decision, waiting, windows, subject)
    since, changes = _changes(rows, windows, subject)
    return Health(
        problem=subject.problem,
        verdict=verdict,
        champion_version=subject.champion_version,
        as_of=decision.as_of if decision else "",
        reasons=tuple(reasons),
        outcome=_outcome(waiting.evidence if waiting else rows[-1]) if rows else None,
        changed_since=_moment(since) if since else "",
        changed_since_recorded=str(since.get("recorded_at", "")),
        changes=tuple(changes),
        actions=tuple(_action(kind, figures, subject) for kind, figures in kinds),
        rules=decision.rules if decision else (),
        rules_version=decision.champion_version if decision else "",
    )


def _open_question(
    ledger: pd.DataFrame, decision: PolicyDecision | None, subject: Subject
) -> WaitingVersion | None:
    """Return the version that a person can still approve; None if there is none."""
    waiting = waiting_version(ledger, subject.problem)
    if waiting is None:
        return None
    as_of = decision.as_of if decision else str(waiting.asked_at)
    return None if close_waiting(waiting, subject.champion_version, as_of) else waiting


def read_health(document: Any) -> Health:
    """Return the health that :func:`~regression_lifecycle.core.decisions.records.to_json` wrote.

    Raises:
        LifecycleError: If the document holds none.
    """
    health: Health = read_as(document, Health)
    return health


Step = tuple[str, dict[str, Any]]
_Judgement = tuple[HealthVerdict, list[Reason], list[Step]]


def _judge(
    rows: Sequence[dict[str, Any]],
    decision: PolicyDecision | None,
    waiting: WaitingVersion | None,
    windows: pd.DataFrame,
    subject: Subject,
) -> _Judgement:
    version = subject.champion_version
    acts: list[tuple[Reason, Step]] = []
    if waiting:
        until = waiting.expires_at
        candidate = {"version": waiting.version, "until": "" if until is None else str(until)}
        acts.append((Reason("candidate_waits", candidate), ("approve", candidate)))
    if not version:
        if acts:
            return ACT, [reason for reason, _ in acts], [step for _, step in acts]
        refused = [row for row in rows if row["kind"] in (PROMOTION, APPROVAL)][-1:]
        why = [Reason("no_champion")]
        if refused and refused[0]["decision"] in (REFUSE, REFUSED):
            return NO_MODEL, [*why, *_refusal(refused[0])], [("first_model_refused", {})]
        return NO_MODEL, why, [("first_model", {})]
    watched: list[Reason] = []
    if decision is None or decision.champion_version != version:
        watched.append(_unproven(rows, subject))
    else:
        attempt = _attempt_after(rows, decision)
        for rule in decision.rules:
            grave = _judge_rule(rule, decision, attempt)
            if grave is not None:
                acts.append((_rule_reason(rule), grave))
            elif rule.verdict == FIRED or (rule.n_bad and rule.kind != "drift"):
                watched.append(_rule_reason(rule))
        if attempt and attempt["decision"] == REFUSE:
            watched += _refusal(attempt)
        if all(rule.verdict == NOT_COMPUTED for rule in decision.rules):
            watched.append(Reason("no_rule_computed"))
    reasons = [*(reason for reason, _ in acts), *watched]
    figures = [*_newest_error(windows, subject), *_pending(windows)]
    if acts:
        steps = list({step[0]: step for _, step in acts}.values())
        return ACT, [*reasons, *_drifted(windows, version), *figures], steps
    if watched:
        return WATCH, [*reasons, *_drifted(windows, version), *figures], [("wait", {})]
    quiet = decision.reasons if decision else ()
    return HEALTHY, [*quiet, *figures], [("nothing", {})]


def _judge_rule(
    rule: RuleFinding, decision: PolicyDecision, attempt: dict[str, Any]
) -> Step | None:
    """Return what a person has to do about a rule; None if there is nothing, or not yet."""
    if rule.verdict != FIRED:
        return None
    if rule.action == ALERT:
        # Drift explains an error, it does not prove one.
        return None if rule.kind == "drift" else (f"mend_{rule.kind}", {"rule": rule.name})
    if not attempt:
        # Held back by the cooldown, the next tick tries by itself.
        return ("retrain", {}) if decision.decision == RETRAIN else None
    # A challenger that is no better leaves a model that is no worse than any; but one that has
    # lost its lead over the naive forecast is not worth its place.
    is_lost = rule.kind == "performance" and attempt["decision"] == REFUSE
    return ("mend_performance", {"rule": rule.name}) if is_lost else None


def _rule_reason(rule: RuleFinding) -> Reason:
    """Return the state of a rule as a reason, with what the rule itself says."""
    return Reason(
        "rule_state",
        {
            "rule": rule.name,
            "kind": rule.kind,
            "state": rule.state,
            "unit": rule.unit,
            "value": rule.value,
            "threshold": rule.threshold,
            **{name: rule.figures.get(name) for name in _TOLD},
        },
    )


_TOLD = ("bias", "prediction", "window", "counted_in")


def _last_attempt(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tried = [row for row in rows if row["kind"] == PROMOTION]
    return tried[-1] if tried else {}


def _attempt_after(rows: Sequence[dict[str, Any]], decision: PolicyDecision) -> dict[str, Any]:
    """Return the answer to the retraining that a decision asked for; empty if there is none."""
    attempt = _last_attempt(rows)
    if not attempt or version_text(attempt["champion_version_before"]) != decision.champion_version:
        return {}
    return attempt if attempt["as_of"] and _is_at_or_after(attempt, decision.as_of) else {}


def _is_at_or_after(row: dict[str, Any], moment: str) -> bool:
    return bool(pd.Timestamp(row["as_of"]) >= pd.Timestamp(moment))


def _refusal(row: dict[str, Any]) -> list[Reason]:
    if row["kind"] == APPROVAL:
        return [_answer(row)]
    version = version_text(row["champion_version_before"])
    found = from_cell(row["reasons"], Reason)
    return [Reason("candidate_refused", {"champion_version": version}), *found]


def _unproven(rows: Sequence[dict[str, Any]], subject: Subject) -> Reason:
    """Return that no window says yet how the champion is, with what its gate has measured."""
    figures: dict[str, Any] = {"version": subject.champion_version}
    moves = [row for row in rows if row["decision"] in (PROMOTE, APPROVED, ROLLBACK)]
    if moves and moves[-1]["kind"] == ROLLBACK:
        return Reason("restored_champion", figures)
    gate = moves[-1] if moves else {}
    measured = json.loads(gate.get("metrics") or "{}").get("candidate", {})
    return Reason(
        "unproven_champion",
        {
            **figures,
            "metric": subject.metric,
            "value": measured.get(subject.metric),
        },
    )


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return Outcome(
        kind=row["kind"],
        decision=row["decision"],
        version=version_text(row["candidate_version"]),
        champion_version=version_text(row["champion_version_before"]),
        as_of=_moment(row),
        recorded_at=row["recorded_at"],
        window=row["window"],
        reasons=from_cell(row["reasons"], Reason),
    )


def _moment(row: Mapping[str, Any]) -> str:
    """Return the moment at which a decision stands, on the clock of the data."""
    return str(row["as_of"] or row["judged_until"] or row["recorded_at"])


def _whole(windows: pd.DataFrame) -> pd.DataFrame:
    return windows[windows["status"].eq("complete").fillna(False) & windows["error"].notna()]


def _newest_error(windows: pd.DataFrame, subject: Subject) -> Iterator[Reason]:
    whole = _whole(windows)
    if whole.empty:
        return
    newest = whole.iloc[-1]
    error, baseline = float(newest["error"]), float(newest["baseline_error"])
    known = math.isfinite(baseline) and baseline > 0
    yield Reason(
        "newest_error",
        {
            "metric": subject.metric,
            "value": error,
            "improvement": 1 - error / baseline if known else None,
            "window": str(newest["window"]),
            "version": version_text(newest["model_version"]),
        },
    )


def _drifted(windows: pd.DataFrame, version: str) -> list[Reason]:
    """Name the columns that drifted in a version's newest whole window with drift measured."""
    measured = windows[windows["status"].isin(("complete", "pending labels"))]
    measured = measured[measured["n_drift_columns"].gt(0).fillna(False).astype(bool)]
    # What has drifted since the training of a former version may be known to this one.
    measured = measured[measured["model_version"].map(version_text) == version]
    if measured.empty:
        return []
    newest = measured.iloc[-1]
    names = newest["drifted_columns"]
    columns = [name for name in (names.split(",") if isinstance(names, str) else []) if name]
    n_columns = int(newest["n_drift_columns"])
    figures = {"columns": columns, "n_columns": n_columns, "window": str(newest["window"])}
    return [Reason("newest_drift", figures)]


def _pending(windows: pd.DataFrame) -> list[Reason]:
    """Name the windows that nobody can judge yet, since labels are missing."""
    waiting = windows[windows["status"].eq("pending labels").fillna(False)]
    names = [str(name) for name in waiting["window"]]
    return [Reason("labels_pending", {"windows": names})] if names else []


def _changes(
    rows: Sequence[dict[str, Any]], windows: pd.DataFrame, subject: Subject
) -> tuple[dict[str, Any], list[Reason]]:
    """Return the decision before the newest one, and what has changed since; empty without one."""
    start = _start_of_newest(rows)
    # A look back in time stands before decisions that were recorded earlier.
    known = [row for row in rows[:start] if _moment(row) <= _moment(rows[-1])]
    if not known:
        return {}, []
    before, now = known[-1], rows[start:]
    changes = [*_window_changes(windows, before["recorded_at"], subject)]
    looks = [row for row in now if row["kind"] == POLICY]
    earlier = [row for row in known if row["kind"] == POLICY]
    if looks and earlier:
        changes += _rule_changes(earlier[-1], looks[-1])
    if looks and not changes:
        changes.append(Reason("windows_judged", {"windows": []}))
    for row in now:
        changes += _move(row)
    return before, changes


def _start_of_newest(rows: Sequence[dict[str, Any]]) -> int:
    """Return the place of the first row of the newest decision: of a tick, or of a person."""
    place = len(rows) - 1

    def begins() -> bool:
        return rows[place]["kind"] == POLICY or _is_answer(rows[place])

    def follows() -> bool:
        return place > 0 and _moment(rows[place - 1]) == _moment(rows[place])

    # What the gate answers to a policy stands at the policy's moment.
    while follows() and not begins() and not _is_answer(rows[place - 1]):
        place -= 1
    # Versions that nobody answered are closed right before the decision that closes them.
    is_begun = bool(rows) and begins()
    while is_begun and follows() and rows[place - 1]["decision"] in (EXPIRED, SUPERSEDED):
        place -= 1
    return place


def _is_answer(row: dict[str, Any]) -> bool:
    """Return whether a person decided."""
    return row["decision"] in (APPROVED, REFUSED, ROLLBACK)


def _window_changes(windows: pd.DataFrame, since: Any, subject: Subject) -> Iterator[Reason]:
    """Yield which windows were recorded after a decision, and how the error has moved."""
    recorded = pd.to_datetime(windows["recorded_at"], utc=True, format="ISO8601")
    # The ledger counts in seconds: what it knew may bear the rest of the same second.
    is_new = recorded.dt.floor("s") > pd.to_datetime(since, utc=True, format="ISO8601")
    judged = windows[is_new & windows["status"].ne("pending labels").fillna(True)]
    if len(judged):
        yield Reason("windows_judged", {"windows": [str(name) for name in judged["window"]]})
    whole = _whole(windows)
    if len(whole) > 1 and whole.index[-1] in judged.index:
        newest, previous = (float(value) for value in whole["error"].iloc[[-1, -2]])
        version, former = (version_text(v) for v in whole["model_version"].iloc[[-1, -2]])
        yield Reason(
            "error_moved",
            {
                **{"value": newest, "before": previous, "metric": subject.metric},
                **{"version": version, "version_before": former},
            },
        )


def _rule_changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[Reason]:
    same = version_text(before["champion_version_before"]) == version_text(
        now["champion_version_before"]
    )
    # The rules of another champion begin anew.
    states = {
        rule.name: rule.state for rule in (from_cell(before["policy"], RuleFinding) if same else ())
    }
    for rule in from_cell(now["policy"], RuleFinding):
        previous = states.get(rule.name, rule.state)
        if previous != rule.state:
            figures = {"rule": rule.name, "before": previous, "now": rule.state}
            yield Reason("rule_changed", figures)


def _move(row: dict[str, Any]) -> list[Reason]:
    """Return what a decision about a version came to; what the policy wants is no change."""
    if row["kind"] == POLICY:
        return []
    if _is_answer(row):
        return [_answer(row)]
    figures = {
        "version": version_text(row["candidate_version"]),
        "champion_version": version_text(row["champion_version_before"]),
    }
    if row["decision"] == WAITING:
        return [Reason("candidate_waits", {**figures, "until": ""})]
    if row["decision"] in (PROMOTE, REFUSE):
        return [Reason("promoted" if row["decision"] == PROMOTE else "candidate_refused", figures)]
    return list(from_cell(row["reasons"], Reason))


def _answer(row: dict[str, Any]) -> Reason:
    return Reason(
        "answered",
        {
            "answer": row["decision"],
            "version": version_text(row["candidate_version"]),
            "champion_version": version_text(row["champion_version_before"]),
            "actor": row["actor"],
            "note": row["note"],
        },
    )


_COMMANDS = {
    "first_model": "kedro run",
    "first_model_refused": "kedro run",
    "mend_performance": "kedro run",
    "retrain": "kedro run --pipelines=retraining",
    "nothing": "",
}
_MENDED = ("coverage", "data_quality", "skew", "performance")


def _action(kind: str, figures: dict[str, Any], subject: Subject) -> Action:
    command, alternative = _COMMANDS.get(kind, "kedro tick"), ""
    if kind == "approve":
        version = figures["version"]
        command, alternative = answer_commands(version, subject.environment, subject.as_of)
    elif command:
        command = next_command(command, subject.environment, subject.as_of)
    if kind.startswith("mend_") and kind.removeprefix("mend_") not in _MENDED:
        kind = "mend_alert"
    return Action(reason=Reason(f"next_{kind}", figures), command=command, alternative=alternative)
