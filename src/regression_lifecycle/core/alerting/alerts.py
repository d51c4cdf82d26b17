"""Alerts: what people are told of the decisions of the policy and of the gate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, Self, get_args

import pandas as pd
from pydantic import Field, model_validator

from regression_lifecycle.core.alerting.channels import AlertChannel
from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import (
    ALERT,
    APPROVED,
    EXPIRED,
    FIRED,
    KEEP,
    PROMOTE,
    REFUSE,
    REFUSED,
    RETRAIN,
    ROLLBACK,
    WAITING,
    ApprovalDecision,
    ChampionDecision,
    GateDecision,
    PolicyDecision,
)
from regression_lifecycle.core.decisions.waiting import WaitingVersion
from regression_lifecycle.core.decisions.wording import (
    answer_commands,
    evidence,
    opponent,
    sentences,
)
from regression_lifecycle.core.durations import Duration
from regression_lifecycle.core.errors import ConfigurationError, bounded_list

Level = Literal["info", "warning", "critical"]
Event = Literal[
    "alert",
    "retrain",
    "promote",
    "waiting",
    "refuse",
    "approved",
    "refused",
    "expired",
    "rollback",
]

LEVELS: tuple[str, ...] = get_args(Level)
"""From harmless to serious."""

_EVENTS: tuple[str, ...] = get_args(Event)
_LONGEST_TITLE, _LONGEST_LINE, _MOST_LINES = 160, 500, 12


class AlertParameters(StrictModel):
    """Who is told of what, and how often.

    Attributes:
        channels: Where alerts go; none keeps silent.
        events: Which decisions alert. (Not called ``on``, which YAML reads as true.)
        minimum_level: Alerts below this level are left out.
        cooldown: The same alert is not repeated within this time of the data's clock, unless it
            became more serious; null repeats it in every window.
        env: The environments of the run, for commands that alerts tell; empty for the default.
        maximum_attempts: How many runs try to deliver an alert that a channel did not take.
    """

    channels: tuple[AlertChannel, ...] = ()
    events: tuple[Event, ...] = _EVENTS  # type: ignore[assignment]
    minimum_level: Level = "info"
    cooldown: Duration | None = pd.Timedelta("14 days")
    env: str = ""
    maximum_attempts: int = Field(5, ge=1, le=100)

    @model_validator(mode="after")
    def _channels_can_be_told_apart(self) -> Self:
        names = [channel.label for channel in self.channels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"channels of one name: {bounded_list(twice)}; give each a name of its own"
            )
        return self


@dataclass(frozen=True)
class Alert:
    """Something that people should know.

    Attributes:
        key: Problem, rule and model version: the same as long as it is the same trouble.
        level: ``info``, ``warning`` or ``critical``.
        title: One line.
        text: A few lines.
        window: Name of the window that was looked at last.
        as_of: Moment of the data at which it was said.
        details: Further values, such as can be written as JSON.
    """

    key: str
    level: Level
    title: str
    text: str
    problem: str
    window: str
    as_of: pd.Timestamp
    details: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return all fields as JSON takes them.

        Returns:
            Fields by name.
        """
        return {
            "key": self.key,
            "level": self.level,
            "title": self.title,
            "text": self.text,
            "problem": self.problem,
            "window": self.window,
            "as_of": self.as_of.isoformat(),
            "details": dict(self.details),
        }


def make_alerts(
    policy_decision: PolicyDecision | None,
    gate_decision: ChampionDecision | None,
    problem: Problem,
    parameters: AlertParameters,
    moved: str = "",
    waiting: WaitingVersion | None = None,
) -> list[Alert]:
    """Turn decisions into alerts.

    Args:
        policy_decision: What the policy decided, or None.
        gate_decision: What the gate or a person decided, or None where no candidate was judged.
        moved: What moved the predictions of the window that the policy looked at; empty if that
            was not looked at.
        waiting: The version that waits for approval; None if there is none.

    Returns:
        One alert per rule that fired and had its way, and one for the gate's answer; none where
        nothing changed.
    """
    made: list[tuple[str, Alert]] = []
    if policy_decision is not None:
        made += _policy_alerts(policy_decision, problem.name, moved)
    if gate_decision is not None:
        made += _gate_alerts(gate_decision, policy_decision, problem.name, waiting, parameters.env)
    least = LEVELS.index(parameters.minimum_level)
    return [
        alert
        for event, alert in made
        if event in parameters.events and LEVELS.index(alert.level) >= least
    ]


def _policy_alerts(
    decision: PolicyDecision, problem: str, moved: str
) -> Iterator[tuple[str, Alert]]:
    event, version = decision.decision, decision.champion_version
    if event == KEEP:
        return
    moment = (decision.as_of, decision.window)
    # A wish to retrain that the policy's own cooldown holds back is not told as a retraining.
    fired = [
        rule
        for rule in decision.rules
        if rule.verdict == FIRED and (event == RETRAIN or rule.action == ALERT)
    ]
    for rule in fired if version else []:
        asks = "asks for a retraining" if rule.action == RETRAIN else "raises an alarm"
        yield (
            rule.action,
            _alert(
                (problem, rule.name, version),
                "warning",
                f"rule {rule.name} {asks}",
                [evidence(rule), *([f"In this window {moved}"] if moved else [])],
                moment,
                {
                    "event": rule.action,
                    "rule": rule.name,
                    "value": rule.value,
                    "threshold": rule.threshold,
                },
            ),
        )
    if not version or not fired:
        # There is no champion yet, or the decision came from no rule.
        title = "a model is to be trained" if event == RETRAIN else "the policy raises an alarm"
        level: Level = "info" if event == RETRAIN else "warning"
        place = (problem, event, version)
        yield (
            event,
            _alert(place, level, title, sentences(decision.reasons), moment, {"event": event}),
        )


def _gate_alerts(
    gate: ChampionDecision,
    policy: PolicyDecision | None,
    problem: str,
    waiting: WaitingVersion | None,
    env: str,
) -> Iterator[tuple[str, Alert]]:
    event: str = gate.decision
    version = gate.champion_version
    # A model that should be replaced and could not be is worse than one that may stay.
    wanted = policy is not None and policy.decision == RETRAIN
    kinds: dict[str, tuple[Level, str]] = {
        PROMOTE: ("info", "a new model was promoted"),
        REFUSE: ("critical" if wanted and version else "warning", "the candidate was refused"),
        ROLLBACK: ("critical", "the champion was rolled back"),
        WAITING: ("warning", "a new model waits for approval"),
        APPROVED: ("info", "a new model was approved"),
        REFUSED: ("info", "a model that waited for approval was refused"),
        EXPIRED: ("warning", "a model waited for approval in vain"),
    }
    if event not in kinds:
        return
    level, title = kinds[event]
    as_of = gate.as_of
    details: dict[str, Any] = {"event": event}
    lines, rule = sentences(gate.reasons), event
    if isinstance(gate, ApprovalDecision):
        details |= {"version": gate.version}
        rule = f"{event} {gate.version}"
    elif event == WAITING and waiting is not None:
        details |= {"version": waiting.version}
        rule = f"{event} {waiting.version}"
        lines += answer_commands(waiting.version, env)
    if isinstance(gate, GateDecision):
        as_of = as_of or gate.judged_until
        names = ("judged_from", "judged_until", "n_rows", "candidate_fingerprint")
        details |= {"opponent": opponent(gate), **{name: getattr(gate, name) for name in names}}
    moment = (as_of, "") if policy is None else (policy.as_of, policy.window)
    yield (
        event,
        _alert((problem, rule, version), level, title, lines, moment, details),
    )


def _alert(
    place: tuple[str, str, str],
    level: Level,
    title: str,
    lines: Iterable[str],
    moment: tuple[str, str],
    details: Mapping[str, Any],
) -> Alert:
    problem, rule, version = place
    as_of = pd.Timestamp(moment[0])
    window = moment[1] or str(as_of)
    said = [_one_line(line, _LONGEST_LINE) for line in lines]
    model = f"champion version {version}" if version else "no champion"
    tail = f"Window {_one_line(window, _LONGEST_LINE)}, data until {as_of}, {model}."
    return Alert(
        key="/".join((problem, rule, version or "none")),
        level=level,
        title=_one_line(f"{problem}: {title}", _LONGEST_TITLE),
        text="\n".join([*said[:_MOST_LINES], *_rest(said), tail]),
        problem=problem,
        window=window,
        as_of=as_of,
        details={"champion_version": version, **{k: _plain(v) for k, v in details.items()}},
    )


def _rest(lines: list[str]) -> list[str]:
    left = len(lines) - _MOST_LINES
    return [f"and {left} more"] if left > 0 else []


def _plain(value: Any) -> Any:
    # JSON knows neither NaN nor NumPy's types.
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else None
    return str(value)


def _one_line(text: object, limit: int) -> str:
    # Values of the data may stand in it; a line break would be a new header of an e-mail.
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
